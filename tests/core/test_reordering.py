"""Reordering is not loss: RFC 9002 section 6.1.1, RFC 8985 section 6.2; and what a wrong guess took is given back: RFC 4015."""

import pytest

from tests.core.flights import MS, SECOND, acknowledge, flight
from tests.core.support import RemoteReceiver, acknowledged_sender, at, numbers
from tests.simulation.bottleneck import Flow, Network, Path
from udpmsg.core.congestion import CONTROLLERS
from udpmsg.core.congestion.newreno import NewReno
from udpmsg.core.framing import each
from udpmsg.core.reordering import Reordering
from udpmsg.core.sender import Sender

LARGE = bytes(1144)


def overtaken(**config: object) -> tuple[Sender, RemoteReceiver]:
    """Ten left at 0; after 40 ms the last nine have arrived, so the first is deemed lost and is sent again."""
    sender, receiver = acknowledged_sender(**config), RemoteReceiver()
    sender.send([LARGE] * 10, now=at(0))
    assert len(each(sender.data_to_send(now=at(0)))) == 10
    sender.receive([receiver.ack((2, 10), delivered=[(2, 10)])], now=at(40))
    assert numbers(sender.data_to_send(now=at(40))) == [(11, 1, 2)]
    assert sender.losses == 1
    return sender, receiver


def test_once_a_datagram_was_only_late_the_number_of_later_ones_says_nothing() -> None:
    """RFC 8985 section 6.2: and the time has room for what it took, 15 ms more than the shortest: 9/8 of 40 ms and 15 ms."""
    sender, receiver = overtaken()
    sender.receive([receiver.ack((1, 10), below=11)], now=at(55))
    assert sender.losses == 0
    sender.send([LARGE] * 10, now=at(100))
    assert len(each(sender.data_to_send(now=at(100)))) == 10
    sender.receive([receiver.ack((1, 10), (13, 21), below=11, delivered=[(12, 20)])], now=at(140))
    assert sender.data_to_send(now=at(140)) == []
    srtt = sender.rtt.srtt
    assert srtt is not None
    due = at(100) + max(srtt, 40 * MS) * 9 // 8 + 15 * MS
    assert sender.next_timeout() == due
    sender.handle_timeout(now=due - 1)
    assert sender.losses == 0
    sender.handle_timeout(now=due)
    assert sender.losses == 1


def test_the_window_is_never_longer_than_a_round_trip() -> None:
    """RFC 8985 section 6.2, step 4."""
    reordering = Reordering()
    reordering.was_late(500 * MS, 40 * MS, 50 * MS)
    assert (reordering.window, reordering.packet_threshold) == (50 * MS, None)
    reordering.was_late(60 * MS, 40 * MS, 50 * MS)
    assert reordering.window == 50 * MS


def test_after_sixteen_losses_that_were_losses_it_is_forgotten() -> None:
    """RACK.reo_wnd_persist."""
    reordering = Reordering()
    reordering.recovery()
    assert (reordering.window, reordering.packet_threshold) == (0, 3)
    reordering.was_late(55 * MS, 40 * MS, 40 * MS)
    for _ in range(15):
        reordering.recovery()
    assert (reordering.window, reordering.packet_threshold) == (15 * MS, None)
    reordering.recovery()
    assert (reordering.window, reordering.packet_threshold) == (0, 3)


def test_a_timeout_that_came_too_early_says_nothing_about_order() -> None:
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([LARGE] * 10, now=at(0))
    sender.data_to_send(now=at(0))
    sender.handle_timeout(now=at(1000))
    sender.data_to_send(now=at(1000))
    sender.receive([receiver.ack((1, 10), below=11)], now=at(1200))
    assert sender._in_flight._reordering.packet_threshold == 3


def test_a_copy_that_the_network_made_teaches_nothing() -> None:
    """It is acknowledged once more, by a number that is known: neither late nor lost."""
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([LARGE] * 10, now=at(0))
    sender.data_to_send(now=at(0))
    for milliseconds in (40, 55, 70):
        sender.receive([receiver.ack((1, 5), below=6)], now=at(milliseconds))
    assert sender._in_flight._reordering.packet_threshold == 3
    assert sender.losses == 0


def test_what_was_taken_for_a_loss_that_was_none_is_given_back() -> None:
    """RFC 4015 (3), RFC 9438 section 4.9: the window, and slow start goes on."""
    sender, receiver = overtaken()
    assert (sender.congestion.window, sender.congestion.ssthresh) == (8400, 8400)
    sender.receive([receiver.ack((1, 10), below=11)], now=at(55))
    assert (sender.congestion.window, sender.congestion.ssthresh) == (12_000, None)


@pytest.mark.parametrize("name", ["newreno", "cubic"])
def test_given_back_only_when_nothing_of_the_event_is_missing(name: str) -> None:
    control = CONTROLLERS[name](1000)
    control.window = 100_000
    control.on_congestion(0, 10 * MS)
    lost = [flight(1000), flight(1000)]
    for single in lost:
        single.episode = control.episode
        control.on_lost(single, 10 * MS)
    cut = control.window
    control.on_late(lost[0], 20 * MS)
    assert control.window == cut
    control.on_late(lost[1], 30 * MS)
    assert (control.window, control.ssthresh) == (100_000, None)
    control.on_late(lost[1], 30 * MS)  # nothing is left to give back
    assert control.window == 100_000


def test_a_new_event_is_not_undone_by_what_is_late_of_an_earlier_one() -> None:
    control = NewReno(1000)
    control.window = 100_000
    control.on_congestion(0, 10 * MS)
    late = flight(1000)
    late.episode = control.episode
    control.on_lost(late, 10 * MS)
    control.on_congestion(11 * MS, 20 * MS)
    control.on_lost(flight(1000, sent_at=11 * MS), 20 * MS)
    control.on_late(late, 30 * MS)
    assert control.window == 25_000


def test_a_window_that_has_grown_beyond_is_left_alone() -> None:
    control = NewReno(1000)
    control.on_congestion(0, 10 * MS)
    lost = flight(1000)
    lost.episode = control.episode
    control.on_lost(lost, 10 * MS)
    acknowledge(control, 1_000_000, 10 * MS + 1)
    window = control.window
    assert window > 10_000
    control.on_late(lost, 30 * MS)
    assert control.window == window


@pytest.mark.parametrize("name", CONTROLLERS)
def test_a_fifth_of_the_frames_held_back_and_nothing_lost(name: str) -> None:
    """By 15 ms, without a bottleneck: 0.7 Mbit/s and 158 retransmissions before, where TCP makes 57 and two."""
    flow = Flow(congestion=name, size=1000, count=2000)
    Network(Path(rate=0, delay=20 * MS, held=0.2, held_by=15 * MS), flow).run(10 * SECOND)
    assert flow.delivered == 2000
    assert flow.sender.retransmissions <= 10
    assert flow.delivered_at - 1000 * SECOND <= 400 * MS


def test_duplicates_by_the_network_cost_no_retransmission() -> None:
    flow = Flow(size=1000, count=2000)
    Network(Path(rate=0, delay=20 * MS, duplicated=0.3, held_by=15 * MS), flow).run(10 * SECOND)
    assert flow.delivered == 2000
    assert flow.sender.retransmissions == 0


# A later acknowledgment says what a lost one did ---------------------------------------------------------------------------


def test_what_is_delivered_has_arrived_though_no_range_names_its_datagram() -> None:
    """An ACK has at most 32 ranges, and the ones that named these were lost."""
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([b""] * 10, now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.ack((9, 9), below=6)], now=at(40))
    assert sender.congestion.bytes_in_flight == 56 * 3  # 7, 8 and 10; 6 is lost by three later ones
    assert numbers(sender.data_to_send(now=at(40))) == [(11, 6, 2)]


def test_what_was_sent_again_is_not_guessed_to_have_arrived() -> None:
    sender, receiver = acknowledged_sender(), RemoteReceiver()
    sender.send([b""], now=at(0))
    sender.data_to_send(now=at(0))
    sender.handle_timeout(now=at(1000))
    sender.send([b""], now=at(1000))
    assert numbers(sender.data_to_send(now=at(1000))) == [(2, 1, 2), (3, 2, 1)]
    sender.receive([receiver.ack(below=2)], now=at(1040))
    assert sender.congestion.bytes_in_flight == 2 * 56


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_lost_acknowledgments_cost_no_retransmission(share: float) -> None:
    """Of what had arrived: none, as long as one of those of the last round trip comes through, or an answer to a question."""
    for seed in (2, 5, 7):
        flow = Flow(size=1000, count=3000)
        Network(Path(rate=0, delay=20 * MS, back_loss=share), flow, seed=seed).run(10 * SECOND)
        assert flow.delivered == 3000
        assert flow.sender.retransmissions == 0
        assert flow.delivered_at - 1000 * SECOND <= 500 * MS
