"""Whether a run's ledger agrees with what the link's record alone says must have happened. Two witnesses, compared.

Predicts from the frames which messages arrive, how often again, which are reordered and which are late; never looks at how the
ledger came about. It repairs nothing: the caller gets a sentence for each disagreement.
"""

from collections.abc import Iterable

from udpmsg.base.durations import MILLISECOND
from udpmsg.base.errors import N_, Phrase
from udpmsg.compare import passage
from udpmsg.compare.choices import Mode
from udpmsg.compare.ledger import Cause, Ending, LedgerRow
from udpmsg.compare.passage import Arrival
from udpmsg.compare.trace import Comparison, Trace, Where
from udpmsg.link.record import Direction, FrameRecord

SLACK = 25 * MILLISECOND
"""How far a message may be from the limit of lateness and be late or not. The application reads it a little after it left the
link, and the link writes down that it left a little after that; on a machine with too much to do either takes milliseconds."""

TOO_EARLY = N_("message {} was delivered {:.1f} ms before it was on the link")


def audit(run: Trace, rows: list[LedgerRow], comparison: Comparison, carriers: passage.Carriers | None = None) -> list[str]:
    """Every disagreement as a sentence, a Phrase; empty: ledger and record agree. Without a record there is nothing to compare.
    `carriers`: where they are known already.

    Over UDP they agree to the message. Datagrams that passed the link and did not come must be as many as the receiver's kernel
    says that it discarded, and the receiver that it dropped at a limit. Over TCP, what was delivered must have passed the link,
    and everything that was sent must have been delivered if no error ended the run. Nothing is delivered before the link has it.
    """
    if run.frames is None or (comparison.where is Where.RELAY and run.mode is Mode.TCP):
        return []
    found = passage.carriers(run.frames) if carriers is None else carriers
    if run.mode is Mode.TCP:
        return _audit_stream(run, rows, found)
    return _Audit(run, rows, comparison, found).sentences()


class _Audit:
    """A run over UDP."""

    def __init__(self, run: Trace, rows: list[LedgerRow], comparison: Comparison, found: passage.Carriers) -> None:
        self.run = run
        self.rows = rows
        self.late_ns, self.ordered = comparison.late_ns, comparison.choices.ordered
        self.found = found
        self.fragments = passage.fragments(found)
        self.arrivals: dict[int, Arrival] = {}
        for sequence, frames in found.items():
            arrived = passage.arrival(frames, self.fragments)
            if arrived is not None:
                self.arrivals[sequence] = arrived
        self.spoiled: set[int] = set()
        """Behind a relay a flipped bit is no wrong checksum: what came of these, only the receiver can say."""
        if comparison.where is Where.RELAY:
            self.spoiled = {sequence for sequence, frames in found.items() if any(frame.corrupted for frame in frames)}
        self.missing: dict[int, int] = {}
        """Message -> how many of its datagrams passed the link and did not come."""

    def sentences(self) -> list[str]:
        """Everything that does not agree."""
        found = [*self._strangers()]
        for row in self.rows:
            if row.sequence not in self.spoiled:
                found += self._message(row)
        found += self._discarded()
        if not self.ordered and not self.spoiled and not self._ambiguous():
            found += self._order()
        return found

    def _strangers(self) -> Iterable[str]:
        known = {row.sequence for row in self.rows}
        for sequence in sorted({arrived.sequence for arrived in self.run.received} - known):
            yield Phrase("message {} was received, and it is none of the run's", sequence)

    def _message(self, row: LedgerRow) -> Iterable[str]:
        arrived = self.arrivals.get(row.sequence)
        came = int(row.delivered_at is not None) + row.duplicates
        passed = 0 if arrived is None else 1 + arrived.repeats
        if row.delivered_at is not None and arrived is None:
            yield Phrase("message {} was delivered, and the link let no whole copy of it pass", row.sequence)
        elif came > passed:
            yield Phrase("message {} came {}, and the link let it pass {}", row.sequence, _times(came), _times(passed))
        elif came < passed and row.cause is not Cause.REFUSED_ICMP:
            self.missing[row.sequence] = passed - came
        if row.delivered_at is not None and arrived is not None:
            yield from self._time(row, arrived, came < passed)
        if row.delivered_at is None and row.outcome is Ending.DELIVERED:
            yield Phrase("message {} was confirmed to its sender, and it is not in the receiver's log", row.sequence)
        transmissions = passage.transmissions(self.found.get(row.sequence, ()), row.sequence)
        if row.transmissions != transmissions:
            yield Phrase("message {} has {} transmissions, and the link saw {}", row.sequence, row.transmissions, transmissions)

    def _time(self, row: LedgerRow, arrived: Arrival, incomplete: bool) -> Iterable[str]:
        """Not before it was on the link, and late or not as the link says. Held behind a gap, it may be later."""
        assert row.delivered_at is not None
        if row.delivered_at < arrived.at and not incomplete:  # it left the link later than it came there
            came_at = next(frame.arrived_at for frame in self.found[row.sequence] if frame.number == arrived.number)
            if row.delivered_at < came_at:
                yield Phrase(TOO_EARLY, row.sequence, (came_at - row.delivered_at) / MILLISECOND)
        delay = arrived.at - row.due_at
        if abs(delay - self.late_ns) <= SLACK or incomplete or (self.ordered and row.late):
            return
        if row.late != (delay > self.late_ns):
            words = Phrase("late") if row.late else Phrase("in time")
            yield Phrase(
                "message {} is {}, and it left the link {:.1f} ms after it was due", row.sequence, words, delay / MILLISECOND
            )

    def _discarded(self) -> Iterable[str]:
        """What passed the link and did not come, beside what the receiver's host says that it discarded."""
        run = self.run
        missing = sum(self.missing.values())
        discarded, over_limit = run.kernel_drops or 0, run.over_limit or 0
        if missing > discarded + over_limit:
            numbers = ", ".join(map(str, sorted(self.missing)[:10])) + (", …" if len(self.missing) > 10 else "")
            yield Phrase(
                "{} datagrams passed the link and did not come (of messages {}), and the kernel discarded {}, the receiver {}",
                missing,
                numbers,
                discarded,
                over_limit,
            )
        # the kernel discards what a flipped bit has spoiled too, and a goodbye or a fragment may be missing without a trace
        frames = run.frames or []
        unseen = missing + passage.spoiled(frames) + _goodbyes(frames)
        if self.fragments > 1:
            unseen += sum(len(frame.left_at) for carriers in self.found.values() for frame in carriers)
        if discarded > unseen:
            yield Phrase("the kernel discarded {} datagrams, and at most {} that passed the link did not come", discarded, unseen)

    def _ambiguous(self) -> bool:
        """Whether a delivered message has copies of which nobody knows which came."""
        return any(row.delivered_at is not None and row.sequence in self.missing for row in self.rows)

    def _order(self) -> Iterable[str]:
        """RFC 4737, 3.3, on the order in which messages left the link; and what the receiver itself called reordered."""
        delivered = {row.sequence for row in self.rows if row.delivered_at is not None}
        in_order = sorted(
            (self.arrivals[sequence].at, self.arrivals[sequence].number, sequence)
            for sequence in delivered & self.arrivals.keys()
        )
        predicted = set()
        highest = 0
        for _, _, sequence in in_order:
            if sequence < highest:
                predicted.add(sequence)
            highest = max(highest, sequence)
        flagged = {arrived.sequence for arrived in self.run.received if arrived.reordered and not arrived.duplicate}
        ours = {row.sequence for row in self.rows if row.reordered}
        for sequence in sorted(predicted ^ ours):
            yield Phrase("message {} is {}, and it did not leave the link so", sequence, _order_of(sequence in ours))
        for sequence in sorted(flagged ^ ours):
            said = _order_of(sequence in flagged)
            yield Phrase("message {} is {} to the receiver, and its log shows it otherwise", sequence, said)


def _audit_stream(run: Trace, rows: list[LedgerRow], found: passage.Carriers) -> list[str]:
    """A run over TCP."""
    sentences: list[str] = []
    for row in rows:
        frames = found.get(row.sequence, [])
        if row.delivered_at is not None:
            sentences += _delivered_in_stream(row.sequence, row.delivered_at, frames)
        elif row.outcome is Ending.LOST and run.error is None:
            sentence = N_("message {} was sent over TCP and not delivered, and no error ended the connection")
            sentences.append(Phrase(sentence, row.sequence))
        if row.duplicates:
            sentences.append(Phrase("message {} came {} over TCP", row.sequence, _times(1 + row.duplicates)))
        if row.reordered:
            sentences.append(Phrase("message {} came out of order over TCP", row.sequence))
    return sentences


def _delivered_in_stream(sequence: int, delivered_at: int, frames: list[FrameRecord]) -> Iterable[str]:
    """Whether all bytes of a message passed the link, and before it was delivered.

    Each segment that first carried some of them must have passed, in one of its transmissions, or a retransmission must have that
    begins no later in the stream and reaches this message: it may carry several segments at once."""
    passed = [frame for frame in frames if passage.passed(frame)]
    if not passed:
        yield Phrase("message {} was delivered, and the link let nothing of it pass", sequence)
        return
    for frame in frames:
        if frame.identity.transmission == 1 and not passage.passed(frame):
            place = frame.identity.index, frame.identity.part
            if not any(_covers(other, place) for other in passed):
                yield Phrase("message {} was delivered, and the link did not let {} pass", sequence, frame.label)
    first = min(frame.arrived_at for frame in passed)
    if delivered_at < first:
        yield Phrase(TOO_EARLY, sequence, (first - delivered_at) / MILLISECOND)


def _covers(frame: FrameRecord, place: tuple[int, int]) -> bool:
    begins = frame.identity.index, frame.identity.part
    return begins == place or (frame.identity.transmission > 1 and begins < place)


def _goodbyes(frames: list[FrameRecord]) -> int:
    """Datagrams to the receiver that are no messages and reached its host."""
    return sum(
        len(frame.left_at)
        for frame in frames
        if frame.transport == "udp" and not frame.first_sequence and frame.identity.direction is Direction.FORWARD
    )


def _times(number: int) -> Phrase:
    words = {0: Phrase("never"), 1: Phrase("once"), 2: Phrase("twice")}
    return words.get(number) or Phrase("{} times", number)


def _order_of(reordered: bool) -> Phrase:
    return Phrase("reordered") if reordered else Phrase("in order")
