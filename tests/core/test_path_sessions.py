"""Sessions over paths of every width: what is cut up, what is cut up anew, and that nothing is lost that would have arrived."""

from collections.abc import Callable
from random import Random

import pytest

from tests.core.paths import Path, Walk
from tests.core.support import MILLISECOND, RemoteReceiver, acknowledged_sender, at, plain_sender, read
from udpmsg.base.errors import MessageTooLarge, UsageError
from udpmsg.core.events import Malformed, State
from udpmsg.core.fragments import Cutter
from udpmsg.core.framing import Run, each
from udpmsg.core.outbox import Outbox, Outgoing
from udpmsg.core.path_mtu import BEGIN_AFTER
from udpmsg.core.sender import Sender
from udpmsg.core.wire import Kind

SOME = [bytes([number]) * 4000 for number in range(100)]


def sent_alone(walk: Walk) -> int:
    """Probes that left, without those that the system refused."""
    return sum(size + 28 <= walk.path.local for _, size in walk.probes)


# Up ----------------------------------------------------------------------------------------------------------------------


def test_over_ethernet_one_probe_is_sent_and_datagrams_grow() -> None:
    walk = Walk(Path(local=1500))
    walk.send(*SOME)
    walk.run()
    assert (walk.sizes, sent_alone(walk)) == ([(0.0, 1200), (80.0, 1472)], 1)
    assert (sorted(walk.payloads), walk.sender.retransmissions, walk.vanished) == (SOME, 0, 0)
    assert walk.sender.whole


def test_on_loopback_messages_are_whole_after_one_probe() -> None:
    walk = Walk(Path(mtu=lambda _: 65_535, one_way=0.1))
    walk.send(*SOME[:20])
    walk.run()
    assert walk.sender.datagram_size == 65_507
    walk.send(*SOME[20:])
    walk.run()
    assert (sorted(walk.payloads), walk.sender.retransmissions) == (SOME, 0)
    assert walk.sender.congestion.window >= 2 * 65_507, "else nothing of that size could leave"


def test_what_waits_unsent_is_cut_to_the_size_of_the_day() -> None:
    walk = Walk(Path(mtu=lambda _: 9000, local=9000))
    walk.send(*SOME)
    walk.run()
    assert walk.sent < 250, "of 100 messages, in four datagrams each at first"
    assert sorted(walk.payloads) == SOME


@pytest.mark.parametrize("count", [1, 2])
def test_a_short_session_is_silent(count: int) -> None:
    walk = Walk(Path(local=1500))
    walk.send(*SOME[:count])
    walk.run()
    assert (walk.probes, walk.sizes) == ([], [(0.0, 1200)])


def test_small_messages_need_no_probe_and_middling_ones_a_single_one() -> None:
    walk = Walk(Path(local=1500))
    walk.send(*[bytes(480)] * 1000)
    walk.run()
    assert walk.probes == []
    walk = Walk(Path(local=1500))
    walk.send(*[bytes(1000)] * 1000)
    walk.run()
    assert [size for _, size in walk.probes] == [1200]


def test_probes_are_no_messages_and_cost_no_credit_and_no_window() -> None:
    sender, receiver = acknowledged_sender(follows_path=True), RemoteReceiver()
    sender.send([bytes(4000)] * 10, now=at(0))
    batch = each(sender.data_to_send(now=at(0)))
    sender.receive([receiver.ack((1, len(batch)))], now=at(40))
    before = sender.congestion.bytes_in_flight, sender.messages_sent, sender.retransmissions
    data = sender.probe_to_send(now=at(40))
    assert data is not None
    (probe,) = read([data])
    assert (len(data), probe.kind, probe.sequence, probe.acknowledged) == (65_507, Kind.PROBE, 0, True)
    assert (sender.congestion.bytes_in_flight, sender.messages_sent, sender.retransmissions) == before
    assert sender.probe_to_send(now=at(40)) is None
    sender.handle_timeout(now=at(40 + 120))
    assert sender.rtt.timeouts == 0
    window = sender.congestion.window
    sender.receive([receiver.ack((1, len(batch)))], now=at(161))
    assert sender.congestion.window == window, "a lost probe is no congestion (RFC 8899 section 3)"


# Down --------------------------------------------------------------------------------------------------------------------


def test_black_holes_one_narrower_than_the_other() -> None:
    """1500, 1280, 1000, and no ICMP: every message arrives, once, and the datagrams fit in the end."""
    walk = Walk(Path(mtu=lambda t: 1500 if t < 400 else 1280 if t < 4000 else 1000, local=1500))
    for tenth in range(100):
        walk.send(SOME[tenth])
        walk.run(tenth * 80)
    walk.run()
    assert sorted(walk.payloads) == SOME
    assert [outcome.state for outcome in walk.outcomes] == [State.DELIVERED] * 100
    sizes = [size for _, size in walk.sizes]
    assert sizes[:4] == [1200, 1472, 1200, 1252]
    assert 940 <= sizes[-1] <= 972
    fell = next(time for time, size in walk.sizes if time > 400)
    assert fell < 1500


def test_what_is_cut_anew_is_not_sent_whole_again() -> None:
    """Half of a large message is there when the path becomes narrow."""
    walk = Walk(Path(mtu=lambda t: 9000 if t < 160 else 1500, local=9000))
    payload = Random(1).randbytes(400_000)
    walk.send(*SOME[:10])
    walk.run(90)
    assert walk.sender.datagram_size == 8972
    walk.send(payload)
    walk.run(159)
    came = walk.receiver.held_bytes
    assert came > 20_000
    before = walk.sent
    walk.run()
    assert payload in walk.payloads
    assert walk.sent - before < (400_000 - came) / 1132 + 60


def test_ordinary_messages_become_cut_ones() -> None:
    """Accepted when one datagram took them: what was sent and is lost, and what was not sent."""
    walk = Walk(Path(mtu=lambda t: 1500 if t < 500 else 1280, local=1500))
    walk.send(*SOME[:10])
    walk.run(490)
    assert walk.sender.datagram_size == 1472
    messages = [b"short", *(bytes([number]) * 1400 for number in range(200)), b"short"]
    walk.send(*messages)
    walk.run()
    assert sorted(walk.payloads) == sorted(SOME[:10] + messages)
    assert walk.sender.datagram_size == 1252


def test_replies_and_titles_are_cut_anew_too() -> None:
    walk = Walk(Path(mtu=lambda t: 1500 if t < 500 else 1280, local=1500))
    walk.send(*SOME[:10])
    walk.run(490)
    walk.now = at(501)
    walk.sender.send([bytes(1350), bytes(5000)], now=walk.now, title="a title")
    walk.sender.send([bytes(1351), bytes(6000)], now=walk.now, reply_to=7)
    walk.send()
    walk.run()
    assert sorted(map(len, walk.payloads[10:])) == [1350, 1351, 5000, 6000]


def test_over_an_mtu_of_600_the_router_cuts_up_until_the_size_is_found() -> None:
    walk = Walk(Path(mtu=lambda _: 600, local=1500, cuts=True, says_so=True))
    walk.send(*[bytes(1000)] * 200)
    walk.run()
    assert walk.sizes == [(0.0, 1200), (200.0, 572)]
    assert (len(walk.payloads), walk.vanished, walk.sender.retransmissions) == (200, 0, 0)


def test_over_a_silent_mtu_of_600_the_first_expiry_tells() -> None:
    """Nothing that was sent arrives, so there is no round trip; the listener knows nothing of the session, and says so."""
    walk = Walk(Path(mtu=lambda _: 600, local=1500))
    walk.send(*[bytes(1000)] * 50)
    walk.run(999)
    assert walk.probes == []
    walk.run(1000)
    assert walk.probes == [(1000.0, 1200), (1000.0, 548)]
    walk.run()
    assert len(walk.payloads) == 50
    assert walk.sizes[1] == (1270.0, 548)


def test_a_session_known_by_a_small_message_finds_the_hole_by_acknowledgments() -> None:
    walk = Walk(Path(mtu=lambda _: 600, local=1500))
    walk.send(b"small", *[bytes(1000)] * 50)
    walk.run()
    assert len(walk.payloads) == 51
    assert walk.sizes[1][1] == 548


def test_the_receiver_has_a_reassembly_and_the_sender_a_round_trip_only_from_a_probe() -> None:
    """The path loses every message at first; the receiver knows the session by its first probe's successor."""
    sender, receiver = acknowledged_sender(follows_path=True), RemoteReceiver()
    sender.send([bytes(1000)], now=at(0))
    sender.data_to_send(now=at(0))
    sender.handle_timeout(now=at(1000))
    probes = [sender.probe_to_send(now=at(1000)), sender.probe_to_send(now=at(1000))]
    assert [len(probe) for probe in probes if probe] == [1200, 548]
    sender.receive([receiver.ack((3, 3), delay_us=5000)], now=at(1030))
    assert sender.rtt.srtt == 30_000_000 - 0, "the delay is not taken off the smallest sample"


def test_losses_of_other_kinds_leave_the_size_as_it_is() -> None:
    random = Random(5)
    walk = Walk(Path(local=1500, loses=lambda _: random.random() < 0.1))
    walk.send(*SOME)
    walk.run()
    assert (sorted(walk.payloads), walk.sizes[-1][1]) == (SOME, 1472)


def test_a_path_that_is_down_for_long_comes_back_as_wide_as_it_was() -> None:
    down = False
    walk = Walk(Path(local=1500, loses=lambda _: down))
    walk.send(*SOME[:20])
    walk.run(300)
    down = True
    walk.send(*SOME[20:])
    walk.run(8000)
    down = False
    walk.run()
    assert (sorted(walk.payloads), walk.sizes[-1][1]) == (SOME, 1472)


def test_forged_icmp_makes_no_difference_but_some_probes() -> None:
    walk = Walk(Path(local=1500, forged=500))
    walk.send(*SOME)
    walk.run()
    assert (sorted(walk.payloads), walk.sizes[-1][1]) == (SOME, 1472)
    assert sent_alone(walk) <= 1 + 2 * (walk.milliseconds // 1000 + 1)


@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_hole_is_found_by_messages_that_go_alone_and_are_soon_given_up(most: int) -> None:
    """Nothing is waited for between two of them, and what became of the one before is all that tells of the hole."""
    sender = acknowledged_sender(follows_path=True, max_transmissions=most)
    walk = Walk(Path(mtu=lambda milliseconds: 1500 if milliseconds < 60_000 else 1300, local=1500), sender)
    for second in range(0, 260, 5):
        walk.send(*[bytes(1400)] * (1 if second else BEGIN_AFTER))
        walk.run(second * 1000.0 + 4999)
    assert 1 <= walk.sender.ended[State.UNCONFIRMED] <= 5
    assert 1252 <= walk.sizes[-1][1] <= 1272


# The system --------------------------------------------------------------------------------------------------------------


def test_the_interface_itself_becomes_narrow() -> None:
    """EMSGSIZE is an answer about sizes, and refuses no message."""
    walk = Walk(Path(local=1500))
    walk.send(*SOME[:10])
    walk.run(300)
    walk.path.local, walk.path.mtu = 1280, lambda _: 1280
    sender = walk.sender
    sender.send(SOME[10:30], now=walk.now)
    batch = each(sender.data_to_send(now=walk.now))
    assert max(map(len, batch)) == 1402, "three fragments of 1334 bytes"
    sender.not_sent(batch, "EMSGSIZE", now=walk.now)
    for data in batch:
        sender.too_large(len(data), now=walk.now)
    assert sender.datagram_size == 1200
    walk.run()
    assert (sorted(walk.payloads), walk.sender.datagram_size) == (SOME[:30], 1252)


def test_what_never_left_in_any_size_is_refused_and_not_unconfirmed() -> None:
    """Each time it is cut anew its transmissions are counted anew too, and not one of them left."""
    sender = acknowledged_sender(follows_path=True)
    sender.send([bytes(1100)], now=at(0))
    for _ in range(3):
        batch = each(sender.data_to_send(now=at(0)))
        sender.not_sent(batch, "EMSGSIZE", now=at(0))
        for data in batch:
            sender.too_large(len(data), now=at(0))
    (message,) = sender._outbox
    assert len(message.transmissions) > 1
    sender.abandon("closed", now=at(1))
    (outcome,) = sender.events()
    assert (outcome.state, str(outcome.reason)) == (State.REFUSED, "not sent (EMSGSIZE)")
    assert sender.messages_sent == 0


# What is refused ---------------------------------------------------------------------------------------------------------


def test_what_could_not_be_cut_up_at_the_smallest_size_is_refused_at_once() -> None:
    sender = acknowledged_sender(follows_path=True, max_message=1 << 30)
    most = (548 - 68) * 65_535
    sender.check(most)
    for too_much in (lambda: sender.check(most + 1), lambda: sender.send([bytes(most + 1)], now=at(0))):
        with pytest.raises(MessageTooLarge):
            too_much()


@pytest.mark.parametrize("config", [{"acknowledged": False}, {"datagram_size": 1300}, {"datagram_size": None}])
def test_who_can_follow_no_path(config: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="only acknowledgments tell what a path takes"):
        acknowledged_sender(follows_path=True, **config)


@pytest.mark.parametrize("make", [acknowledged_sender, plain_sender])
def test_whoever_does_not_follow_it_probes_nothing(make: Callable[..., Sender]) -> None:
    sender = make(datagram_size=1300)
    sender.send([bytes(5000)] * 5, now=at(0))
    sender.path_hint(600, now=at(0))
    sender.too_large(1300, now=at(0))
    assert (sender.datagram_size, sender.whole, sender.probe_to_send(now=at(0))) == (1300, False, None)


def test_an_answer_to_a_probe_that_was_never_sent() -> None:
    sender, receiver = acknowledged_sender(follows_path=True), RemoteReceiver()
    sender.send([bytes(1000)], now=at(0))
    sender.data_to_send(now=at(0))
    sender.receive([receiver.probe_reply(to=2), receiver.ack((1, 2))], now=at(40))
    assert [event.reason for event in sender.events() if isinstance(event, Malformed)] == [
        "a PROBE_REPLY to what was never sent",
        "an ACK for datagrams that were never sent",
    ]


def test_a_last_transmission_of_an_earlier_cut_ends_nothing() -> None:
    """Of eight transmissions the last left whole and is waited for; meanwhile the message was cut up, and leaves anew."""
    walk = Walk(
        Path(mtu=lambda t: 1500 if t < 400 else 1280, local=1500), acknowledged_sender(follows_path=True, max_transmissions=1)
    )
    walk.send(*SOME[:10])
    walk.run(390)
    walk.now = at(401)
    walk.send(*SOME[10:14])
    walk.run()
    assert len(walk.payloads) >= 10
    assert walk.sender.unresolved == 0


def test_the_rest_of_a_message_may_go_into_its_last_fragment() -> None:
    """Of four fragments three left, all but one byte; of the five new ones all have bytes that left, so none leaves for the first
    time."""
    outbox = Outbox(None)
    cutter = Cutter(datagram_size=468, max_message=9999, acknowledged=True)
    outbox.accept([bytes(10), b"next"], at(60_000))
    outbox.set_apart(1, 4, 0, "", cutter)
    (message,) = outbox.next_cut(16, None)
    outbox.sent_cut([message], 3)
    outbox.cut_anew(message, 5, cutter)
    assert (bytes(message.transmissions), bytes(message.arrived), message.next_fragment) == (b"\1\1\1\1\1", bytes(5), 5)
    for fragment in range(5):
        assert outbox.next_fragment(16, None) == (message, fragment)
        outbox.sent(message, fragment)
    assert (outbox.next_fragment(16, None), outbox.next_cut(16, None), outbox.next_run(16, None)) == (None, [], range(2, 3))


def test_a_message_is_cut_anew_time_and_again_and_goes_on() -> None:
    """Of three fragments two left; of four new ones three have bytes that left, and of five four."""
    outbox, wide, narrow = (
        Outbox(None),
        *(Cutter(datagram_size=size, max_message=9999, acknowledged=True) for size in (468, 398)),
    )
    outbox.accept([bytes(1010), b"next"], at(60_000))
    outbox.set_apart(1, 3, 0, "", wide)
    (message,) = outbox.next_cut(16, None)
    outbox.sent_cut([message], 2)
    assert outbox.next_cut(16, None) == [message], "it goes on"
    outbox.cut_anew(message, 4, narrow)
    assert (bytes(message.transmissions), bytes(message.arrived), message.next_fragment) == (b"\1\1\1\0", bytes(4), 3)
    assert outbox.next_cut(16, None) == [message]
    outbox.cut_anew(message, 5, narrow)
    assert (bytes(message.transmissions), message.next_fragment) == (b"\1\1\1\1\0", 4)
    outbox.sent_cut([message], 1)
    for fragment in range(4):
        assert outbox.next_fragment(16, None) == (message, fragment)
        outbox.sent(message, fragment)
    assert (outbox.next_fragment(16, None), outbox.next_cut(16, None), outbox.next_run(16, None)) == (None, [], range(2, 3))
    outbox.arrive(1, 1, 0, 2)
    assert outbox.in_flight == 1, "those were fragments of the former cut"
    outbox.arrive(1, 1, message.name_of(0), message.name_of(3))
    assert outbox.in_flight == 1
    outbox.arrive(1, 1, message.name_of(4), message.name_of(4))
    assert outbox.in_flight == 0


def test_of_messages_that_left_together_one_was_cut_anew_meanwhile() -> None:
    """Three of two fragments each; the second is cut into three. What then arrives of the first transmissions counts for the
    others alone."""
    outbox, wide, narrow = (
        Outbox(None),
        *(Cutter(datagram_size=size, max_message=9999, acknowledged=True) for size in (1068, 468)),
    )
    outbox.accept([bytes(1010)] * 3, at(60_000))
    for sequence in (1, 2, 3):
        outbox.set_apart(sequence, 2, 0, "", wide)
    messages = outbox.next_cut(16, None)
    assert [message.sequence for message in messages] == [1, 2, 3]
    outbox.sent_cut(messages, 6)
    outbox.arrive(1, 2, 1, 0)
    outbox.send_again(messages[1], 1)
    outbox.cut_anew(messages[1], 3, narrow)
    assert bytes(messages[1].arrived) == b"\1\0\0", "the first 337 of 505 bytes, which have arrived"
    outbox.arrive(1, 3, 0, 1)
    assert outbox.in_flight == 1
    assert bytes(messages[1].arrived) == b"\1\0\0"
    outbox.arrive(2, 2, 0, 1)
    assert outbox.in_flight == 1
    assert [outbox.next_fragment(16, None), outbox.next_cut(16, None)] == [(messages[1], 1), []]


def test_what_waits_alike_is_cut_anew_alike_and_leaves_as_one_run() -> None:
    """Ten of 4,000 bytes, cut for 1,200, of which the credit held back all but one; then the path takes 1,472."""
    sender, receiver = acknowledged_sender(follows_path=True), RemoteReceiver()
    sender.send([bytes(1000)] * 10, now=at(0))
    sender.send(SOME[:10], now=at(0))
    batch = each(sender.data_to_send(now=at(0)))
    sender.receive([receiver.ack((1, len(batch)), below=11, credit=0)], now=at(40))
    assert [len(each([item])) for item in sender.data_to_send(now=at(41))] == [3], "the rest of the one that had begun"
    for size in (65_507, 1472):
        probe = sender.probe_to_send(now=at(41))
        assert probe is not None
        assert len(probe) == size
        if size > 1472:
            sender.too_large(size, now=at(41))
            sender.path_hint(1472, now=at(41))
    sender.receive([receiver.ack((1, 14), (16, 16), below=11, credit=100)], now=at(81))
    assert sender.datagram_size == 1472
    run, *_ = sender.data_to_send(now=at(81))
    assert isinstance(run, Run)
    assert {datagram.fragment and datagram.fragment[1:] for datagram in read([run])} == {(3, 1334, 4000)}
    assert len({datagram.sequence for datagram in read([run])}) > 1


def test_half_a_message_goes_on_in_smaller_fragments() -> None:
    """The window ends in the middle of a message; then the system itself takes no more than 1,000 bytes."""
    sender, receiver = acknowledged_sender(follows_path=True), RemoteReceiver()
    payload = Random(3).randbytes(40_000)
    sender.send([payload], now=at(0))
    left = each(sender.data_to_send(now=at(0)))
    gone = len(left)
    assert 5 < gone < 36
    sender.too_large(1000, now=at(1))
    sender.receive([receiver.ack((1, gone - 1))], now=at(40))
    parts = {}
    for datagram in read(left[:-1]):
        assert datagram.fragment is not None
        parts[datagram.fragment[0] * datagram.fragment[2]] = datagram.payload
    now, came = 40, gone - 1
    while sender.unresolved and now < 5000:
        now += 20
        sender.handle_timeout(now=at(now))
        batch = each(sender.data_to_send(now=at(now)))
        assert all(len(data) <= 548 for data in batch)
        for datagram in read(batch):
            came = datagram.number
            if datagram.kind is not Kind.MESSAGE:
                continue
            assert datagram.fragment is not None
            assert datagram.fragment[1:] == (84, 477, 40_000)
            parts[datagram.fragment[0] * 477] = datagram.payload
        sender.receive([receiver.ack((1, gone - 1), (gone + 1, came))], now=at(now + 10))
        if sender.messages_in_flight == 0:
            break
    whole = bytearray(84 * 477)
    for place, part in parts.items():
        whole[place : place + len(part)] = part
    assert whole[:40_000] == payload


def test_what_has_arrived_of_a_cut_has_arrived_of_the_next() -> None:
    message = Outgoing(1, bytes(1000), 4)
    message.transmissions, message.next_fragment = bytearray(b"\2\1\1\0"), 3
    message.arrived[1] = message.arrived[2] = 1
    message.cut_anew(7)
    assert message.next_fragment == 6, "750 bytes had left, and the sixth has 715 to 857"
    assert bytes(message.transmissions) == b"\2\2\2\2\2\2\0"
    assert bytes(message.arrived) == b"\0\0\1\1\1\0\0", "from 286 up to 714: the second of the new ones has 143 to 285"
    assert (message.waiting, message.index_of(message.name_of(6)), message.index_of(6)) == (4, 6, None)


def test_ordinary_messages_that_were_not_sent_leave_in_fragments_at_once() -> None:
    """They were accepted when one datagram took each, and the receiver's credit held them back until the path was narrow."""
    walk = Walk(Path(local=1500))
    walk.send(*SOME[:10])
    walk.run(300)
    sender, receiver = walk.sender, RemoteReceiver(walk.receiver.session)
    receiver.number = 100
    sender.receive([receiver.ack(below=11, credit=0)], now=walk.now)
    sender.send([b"small", b"small", *[bytes(1400)] * 5, b"small"], now=walk.now)
    assert len(each(sender.data_to_send(now=walk.now))) == 1, "one, whatever the credit is"
    sender.too_large(1472, now=walk.now)
    sender.receive([receiver.ack(below=11, credit=100)], now=walk.now)
    batch = [data for later in range(100) for data in each(sender.data_to_send(now=walk.now + later * MILLISECOND))]
    assert [(datagram.sequence, datagram.fragment and datagram.fragment[0]) for datagram in read(batch)][-12:] == [
        (12, None),
        *((sequence, index) for sequence in range(13, 18) for index in (0, 1)),
        (18, None),
    ]
    assert max(map(len, batch)) <= 1200
