"""The lesson `timeout`: an acknowledgment that does not come, the waits that double, and the duplicate that nobody sees."""

from dataclasses import dataclass
from itertools import pairwise

from udpmsg.base.durations import MILLISECOND
from udpmsg.base.language import _, number
from udpmsg.compare import passage
from udpmsg.compare.choices import Choices, Mode, Workload
from udpmsg.compare.trace import Trace
from udpmsg.lessons.in_lab import in_lab, link
from udpmsg.lessons.lesson import Bars, Illustration, Ladder, Observations, Predicates, for_pictures
from udpmsg.lessons.stage import Stage
from udpmsg.link.record import FrameRecord

HIT, LOSSES = 2, 3
"""The message that is hit, and how many of its transmissions are; the first message gives the sender a round trip to learn from."""
TIMEOUT_MS = 200
"""The least timeout of udpmsg, which a round trip of 40 ms leads to."""
STRETCH = 1.5
"""udpmsg waits up to half longer, at random, so that many senders do not send again at the same time."""
SLACK_MS = 40.0
INTERVAL_MS = 100
PROBES = tuple(f"drop:control:{place}" for place in range(1, 13))
"""Every probe is lost, up to four in each of three waits: an answer would end them."""
SHOWN = 2_000.0
"""Milliseconds of the ladder: all of it."""


@dataclass(frozen=True)
class Seen(Observations):
    """What became of message 2, in the run where it is lost and in the one where its acknowledgment is."""

    waits_ms: tuple[float, ...]
    """From each of its transmissions to the next one, where it is lost."""
    delivered_after_ms: float | None
    """Then: from its first transmission until the receiver had it."""
    arrivals: int
    """Where its acknowledgment is lost: how often it reached the receiver's host."""
    deliveries: int
    """Of them: how often it was handed over."""
    suppressed: int
    """Of them: how often it was known already."""
    runs: tuple[Trace, ...] = for_pictures()


def run(
    stage: Stage,
    *,
    losses: int = LOSSES,
    acknowledgment_faults: tuple[str, ...] = (f"drop:ack:{HIT}", *PROBES),
    timeout_ms: int = TIMEOUT_MS,
) -> Seen:
    """`losses`: how many transmissions of the message the link drops; `timeout_ms`: the least timeout."""
    two = Workload(count=2, interval_ns=INTERVAL_MS * MILLISECOND, size=100)
    choices = Choices(min_rto_ns=timeout_ms * MILLISECOND)
    stage.step(
        _("First the message is lost: the link drops it {} times, and each probe that asks whether it came").format(losses)
    )
    messages = tuple(f"drop:data:{HIT}:{transmission}" for transmission in range(1, losses + 1))
    longest = tuple(timeout_ms * 2**place * STRETCH + SLACK_MS for place in range(losses))

    def punctual(made: Trace) -> bool:
        return all(wait < most for wait, most in zip(waits(made), longest, strict=False))

    # two attempts, of 3 s each: a class does not wait for more
    lost = in_lab(stage, link("20ms", *messages, *PROBES), Mode.UDP_ACK, two, choices, good=punctual, attempts=2)
    stage.say(_("it waited {}").format(", ".join(f"{number(wait, ',.0f')} ms" for wait in waits(lost)) or _("no time at all")))
    stage.step(_("Then its acknowledgment is lost, and each probe that asks whether it came"))
    over = link("20ms", *acknowledgment_faults)
    unconfirmed = in_lab(stage, over, Mode.UDP_ACK, two, choices)
    receptions = [row for row in unconfirmed.received if row.sequence == HIT]
    stage.say(_("how often message {} came: {}").format(HIT, len(receptions)))
    sent = transmissions(lost)
    delivered = lost.delivered.get(HIT)
    after = (delivered - sent[0].arrived_at) / MILLISECOND if delivered is not None and sent else None
    suppressed = sum(row.duplicate for row in receptions)
    arrived = sum(len(frame.left_at) for frame in transmissions(unconfirmed))
    return Seen(waits(lost), after, arrived, len(receptions) - suppressed, suppressed, (unconfirmed,))


def transmissions(made: Trace) -> list[FrameRecord]:
    """The frames that carried the message."""
    return passage.carriers(made.frames or ()).get(HIT, [])


def waits(made: Trace) -> tuple[float, ...]:
    """Milliseconds between them."""
    return tuple(
        round((later.arrived_at - earlier.arrived_at) / MILLISECOND, 1) for earlier, later in pairwise(transmissions(made))
    )


def doubling(waited: tuple[float, ...]) -> bool:
    """Whether the waits are the timeout, twice and four times it, each with its random part."""
    return len(waited) == LOSSES and all(
        TIMEOUT_MS * 2**place - 1 <= wait < TIMEOUT_MS * 2**place * STRETCH + SLACK_MS for place, wait in enumerate(waited)
    )


def shows(seen: Seen) -> tuple[Illustration, ...]:
    """The waits as bars, and the ladder with the duplicate."""
    rows = tuple(
        (str(place), wait, _("{} ms: {} times {}").format(number(wait, ",.0f"), number(wait / TIMEOUT_MS, ",.1f"), TIMEOUT_MS))
        for place, wait in enumerate(seen.waits_ms, 1)
    )
    return (
        Bars(rows, _("The waits before message {} was sent again, each up to half longer than it must be:").format(HIT)),
        Ladder(seen.runs, SHOWN, _("And the frames where the acknowledgment of message {} is lost:").format(HIT)),
    )


EXPECTED: Predicates[Seen] = {
    "sent-until-it-comes": lambda seen: len(seen.waits_ms) == LOSSES and seen.delivered_after_ms is not None,
    "waits-double": lambda seen: doubling(seen.waits_ms),
    "sent-again-though-it-came": lambda seen: seen.arrivals == 2,
    "duplicate-suppressed": lambda seen: seen.deliveries == 1 and seen.suppressed == 1,
}
