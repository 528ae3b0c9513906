"""Stories of memory that strangers keep: fragments of messages that never become whole, and what waits behind a gap."""

from tests.core.support import RemoteSender, a_receiver, a_wary_receiver, answers, at, payloads, proves, room_for
from udpmsg.core.budget import FRAGMENT_COST, MESSAGE_COST, REASSEMBLY_COST, Budget
from udpmsg.core.framing import Mixed
from udpmsg.core.receiver import Receiver
from udpmsg.core.sessions import SESSIONS_OF_GAPS, UNFINISHED_FOR
from udpmsg.core.wire import Kind

PIECE = REASSEMBLY_COST + FRAGMENT_COST + 100
"""What the first fragment of 100 bytes takes."""
LATE = UNFINISHED_FOR // 1_000_000
MINE, YOURS = ("10.0.0.1", 1), ("10.0.0.2", 2)


def begin(receiver: Receiver, session: int, now: int, peer: object = "p", size: int = 100) -> RemoteSender:
    """A sender whose message of 200 bytes has begun to come: so much of it."""
    remote = RemoteSender(session)
    receiver.receive([remote.fragments(1, bytes(200), size)[0]], now=now, peer=peer)
    return remote


def kept(receiver: Receiver) -> int:
    return round(receiver.held_bytes / PIECE)


def test_a_whole_message_gets_through_however_much_is_unfinished() -> None:
    receiver = a_receiver(total_bytes=room_for(4 * PIECE))
    for session in range(1, 9):
        begin(receiver, session, at(0))
    assert kept(receiver) == 4
    receiver.receive([RemoteSender(20).message(1, b"whole")], now=at(1), peer="q")
    assert b"whole" in payloads(receiver.events())


def test_what_is_unfinished_for_long_makes_room_though_its_sender_goes_on() -> None:
    receiver = a_receiver(total_bytes=room_for(4 * (PIECE + FRAGMENT_COST + 1)))
    slow = [begin(receiver, session, at(0)) for session in range(1, 5)]
    for remote in slow:
        again = remote.message(1, b"x", fragment=(199, 200, 1, 200))
        receiver.receive([again], now=at(LATE - 1), peer="p")
    assert receiver.held_bytes == 4 * (PIECE + FRAGMENT_COST + 1)
    young = RemoteSender(9)
    receiver.receive(young.fragments(1, bytes(200), 100), now=at(LATE - 1), peer="q")
    assert payloads(receiver.events()) == []
    for milliseconds in (LATE + 99, LATE + 199):  # it makes room ten times a second, and for what is asked for
        receiver.receive(young.fragments(1, bytes(200), 100), now=at(milliseconds), peer="q")
    assert payloads(receiver.events()) == [bytes(200)]
    assert receiver.held_bytes == 2 * (PIECE + FRAGMENT_COST + 1)


def test_the_slowest_goes_first_and_never_the_one_that_asks() -> None:
    receiver = a_receiver(total_bytes=room_for(3 * PIECE + FRAGMENT_COST + 100))
    fast, slow, asks = (begin(receiver, session, at(0), size=size) for session, size in ((1, 100), (2, 20), (3, 10)))
    receiver.receive(asks.fragments(2, bytes(200), 100), now=at(LATE), peer="p")
    assert payloads(receiver.events()) == [bytes(200)]
    answers(receiver, at(LATE))
    for remote, gone in ((fast, False), (slow, True), (asks, False)):
        receiver.receive([remote.probe()], now=at(LATE + 1), peer="p")
        kinds = [kind for kind, _ in answers(receiver, at(LATE + 1))]
        assert kinds == [Kind.PROBE_REPLY if gone else Kind.ACK]


def test_senders_that_prove_nothing_share_half_of_the_memory() -> None:
    receiver = a_wary_receiver(total_bytes=8 * PIECE)
    for session in range(1, 9):
        begin(receiver, session, at(0), ("10.1.1.1", session))
    assert kept(receiver) == 4
    proved = RemoteSender(20)
    receiver.receive([proved.message(1, b"first")], now=at(1), peer=MINE)
    proves(receiver, proved, MINE, at(1))
    receiver.receive(proved.fragments(2, bytes(200), 100), now=at(1), peer=MINE)
    receiver.receive(proved.fragments(3, bytes(200), 100), now=at(1), peer=MINE)
    assert [payload for payload in payloads(receiver.events()) if len(payload) == 200] == [bytes(200)] * 2


def test_who_finds_no_room_is_asked_for_a_proof() -> None:
    receiver = a_wary_receiver(total_bytes=8 * PIECE)
    for session in range(1, 5):
        begin(receiver, session, at(0), ("10.1.1.1", session))
    answers(receiver, at(0))
    remote = begin(receiver, 20, at(1), MINE)
    (cookie,) = [data[40:52] for data, to in receiver.data_to_send(now=at(1)) if to == MINE and data[3] == Kind.CHALLENGE]
    receiver.receive([remote.cookie(cookie)], now=at(2), peer=MINE)
    receiver.receive([remote.fragments(1, bytes(200), 100)[0]], now=at(2), peer=MINE)
    assert kept(receiver) == 5
    begin(receiver, 21, at(3), YOURS)
    assert kept(receiver) == 5


def test_who_proves_an_address_leaves_the_half_of_the_strangers_to_others() -> None:
    receiver = a_wary_receiver(total_bytes=8 * PIECE)
    remotes = [begin(receiver, session, at(0), ("10.1.1.1", session)) for session in range(1, 5)]
    proves(receiver, remotes[0], ("10.1.1.1", 1), at(1))
    begin(receiver, 22, at(2), YOURS)
    assert kept(receiver) == 5


def test_who_has_proved_nothing_makes_room_first() -> None:
    receiver = a_wary_receiver(total_bytes=room_for(3 * PIECE - 50 - 80 - 1))
    proved = RemoteSender(1)
    receiver.receive([proved.message(1, b"first")], now=at(0), peer=MINE)
    proves(receiver, proved, MINE, at(0))
    receiver.receive([proved.fragments(2, bytes(200), 50)[0]], now=at(0), peer=MINE)
    begin(receiver, 2, at(0), YOURS)
    receiver.events()
    third = RemoteSender(3)
    receiver.receive([third.message(1, b"third")], now=at(0), peer=("10.0.0.3", 3))
    proves(receiver, third, ("10.0.0.3", 3), at(0))
    receiver.events()
    receiver.receive([third.fragments(2, bytes(200), 20)[0]], now=at(LATE), peer=("10.0.0.3", 3))
    receiver.receive(proved.fragments(2, bytes(200), 50)[1:], now=at(LATE), peer=MINE)
    assert payloads(receiver.events())[-1] == bytes(200)


def test_what_waits_behind_a_gap_is_unfinished_too() -> None:
    size = 1000
    receiver = a_receiver(total_bytes=room_for(2 * (size + MESSAGE_COST)))
    remote = RemoteSender(1, ordered=True)
    receiver.receive([remote.message(sequence, bytes(size)) for sequence in (2, 4, 6)], now=at(0), peer="p")
    assert receiver.held_bytes == 2 * (size + MESSAGE_COST)
    receiver.receive([remote.message(1, b"")], now=at(LATE), peer="p")
    assert payloads(receiver.events())[-2:] == [b"", bytes(size)]
    receiver.receive([remote.fragments(6, bytes(size), 500)[0]], now=at(LATE), peer="p")
    assert receiver.held_bytes == size + MESSAGE_COST + REASSEMBLY_COST + 500 + FRAGMENT_COST
    receiver.receive([remote.message(3, b"")], now=at(LATE), peer="p")
    assert payloads(receiver.events()) == [b"", bytes(size)]
    assert receiver.held_bytes == REASSEMBLY_COST + 500 + FRAGMENT_COST


def test_what_waited_behind_a_gap_for_a_second_makes_room_and_comes_again() -> None:
    """Also if messages before it go on to come in order."""
    size = 1000
    receiver = a_receiver(total_bytes=room_for(2 * (size + MESSAGE_COST)))
    remote, other = RemoteSender(1, ordered=True), RemoteSender(2, ordered=True)
    receiver.receive([remote.message(9, bytes(2 * size))], now=at(0), peer="p")
    for sequence in range(1, 5):
        receiver.receive([remote.message(sequence, b"")], now=at(sequence * LATE / 4 - 1), peer="p")
    receiver.receive([other.message(2, bytes(size))], now=at(LATE - 1), peer="q")
    assert receiver.totals().over_limit == 1
    receiver.events()
    receiver.receive([other.message(2, bytes(size))], now=at(LATE + 99), peer="q")
    assert receiver.held_bytes == size + MESSAGE_COST
    receiver.receive([remote.message(sequence, b"again") for sequence in range(5, 10)], now=at(LATE + 100), peer="p")
    assert payloads(receiver.events()) == [b"again"] * 5


def test_strangers_drive_out_strangers_alone() -> None:
    """What a proved sender keeps is not in their way: they have their half."""
    receiver = a_wary_receiver(total_bytes=80 * PIECE)
    honest = RemoteSender(1)
    receiver.receive([honest.message(1, b"first")], now=at(0), peer=MINE)
    proves(receiver, honest, MINE, at(0))
    receiver.events()
    receiver.receive([honest.fragments(2, bytes(200), 100)[0]], now=at(0), peer=MINE)
    for session in range(100, 145):
        begin(receiver, session, at(LATE), ("10.1.1.1", session))
    assert kept(receiver) == 1 + 40
    receiver.receive(honest.fragments(2, bytes(200), 100)[1:], now=at(LATE), peer=MINE)
    assert payloads(receiver.events())[-1] == bytes(200)


def test_a_stranger_whose_message_waits_for_the_application_makes_room_too() -> None:
    receiver = a_wary_receiver(total_bytes=8 * PIECE)
    strangers = [RemoteSender(session, acknowledged=False) for session in range(100, 104)]
    for stranger in strangers:
        receiver.receive([stranger.fragments(1, bytes(200), 100)[0]], now=at(0), peer=("10.1.1.1", stranger.session))
    for stranger in strangers:
        receiver.receive([stranger.message(2, b"whole")], now=at(LATE), peer=("10.1.1.1", stranger.session))
    other = RemoteSender(1, acknowledged=False)
    for milliseconds in (LATE, LATE + 100):
        receiver.receive(other.fragments(1, bytes(200), 100), now=at(milliseconds), peer=YOURS)
    assert payloads(receiver.events()) == [b"whole"] * 4 + [bytes(200)]


def test_an_acknowledgment_drives_nothing_out() -> None:
    """A large message that comes slowly, and nobody else: there is room for it, if not for another as large as may be."""
    size, piece = 60_000, 1_000
    receiver = a_receiver(total_bytes=100_000, max_message=70_000)
    for place, fragment in enumerate(RemoteSender(1).fragments(1, bytes(size), piece)):
        receiver.receive([fragment], now=at(place * LATE), peer="p")
        receiver.data_to_send(now=at(place * LATE))
    assert payloads(receiver.events()) == [bytes(size)]


def test_of_several_messages_that_were_dropped_each_must_come_again() -> None:
    receiver = a_receiver(total_bytes=room_for(4 * PIECE))
    remote, other = RemoteSender(1), RemoteSender(2)
    for sequence in (1, 2, 3):
        receiver.receive([remote.fragments(sequence, bytes(200), 100)[0]], now=at(0), peer="p")
    for milliseconds in (LATE, LATE + 100):
        receiver.receive(other.fragments(1, bytes(700), 500), now=at(milliseconds), peer="q")
    assert payloads(receiver.events()) == [bytes(700)]
    answers(receiver, at(LATE + 100))
    for sequence, answer in ((3, Kind.PROBE_REPLY), (1, Kind.PROBE_REPLY), (2, Kind.ACK)):
        receiver.receive(remote.fragments(sequence, bytes(200), 100), now=at(LATE + 101), peer="p")
        answers(receiver, at(LATE + 200))
        receiver.receive([remote.probe()], now=at(LATE + 200), peer="p")
        assert [kind for kind, _ in answers(receiver, at(LATE + 200))] == [answer]


def test_what_comes_in_order_after_what_was_given_up_does_not_wait() -> None:
    receiver = a_wary_receiver(total_bytes=8 * PIECE)
    for session in range(100, 104):
        begin(receiver, session, at(0), ("10.1.1.1", session))
    remote = RemoteSender(1, ordered=True)
    remote.lowest = 7
    receiver.receive([remote.message(7, b"due")], now=at(1), peer=MINE)
    assert payloads(receiver.events()) == [b"due"]


def test_what_many_senders_bring_does_not_undo_what_is_given_back_meanwhile() -> None:
    """The gap too many makes sessions that are over go, with what was unfinished of them."""
    receiver = a_receiver(gaps=1, sessions=100)
    stranger = RemoteSender(1, acknowledged=False)
    receiver.receive([stranger.fragments(1, bytes(200), 100)[0], stranger.goodbye(1)], now=at(0), peer="q")
    for session in range(2, 2 + SESSIONS_OF_GAPS):
        other = RemoteSender(session, acknowledged=False)
        receiver.receive([other.message(1), other.message(3)], now=at(0), peer="p")
    receiver.events()
    assert receiver.held_bytes == PIECE
    late = RemoteSender(100, acknowledged=False)
    for message in (late.message(1), late.message(3)):
        for lone, peer in receiver.receive_mixed(Mixed([message], ["p"]), now=at(2500)):
            receiver.receive([lone], now=at(2500), peer=peer)
        receiver.events()
    assert receiver.held_bytes == 0


def test_what_waits_over_connections_shares_the_memory_with_what_waits_over_udp() -> None:
    """A stream loses nothing, so what it brings is taken; of what waits behind a gap a quarter of the memory."""
    size = 1000
    budget = Budget(4 * (size + MESSAGE_COST))
    stream = Receiver(session=9, now=at(0), framed=True, budget=budget)
    remote = RemoteSender(1, ordered=True, framed=True)
    stream.receive([remote.message(sequence, bytes(size)) for sequence in (2, 3, 4)], now=at(0), peer="p")
    assert budget.unfinished == size + MESSAGE_COST
    datagrams = Receiver(session=9, now=at(0), budget=budget)
    for session in range(1, 9):
        begin(datagrams, session, at(0))
    assert budget.unfinished == size + MESSAGE_COST + 3 * PIECE
    datagrams.receive([RemoteSender(30).message(1, b"whole")], now=at(0), peer="q")
    assert b"whole" in payloads(datagrams.events())


def test_a_quarter_of_the_memory_stays_for_what_is_unfinished() -> None:
    receiver = Receiver(session=9, now=at(0), limits=a_receiver(total_bytes=4 * PIECE).limits)
    for session in (1, 2, 3):
        begin(receiver, session, at(0))
    whole = RemoteSender(4)
    for milliseconds in (LATE, LATE + 100, LATE + 200):
        receiver.receive([whole.message(1 + milliseconds, bytes(2 * PIECE - MESSAGE_COST))], now=at(milliseconds), peer="q")
    assert receiver.held_bytes == PIECE + 2 * PIECE  # one of each
    assert receiver.totals().over_limit == 2


def test_what_others_wait_behind_has_a_place_beyond_the_limits_once() -> None:
    """Else those that wait would never make room: they wait for it."""
    receiver = Receiver(session=9, now=at(0), limits=a_receiver(session_messages=2, session_bytes=20).limits)
    remote = RemoteSender(1, ordered=True)
    receiver.receive([remote.message(sequence, bytes(10)) for sequence in (2, 4)], now=at(0), peer="p")
    receiver.receive([remote.message(5, b"")], now=at(0), peer="p")
    assert receiver.totals().over_limit == 1
    receiver.receive([remote.message(1, b"first")], now=at(1), peer="p")
    receiver.receive([remote.message(3, b"third")], now=at(2), peer="p")  # the application has not taken the first two
    assert receiver.totals().over_limit == 2
    assert payloads(receiver.events())[-2:] == [b"first", bytes(10)]
    receiver.receive([remote.message(3, b"third")], now=at(3), peer="p")
    assert receiver.totals().over_limit == 3
    receiver.commit()
    receiver.receive([remote.message(3, b"third")], now=at(4), peer="p")
    assert payloads(receiver.events()) == [b"third", bytes(10)]
