"""The lesson `new-address`."""

from tests.lessons.support import Broken, assert_breaks


def test_a_sender_that_stays_makes_it_fail() -> None:
    assert_breaks(
        "new-address",
        [Broken({"moves": False}, {"session-goes-on", "no-duplicate", "answers-follow", "tcp-is-a-new-connection"})],
    )
