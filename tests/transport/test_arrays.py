"""Arrays sent over real sockets, and grids counted: the same messages and counts as one by one, whatever the kernel does."""

import errno
import os
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from tests.transport.support import LOOPBACK, PATIENCE, collect
from udpmsg import Goodbye, Message, OffloadRefused, Receiver, Sender, Unreachable, UsageError
from udpmsg.core import runs
from udpmsg.core.events import Event
from udpmsg.core.framing import each
from udpmsg.messaging import large_batches
from udpmsg.udp import offload, send_vector, vector
from udpmsg.udp import sender as udp_sender
from udpmsg.udp.receiver import UdpReceiver
from udpmsg.udp.sender import UdpSender

np = pytest.importorskip("numpy")


def a_picture(rows: int, size: int) -> Any:
    """Rows of which no two are alike."""
    return np.arange(rows * size, dtype=np.uint32).reshape(rows, size)


def received(receiver: Receiver, count: int) -> list[Message]:
    messages: list[Message] = []
    while len(messages) < count:
        messages += collect(receiver, Message)
    return messages


def drain(receiver: Receiver) -> list[Event]:
    """What is there, also if it is only counted."""
    events: list[Event] = []
    before = -1
    while (count := receiver.statistics().messages_delivered + len(events)) > before:
        before = count
        for _ in range(3):
            events += receiver.poll(0)
    return events


@pytest.mark.parametrize(
    "options", [{}, {"offload": False}, {"acknowledged": True}, {"transport": "tcp"}, {"raw": True}], ids=str
)
def test_each_row_is_a_message(stack: ExitStack, options: dict[str, Any]) -> None:
    receiver = stack.enter_context(Receiver(port=0, transport=options.get("transport", "udp")))
    sender = stack.enter_context(Sender(LOOPBACK, receiver.endpoints[0].port, **options))
    array = a_picture(100, 25)
    assert sender.send_array(array) == range(1, 101)
    messages: list[Message] = []
    while len(messages) < 100:  # acknowledged ones wait for each other
        messages += [event for event in receiver.poll(0) if isinstance(event, Message)]
        sender.poll(0)
    assert [message.payload for message in messages] == [row.tobytes() for row in array]
    assert sender.send_array(array[:0]) == range(0)
    assert sender.send("and then") == 101
    sender.close(wait=False)


def test_of_any_form(stack: ExitStack) -> None:
    """Three dimensions, numbers with a fraction, every second row, one row for all, numbers alone, and nothing in any row."""
    receiver = stack.enter_context(Receiver(port=0))
    sender = stack.enter_context(Sender(LOOPBACK, receiver.endpoints[0].port))
    cube = np.linspace(0.0, 1.0, 60).reshape(5, 4, 3)
    octets = cube.view(np.uint8).reshape(5, -1)
    given = [
        octets,
        octets[::-1],
        octets.T,
        cube,
        cube[::2],
        cube.T,
        np.broadcast_to(cube[0], (4, 4, 3)),
        np.arange(7),
        np.empty((3, 0)),
        np.zeros((2, 400)),
    ]
    for array in given:
        sender.send_array(array)
    expected = [row.tobytes() for array in given for row in array]
    assert [message.payload for message in received(receiver, len(expected))] == expected


def test_what_is_no_array(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    sender = stack.enter_context(Sender(LOOPBACK, 9))
    for wrong in ([b"x"], b"x", np.int32(3), np.array([object()])):
        with pytest.raises(UsageError, match="one message in each row"):
            sender.send_array(wrong)
    sender.close()
    with pytest.raises(UsageError, match="closed"):
        sender.send_array(a_picture(2, 2))
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(UsageError, match="NumPy, which is missing"):
        sender.send_array(a_picture)  # type: ignore[arg-type]


def test_without_numpy_what_needs_it_is_not_there(monkeypatch: pytest.MonkeyPatch, stack: ExitStack) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    monkeypatch.delitem(sys.modules, "udpmsg.core.header_columns", raising=False)
    assert large_batches.columns_reader() is None
    assert large_batches.columns_writer(7) is None
    assert large_batches.rows_of_one(b"x", 3) is None
    receiver = stack.enter_context(Receiver(port=0, counting_only=True))
    sender = stack.enter_context(Sender(LOOPBACK, receiver.endpoints[0].port))
    sender.send_many([b"x" * 100] * 2000)
    drain(receiver)
    assert receiver.statistics().messages_delivered == 2000


class Kernel:
    """A vector whose calls are answered by the test: a number of runs, or an error, for each; then it sends for true."""

    def __init__(self, wrapped: send_vector.SendVector, answers: list[int | OSError]) -> None:
        self._wrapped = wrapped
        self._answers = answers
        self.taken: list[int] = []

    def send(self, opened: socket.socket, given: list[Any]) -> int:
        answer = self._answers.pop(0) if self._answers else len(given)
        if isinstance(answer, OSError):
            raise answer
        sent = self._wrapped.send(opened, given[:answer])
        self.taken.append(sent)
        return sent


Installed = Callable[[Sender, list[int | OSError]], Kernel]


@pytest.fixture
def kernel(request: pytest.FixtureRequest) -> Installed:
    if request.config.getoption("--no-offload") or request.config.getoption("--no-columns"):
        pytest.skip("no runs, or no call for many of them, in this round")
    real = send_vector.send_vector()
    if real is None:
        pytest.skip("sendmmsg: Linux has it")

    def install(sender: Sender, answers: list[int | OSError]) -> Kernel:
        inner = sender._socket
        assert isinstance(inner, UdpSender)
        kernel = Kernel(real, answers)
        inner._vector = kernel  # type: ignore[assignment]
        return kernel

    return install


def error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def test_a_batch_that_the_kernel_cuts_anywhere(stack: ExitStack, kernel: Installed) -> None:
    receiver = stack.enter_context(Receiver(port=0))
    sender = stack.enter_context(Sender(LOOPBACK, receiver.endpoints[0].port))
    sender.waits = False  # as in an event loop, which gives more before all has left
    told = kernel(sender, [1, error(errno.EAGAIN), 3, 2, error(errno.EAGAIN)])
    array = a_picture(900, 20)
    sender.send_array(array)
    assert told.taken[0] == 1
    sender.send_array(array[::-1])  # what waited was copied: this one is written over it
    while sender.blocked:
        sender.poll(0)
    messages = received(receiver, 1800)
    assert [message.payload for message in messages] == [row.tobytes() for row in (*array, *array[::-1])]
    assert [message.sequence for message in messages] == list(range(1, 1801))


def test_a_refusal_of_an_earlier_one_is_told_once_and_nothing_is_lost_by_it(stack: ExitStack, kernel: Installed) -> None:
    receiver = stack.enter_context(Receiver(port=0))
    sender = stack.enter_context(Sender(LOOPBACK, receiver.endpoints[0].port))
    kernel(sender, [2, error(errno.ECONNREFUSED)])
    sender.send_array(a_picture(900, 20))
    assert [type(event) for event in sender.poll(0)] == [Unreachable]
    assert [message.sequence for message in received(receiver, 900)] == list(range(1, 901))


def test_a_kernel_that_refuses_runs_gets_each_by_itself(stack: ExitStack, kernel: Installed) -> None:
    receiver = stack.enter_context(Receiver(port=0))
    sender = stack.enter_context(Sender(LOOPBACK, receiver.endpoints[0].port))
    kernel(sender, [1, error(errno.EIO)])
    sender.send_array(a_picture(300, 20))
    assert sender.poll(0) == [OffloadRefused(sender.endpoint, os.strerror(errno.EIO))]
    assert [message.sequence for message in received(receiver, 300)] == list(range(1, 301))
    sender.send_array(a_picture(3, 20))
    assert [message.sequence for message in received(receiver, 3)] == [301, 302, 303]


def test_what_is_refused_in_the_middle_is_told_of_each(
    stack: ExitStack, kernel: Installed, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = stack.enter_context(Receiver(port=0))
    sender = stack.enter_context(Sender(LOOPBACK, receiver.endpoints[0].port))
    kernel(sender, [1, error(errno.EPERM)])
    inner = sender._socket
    assert isinstance(inner, UdpSender)
    real, calls = inner._call, []

    def call(datagrams: Any) -> None:
        calls.append(datagrams)
        if len(calls) < 2:
            raise error(errno.EPERM)
        real(datagrams)

    monkeypatch.setattr(inner, "_call", call)
    sender.send_array(a_picture(192, 20))
    refused = [event.sequence for event in sender.poll(0)]  # type: ignore[union-attr]
    messages = [message.sequence for message in received(receiver, 192 - len(refused))]
    assert sorted([*messages, *refused]) == list(range(1, 193))
    assert sender.statistics().messages_sent == len(messages)


def test_a_system_without_it(monkeypatch: pytest.MonkeyPatch, stack: ExitStack) -> None:
    import ctypes

    def no_library(*arguments: object, **options: object) -> None:
        raise OSError("there is none")

    monkeypatch.setattr(ctypes, "CDLL", no_library)
    assert send_vector.send_vector() is None
    receiver = stack.enter_context(Receiver(port=0))
    sender = stack.enter_context(Sender(LOOPBACK, receiver.endpoints[0].port))
    sender.send_array(a_picture(300, 20))
    assert [message.sequence for message in received(receiver, 300)] == list(range(1, 301))
    monkeypatch.setattr("sys.platform", "darwin")
    assert send_vector.send_vector() is None


def test_a_call_that_fails_says_why(kernel: Installed) -> None:
    many = send_vector.send_vector()
    assert many is not None
    (run,) = [run for run in runs.encode([b"x"] * 2, session=1, number=1, sequence=1, sent_at=1) if not isinstance(run, bytes)]
    run = run._replace(data=memoryview(bytearray(run.data)))
    with socket.socket(type=socket.SOCK_DGRAM) as unconnected, pytest.raises(OSError, match="estination"):
        many.send(unconnected, [run, run])
    assert send_vector.neighbours([run, run._replace(size=1), run]) == [run]
    assert send_vector.neighbours([run] * 99) == [run] * vector.CALLS
    assert send_vector.neighbours([run, run._replace(data=b"read only")]) == [run]


@pytest.mark.parametrize("counting_only", [False, True])
def test_faults_in_the_middle_of_a_grid(stack: ExitStack, counting_only: bool) -> None:
    """Some runs are missing, one comes twice, two have changed places, in one a message is missing, and one is cut short."""
    receiver = stack.enter_context(Receiver(port=0, counting_only=counting_only))
    link = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
    link.connect(receiver.endpoints[0][1:])
    whole = each(runs.encode([b"x" * 20] * 2560, session=1, number=1, sequence=1, sent_at=1))
    rows = [whole[begin : begin + 64] for begin in range(0, len(whole), 64)]
    del rows[30:33]
    rows.insert(20, rows[20])
    rows[14], rows[15] = rows[15], rows[14]
    missing = rows[10].pop(30)
    del rows[25][50:]
    for run in rows:
        if offload.can_segment(link):
            link.sendmsg([b"".join(run)], offload.segments(60))
        else:
            for datagram in run:
                link.send(datagram)
    drain(receiver)
    statistics = receiver.statistics()
    assert missing == whole[670]
    assert statistics.messages_delivered == 2560 - 3 * 64 - 1 - 14
    assert statistics.messages_missing == 3 * 64 + 1 + 14
    assert (statistics.duplicates, statistics.reordered) == (64, 64)
    assert statistics.malformed == statistics.over_limit == 0


@pytest.mark.parametrize("as_rows", [False, True])
def test_an_overflow_adds_up(stack: ExitStack, as_rows: bool) -> None:
    """A listener that does not look has a full buffer: what it counts, and what is missing, are what was sent."""
    receiver = stack.enter_context(Receiver(port=0, receive_buffer=500_000, counting_only=True))
    sender = stack.enter_context(Sender(LOOPBACK, receiver.endpoints[0].port))
    if as_rows:
        sender.send_array(np.zeros((5000, 1000), np.uint8))
    else:
        sender.send_many([bytes(1000)] * 5000)
    drain(receiver)
    sender.close()
    (goodbye,) = [event for event in drain(receiver) if isinstance(event, Goodbye)]
    statistics = receiver.statistics()
    assert goodbye.messages_sent == 5000
    assert goodbye.messages_lost == statistics.messages_lost == 5000 - statistics.messages_delivered > 0
    if sys.platform == "linux":
        drops = statistics.kernel_drops
        assert drops
        assert drops <= statistics.messages_lost <= drops * 64


def test_a_counting_receiver_takes_grids(stack: ExitStack, request: pytest.FixtureRequest) -> None:
    """Where the system can."""
    receiver = stack.enter_context(Receiver(port=0, counting_only=True))
    inner = receiver._sockets["udp"]
    assert isinstance(inner, UdpReceiver)
    sender = stack.enter_context(Sender(LOOPBACK, receiver.endpoints[0].port))
    taken: list[int] = []
    if receiver._columns is not None:
        read = receiver._columns.read
        receiver._columns.read = lambda grid: (taken.append(len(grid)), read(grid))[1]  # type: ignore[method-assign]
    for _ in range(4):
        sender.send_array(np.zeros((1024, 20), np.uint8))
        drain(receiver)
    assert receiver.statistics().messages_delivered == 4096
    if not (request.config.getoption("--no-offload") or request.config.getoption("--no-columns")) and inner.offload:
        assert max(taken) == vector.CALLS
        assert udp_sender.neighbours is send_vector.neighbours


# Batches ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"acknowledged": True}, {"transport": "tcp"}], ids=str)
def test_what_comes_is_given_as_arrays(stack: ExitStack, options: dict[str, Any]) -> None:
    """Numbers, times and payloads are those of the messages."""
    receiver = stack.enter_context(Receiver(port=0, transport=options.get("transport", "udp")))
    sender = stack.enter_context(Sender(LOOPBACK, receiver.endpoints[0].port, **options))
    array = a_picture(90, 5)
    sender.send_array(array)
    came, numbers = [], []
    while len(numbers) < 90:
        for batch in receiver.batches(0):
            assert batch.to_bytes() == [row.tobytes() for row in batch.payloads]
            assert [message.payload for message in batch.messages] == batch.to_bytes()
            assert (batch.sent_at >= 0).all()
            assert (len(set(batch.sessions.tolist())), len(set(batch.peers))) == (1, 1)
            came.append(batch.payloads.view(array.dtype))
            numbers += batch.sequences.tolist()
        sender.poll(0)
    assert (np.concatenate(came) == array).all()
    assert numbers == list(range(1, 91))
    sender.close(wait=False)


def test_lengths_change_and_nobody_loses_what_was_not_given(stack: ExitStack) -> None:
    """A batch ends where the length changes or something else happened; who stops there has only that in hand."""
    receiver = stack.enter_context(Receiver(port=0))
    sender = stack.enter_context(Sender(LOOPBACK, receiver.endpoints[0].port))
    sender.send_many([b"aa", b"bb", b"ccc", b"", b"dd"])
    with socket.socket(type=socket.SOCK_DGRAM) as raw:
        raw.sendto(b"ee", receiver.endpoints[0][1:])
        raw.sendto(b"UM\x01\x01 is malformed, though it begins as ours does", receiver.endpoints[0][1:])
        raw.sendto(b"ff", receiver.endpoints[0][1:])
    for batch in receiver.batches(PATIENCE):
        assert batch.to_bytes() == [b"aa", b"bb"]
        break
    assert receiver.receive(PATIENCE).payload == b"ccc"  # type: ignore[union-attr]
    given = [(batch.to_bytes(), batch.sequences.tolist()) for batch in receiver.batches(0)]
    assert given == [([b""], [4]), ([b"dd", b"ee"], [5, 0]), ([b"ff"], [0])]
    assert receiver.statistics().messages_delivered == 7


def test_batches_without_numpy(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    monkeypatch.delitem(sys.modules, "udpmsg.messaging.arrays", raising=False)
    receiver = stack.enter_context(Receiver(port=0))
    with pytest.raises(UsageError, match="NumPy, which is missing"):
        next(receiver.batches(0))
