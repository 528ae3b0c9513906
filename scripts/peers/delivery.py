"""udpmsg's sides where it is measured what a delivery costs: with a store, with a spool, and with neither.

    python -m peers.delivery FOLDER PROGRAM receive
    python -m peers.delivery FOLDER PROGRAM send PORT SECONDS

Owns where the files are, and what is timed. What an application writes around the library is in `peers.ours`. What needs neither
store nor spool also runs with a udpmsg that has none.
"""

import contextlib
import sys
import time
from collections.abc import Sequence
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

from peers import datagrams
from peers.ours import acknowledged, ask, receive
from peers.side import ADDRESS, PAYLOAD, QUIET, SMALL, Programs, middle, run, say, told_to_end
from udpmsg import Message, Receiver, Sender, State, UdpmsgError

ONE = PAYLOAD[:100]
"""What is sent one by one."""
LOOK = 16
"""Messages sent one by one before the sender looks at what came back."""
RATE = 10_000
"""Messages a second, where it is measured how long it takes until one is on the disk."""
TICK = 0.001
"""Seconds between two batches of them."""
STAMP = 8
"""Bytes at the front of those: when it was sent."""
NEWCOMERS = 2_000
"""Senders, one after the other."""
PATIENCE = 30.0
"""Seconds for all of them; those that then have not come are not served."""
DEADLINE = 5.0
"""Seconds within which a newcomer must be served."""


# Receiving ----------------------------------------------------------------------------------------------------------------


def receive_stored(folder: Path) -> None:
    """Keep every message; tell how many there are, and in how many commits."""
    from udpmsg import Store  # here: an older udpmsg has none

    with Store(folder / "store") as store:
        receive("udp", store=store)
        say(commits=store.commits, kept=store.kept)


def receive_timed(folder: Path) -> None:
    """Keep every message; tell how long it took from when it was sent until it was on the disk."""
    from udpmsg import Store

    times: list[int] = []

    class Timed(Store):
        """Looks at the clock when a commit has ended."""

        def keep(self, messages: Sequence[Message], *rest: Any, **options: Any) -> None:
            """Keep them, and note how old each was then."""
            super().keep(messages, *rest, **options)
            now = time.monotonic_ns()
            times.extend(now - int.from_bytes(message.payload[:STAMP], "big") for message in messages)

    with Timed(folder / "store") as store:
        receive("udp", store=store)
    times.sort()
    say(received=len(times), p50_us=middle(times), p99_us=times[len(times) * 99 // 100] / 1000)


def receive_and_answer() -> None:
    """Send every message back."""
    with Receiver(ADDRESS, 0) as receiver:
        say(port=receiver.endpoints[0].port)
        while (events := receiver.poll(QUIET)) or not told_to_end():
            for event in events:
                if isinstance(event, Message):
                    receiver.reply(event, event.payload)
    say()


# Sending ------------------------------------------------------------------------------------------------------------------


def one_by_one(sender: Sender) -> int:
    """Hand some messages over, each by a call of its own; how many."""
    for _ in range(LOOK):
        sender.send(ONE)
    return LOOK


def paced(port: int, seconds: float) -> None:
    """Each message says when it was sent. No acknowledgments: with them a message may wait at the sender before it leaves.

    What is late is made up for, so that on the whole the rate is what it should be."""
    sent = 0
    with Sender(ADDRESS, port) as sender:
        begun = time.monotonic_ns()
        while (passed := time.monotonic_ns() - begun) < seconds * 1e9:
            due = int(passed * RATE / 1e9) - sent
            stamped = (begun + passed).to_bytes(STAMP, "big") + ONE[STAMP:]
            sent += len(sender.send_many(repeat(stamped, due)))
            time.sleep(TICK)
    say(sent=sent, rate=sent / seconds)


def ask_back(port: int, seconds: float) -> None:
    """One acknowledged message after the other: from `send` to its reply."""
    times = []
    with Sender(ADDRESS, port, acknowledged=True) as sender:
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            begun = time.perf_counter_ns()
            sender.send(SMALL)
            while not any(isinstance(event, Message) for event in sender.poll(None)):
                pass
            times.append(time.perf_counter_ns() - begun)
    say(p50_us=middle(times))


def newcomers(transport: str, port: int, _: float) -> None:
    """One sender after the other, each with a session of its own: open, one acknowledged message, its outcome, close."""
    served = 0
    begun = time.perf_counter()
    for _newcomer in range(NEWCOMERS):
        with (
            contextlib.suppress(UdpmsgError),  # that one was not served
            Sender(ADDRESS, port, transport=transport, acknowledged=True, deadline=DEADLINE) as sender,
        ):
            sender.send(SMALL)
            served += [outcome.state for outcome in sender.outcomes()] == [State.DELIVERED]
        if time.perf_counter() - begun > PATIENCE:
            break
    say(served=served, rate=served / (time.perf_counter() - begun))


def programs(folder: Path) -> Programs:
    """Every one, by the name that the bench knows it by."""
    udp, tcp = partial(receive, "udp"), partial(receive, "tcp")
    stored = partial(receive_stored, folder)
    spooled = partial(acknowledged, spool=folder / "spool")
    return {
        "batches": (udp, acknowledged),
        "batches-stored": (stored, acknowledged),
        "batches-spooled": (udp, spooled),
        "one-by-one": (udp, partial(acknowledged, send=one_by_one)),
        "one-by-one-stored": (stored, partial(acknowledged, send=one_by_one)),
        "one-by-one-spooled": (udp, partial(spooled, send=one_by_one)),
        "alone": (udp, partial(ask, payload=ONE)),
        "alone-stored": (stored, partial(ask, payload=ONE)),
        "durable": (partial(receive_timed, folder), paced),
        "round-trip": (udp, ask),
        "echo": (receive_and_answer, ask_back),
        "plain-round-trip": (datagrams.answer, datagrams.ask),
        "newcomers-udp": (udp, partial(newcomers, "udp")),
        "newcomers-tcp": (tcp, partial(newcomers, "tcp")),
    }


if __name__ == "__main__":
    run(programs(Path(sys.argv.pop(1))))
