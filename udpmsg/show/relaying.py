"""A relay's run, as lines for people and as JSON lines: twins, like `human` and `jsonlines`.

Owns the keys of a relay's lines; a summary has those of every other command besides, null where a relay can't know. Labels and
reasons are escaped: a client chooses what it sends. Does not know sockets.
"""

from typing import Any

from udpmsg.base.distribution import rounded
from udpmsg.base.language import N_, _, number, said, told
from udpmsg.core.events import Disconnected, LimitReached, Unreachable
from udpmsg.link.faults import Link
from udpmsg.link.record import Direction, FrameRecord
from udpmsg.link.wording import describe, options_text
from udpmsg.relay.pipe import streaming
from udpmsg.relay.values import Faulted, HopsUsedUp, NotSent, RelayEvent, RelayStatistics, Traffic
from udpmsg.show.jsonlines import RunLines
from udpmsg.show.schema import Summary, empty_summary
from udpmsg.show.stream import Data, Words
from udpmsg.show.telling import label, link_words
from udpmsg.show.terminal import byte_count, counted, duration, escape, hint_words, paint, peer_name
from udpmsg.sockets.endpoint import Endpoint

NAMES = {Direction.FORWARD: N_("forward"), Direction.BACK: N_("back")}
ORDINARY = "end of stream"


class HumanRelay:
    """Shows a relay to people: faults are data, everything around them is words. `quiet` shows no faults."""

    for_people = True

    def __init__(self, data: Data, words: Words, *, quiet: bool = False) -> None:
        self.data = data
        self.words = words
        self.quiet = quiet

    def relaying(self, endpoints: list[Endpoint], target: Endpoint, link: Link, seed: int) -> None:
        """Where clients can send to now, where that goes, and what happens to it on the way."""
        each = [f"{endpoint.transport} {endpoint}" for endpoint in endpoints]
        where = _("{} and {}").format(*each) if len(each) == 2 else each[0]
        self.words.say(_("Relaying from {} to {}").format(paint(where, "number", self.words.colour), target))
        self.words.say(_("The link: {}; seed {}").format(link_words(link), seed))

    def event(self, event: RelayEvent) -> None:
        """`127.0.0.1:41234  forward  dropped message 4 (loss)`"""
        if isinstance(event, Faulted):
            if not self.quiet:
                purpose = "note" if event.record.dropped is None else "warning"
                what = paint(fault_words(event), purpose, self.data.colour)
                self.data.write(f"{peer_name(event.peer)}  {_(NAMES[event.record.identity.direction]):<7}  {what}")
        elif not (isinstance(event, Disconnected) and event.reason == ORDINARY):
            self.words.trouble(trouble_words(event))

    def status(self, statistics: RelayStatistics) -> None:
        """The line at the bottom of a terminal."""
        self.words.status(_("{} · Ctrl-C stops").format(" · ".join(both_ways(statistics))))

    def summary(self, summary: Summary, endpoint: str) -> None:
        """A run that never began has nothing to add to the reason."""

    def ended(self, statistics: RelayStatistics, seed: int, held: int) -> None:
        """The last line."""
        self.words.say(ended_words(statistics, seed, held))


class JsonRelay(RunLines):
    """Writes a relay's run as JSON lines."""

    def relaying(self, endpoints: list[Endpoint], target: Endpoint, link: Link, seed: int) -> None:
        """One line for each endpoint."""
        for endpoint in endpoints:
            its = streaming(link) if endpoint.transport == "tcp" else link
            self._write(
                "relaying",
                transport=endpoint.transport,
                host=endpoint.host,
                port=endpoint.port,
                target_host=target.host,
                target_port=target.port,
                link=describe(its),
                link_options=options_text(its),
                seed=seed,
            )

    def event(self, event: RelayEvent) -> None:
        """A line for each thing that was done to a datagram, and for what is no fault of the link."""
        if self.quiet:
            return
        if isinstance(event, Faulted):
            common = _frame(event.peer, event.record)
            if event.record.dropped is not None:
                self._write("dropped", **common, reason=event.record.dropped.value)
            if event.duplicated:
                self._write("duplicated", **common)
            if event.record.corrupted:
                self._write("corrupted", **common)
            if event.record.reordered:
                self._write("held_back", **common, delay_s=rounded(event.delay / 1e9))
        elif isinstance(event, NotSent):
            self._write("not_sent", **_frame(event.peer, event.record), reason=event.reason)
        elif isinstance(event, Unreachable):
            self._write("unreachable", transport="udp", target=peer_name(event.peer), reason=escape(event.reason.encode()))
        elif isinstance(event, HopsUsedUp):
            self._write("hops_used_up", **_peer(event.peer))
        elif isinstance(event, LimitReached):
            self._write("limit_reached", **_peer(event.peer), limit=event.limit, value=event.value)
        else:
            self._write("disconnected", **_peer(event.peer), reason=escape(event.reason.encode()))

    def status(self, statistics: RelayStatistics) -> None:
        """For programs there is the summary."""

    def summary(self, summary: Summary, endpoint: str) -> None:
        """The last line of a run that never began."""
        self._write("summary", **summary)

    def ended(self, statistics: RelayStatistics, seed: int, held: int) -> None:
        """The last line; in words on standard error where nobody reads the lines any more."""
        self.summary(relay_summary(statistics, seed, held), "")
        if self.data.broken:
            self.words.say(ended_words(statistics, seed, held))


def relay_summary(statistics: RelayStatistics, seed: int | None, held: int) -> Summary:
    """Every summary's keys, null where a relay can't know, and the relay's own: what went each way, and what did not."""
    known = statistics._asdict() | {"duration_s": rounded(statistics.duration_s)}
    traffic = {NAMES[way]: _traffic(went) for way, went in known.pop("traffic").items()}
    return empty_summary(statistics.transport, "relay") | {"payload_bytes": None, "seed": seed, **traffic, "held": held} | known


def fault_words(event: Faulted) -> str:
    """`dropped message 4 (loss)`, `held back message 5 for 80 ms (delay:data:5:80ms)`."""
    record = event.record
    what = escape(label(record.label).encode())
    if record.identity.transmission > 1:
        what = _("{}, transmission {}").format(what, record.identity.transmission)
    script = "" if record.script is None else f" ({escape(record.script.encode())})"
    if record.dropped is not None:
        return _("dropped {}").format(what) + (script or f" ({_(record.dropped.value)})")
    done = []
    if event.duplicated:
        done.append(said(N_("the link|duplicated")))
    if record.corrupted:
        done.append(said(N_("the link|flipped a bit of")))
    if record.reordered:
        done.append(said(N_("the link|held back")))
        what = _("{} for {}").format(what, duration(event.delay / 1e9))
    return f"{_(' and ').join(done)} {what}{script}"


def trouble_words(event: RelayEvent) -> str:
    """What is no fault of the link, in a line."""
    if isinstance(event, Unreachable):
        return f"{hint_words(event)} ({escape(told(event.reason).encode())})"
    if isinstance(event, HopsUsedUp):
        return _("{}: what came has no hop left (time to live); do relays point at each other?").format(peer_name(event.peer))
    if isinstance(event, LimitReached):
        words = _("{}: no place left, the limit is {} {}")
        return words.format(peer_name(event.peer), number(event.value), told(event.limit))
    if isinstance(event, NotSent):
        what = escape(label(event.record.label).encode())
        return _("{}  this system did not send {}: {}").format(peer_name(event.peer), what, told(event.reason))
    if isinstance(event, Disconnected):
        return _("{}: the connection ended: {}").format(peer_name(event.peer), escape(told(event.reason).encode()))
    return f"{peer_name(event.peer)}  {fault_words(event)}"


def ended_words(statistics: RelayStatistics, seed: int, held: int) -> str:
    """One line that says how a run went."""
    parts = [_("Relayed for {}: {}").format(duration(statistics.duration_s), "; ".join(both_ways(statistics)))]
    for count, words in (
        (held, N_("{} still on the way")),
        (sum(traffic.not_sent for traffic in statistics.traffic.values()), N_("{} not sent by this system")),
        (statistics.refused_icmp, N_("{} refused by the target (ICMP)")),
        (statistics.unreachable_icmp, N_("{} stopped on the way to the target (ICMP)")),
        (statistics.kernel_drops, N_("{} discarded by the kernel before the relay saw them")),
        (statistics.over_limit, N_("{} beyond the relay's limits")),
        (statistics.hops_used_up, N_("{} without a hop left")),
        (statistics.connections_refused, N_("{} connections refused by the target")),
        (statistics.connections_cut, N_("{} connections cut")),
    ):
        if count:
            parts.append(_(words).format(number(count)))
    return _("{}; seed {}").format("; ".join(parts), seed)


def both_ways(statistics: RelayStatistics) -> list[str]:
    """Each way with what went it."""
    return [f"{_(name)} {traffic_words(statistics, way)}" for way, name in NAMES.items()]


def traffic_words(statistics: RelayStatistics, way: Direction) -> str:
    """`120 frames, 6 dropped`, `1.5 MiB`, or both."""
    traffic = statistics.traffic[way]
    parts = []
    if statistics.transport != "tcp":
        parts.append(counted(traffic.frames, "frame"))
        for count, words in (
            (traffic.dropped.total(), N_("frames|{} dropped")),
            (traffic.duplicated, N_("frames|{} duplicated")),
            (traffic.reordered, N_("frames|{} held back")),
            (traffic.corrupted, N_("frames|{} corrupted")),
        ):
            if count:
                parts.append(said(words).format(number(count)))
    if statistics.transport != "udp":
        parts.append(_("{} over TCP").format(byte_count(traffic.stream_bytes)))
    return ", ".join(parts)


def _traffic(traffic: Traffic) -> dict[str, Any]:
    return {
        "frames": traffic.frames,
        "bytes": traffic.bytes,
        "left_frames": traffic.left,
        "dropped_frames": traffic.dropped.total(),
        "duplicated_frames": traffic.duplicated,
        "held_back_frames": traffic.reordered,
        "corrupted_frames": traffic.corrupted,
        "not_sent_frames": traffic.not_sent,
        "drops": {reason.value: count for reason, count in sorted(traffic.dropped.items())},
        "stream_bytes": traffic.stream_bytes,
    }


def _peer(peer: Any) -> dict[str, Any]:
    return {"transport": getattr(peer, "transport", None), "peer": peer_name(peer)}


def _frame(peer: Endpoint, record: FrameRecord) -> dict[str, Any]:
    identity = record.identity
    return {
        **_peer(peer),
        "direction": NAMES[identity.direction],
        "number": record.number,
        "label": escape(record.label.encode()),
        "kind": identity.kind.value,
        "index": identity.index,
        "transmission": identity.transmission,
        "part": identity.part,
        "size": record.size,
        "first_sequence": record.first_sequence or None,
        "last_sequence": record.last_sequence or None,
        "script": record.script,
    }
