"""The lesson `handshake`: which frames are on the wire before the first byte of the first message."""

from dataclasses import dataclass

from udpmsg.base.language import _
from udpmsg.compare.choices import Mode, Workload
from udpmsg.compare.trace import Trace
from udpmsg.lessons.in_lab import in_lab, link
from udpmsg.lessons.lesson import Illustration, Ladder, Observations, Predicates, for_pictures, table
from udpmsg.lessons.stage import Stage
from udpmsg.link.record import Phase

BEFORE_TCP = ("SYN", "SYN-ACK", "ACK")
SHOWN = 130.0
"""Milliseconds: the handshake, the message, and its acknowledgment."""


@dataclass(frozen=True)
class Seen(Observations):
    """The frames on the link, in the order in which they were seen there."""

    udp_before_data: tuple[str, ...]
    """What each frame was that came before the first one with bytes of a message."""
    tcp_before_data: tuple[str, ...]
    udp_frames: int
    """In all, until the end of the run."""
    tcp_frames: int
    runs: tuple[Trace, ...] = for_pictures()


def run(stage: Stage, *, without: Mode = Mode.UDP, connected: Mode = Mode.TCP) -> Seen:
    """`without`: the mode that has no connection; `connected`: the one that has."""
    one = Workload(count=1, size=20)
    runs, before = [], []
    for mode in (without, connected):
        runs.append(in_lab(stage, link("20ms"), mode, one))
        before.append(before_data(runs[-1]))
        stage.say(_("before the first byte: {}").format(", ".join(before[-1]) or _("nothing")))
    return Seen(before[0], before[1], len(runs[0].frames or ()), len(runs[1].frames or ()), tuple(runs))


def before_data(run: Trace) -> tuple[str, ...]:
    """The labels of the frames before the first one with a message."""
    labels = []
    for frame in run.frames or ():
        if frame.phase is Phase.DATA:
            break
        labels.append(frame.label)
    return tuple(labels)


def shows(seen: Seen) -> tuple[Illustration, ...]:
    """The ladders, and how many frames each took."""

    def row(name: str, before: tuple[str, ...], frames: int) -> tuple[str, str, str]:
        return name, ", ".join(before) or _("nothing"), str(frames)

    rows = (row("UDP", seen.udp_before_data, seen.udp_frames), row("TCP", seen.tcp_before_data, seen.tcp_frames))
    return (
        Ladder(
            seen.runs,
            SHOWN,
            _("Every frame on the link, 20 ms from host to host. The goodbyes are udpmsg's own: how many messages there were."),
        ),
        table(("", _("before the first byte"), _("frames in all, for one message")), rows),
    )


EXPECTED: Predicates[Seen] = {
    "udp-begins-with-data": lambda seen: seen.udp_before_data == (),
    "tcp-begins-with-three-frames": lambda seen: seen.tcp_before_data == BEFORE_TCP,
}
