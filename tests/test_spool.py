"""The spool's file by itself: what is in it after each step, what the next life finds, and for whom it is not."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from udpmsg.base.errors import CannotStore, UsageError
from udpmsg.core.events import Outcome, State
from udpmsg.messaging.database import Database
from udpmsg.messaging.spool import FORM, KEPT_BACK, LIFE, Purpose, Spool

PURPOSE = Purpose("example.org", 5000, "udp", False, 1200)
SECOND = 10**9
EPOCH = 1_700_000_000 * SECOND


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "messages.spool"


def opened(path: Path, purpose: Purpose = PURPOSE, *, now: int = 0, epoch: int = EPOCH) -> Spool:
    return Spool(path, purpose, now=now, epoch=epoch)


def delivered(*numbers: int, state: State = State.DELIVERED) -> list[Any]:
    return [Outcome(number, state) for number in numbers]


def rows(path: Path) -> list[tuple[int, bytes]]:
    """The messages in the file, as another program sees them."""
    connection = sqlite3.connect(path)
    try:
        return list(connection.execute("SELECT sequence, payload FROM message ORDER BY sequence"))
    finally:
        connection.close()


def given(spool: Spool, after: int = 0) -> list[tuple[int, bytes]]:
    """All that waits, as the core is given it."""
    everything = []
    while spool.waiting:
        first, payloads, _ = spool.next(after)
        everything += list(enumerate(payloads, first))
        spool.given(len(payloads))
        after = everything[-1][0]
    return everything


def test_what_is_appended_is_in_the_file_and_leaves_when_it_was_delivered(path: Path) -> None:
    spool = opened(path)
    assert spool.append([b"one", b"two", b"three"], now=0) == range(1, 4)
    assert rows(path) == [(1, b"one"), (2, b"two"), (3, b"three")]
    spool.ended(delivered(1, 3), idle=False)
    assert (spool.messages, len(rows(path))) == (1, 3)
    assert spool.append([b"four"], now=1) == range(4, 5)
    assert rows(path) == [(2, b"two"), (4, b"four")]
    spool.ended(delivered(2), idle=True)
    assert rows(path) == [(4, b"four")]
    spool.ended(delivered(4, state=State.UNCONFIRMED), idle=True)
    assert (spool.messages, rows(path)) == (1, [(4, b"four")])
    spool.close()


def test_what_the_messages_are_called_is_kept(path: Path) -> None:
    first = opened(path)
    first.append([b"one", b"two"], now=0, title="n.txt")
    first.append([b"three"], now=0)
    first.append([b"four"], now=0, title="n.txt")
    first.close()
    second = opened(path)
    together = []
    while second.waiting:
        together.append(second.next(second.accepted - second.waiting))
        second.given(len(together[-1][1]))
    assert together == [(1, [b"one", b"two"], "n.txt"), (3, [b"three"], ""), (4, [b"four"], "n.txt")]
    second.close()


def test_accepting_waits_for_the_disk_and_taking_out_does_not(path: Path) -> None:
    spool = opened(path)
    waited = lambda: spool._database.connection.execute("PRAGMA synchronous").fetchone()[0] == 2  # noqa: E731
    spool.append([b"one", b"two"], now=0)
    assert waited()
    spool.ended(delivered(1), idle=True)
    assert not waited()
    spool.append([b"three"], now=0)
    assert waited()
    spool.close()


def test_many_delivered_messages_do_not_wait_for_the_next_commit(path: Path) -> None:
    spool = opened(path)
    spool.append([b"x"] * (KEPT_BACK + 1), now=0)
    spool.ended(delivered(*range(1, KEPT_BACK)), idle=False)
    assert len(rows(path)) == KEPT_BACK + 1
    spool.ended(delivered(KEPT_BACK), idle=False)
    assert rows(path) == [(KEPT_BACK + 1, b"x")]
    spool.close()


def test_the_next_life_goes_on_where_this_one_stopped(path: Path) -> None:
    first = opened(path, now=5 * SECOND)
    assert (first.earlier, first.accepted, first.waiting) == ((5 * SECOND, 0, 0), 0, 0)
    first.made_from("the file of letters")
    first.append([b"%d" % number for number in range(1, 61)], now=7 * SECOND)
    first.ended(delivered(*range(10, 20), 30, 59, 60), idle=True)
    first.close()
    second = opened(path, now=1 * SECOND, epoch=EPOCH + 14 * SECOND)
    assert second.session == first.session
    assert second.earlier == ((5 - 14) * SECOND, 60, LIFE)
    assert (second.accepted, second.waiting, second.messages) == (60, 47, 47)
    assert (second.source, second.taken) == ("the file of letters", 60)
    left = [(number, b"%d" % number) for number in range(1, 61) if not (10 <= number < 20 or number in (30, 59, 60))]
    assert given(second) == left
    assert second.next(58) == (61, [], "")
    assert second.append([b"61"], now=2 * SECOND) == range(61, 62)
    assert given(second, 60) == [(61, b"61")]
    assert second.taken == 61
    second.close()
    third = opened(path)
    assert third.earlier.datagrams == 2 * LIFE
    third.close()


def test_a_session_does_not_become_younger_when_the_clock_is_set_back(path: Path) -> None:
    first = opened(path, now=0)
    first.append([b"x"], now=100 * SECOND)
    first.close()
    second = opened(path, now=0, epoch=EPOCH - 3600 * SECOND)
    assert second.earlier.started == -100 * SECOND
    second.close()


def test_a_run_that_ended_leaves_an_empty_file_and_the_next_one_is_another_session(path: Path) -> None:
    first = opened(path)
    first.append([b"x"], now=0)
    first.ended(delivered(1), idle=True)
    first.finish()
    first.close()
    second = opened(path, PURPOSE._replace(host="elsewhere.example"))
    assert (second.accepted, second.waiting, second.earlier, second.taken) == (0, 0, (0, 0, 0), 0)
    assert second.session != first.session
    second.close()


def test_one_that_accepted_nothing_holds_nobody_to_its_destination(path: Path) -> None:
    opened(path, PURPOSE._replace(host="exmaple.org")).close()
    spool = opened(path)
    spool.append([b"x"], now=0)
    spool.close()
    opened(path).close()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"host": "example.com"}, "whose host is example.org, not example.com"),
        ({"port": 5001}, "whose port is 5000, not 5001"),
        ({"transport": "tcp"}, "whose transport is udp, not tcp"),
        ({"ordered": True}, r"whose order \(--ordered\) is no, not yes"),
        ({"datagram_size": 500}, "whose datagram size is 1200, not 500"),
    ],
)
def test_a_run_that_has_not_ended_is_for_its_own_purpose_alone(path: Path, changed: dict[str, Any], said: str) -> None:
    first = opened(path)
    first.append([b"x"], now=0)
    first.ended(delivered(1), idle=True)
    first.close()
    with pytest.raises(UsageError, match=said):
        opened(path, PURPOSE._replace(**changed))
    again = opened(path)
    assert again.earlier.datagrams == LIFE
    again.close()


def test_what_waits_is_within_the_limit(path: Path) -> None:
    first = opened(path)
    first.append([bytes(1000)], now=0)
    first.close()
    with pytest.raises(UsageError, match="a message of 1000 bytes waits there, and the limit is 999"):
        Spool(path, PURPOSE, now=0, epoch=EPOCH, max_message=999)
    Spool(path, PURPOSE, now=0, epoch=EPOCH, max_message=1000).close()


def test_two_at_once_are_refused(path: Path) -> None:
    spool = opened(path)
    with pytest.raises(CannotStore, match="another udpmsg has this spool open"):
        opened(path)
    spool.close()


def test_a_file_that_is_no_spool_is_refused(path: Path) -> None:
    Database(path, FORM._replace(name="store", application_id=5)).close()
    with pytest.raises(UsageError, match="this is no spool"):
        opened(path)


def test_where_there_is_no_room_nothing_is_accepted(path: Path) -> None:
    spool = opened(path)
    spool.append([b"first"], now=0)
    connection = spool._database.connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    with pytest.raises(CannotStore, match="disk is full"):
        spool.append([bytes(1000)] * 100, now=0)
    assert (spool.accepted, spool.messages, spool.waiting, spool.taken) == (1, 1, 1, 1)
    assert spool.append([b"second"], now=0) == range(2, 3)
    assert rows(path) == [(1, b"first"), (2, b"second")]
    spool.close()


def test_what_cannot_be_taken_out_now_is_taken_out_later(path: Path) -> None:
    spool = opened(path)
    spool.append([b"one", b"two"], now=0)
    spool._database.connection.execute("PRAGMA query_only = ON")
    spool.ended(delivered(1), idle=True)
    assert (spool.messages, len(rows(path))) == (1, 2)
    spool._database.connection.execute("PRAGMA query_only = OFF")
    spool.ended(delivered(2), idle=True)
    assert (spool.messages, rows(path)) == (0, [])
    spool.close()
