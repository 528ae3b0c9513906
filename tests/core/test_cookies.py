"""A cookie proves one address, for one session, for a while (RFC 9000, section 8.1)."""

import pytest

from udpmsg.core.cookies import SLOT, Cookies

COOKIES = Cookies(b"a secret of sixteen bytes or more")
PEER = ("udp", "192.0.2.1", 5000)


def test_a_cookie_that_comes_back_proves_the_address() -> None:
    cookie = COOKIES.make(7, PEER, now=0)
    assert len(cookie) == 12
    assert COOKIES.proves(cookie, 7, PEER, now=0)


@pytest.mark.parametrize(("session", "peer"), [(8, PEER), (7, ("udp", "192.0.2.1", 5001)), (7, ("udp", "192.0.2.2", 5000))])
def test_it_proves_no_other_session_and_no_other_address(session: int, peer: tuple[str, str, int]) -> None:
    assert not COOKIES.proves(COOKIES.make(7, PEER, now=0), session, peer, now=0)


def test_another_secret_makes_other_cookies() -> None:
    assert not Cookies(b"another").proves(COOKIES.make(7, PEER, now=0), 7, PEER, now=0)


def test_it_is_good_in_its_slot_and_in_the_next_one() -> None:
    cookie = COOKIES.make(7, PEER, now=SLOT - 1)
    assert COOKIES.proves(cookie, 7, PEER, now=2 * SLOT - 1)
    assert not COOKIES.proves(cookie, 7, PEER, now=2 * SLOT)
