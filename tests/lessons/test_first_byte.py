"""The lesson `first-byte`."""

from tests.lessons.support import Broken, assert_breaks


def test_a_link_without_delay_makes_it_fail() -> None:
    everything = {"udp-half-a-round-trip", "tcp-one-and-a-half", "connect-takes-the-difference"}
    assert_breaks("first-byte", [Broken({"delay_ms": 0.0}, everything)])
