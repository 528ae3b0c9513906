"""Who gives way when all places of a TCP listener are taken. Told without a socket: the rules alone."""

import pytest

from udpmsg.base.durations import MILLISECOND, SECOND
from udpmsg.sockets.endpoint import Endpoint, owner
from udpmsg.tcp.places import Places

ALONE, MANY = "192.0.2.1", "192.0.2.2"


def at(host: str, port: int) -> Endpoint:
    return Endpoint("tcp", host, port)


def crowded(*, alone: int) -> Places:
    """16 places, taken at once: some by one address each, all others by one address."""
    places = Places(16)
    for number in range(16):
        places.take(at(f"198.51.100.{number}" if number < alone else MANY, number), now=0)
    assert places.full
    return places


def test_an_address_with_more_than_its_share_gives_way_first() -> None:
    places = crowded(alone=8)
    places.silent(at(MANY, 8), now=1)
    assert places.who_gives_way(now=SECOND - 1, waited=0) is None
    assert places.who_gives_way(now=SECOND, waited=0) == (at(MANY, 9), SECOND)
    places.leave(at(MANY, 9))
    assert not places.full
    assert places.who_gives_way(now=SECOND, waited=0) == (at(MANY, 10), SECOND)


def test_an_address_keeps_its_share() -> None:
    """An eighth of 16 is 2: down to that, connections of one address leave before those of others."""
    places = crowded(alone=8)
    for number in range(6):
        found = places.who_gives_way(now=2 * SECOND, waited=0)
        assert found == (at(MANY, 8 + number), 2 * SECOND)
        places.leave(found[0])
    assert places.who_gives_way(now=2 * SECOND, waited=0) is None
    assert places.who_gives_way(now=5 * SECOND, waited=0) == (at("198.51.100.0", 0), 5 * SECOND)


def test_without_a_crowd_five_seconds_of_silence_are_needed_however_long_somebody_waits() -> None:
    places = crowded(alone=16)
    assert places.who_gives_way(now=5 * SECOND - 1, waited=60 * SECOND) is None
    assert places.who_gives_way(now=5 * SECOND, waited=0) == (at("198.51.100.0", 0), 5 * SECOND)


def test_a_crowd_that_is_never_silent_gives_way_to_who_has_waited() -> None:
    places = crowded(alone=8)
    for number in range(8, 16):
        places.silent(at(MANY, number), now=SECOND + number * MILLISECOND)
    now = SECOND + 20 * MILLISECOND
    assert places.who_gives_way(now=now, waited=SECOND - 1) is None
    assert places.who_gives_way(now=now, waited=SECOND) == (at(MANY, 8), 12 * MILLISECOND)


def test_who_has_messages_waiting_here_is_not_silent() -> None:
    places = crowded(alone=8)
    for number in range(8, 15):
        places.busy(at(MANY, number))
    assert places.who_gives_way(now=SECOND, waited=0) == (at(MANY, 15), SECOND)
    places.busy(at(MANY, 15))
    assert places.who_gives_way(now=4 * SECOND, waited=4 * SECOND) is None
    places.leave(at(MANY, 15))
    places.silent(at(MANY, 8), now=4 * SECOND)
    assert places.who_gives_way(now=5 * SECOND, waited=0) == (at(MANY, 8), SECOND)


def test_when_all_have_left_nothing_of_them_is_kept() -> None:
    places = crowded(alone=8)
    for number in range(16):
        places.leave(at(f"198.51.100.{number}" if number < 8 else MANY, number))
    assert [places._silent, places._silent_of, places._taken, places._crowds] == [{}, {}, {}, set()]
    assert places.who_gives_way(now=60 * SECOND, waited=60 * SECOND) is None


@pytest.mark.parametrize(
    ("host", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%2", "fe80::2%2", True),
    ],
)
def test_whose_an_address_is(host: str, other: str, same: bool) -> None:
    assert (owner(host) == owner(other)) is same
