"""The two ends over loopback: what each logs, and how a run ends. Real sockets; nobody waits but for an event."""

import errno
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from udpmsg import Receiver, UsageError
from udpmsg.base.durations import MILLISECOND
from udpmsg.base.errors import MessageTooLarge
from udpmsg.compare import ends
from udpmsg.compare.choices import Choices, Mode, Workload
from udpmsg.compare.ends import Plan, ReceiverLog, SenderLog
from udpmsg.compare.ledger import Cause, Ending, rows
from udpmsg.compare.trace import Trace
from udpmsg.core.framing import frame

LOOPBACK = "127.0.0.1"
PATIENCE = 30.0
each_mode = pytest.mark.parametrize("mode", list(Mode))


class Receiving:
    """A receiver's end in a thread. `stop` ends it and gives its log."""

    def __init__(self, transport: str, **options: Any) -> None:
        self.receiver = Receiver(LOOPBACK, 0, transport=transport, **options)
        self.port = self.receiver.endpoints[0].port
        self._stopping = threading.Event()
        self._logs: list[ReceiverLog] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> ReceiverLog:
        self._stopping.set()
        self._thread.join(PATIENCE)
        self.receiver.close(linger=0)
        return self._logs[0]

    def _run(self) -> None:
        self._logs.append(ends.receive(self.receiver, stop=self._stopping.is_set))


@contextmanager
def receiving(transport: str, **options: Any) -> Iterator[Receiving]:
    end = Receiving(transport, **options)
    try:
        yield end
    finally:
        end.stop()


def run(plan: Plan, **options: Any) -> tuple[Trace, SenderLog]:
    """Both ends of one run over loopback."""
    with receiving(plan.mode.transport) as receiver:
        sender_log = ends.send(plan, host=LOOPBACK, port=receiver.port, **options)
        receiver_log = receiver.stop()
    return ends.joined(plan.mode, 1, 7, sender_log, receiver_log, None), sender_log


def times(values: list[int | None]) -> list[int]:
    assert None not in values
    return [value for value in values if value is not None]


@each_mode
def test_every_message_is_in_both_logs_and_the_schedule_is_kept(mode: Mode) -> None:
    told: list[int] = []
    logged, log = run(Plan(mode, Workload(20, 5 * MILLISECOND, 200), Choices()), progress=told.append)
    assert logged.error is None
    assert [row.sequence for row in logged.sent] == list(range(1, 21))
    assert [row.due_at for row in logged.sent] == [number * 5 * MILLISECOND for number in range(20)]
    for row, sent_at in zip(logged.sent, times([row.sent_at for row in logged.sent]), strict=True):
        assert sent_at >= row.due_at
    assert [row.sequence for row in logged.received] == list(range(1, 21))
    for row, arrived in zip(logged.sent, logged.received, strict=True):
        assert row.sent_at is not None
        assert row.sent_at <= arrived.at <= logged.duration_ns
    assert told[-1] == 20
    assert told == sorted(told)
    assert all(row.outcome is Ending.DELIVERED and row.cause is None for row in rows(logged))
    assert log.statistics is not None
    assert log.statistics.messages_sent == 20
    assert log.statistics.payload_bytes == 20 * 200


@each_mode
def test_what_only_some_modes_know(mode: Mode) -> None:
    logged, _ = run(Plan(mode, Workload(5, 0, 10), Choices()))
    acknowledged = mode is Mode.UDP_ACK
    assert [row.state for row in logged.sent] == ["delivered" if acknowledged else None] * 5
    assert all((row.transmissions == 1 and row.settled_at is not None) == acknowledged for row in logged.sent)
    assert (logged.connect_ns is not None) == (mode is Mode.TCP)
    assert (logged.retransmissions is None) == (mode is Mode.TCP)
    assert (logged.kernel_drops is None) == (mode is Mode.TCP)
    assert (logged.malformed, logged.over_limit, logged.not_sent, logged.refused_icmp) == (0, 0, {}, 0)


@each_mode
def test_what_the_sender_knew_of_the_path(mode: Mode) -> None:
    """With acknowledgments by ours, over TCP by the kernel's (where that tells), and else nothing."""
    logged, _ = run(Plan(mode, Workload(30, 2 * MILLISECOND, 100), Choices()))
    if mode is Mode.UDP or (mode is Mode.TCP and sys.platform != "linux"):
        assert logged.known == []
        return
    assert logged.known
    times = [row.at for row in logged.known]
    assert times == sorted(times)
    assert times[0] >= 0
    assert all(row.window is not None and row.window > 0 for row in logged.known)
    assert logged.known[-1].srtt is not None
    assert {row.retransmissions for row in logged.known} == {0}


@each_mode
def test_as_fast_as_possible_is_in_batches_and_all_is_due_at_once(mode: Mode) -> None:
    logged, _ = run(Plan(mode, Workload(300, 0, 100), Choices()))
    assert {row.due_at for row in logged.sent} == {0}
    assert sorted(row.sequence for row in logged.received if not row.duplicate) == list(range(1, 301))


def test_acknowledged_over_tcp() -> None:
    logged, _ = run(Plan(Mode.TCP, Workload(5, 0, 10), Choices(tcp_ack=True)))
    assert [row.state for row in logged.sent] == ["delivered"] * 5


def test_a_message_in_fragments() -> None:
    logged, _ = run(Plan(Mode.UDP_ACK, Workload(3, 0, 5000), Choices(datagram_size=1200)))
    assert [row.sequence for row in logged.received] == [1, 2, 3]


def test_payloads_are_the_workload_s() -> None:
    payloads: list[bytes] = []
    with Receiver(LOOPBACK, 0) as receiver:
        ends.send(Plan(Mode.UDP, Workload(2, 0, 15), Choices()), host=LOOPBACK, port=receiver.endpoints[0].port)
        while len(payloads) < 2:
            message = receiver.receive(PATIENCE)
            assert message is not None
            payloads.append(message.payload)
    assert payloads == [b"message 1 abcde", b"message 2 abcde"]


@pytest.mark.skipif(not hasattr(socket, "TCP_CONGESTION"), reason="the kernel's congestion control is chosen on Linux alone")
def test_the_congestion_control_is_told() -> None:
    logged, _ = run(Plan(Mode.TCP, Workload(1, 0, 10), Choices(tcp_congestion="reno")))
    assert logged.tcp_congestion == "reno"
    with receiving("tcp") as receiver, pytest.raises(UsageError, match="'nonsense'"):
        ends.send(Plan(Mode.TCP, Workload(1), Choices(tcp_congestion="nonsense")), host=LOOPBACK, port=receiver.port)


# Trouble -----------------------------------------------------------------------------------------------------------------


def free_port(transport: str) -> int:
    with Receiver(LOOPBACK, 0, transport=transport) as receiver:
        return receiver.endpoints[0].port


def test_nobody_accepts() -> None:
    log = ends.send(Plan(Mode.TCP, Workload(3), Choices()), host=LOOPBACK, port=free_port("tcp"))
    logged = ends.joined(Mode.TCP, 1, 7, log, ReceiverLog(), None)
    assert logged.error is not None
    assert logged.error.startswith("cannot connect over TCP")
    assert [row.sent_at for row in logged.sent] == [None] * 3
    assert logged.connect_ns is None
    for row in rows(logged):
        assert (row.outcome, row.cause, row.reason) == (Ending.REFUSED, Cause.NOT_SENT, logged.error)


def test_an_unknown_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    log = ends.send(Plan(Mode.UDP, Workload(3), Choices()), host="no-such-name.invalid", port=5000)
    assert log.error is not None
    assert "does not resolve" in log.error


def test_nobody_listens_over_udp() -> None:
    log = ends.send(Plan(Mode.UDP, Workload(5, 2 * MILLISECOND), Choices()), host=LOOPBACK, port=free_port("udp"))
    assert log.error is None
    assert log.refused_icmp > 0
    assert None not in [row.sent_at for row in log.sent]


def test_what_nobody_confirms_is_unconfirmed_at_its_deadline() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind((LOOPBACK, 0))
        plan = Plan(Mode.UDP_ACK, Workload(3, 0), Choices(deadline_ns=50 * MILLISECOND))
        log = ends.send(plan, host=LOOPBACK, port=silent.getsockname()[1])
    assert [row.state for row in log.sent] == ["unconfirmed"] * 3
    assert all(row.settled_at is not None and row.settled_at - log.started_at >= 50 * MILLISECOND for row in log.sent)


@each_mode
def test_told_to_stop_it_ends_early(mode: Mode) -> None:
    stopping = threading.Event()

    def progress(sent: int) -> None:
        stopping.set()

    day = 24 * 3600 * 1000 * MILLISECOND
    logged, _ = run(Plan(mode, Workload(2, day), Choices()), progress=progress, stop=stopping.is_set)
    assert [row.sent_at is None for row in logged.sent] == [False, True]
    assert [row.sequence for row in logged.received] == [1]


def test_a_connection_that_takes_nothing_more_is_left_when_told_to_stop() -> None:
    """Nobody reads, the kernel's buffers are full, and the library waits for them without a limit of its own."""
    with socket.create_server((LOOPBACK, 0)) as server:
        asked: list[int] = []

        def stop() -> bool:
            asked.append(1)
            return len(asked) == 10

        plan = Plan(Mode.TCP, Workload(10_000, 0, 65_536), Choices())
        log = ends.send(plan, host=LOOPBACK, port=server.getsockname()[1], stop=stop)
        assert log.error is None
        assert sum(row.sent_at is not None for row in log.sent) < 10_000


def test_a_run_that_takes_too_long_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ends, "GRACE", 0)
    with socket.create_server((LOOPBACK, 0)) as server:
        plan = Plan(Mode.TCP, Workload(10_000, 0, 65_536), Choices(deadline_ns=200 * MILLISECOND))
        log = ends.send(plan, host=LOOPBACK, port=server.getsockname()[1])
    assert log.error is not None
    assert log.error.startswith("it took longer")


def test_a_connection_that_is_reset_is_an_error() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:

        def hang_up() -> None:
            connection, _ = server.accept()
            connection.recv(1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        log = ends.send(Plan(Mode.TCP, Workload(1000, 5 * MILLISECOND), Choices()), host=LOOPBACK, port=server.getsockname()[1])
        thread.join(PATIENCE)
    assert log.error is not None
    assert log.error.startswith("the connection ended")
    assert log.sent[-1].sent_at is None


def test_a_datagram_that_the_kernel_refuses_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(Mode.UDP, Workload(2, 0, 65_536), Choices(datagram_size=65_507))

    class Narrow(socket.socket):
        def send(self, data: Any, *flags: int) -> int:
            if len(data) > 30_000:  # each half of a message
                raise OSError(errno.EMSGSIZE, "Message too long")
            return super().send(data, *flags)

    monkeypatch.setattr(socket, "socket", Narrow)
    logged, _ = run(plan)
    assert logged.not_sent == {1: "not sent (EMSGSIZE)", 2: "not sent (EMSGSIZE)"}
    for row in rows(logged):
        assert (row.outcome, row.cause, row.reason) == (Ending.REFUSED, Cause.NOT_SENT, "not sent (EMSGSIZE)")


def test_a_message_that_no_sender_can_send_is_the_caller_s_mistake() -> None:
    with receiving("udp") as receiver, pytest.raises(MessageTooLarge):
        ends.send(Plan(Mode.UDP, Workload(1, 0, 2 << 20), Choices()), host=LOOPBACK, port=receiver.port)


# The receiver ------------------------------------------------------------------------------------------------------------


def test_what_is_in_the_socket_when_it_stops_is_not_lost() -> None:
    with Receiver(LOOPBACK, 0) as receiver:
        plan = Plan(Mode.UDP, Workload(300, 0, 50), Choices())
        ends.send(plan, host=LOOPBACK, port=receiver.endpoints[0].port)
        log = ends.receive(receiver, stop=lambda: True)
    assert [row.sequence for row in log.received] == list(range(1, 301))


def test_what_is_in_a_stream_that_nobody_accepted_yet_is_not_lost() -> None:
    with Receiver(LOOPBACK, 0, transport="tcp") as receiver:
        with socket.socket(type=socket.SOCK_DGRAM) as tap:
            tap.bind((LOOPBACK, 0))
            tap.settimeout(PATIENCE)
            ends.send(Plan(Mode.UDP, Workload(1, 0, 20), Choices()), host=LOOPBACK, port=tap.getsockname()[1])
            message = bytearray(tap.recv(2000))
        message[6:8] = bytes(2)  # in a frame the payload's length is the frame's
        with socket.create_connection((LOOPBACK, receiver.endpoints[0].port)) as client:
            client.sendall(frame(bytes(message)))
            log = ends.receive(receiver, stop=lambda: True)
    assert [row.sequence for row in log.received] == [1]


def test_duplicates_and_what_is_reordered_are_logged_in_the_order_in_which_they_came() -> None:
    plan = Plan(Mode.UDP, Workload(3, 0, 20), Choices())
    with socket.socket(type=socket.SOCK_DGRAM) as tap, Receiver(LOOPBACK, 0) as receiver:
        tap.bind((LOOPBACK, 0))
        tap.settimeout(PATIENCE)
        ends.send(plan, host=LOOPBACK, port=tap.getsockname()[1])
        first, second, third = (tap.recv(2000) for _ in range(3))
        for datagram in (first, third, third, second, b"hello", first[:30]):
            tap.sendto(datagram, (LOOPBACK, receiver.endpoints[0].port))
        log = ends.receive(receiver, stop=lambda: True)
    assert [(row.sequence, row.duplicate, row.reordered) for row in log.received] == [
        (1, False, False),
        (3, False, False),
        (3, True, False),
        (2, False, True),
    ]
    assert log.malformed == 1


def test_messages_of_another_sender_are_strangers() -> None:
    with receiving("udp") as receiver:
        for count in (1, 3, 2):
            ends.send(Plan(Mode.UDP_ACK, Workload(count, 0), Choices()), host=LOOPBACK, port=receiver.port)
        log = receiver.stop()
    assert [row.sequence for row in log.received] == [1, 2, 3]
    assert log.strangers == 3
