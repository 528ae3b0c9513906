"""What is left of a session without a place: kept while a duplicate may come, and never forgotten for what is new."""

from udpmsg.core.session import Session
from udpmsg.core.tombstones import ENDED_KEPT, SILENT_KEPT, Tombstones, kept_for


def session(identity: int, *, at: int = 0, acknowledged: bool = True, ended: bool = False, origin: str = "here") -> Session:
    made = Session(identity, ("host", identity), 16, acknowledged=acknowledged)
    made.last_seen_at, made.ended, made.origin = at, ended, origin
    return made


def test_how_long_a_duplicate_may_come() -> None:
    assert kept_for(session(1)) == SILENT_KEPT
    assert kept_for(session(1, ended=True)) == ENDED_KEPT
    assert kept_for(session(1, acknowledged=False)) == ENDED_KEPT


def test_a_full_table_forgets_nothing_young() -> None:
    forgotten: list[Session] = []
    tombstones = Tombstones(2, forgotten.append)
    short, long = session(1, ended=True), session(2)
    for one in (short, long):
        assert tombstones.make_room(0)
        tombstones.keep(one)
    assert not tombstones.make_room(ENDED_KEPT - 1)
    assert (tombstones.find(1), tombstones.find(2), tombstones.find(3)) == (short, long, None)
    assert tombstones.make_room(ENDED_KEPT)
    assert forgotten == [short]
    tombstones.keep(session(3))
    assert not tombstones.make_room(SILENT_KEPT - 1)
    assert tombstones.make_room(SILENT_KEPT)
    assert forgotten == [short, long]
    assert [one.identity for one in tombstones] == [3]


def test_who_comes_back_leaves_no_tombstone() -> None:
    tombstones = Tombstones(8, lambda _: None)
    short, long, other = session(1, ended=True), session(2), session(3, origin="there")
    for one in (short, long, other):
        tombstones.keep(one)
    assert (tombstones.of("here"), tombstones.of("there"), tombstones.of("nowhere")) == (2, 1, 0)
    tombstones.take(short)
    tombstones.take(long)
    assert list(tombstones) == [other]
    assert (tombstones.of("here"), tombstones.of("there")) == (0, 1)


def test_half_of_the_room_is_for_sessions_that_have_proved_themselves() -> None:
    tombstones = Tombstones(5, lambda _: None)
    room = []
    for identity in range(1, 6):
        room.append((tombstones.make_room(0, proved=False), tombstones.make_room(0)))
        tombstones.keep(session(identity, ended=identity == 1))
    assert room == [(True, True), (True, True), (False, True), (False, True), (False, True)]
    assert not tombstones.make_room(0)


def test_a_session_is_counted_with_its_address_until_it_is_forgotten() -> None:
    forgotten: list[Session] = []
    tombstones = Tombstones(1, forgotten.append)
    tombstones.keep(session(1, ended=True))
    assert tombstones.make_room(ENDED_KEPT)
    assert (tombstones.of("here"), [one.identity for one in forgotten]) == (0, [1])
