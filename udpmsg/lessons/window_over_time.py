"""The lesson `window-over-time`: a full queue before a bottleneck, and the saw tooth of the window that follows from it.

Over UDP with acknowledgments and over TCP, one after the other, by what each sender knew (`Trace.known`). A sender that probes
otherwise, as BBR does, joins as one more `Sawtooth` here.
"""

from dataclasses import dataclass
from statistics import median

from udpmsg.base.durations import MILLISECOND
from udpmsg.base.language import N_, _, number
from udpmsg.compare.choices import Choices, Mode, Workload
from udpmsg.compare.trace import Known, Trace
from udpmsg.lessons.in_lab import in_lab, link
from udpmsg.lessons.lesson import Curve, Expectation, Illustration, Lesson, Observations, Program, Quiz, Terminal, for_pictures
from udpmsg.lessons.stage import Stage

COUNT, SIZE = 750, 1000
RATE = 4_000_000
"""Bits a second."""
QUEUE = 10
RENO = "reno"
"""The congestion control of RFC 5681, which every Linux has; the system's default may be another one."""
FALLEN = 0.85
"""A window that is below this part of what it was has fallen; a loss leaves seven tenths of it, or half."""
RISEN = 1.1
"""One that is above so many times what was left has risen again."""
TEETH = 3
"""At least this number is seen, of about five."""


@dataclass(frozen=True)
class Sawtooth(Observations):
    """What one sender knew over time, and what became of its messages."""

    falls: int
    """How often the window fell."""
    left_after_a_fall: float | None
    """Which part of the window a fall left, in the middle of all falls but the first; None: there was none."""
    largest_window_bytes: int
    sent_again: int
    """Datagrams or segments, as the sender counts them."""
    dropped: int
    """Frames that found the queue full."""
    delivered: int
    """Messages."""
    windows: tuple[tuple[float, float], ...] = for_pictures()
    """Milliseconds and bytes, whenever it was looked at and had changed."""


@dataclass(frozen=True)
class Seen(Observations):
    """The two, over the same bottleneck."""

    udp_ack: Sawtooth
    tcp: Sawtooth

    def told(self) -> dict[str, object]:
        """The flows as objects of their own."""
        return {"udp_ack": self.udp_ack.told(), "tcp": self.tcp.told()}

    @property
    def flows(self) -> tuple[Sawtooth, Sawtooth]:
        """Both."""
        return self.udp_ack, self.tcp


def run(stage: Stage, *, rate: int | None = RATE, ours: Mode = Mode.UDP_ACK, connected: Mode = Mode.TCP) -> Seen:
    """`rate`: the bottleneck's, in bits a second; None: there is none."""
    stage.step(
        _("{} messages of {} bytes, all at once, into a bottleneck of {} Mb/s with room for {} frames").format(
            number(COUNT), number(SIZE), number(RATE / 1e6, ",.0f"), QUEUE
        )
    )
    workload, choices = Workload(count=COUNT, interval_ns=0, size=SIZE), Choices(tcp_congestion=RENO)
    over = link("5ms", rate=rate, queue=None if rate is None else QUEUE)
    flows = []
    for mode in (ours, connected):
        flows.append(flow(in_lab(stage, over, modes=(mode,), workload=workload, choices=choices, attempts=1).runs[0]))
        stage.say(
            _("the window fell {} times; {} frames dropped; {} messages came").format(
                flows[-1].falls, flows[-1].dropped, number(flows[-1].delivered)
            )
        )
    return Seen(*flows)


def flow(made: Trace) -> Sawtooth:
    """What a run's sender knew."""
    found = falls(made.known)
    later = [left / before for before, left in found[1:]]
    windows = tuple((round(row.at / MILLISECOND, 1), float(row.window or 0)) for row in made.known)
    return Sawtooth(
        falls=len(found),
        left_after_a_fall=round(median(later), 3) if later else None,
        largest_window_bytes=max((row.window or 0 for row in made.known), default=0),
        sent_again=max((row.retransmissions or 0 for row in made.known), default=0),
        dropped=sum(frame.dropped is not None for frame in made.frames or ()),
        delivered=sum(not row.duplicate for row in made.received),
        windows=windows,
    )


def falls(known: list[Known]) -> list[tuple[int, int]]:
    """What the window was before each fall, and what was left of it: small steps up and down on the way are none."""
    found: list[tuple[int, int]] = []
    top = bottom = 0
    falling = False
    for row in known:
        window = row.window or 0
        if falling and window >= RISEN * bottom:
            found.append((top, bottom))
            falling, top = False, window
        elif not falling and window <= FALLEN * top:
            falling, bottom = True, window
        top, bottom = (top, min(bottom, window)) if falling else (max(top, window), bottom)
    return [*found, (top, bottom)] if falling else found


def shows(seen: Seen) -> tuple[Illustration, ...]:
    """The window of each over the same time, in the same measure."""
    whole = float(max(1, *(one.largest_window_bytes for one in seen.flows)))
    until = max(1.0, *(one.windows[-1][0] for one in seen.flows if one.windows))
    top = f"{number(whole / 1000, ',.0f')} kB"
    captions = (
        (Mode.UDP_ACK, _("UDP with acknowledgments: the window of udpmsg's sender over time")),
        (Mode.TCP, _("TCP: the window of the kernel's Reno over the same time")),
    )
    return tuple(
        Curve(one.windows, until, whole, top, caption, mode) for one, (mode, caption) in zip(seen.flows, captions, strict=True)
    )


def left_within(one: Sawtooth, least: float, most: float) -> bool:
    """Whether a fall leaves about so much."""
    return one.left_after_a_fall is not None and least < one.left_after_a_fall < most


LESSON = Lesson(
    title=N_("The window over time"),
    question=Quiz(
        N_(
            "A sender has more to send than a bottleneck carries, where ten frames may wait. Its window says how much may be in "
            "flight. How does that change over time?"
        ),
        (
            N_("It grows to what the path holds, and stays there."),
            N_("It grows until a frame is dropped, falls, grows again, and so on to the end."),
            N_("It begins as large as the receiver allows, and each loss makes it smaller."),
            N_("Over TCP it grows and falls; over UDP there is no window, and nothing changes."),
        ),
        1,
    ),
    run=run,
    expectations=(
        Expectation(
            "udp-ack-saw-tooth",
            N_("UDP with acknowledgments: the window rises and falls again, three times and more."),
            lambda seen: seen.udp_ack.falls >= TEETH,
            N_("there was no bottleneck, or nobody acknowledged anything."),
        ),
        Expectation(
            "tcp-saw-tooth",
            N_("TCP: the kernel's window does the same."),
            lambda seen: seen.tcp.falls >= TEETH,
            N_("there was no bottleneck, or the system does not tell what its TCP knows."),
        ),
        Expectation(
            "a-fall-is-a-loss",
            N_("It never falls by itself: the queue was full, and something was sent again at least as often as it fell."),
            lambda seen: all(0 < one.falls <= one.sent_again and one.dropped > 0 for one in seen.flows),
            N_("there was no bottleneck, so that nothing was lost and nothing fell."),
        ),
        Expectation(
            "how-deep-it-falls",
            N_("TCP's Reno keeps about half of its window, udpmsg's sender about seven tenths."),
            lambda seen: left_within(seen.tcp, 0.35, 0.62) and left_within(seen.udp_ack, 0.62, 0.85),
            N_("nothing fell, or this machine was so busy that timeouts expired, after which little is left."),
        ),
        Expectation(
            "everything-comes",
            N_("Whatever was dropped is sent again: every message comes."),
            lambda seen: all(one.delivered == COUNT for one in seen.flows),
            N_("nobody acknowledged, so nobody knew what to send again."),
        ),
    ),
    shows=shows,
    why=(
        N_(
            "Nobody tells a sender how much a path holds. It finds out by sending more until a queue is full and something is "
            "dropped (RFC 5681, 3.1; RFC 9002, 7)."
        ),
        N_("Slow start comes first: the window doubles each round trip, until the queue grows or something is lost."),
        N_(
            "Then it grows by a datagram in a round trip or less, and a loss takes a part of it: half with Reno, three tenths with "
            "CUBIC (RFC 9438, 4.6) and udpmsg."
        ),
        N_("Above what the path itself holds, the window only fills the queue, and everybody there waits longer."),
        N_("BBR draws no saw tooth: it measures rate and round trip, and now and then tries for a moment whether there is more."),
    ),
    by_hand=(
        Terminal(
            (
                "udpmsg compare --count 750 --size 1000 --interval 0s --delay 5ms --loss 0% --rate 4mbit --queue 10 "
                "--modes udp+ack,tcp --tcp-congestion reno --html teeth.html",
                "udpmsg compare --count 750 --size 1000 --interval 0s --delay 5ms --loss 0% --rate 4mbit --queue 40 "
                "--modes udp+ack,tcp --tcp-congestion reno --html few-teeth.html",
            ),
            N_("The pages draw window, pace and round trip. A longer queue makes fewer, taller teeth, and a longer round trip."),
        ),
    ),
    program=Program(
        """
import socket
receiver, sender = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
receiver.bind(("127.0.0.1", 0))
for name, kept in ("Reno", 0.5), ("CUBIC", 0.7):
    window, slow_start, windows = 1, True, []
    for _ in range(24):                          # round trips
        windows.append(window)
        for _ in range(min(window, 10)):         # the queue has room for ten
            sender.sendto(b"x", receiver.getsockname())
        arrived = sum(len(receiver.recv(1)) for _ in range(min(window, 10)))
        if arrived < window:                     # a loss: a part of it is left
            window, slow_start = int(window * kept), False
        else:                                    # all came: twice as many, or one more
            window = 2 * window if slow_start else window + 1
    print(name, *windows)
""",
        (
            "Reno 1 2 4 8 16 8 9 10 11 5 6 7 8 9 10 11 5 6 7 8 9 10 11 5",
            "CUBIC 1 2 4 8 16 11 7 8 9 10 11 7 8 9 10 11 7 8 9 10 11 7 8 9",
        ),
    ),
)
