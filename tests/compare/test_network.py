"""A run over a real network, where loopback and a forwarder that drops what the story says are the network."""

import random
import select
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import count

import pytest

from tests.transport.support import LOOPBACK, PATIENCE, Listener
from udpmsg import Goodbye, Limits, Receiver, SessionReport
from udpmsg.compare import network
from udpmsg.compare.choices import Choices, Mode, Workload
from udpmsg.compare.ledger import Ending, rows
from udpmsg.compare.trace import Trace
from udpmsg.core.wire import Kind, decode, kind_of

MILLISECOND = 1_000_000
FAST = Workload(count=200, interval_ns=MILLISECOND, size=50)
Drops = Callable[[bytes], bool]


class Forwarder:
    """Carries datagrams to a target and answers back, for one sender at a time, but for those that it is told to drop."""

    def __init__(self, target: int, *, forward: Drops, back: Drops = lambda _: False) -> None:
        self._target = (LOOPBACK, target)
        self._drops = forward, back
        self._front, self._rear = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self._front.bind((LOOPBACK, 0))
        self._rear.connect(self._target)
        self._stop, self._stopped = socket.socketpair()
        self.port: int = self._front.getsockname()[1]
        self._client: tuple[str, int] | None = None
        self.dropped: list[bytes] = []
        """On their way to the target."""
        self.passed: set[int] = set()
        """Sequence numbers of which a transmission reached the target."""
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def never_passed(self, messages: int) -> set[int]:
        """Which of the messages from 1 on were dropped as often as they came here."""
        return set(range(1, messages + 1)) - self.passed

    def __enter__(self) -> "Forwarder":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.send(b"\0")
        self._thread.join(PATIENCE)
        for each in (self._front, self._rear, self._stop, self._stopped):
            each.close()

    def _run(self) -> None:
        while True:
            ready, _, _ = select.select([self._front, self._rear, self._stopped], [], [])
            if self._stopped in ready:
                return
            if self._front in ready:
                datagram, self._client = self._front.recvfrom(65_535)
                if self._drops[0](datagram):
                    self.dropped.append(datagram)
                else:
                    self.passed.add(decode(datagram).sequence)
                    self._rear.send(datagram)
            if self._rear in ready and self._client is not None:
                datagram = self._rear.recv(65_535)
                if not self._drops[1](datagram):
                    self._front.sendto(datagram, self._client)


def lossy(seed: int, share: float, *kinds: Kind) -> Drops:
    """Drops this share of the datagrams of these kinds, by lot."""
    lot = random.Random(seed)
    return lambda datagram: kind_of(datagram) in kinds and lot.random() < share


def even_message(datagram: bytes) -> bool:
    """Drops every second message."""
    return kind_of(datagram) == Kind.MESSAGE and decode(datagram).sequence % 2 == 0


def first_of(kind: Kind) -> Drops:
    """Drops the first datagram of a kind."""
    seen: list[bytes] = []

    def drops(datagram: bytes) -> bool:
        if kind_of(datagram) == kind:
            seen.append(datagram)
        return kind_of(datagram) == kind and len(seen) == 1

    return drops


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def listening(stack: ExitStack, transport: str = "both", **options: object) -> Listener:
    return stack.enter_context(Listener(Receiver(LOOPBACK, 0, transport=transport, **options)))  # type: ignore[arg-type]


def run(mode: Mode, port: int, workload: Workload = FAST, **choices: object) -> Trace:
    return network.run(mode, 1, workload, Choices(**choices), host=LOOPBACK, port=port)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", list(Mode))
def test_every_mode_against_a_listener_on_both(stack: ExitStack, mode: Mode) -> None:
    listener = listening(stack)
    progress: list[int] = []
    result = network.run(mode, 3, FAST, Choices(), host=LOOPBACK, port=listener.endpoint().port, progress=progress.append)
    assert result.error is None
    assert (result.mode, result.repetition, len(result.sent)) == (mode, 3, 200)
    assert result.lost_sequences == []
    assert result.receiver is not None
    assert (result.receiver["delivered"], result.receiver["arrived"], result.receiver["payload_bytes"]) == (200, 200, 10_000)
    assert (result.receiver["duplicates"], result.receiver["reordered"], result.receiver["over_limit"]) == (0, 0, 0)
    assert (result.frames, result.received, result.malformed, result.kernel_drops) == (None, [], None, None)
    assert (result.connect_ns is not None) is (mode is Mode.TCP)
    assert result.duration_ns >= 199 * MILLISECOND
    assert progress[-1] == 200
    assert {row.outcome for row in rows(result)} == {Ending.DELIVERED}
    (goodbye,) = listener.wait_for(Goodbye)
    assert (goodbye.messages_sent, goodbye.messages_lost) == (200, 0)


@pytest.mark.parametrize("seed", range(5))
def test_what_the_network_dropped_is_what_is_lost(stack: ExitStack, seed: int) -> None:
    """Of each seed: every message that the forwarder dropped, and no other; with questions and answers lost too."""
    listener = listening(stack)
    loss = lossy(seed, 0.1, Kind.MESSAGE)
    forwarder = stack.enter_context(Forwarder(listener.endpoint().port, forward=loss, back=first_of(Kind.REPORT)))
    result = run(Mode.UDP, forwarder.port)
    lost = {decode(datagram).sequence for datagram in forwarder.dropped}
    assert lost
    assert result.error is None
    assert set(result.lost_sequences or ()) == lost
    assert result.receiver is not None
    assert result.receiver["delivered"] == 200 - len(lost)
    ledger = rows(result)
    assert {row.sequence for row in ledger if row.outcome is Ending.LOST} == lost


def test_a_lost_question_is_asked_again(stack: ExitStack) -> None:
    forwarder = stack.enter_context(Forwarder(listening(stack).endpoint().port, forward=first_of(Kind.QUERY)))
    result = run(Mode.UDP, forwarder.port, Workload(count=3, interval_ns=MILLISECOND, size=10))
    assert (result.error, result.lost_sequences) == (None, [])
    assert [kind_of(datagram) for datagram in forwarder.dropped] == [Kind.QUERY]


def test_a_list_of_more_gaps_than_one_report_holds(stack: ExitStack) -> None:
    every_second = Workload(count=201, interval_ns=MILLISECOND, size=10)
    forwarder = stack.enter_context(Forwarder(listening(stack).endpoint().port, forward=even_message))
    result = run(Mode.UDP, forwarder.port, every_second)
    assert result.lost_sequences == list(range(2, 201, 2))


def test_more_gaps_than_the_listener_remembers_are_no_list(stack: ExitStack) -> None:
    """It knows how many are lost, and not which: so nothing is called delivered or lost."""
    listener = listening(stack, limits=Limits(gaps=8))
    forwarder = stack.enter_context(Forwarder(listener.endpoint().port, forward=even_message))
    result = run(Mode.UDP, forwarder.port, Workload(count=41, interval_ns=MILLISECOND, size=10))
    assert result.lost_sequences is None
    assert result.receiver is not None
    assert result.receiver["delivered"] == 21
    assert result.error is not None
    assert "up to number 24 are lost" in result.error
    assert "20 are lost in all" in result.error


@pytest.mark.parametrize("seed", range(3))
def test_what_was_sent_again_arrived(stack: ExitStack, seed: int) -> None:
    loss = lossy(seed, 0.1, Kind.MESSAGE)
    forwarder = stack.enter_context(Forwarder(listening(stack).endpoint().port, forward=loss))
    result = run(Mode.UDP_ACK, forwarder.port)
    assert forwarder.dropped
    assert (result.error, result.lost_sequences, forwarder.never_passed(200)) == (None, [], set())
    assert result.retransmissions is not None
    assert result.retransmissions >= len(forwarder.dropped)
    assert {row.outcome for row in rows(result)} == {Ending.DELIVERED}


def test_what_is_given_up_and_never_arrived_is_lost(stack: ExitStack) -> None:
    loss = lossy(1, 0.5, Kind.MESSAGE)
    forwarder = stack.enter_context(Forwarder(listening(stack).endpoint().port, forward=loss))
    result = run(Mode.UDP_ACK, forwarder.port, Workload(count=60, interval_ns=MILLISECOND, size=10), max_transmissions=2)
    lost = forwarder.never_passed(60)
    assert lost
    assert (result.error, set(result.lost_sequences or ())) == (None, lost)


def test_nobody_answers_udp(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """A netcat, or a listener of before there were questions."""
    monkeypatch.setattr(network, "ANSWER_WAIT", 0.1)
    silent = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    silent.bind((LOOPBACK, 0))
    port = silent.getsockname()[1]
    result = run(Mode.UDP, port, Workload(count=3, interval_ns=MILLISECOND, size=10))
    assert (result.receiver, result.lost_sequences, result.kernel_drops) == (None, None, None)
    assert result.error is not None
    assert f"start `udpmsg listen --both --host 0.0.0.0 --port {port}` there" in result.error
    assert all(row.outcome is Ending.UNCONFIRMED for row in rows(result))


def test_a_listener_on_udp_alone(stack: ExitStack) -> None:
    """The modes over UDP run; the one over TCP says why it could not."""
    port = listening(stack, "udp").endpoint().port
    few = Workload(count=3, interval_ns=MILLISECOND, size=10)
    assert [run(mode, port, few).lost_sequences for mode in (Mode.UDP, Mode.UDP_ACK)] == [[], []]
    result = run(Mode.TCP, port, few)
    assert (result.receiver, result.lost_sequences) == (None, None)
    assert result.error is not None
    assert result.error.startswith("cannot connect over TCP")


def test_nothing_at_all_came_there(stack: ExitStack) -> None:
    every_message = lossy(1, 1.0, Kind.MESSAGE)
    forwarder = stack.enter_context(Forwarder(listening(stack).endpoint().port, forward=every_message))
    result = run(Mode.UDP, forwarder.port, Workload(count=3, interval_ns=MILLISECOND, size=10))
    assert (result.receiver, result.lost_sequences) == (None, None)
    assert result.error is not None
    assert "knows nothing of these messages" in result.error


def test_told_to_stop_it_asks_nobody(stack: ExitStack) -> None:
    begun = threading.Event()
    port = listening(stack).endpoint().port
    minutes = Workload(count=1000, interval_ns=1000 * MILLISECOND, size=10)
    result = network.run(
        Mode.UDP, 1, minutes, Choices(), host=LOOPBACK, port=port, progress=lambda _: begun.set(), stop=begun.is_set
    )
    assert (result.receiver, result.lost_sequences, result.error) == (None, None, None)
    assert result.sent[-1].sent_at is None


# When an answer is final -------------------------------------------------------------------------------------------------


def told(*, delivered: int, arrived: int | None = None, sent: int = 10) -> SessionReport:
    """A listener that has so many messages, and of those so many with its application."""
    report = SessionReport(True, sent, delivered, delivered, 0, 0, 0, sent, 0, (), None, 0, 0.0, None)
    return report._replace(arrived=delivered if arrived is None else arrived)


class Asked:
    """Stands in for a sender: gives the answers of the story, one at each question."""

    def __init__(self, answers: Iterable[SessionReport | None]) -> None:
        self._answers = iter(answers)
        self.questions = 0

    def ask(self, timeout: float) -> SessionReport | None:
        self.questions += 1
        return next(self._answers)


@pytest.mark.parametrize(
    ("answers", "final", "questions"),
    [
        ([told(delivered=10)], told(delivered=10), 1),
        ([told(delivered=9), told(delivered=9)], told(delivered=9), 2),
        ([told(delivered=7), told(delivered=9), told(delivered=9)], told(delivered=9), 3),
        ([told(delivered=7, arrived=9)] * 3 + [told(delivered=9)] * 2, told(delivered=9), 5),
        ([told(delivered=7), None], told(delivered=7), 2),
        ([None], None, 1),
    ],
    ids=["all there", "twice the same", "late ones came", "the application was slow", "no second answer", "no answer"],
)
def test_an_answer_is_final_when_it_changes_no_more(
    answers: list[SessionReport | None], final: SessionReport | None, questions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "SHORTEST_PAUSE", 0.0)
    sender = Asked(answers)
    assert network.final_answer(sender) == ([] if final is None else [final])  # type: ignore[arg-type]
    assert sender.questions == questions


def test_an_answer_that_never_stops_changing_is_final_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "SHORTEST_PAUSE", 0.0)
    monkeypatch.setattr(network, "SETTLE_WAIT", 0.05)
    sender = Asked(told(delivered=number, sent=10**9) for number in count(1))
    (final,) = network.final_answer(sender)  # type: ignore[arg-type]
    assert final.delivered > 0
