"""udpmsg's own sides, through its public library, and its mode of the lab: what the peers stand beside.

Owns the loops that an application would write. The search for the throughput is that of `udpmsg bench`; the ends are not: the
receiver here is an application that is given every payload, one by one.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import repeat
from typing import Any, NamedTuple

from peers.datagrams import loop_factory
from peers.side import ADDRESS, BLOCK, PAYLOAD, QUIET, SMALL, Meter, middle, run, say, told_to_end
from udpmsg import Message, Outcome, Receiver, Sender, State
from udpmsg.core import wire

TURN = 256
"""Messages handed to the library at one go; then a sender looks at the clock, and an acknowledged one at what came back."""
SHORT = 0.4
"""Of the whole time, what a trial takes while the rate is searched. The one that decides takes all of it."""
ANSWER = 2.0
"""Seconds in which the receiver has to say what it has."""
LOOKS = 50
"""How often a sender asks at most until everything has come to rest."""


def datagram_size(*, acknowledged: bool) -> int:
    """What one message needs to travel in one datagram."""
    return len(PAYLOAD) + wire.overhead(acknowledged=acknowledged, reply=False, fragment=False)


# Receiving ----------------------------------------------------------------------------------------------------------------


def receive(transport: str, **options: Any) -> None:
    """Take every message and look at its payload, which is bytes. `options` are the Receiver's."""
    count = size = 0
    payload = b""
    meter = Meter()
    with Receiver(ADDRESS, 0, transport=transport, **options) as receiver:
        say(port=receiver.endpoints[0].port)
        while True:
            events = receiver.poll(QUIET)
            if not events and told_to_end():
                break
            before = count
            for event in events:
                if isinstance(event, Message):
                    payload = event.payload
                    size += len(payload)
                    count += 1
            if count > before:
                meter.read(count)
                if type(payload) is not bytes:
                    raise SystemExit(f"a payload is a {type(payload).__name__}")
        statistics = receiver.statistics()
    if (statistics.messages_delivered, statistics.payload_bytes) != (count, size):
        raise SystemExit(f"the receiver counted {statistics}, and its application {count} messages of {size} bytes")
    say(received=count, rate=meter.rate)


async def receiving(one_by_one: bool) -> None:
    """The same in an event loop: batches from `poll`, or messages from `async for`, which is woken when nothing more comes."""
    from udpmsg import aio  # here: an older checkout has none

    count, meter = 0, Meter()
    async with aio.Receiver(ADDRESS, 0) as receiver:
        say(port=receiver.endpoints[0].port)
        while not one_by_one:
            events = await receiver.poll(QUIET)
            if not events and told_to_end():
                break
            count += sum(len(event.payload) == len(PAYLOAD) for event in events if isinstance(event, Message))
            meter.read(count)
        if one_by_one:
            asyncio.get_running_loop().add_reader(sys.stdin, receiver.wake)
            async for message in receiver:
                count += len(message.payload) == len(PAYLOAD)
                if not count % BLOCK:
                    meter.read(count)
    say(received=count, rate=meter.rate, cpu_rate=meter.cpu_rate)


def receive_in(name: str, *, one_by_one: bool = False) -> None:
    """The receiver in an event loop."""
    with asyncio.Runner(loop_factory=loop_factory(name)) as runner:
        runner.run(receiving(one_by_one))


# Sending ------------------------------------------------------------------------------------------------------------------


class Trial(NamedTuple):
    """One session."""

    sent: int
    rate: float
    """Messages a second that the sender reached."""
    received_rate: float
    """The same, when the time until the receiver had handed over the last counts too."""
    lost: int


def trial(port: int, seconds: float, rate: float | None) -> Trial:
    """Send at a rate (None: as fast as possible), and ask the receiver what it has when everything has come to rest."""
    sent = 0
    messages = [PAYLOAD] * TURN
    with Sender(ADDRESS, port, datagram_size=datagram_size(acknowledged=False)) as sender:
        begun = now = time.perf_counter_ns()
        until = begun + int(seconds * 1e9)
        if rate is None:
            while now < until:
                sent += len(sender.send_many(messages))
                now = time.perf_counter_ns()
        else:
            from udpmsg.bench.search import Pace  # here: an older checkout has it elsewhere, and is not asked to keep a pace

            pace = Pace(rate, now=begun)
            while now < until:
                if due := pace.due(now=now):
                    sent += len(sender.send_many(repeat(PAYLOAD, due)))
                    pace.take(due)
                now = time.perf_counter_ns()
        delivered = at_rest(sender, sent)
        rested = time.perf_counter_ns()
    return Trial(sent, sent * 1e9 / (now - begun), delivered * 1e9 / (rested - begun), sent - delivered)


def at_rest(sender: Sender, sent: int) -> int:
    """How many messages the receiver's application was given, once that no longer changes."""
    delivered, before = 0, -1
    for _ in range(LOOKS):
        if delivered in (before, sent):
            break
        before = delivered
        if (report := sender.ask(ANSWER)) is None:
            raise SystemExit("the receiver did not say what it has")
        delivered = report.delivered
    return delivered


def flood(port: int, seconds: float) -> None:
    """Fire and forget, without a pace. What counts is what the receiver got."""
    say(sent=trial(port, seconds, None).sent)


def search(port: int, seconds: float) -> None:
    """The highest rate at which nothing is lost (RFC 2544, 26.1)."""
    first = trial(port, seconds * SHORT, None)
    from udpmsg.bench.search import Search

    searching = Search(sent=first.rate, received=first.received_rate, lost=first.lost > 0)
    passed = []
    while (step := searching.next()) is not None:
        made = trial(port, seconds if step.confirms else seconds * SHORT, step.rate)
        searching.note(step, sent=made.rate, lost=made.lost > 0, share=made.lost / made.sent)
        if step.confirms and not made.lost:
            passed.append(made.rate)
    highest = max((rate for rate in passed if rate < searching.failed_at), default=None)
    if highest is None:
        raise SystemExit("no rate was found at which nothing is lost")
    say(rate=highest)


def batch(sender: Sender) -> int:
    """Hand a batch to the library; how many messages it has."""
    return len(sender.send_many([PAYLOAD] * TURN))


def acknowledged(port: int, seconds: float, send: Callable[[Sender], int] = batch, **options: Any) -> None:
    """Every message confirmed: the time ends with the last outcome. `send` hands some over; `options` are the Sender's."""
    count = 0
    with Sender(ADDRESS, port, acknowledged=True, datagram_size=datagram_size(acknowledged=True), **options) as sender:
        begun = time.perf_counter()
        delivered = 0
        while time.perf_counter() - begun < seconds:
            count += send(sender)
            delivered += confirmed(sender, 0)
        while sender.unresolved:
            delivered += confirmed(sender, None)
        delivered += confirmed(sender, 0)
        passed = time.perf_counter() - begun
    if delivered != count:
        raise SystemExit(f"of {count} messages {delivered} were DELIVERED")
    say(sent=count, rate=count / passed)


def without_isal(side: Callable[..., None]) -> Callable[..., None]:
    """This side as it is where the extra "fast" is not installed."""

    def run_so(*arguments: object) -> None:
        sys.modules["isal.isal_zlib"] = None  # type: ignore[assignment]  # an import of it fails, and the core has not tried yet
        side(*arguments)

    return run_so


def confirmed(sender: Sender, timeout: float | None) -> int:
    """How many messages the sender has learnt to be delivered."""
    delivered = 0
    for event in sender.poll(timeout):
        if isinstance(event, Outcome):
            delivered += event.state is State.DELIVERED
    return delivered


def stream(port: int, seconds: float) -> None:
    """The twin over TCP."""
    count = 0
    messages = [PAYLOAD] * TURN
    with Sender(ADDRESS, port, transport="tcp") as sender:
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            count += len(sender.send_many(messages))
    say(sent=count)


def ask(port: int, seconds: float, payload: bytes = SMALL) -> None:
    """One acknowledged message after the other: from `send` to the outcome."""
    times = []
    with Sender(ADDRESS, port, acknowledged=True) as sender:
        first = begun = time.perf_counter_ns()
        while begun - first < seconds * 1e9:
            sender.send(payload)
            while not confirmed(sender, None):
                pass
            ended = time.perf_counter_ns()
            times.append(ended - begun)
            begun = ended
    say(p50_us=middle(times), count=len(times), rate=len(times) * 1e9 / (begun - first))


# The lab ------------------------------------------------------------------------------------------------------------------


def lab(mode_name: str, count: int, seed: int) -> None:
    """The goodput of one mode over 20 ms each way and 5 % loss, as fast as the path takes it. TCP is cubic."""
    from udpmsg.compare.choices import Choices, Mode, Workload
    from udpmsg.compare.reading import Reading
    from udpmsg.compare.run import Request, compare
    from udpmsg.link.presets import preset

    choices = Choices(modes=(Mode(mode_name),), tcp_congestion="cubic", datagram_size=datagram_size(acknowledged=True))
    request = Request(preset("classroom"), seed, Workload(count, 0, len(PAYLOAD)), choices)
    comparison = compare(request, progress=lambda _: None, stopped=lambda: False)
    (made,) = Reading(comparison).runs
    found = made.figures
    if found["error"] or found["messages_delivered"] != count:
        raise SystemExit(f"delivered {found['messages_delivered']} of {count}: {found['error'] or found['causes']}")
    say(goodput_bps=found["goodput_bps"])


if __name__ == "__main__":
    if sys.argv[1] == "lab":
        lab(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        run(
            {
                "flood": (lambda: receive("udp"), flood),
                "asyncio": (partial(receive_in, "asyncio"), flood),
                "asyncio-each": (partial(receive_in, "asyncio", one_by_one=True), flood),
                "uvloop": (partial(receive_in, "uvloop"), flood),
                "search": (lambda: receive("udp"), search),
                "acknowledged": (lambda: receive("udp"), acknowledged),
                "acknowledged-zlib": (without_isal(lambda: receive("udp")), without_isal(acknowledged)),
                "tcp": (lambda: receive("tcp"), stream),
                "round-trip": (lambda: receive("udp"), ask),
            }
        )
