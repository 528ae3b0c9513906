"""Scripted faults as they are written: every form, the other direction, and sentences for what means nothing."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings

from tests.link.links import faults
from udpmsg.base.errors import UsageError
from udpmsg.link.faults import Action, Scripted
from udpmsg.link.record import Direction, FrameKind
from udpmsg.link.script import fault_text, parse_fault

DATA, ACK, CONTROL = FrameKind.DATA, FrameKind.ACK, FrameKind.CONTROL
FORWARD, BACK = Direction.FORWARD, Direction.BACK


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("drop:data:4", Scripted(Action.DROP, DATA, 4)),
        ("drop:data:4:2", Scripted(Action.DROP, DATA, 4, 2)),
        ("drop:ack:2", Scripted(Action.DROP, ACK, 2, direction=BACK)),
        ("duplicate:data:7", Scripted(Action.DUPLICATE, DATA, 7)),
        ("corrupt:data:6:3", Scripted(Action.CORRUPT, DATA, 6, 3)),
        ("delay:data:5:80ms", Scripted(Action.DELAY, DATA, 5, delay=80_000_000)),
        ("delay:data:5:2:80ms", Scripted(Action.DELAY, DATA, 5, 2, delay=80_000_000)),
        ("drop:control:1", Scripted(Action.DROP, CONTROL, 1)),
        ("back:drop:data:4", Scripted(Action.DROP, DATA, 4, direction=BACK)),
        ("back:drop:control:1", Scripted(Action.DROP, CONTROL, 1, direction=BACK)),
        ("forward:drop:ack:1", Scripted(Action.DROP, ACK, 1, direction=FORWARD)),
        ("back:delay:ack:1:1.5s", Scripted(Action.DELAY, ACK, 1, direction=BACK, delay=1_500_000_000)),
        (" Drop : Data : 4 ", Scripted(Action.DROP, DATA, 4)),
    ],
)
def test_every_form_is_read(text: str, fault: Scripted) -> None:
    assert parse_fault(text) == replace(fault, text=text.strip())


def test_every_fault_on_the_page_is_read() -> None:
    page = (Path(__file__).parents[2] / "docs" / "link.md").read_text(encoding="utf-8")
    written = re.findall(r"^\| `([^`]+)` \|", page.partition("| written | hits |")[2].partition("\n\n")[0], re.MULTILINE)
    assert len(written) >= 10
    for text in written:
        assert parse_fault(text).text == text


@settings(deadline=None)
@given(faults())
def test_a_fault_that_is_written_reads_back_as_itself(fault: Scripted) -> None:
    text = fault_text(fault)
    read = parse_fault(text)
    assert read == replace(fault, text=text)
    assert fault_text(read) == text


@pytest.mark.parametrize(
    ("text", "reason", "right"),
    [
        ("", "'' is no fault; choose from drop, duplicate, delay, corrupt", "drop:data:4"),
        ("dorp:data:4", "'dorp' is no fault; did you mean drop?", "drop:data:4"),
        ("back", "'' is no fault", "drop:data:4"),
        ("drop", "it does not say which frame", "drop:data:4"),
        ("drop:dat:4", "'dat' is no kind of frame; did you mean data?", "drop:data:4"),
        ("duplicate:data", "it does not say which data frame", "duplicate:data:7"),
        ("drop:data:0", "'0' is not a count", "drop:data:4"),
        ("drop:data:four", "'four' is not a count", "drop:data:4"),
        ("drop:data:4:", "'' is not a count", "drop:data:4"),
        ("drop:data:4:0", "'0' is not a count", "drop:data:4"),
        ("drop:data:4:2:80ms", "'80ms' is one part too many", "drop:data:4"),
        ("drop:data:4:4294967296", "nothing is sent 4294967296 times", "drop:data:4"),
        ("corrupt:data:-1", "'-1' is not a count", "corrupt:data:6"),
        ("delay:data:5", "it does not say by how much", "delay:data:5:80ms"),
        ("delay:data:5:80", "the unit is missing", "delay:data:5:80ms"),
        ("delay:data:5:0ms", "'0ms' is too little", "delay:data:5:80ms"),
        ("delay:data:5:-1ms", "'-1ms' is negative", "delay:data:5:80ms"),
        ("delay:data:80ms", "it does not say which data frame", "delay:data:5:80ms"),
        ("delay:data:5:soon", "'soon' is not a duration", "delay:data:5:80ms"),
    ],
)
def test_what_means_nothing_is_named_with_the_reason_and_a_right_one(text: str, reason: str, right: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_fault(text)
    sentence = str(error.value)
    assert sentence.startswith(f"{text!r}: ")
    assert reason in sentence
    assert sentence.endswith(f"write it as in {right}")
    parse_fault(right)
