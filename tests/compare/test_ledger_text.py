"""The ledger as text: one row per message, in columns, with outcome, cause and reason."""

from collections.abc import Iterator

from tests.compare.runs import comparison, message, received, run
from tests.compare.samples import sample
from udpmsg.compare.choices import Mode
from udpmsg.compare.ledger_text import lines
from udpmsg.compare.reading import Reading
from udpmsg.link.faults import Link, Path
from udpmsg.link.script import parse_fault

WAY = Path(delay=20_000_000)


def test_one_row_per_message_in_columns() -> None:
    whole = sample(count=4, link=Link(WAY, WAY, (parse_fault("drop:data:2"),)), modes=(Mode.UDP, Mode.UDP_ACK))
    assert list(lines(Reading(whole), colour=False)) == [
        "udp",
        "  #   sent, ms  times  delivered, ms      delay  outcome",
        "  1        0.0      1           20.0      20 ms  delivered",
        "  2       20.0      1              –          –  lost        dropped on the link (drop:data:2)",
        "  3       40.0      1           60.0      20 ms  delivered",
        "  4       60.0      1           80.0      20 ms  delivered",
        "",
        "udp+ack",
        "  #   sent, ms  times  delivered, ms      delay  outcome",
        "  1        0.0      1           20.0      20 ms  delivered",
        "  2       20.0      2          280.0     260 ms  delivered   late, reordered",
        "  3       40.0      1           60.0      20 ms  delivered",
        "  4       60.0      1           80.0      20 ms  delivered",
    ]


def test_duplicates_and_what_was_never_sent() -> None:
    arrivals = [received(1, 20), received(1, 20, duplicate=True)]
    made = run(Mode.UDP, 2, [message(1, 0, copies=2)], arrivals, not_sent={2: "Message too long\x1b[2J"})
    made.sent[1].sent_at = None
    text = list(lines(Reading(comparison(made)), colour=False))
    assert text[2].endswith("delivered   1 duplicate")
    assert text[3].endswith("refused     not sent (Message too long\\x1b[2J)")


def test_repetitions_are_told_apart_and_columns_stay_in_line() -> None:
    whole = sample(count=1200, repeat=2, modes=(Mode.UDP,), loss=0)
    text = list(lines(Reading(whole), colour=False))
    assert "udp, repetition 2, seed 2" in text
    rows = [line for line in text if line.endswith("delivered")]
    assert len(rows) == 2400
    assert len({line.index("delivered") for line in rows}) == 1


def test_lines_come_one_by_one() -> None:
    assert isinstance(lines(Reading(sample(count=2)), colour=False), Iterator)
    assert list(lines(Reading(comparison(run(Mode.UDP, 0, []))), colour=False))[-1].strip() == "no messages"


def test_outcomes_are_coloured_on_a_terminal_alone() -> None:
    whole = sample(count=3, link=Link(WAY, WAY, (parse_fault("drop:data:2"),)), modes=(Mode.UDP,))
    assert any("\x1b[31mlost" in line for line in lines(Reading(whole), colour=True))
    assert not any("\x1b" in line for line in lines(Reading(whole), colour=False))
