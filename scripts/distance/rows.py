"""Which bulk goes over which link: the rows of `scripts/bench distance`, and what each should reach. A table; measures nothing.

`ISSUE` has the rows that have an aim. `SWEEP` varies one thing at a time around `CENTRE` (1,000 bytes, 40 ms there and back,
50 Mbit/s, nothing lost, a queue of bandwidth times delay), and then two at a time where they are known to hurt each other: the
whole product would be 972 rows, and most of them would say nothing that these don't.
"""

from dataclasses import dataclass
from fnmatch import fnmatch

from udpmsg.link.faults import Link
from udpmsg.link.fields import changed, read_both

FULL_FRAME = 1_514
"""Bytes of a full Ethernet frame: what a queue of bandwidth times delay is counted in."""
SECONDS = 3.0
"""How long the bulk of a sweep's row would take at the link's rate, in as much as `MOST_MESSAGES` allow it."""
MOST_MESSAGES = 30_000
"""Of one run: each is logged at both ends and on the link, and the logs are joined afterwards."""


Options = dict[str, str]
"""A link, by the names of the options of `udpmsg compare`."""


@dataclass(frozen=True)
class Aim:
    """What udp+ack should reach beside the kernel's TCP in the same round."""

    ratio: float = 0.9
    """At least so much of the other's goodput."""
    beside: str = "cubic"
    """The kernel's congestion control that it is held against."""
    retransmissions: int | None = None
    """At most so many, in every round."""
    retransmissions_ratio: float | None = None
    """At most so many times the other's."""


@dataclass(frozen=True)
class Row:
    """One bulk: all messages at once over one link."""

    name: str
    size: int
    count: int
    options: tuple[tuple[str, str], ...]
    """The link's."""
    aim: Aim | None = Aim()
    congestion: str | None = None
    """udp+ack's congestion control; None: its default."""

    @property
    def link(self) -> Link:
        """The link that the options make."""
        return changed(Link(), (read_both(name, text) for name, text in self.options))

    @property
    def command(self) -> str:
        """The same by hand, without the messages beside."""
        link = " ".join(f"--{name} {text}" for name, text in self.options)
        chosen = "" if self.congestion is None else f" --congestion {self.congestion}"
        return (
            f"udpmsg compare --link none {link} --size {self.size} --count {self.count} --interval 0s "
            f"--modes udp+ack,tcp --tcp-congestion cubic{chosen}"
        )


def row(name: str, size: int, count: int, link: Options, aim: Aim | None = Aim(), congestion: str | None = None) -> Row:
    """A row whose link is written as options."""
    return Row(name, size, count, tuple(link.items()), aim, congestion)


FREE: Options = {"delay": "20ms"}
NARROW = FREE | {"rate": "10mbit", "queue": "30"}
USUAL = FREE | {"rate": "50mbit", "queue": "100"}
GENTLE = Aim(retransmissions_ratio=2.0)
ISSUE = (
    row("1144", 1_144, 2_000, USUAL),
    row("1145", 1_145, 2_000, USUAL),
    row("4000", 4_000, 2_000, USUAL),
    row("100-narrow", 100, 2_000, NARROW, GENTLE),
    row("1000-narrow", 1_000, 2_000, NARROW, GENTLE),
    row("1000-far", 1_000, 10_000, {"delay": "150ms", "rate": "100mbit"}),
    row("1000-reordered", 1_000, 2_000, FREE | {"reorder": "20%:15ms"}, Aim(retransmissions=10)),
    row("1000-acks-10", 1_000, 2_000, FREE | {"loss": "0%/10%"}, Aim(retransmissions=0)),
    row("1000-acks-40", 1_000, 2_000, FREE | {"loss": "0%/40%"}, Aim(retransmissions=0)),
    row("1000-mtu-600", 1_000, 2_000, USUAL | {"mtu": "600"}),
    row("1000-loss", 1_000, 2_000, FREE | {"loss": "1%/0%"}),
    row("1000-loss-bbr", 1_000, 10_000, FREE | {"loss": "1%/0%"}, Aim(0.8, "bbr"), "bbr"),
)
"""The numbers of messages are those with which these were first found."""

MILLISECOND, MEGABIT = 10**-3, 10**6
SIZES = (64, 256, 1_000, 1_145, 4_000, 16 << 10, 64 << 10, 256 << 10, 1 << 20)


def swept(
    name: str,
    *,
    size: int = 1_000,
    round_trip_ms: int = 40,
    mbit: int = 50,
    queue: float = 1.0,
    congestion: str | None = None,
    **options: str,
) -> Row:
    """A row near the centre; the queue in bandwidth × delay; `options` count more than all of them."""
    link = {
        "delay": f"{round_trip_ms / 2:g}ms",
        "rate": f"{mbit}mbit",
        "queue": str(queue_of(queue, mbit * MEGABIT, round_trip_ms * MILLISECOND)),
    }
    count = min(MOST_MESSAGES, max(10, round(SECONDS * mbit * MEGABIT / 8 / size)))
    return row(name, size, count, link | options, congestion=congestion)


def queue_of(share: float, rate: float, round_trip: float) -> int:
    """Full frames in so many times bandwidth × delay; two at least, or nothing passes that comes in pairs."""
    return max(2, round(share * rate * round_trip / 8 / FULL_FRAME))


SWEEP = (
    swept("centre"),
    *(swept(f"size-{size}", size=size) for size in SIZES if size != 1_000),
    swept("rtt-5", round_trip_ms=5),
    swept("rtt-300", round_trip_ms=300),
    swept("rate-1", mbit=1),
    swept("rate-500", mbit=500),
    swept("loss-0.1", loss="0.1%"),
    swept("loss-1", loss="1%"),
    swept("loss-5", loss="5%"),
    swept("queue-0.25", queue=0.25),
    swept("queue-4", queue=4.0),
    # two at a time
    swept("rtt-5-rate-500", round_trip_ms=5, mbit=500),
    swept("rtt-300-rate-500", round_trip_ms=300, mbit=500),
    swept("rtt-300-rate-1", round_trip_ms=300, mbit=1),
    swept("rtt-300-loss-1", round_trip_ms=300, loss="1%"),
    swept("rtt-300-queue-0.25", round_trip_ms=300, queue=0.25),
    swept("rate-1-queue-4", mbit=1, queue=4.0),
    swept("size-64-queue-0.25", size=64, queue=0.25),
    swept("size-1048576-loss-1", size=1 << 20, loss="1%"),
    swept("size-64-rate-1", size=64, mbit=1),
    # what changes in the run, and what drops without a queue
    swept("rate-halves", rate="50mbit,25mbit@1s,50mbit@2s"),
    swept("delay-10x", delay="20ms,200ms@1s,20ms@2s"),
    swept("policer", police="20mbit:64KiB/none", queue=4.0),
    # each congestion control at the centre and where they differ most
    *(swept(f"centre-{name}", congestion=name) for name in ("newreno", "cubic", "bbr")),
    *(swept(f"loss-1-{name}", loss="1%", congestion=name) for name in ("newreno", "cubic", "bbr")),
    *(swept(f"queue-4-{name}", queue=4.0, congestion=name) for name in ("newreno", "cubic", "bbr")),
)


def chosen(rows: tuple[Row, ...], pattern: str | None) -> list[Row]:
    """The rows whose name is like the pattern, as the shell has it (`size-*`). Raises SystemExit where there is none."""
    found = [one for one in rows if pattern is None or fnmatch(one.name, pattern)]
    if not found:
        raise SystemExit(f"bench: no row is like {pattern}; there are {', '.join(one.name for one in rows)}")
    return found
