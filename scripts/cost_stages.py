"""Where one message's time goes, stage by stage: from `send` to the application, and back where it is acknowledged.

One process takes the core's two sides and two sockets on loopback through the same steps as `udpmsg.messaging.sender` and
`udpmsg.messaging.receiver`, and reads the clock between them, a batch at a time. Nothing runs beside it, so nothing is hidden
by a second core. Measures; prints nothing.
"""

import socket
import statistics
import time
from collections import defaultdict
from collections.abc import Sequence

from udpmsg.core import runs
from udpmsg.core.config import SenderConfig
from udpmsg.core.framing import Run, each
from udpmsg.core.receiver import Receiver
from udpmsg.core.sender import Sender
from udpmsg.udp import offload

SIZE = 1200
BATCH = 52
"""Messages that one call carries, with any header."""
ROUNDS = 2000
WARM_UP = 100
BUFFER = 4 << 20
SECOND = 1_000_000_000
STAGES = (
    "the sender's bookkeeping, header, checksum",
    "`sendmsg`",
    "`recvmsg`",
    "header, checksum, payloads",
    "the receiver's bookkeeping, `Message`",
    "to the application",
    "the ACK made",
    "the ACK taken, `Outcome`",
)
SIDES = {"sender": (*STAGES[:2], STAGES[-1]), "receiver": STAGES[2:-1]}


def stages(*, acknowledged: bool, counting_only: bool = False) -> dict[str, float]:
    """Nanoseconds a message of each stage, by the median of the rounds; only what was not 0."""
    now = time.monotonic_ns()
    sender = Sender(SenderConfig(acknowledged=acknowledged, datagram_size=1300), session=5, now=now)
    receiver = Receiver(session=9, now=now, counting_only=counting_only)
    payloads = [bytes([number]) * SIZE for number in range(BATCH)]
    took: dict[str, list[int]] = defaultdict(list)
    with socket.socket(type=socket.SOCK_DGRAM) as here, socket.socket(type=socket.SOCK_DGRAM) as there:
        there.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        there.bind(("127.0.0.1", 0))
        offload.coalesce(there)
        here.connect(there.getsockname())
        for _ in range(ROUNDS):
            times = [time.perf_counter_ns()]
            now = time.monotonic_ns()
            sender.send(payloads, now=now)
            batch = sender.data_to_send(now=now)
            times.append(time.perf_counter_ns())
            for item in batch:
                put(here, item)
            times.append(time.perf_counter_ns())
            arrived = [item for _ in batch for item in take(there)]
            times.append(time.perf_counter_ns())
            decoded = [runs.decode(item, payloads=not counting_only) if isinstance(item, Run) else None for item in arrived]
            times.append(time.perf_counter_ns())
            for item, messages in zip(arrived, decoded, strict=True):
                if messages is None:
                    receiver.receive(each([item]), now=now, peer=None)
                else:
                    receiver.receive_run(messages, now=now, peer=None)
            times.append(time.perf_counter_ns())
            receiver.events()
            receiver.commit()
            times.append(time.perf_counter_ns())
            receiver.flush(now=now)
            back = [data for data, _ in receiver.data_to_send(now=now)]
            times.append(time.perf_counter_ns())
            sender.receive(back, now=time.monotonic_ns())
            sender.events()
            times.append(time.perf_counter_ns())
            for stage, begun, ended in zip(STAGES, times, times[1:], strict=False):
                took[stage].append(ended - begun)
    return {stage: statistics.median(values[WARM_UP:]) / BATCH for stage, values in took.items()}


def put(sending: socket.socket, item: bytes | Run) -> None:
    """Hand one datagram or run to the kernel."""
    if isinstance(item, Run):
        sending.sendmsg([item.data], offload.segments(item.size))
    else:
        sending.send(item)


def take(receiving: socket.socket) -> Sequence[bytes | Run]:
    """What one call brings."""
    data, ancillary, _, _ = receiving.recvmsg(65_535, offload.ROOM)
    return offload.runs(data, ancillary)
