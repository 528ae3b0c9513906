"""The lesson `truncation`."""

from tests.lessons.support import Broken, assert_breaks


def test_a_buffer_that_is_large_enough_makes_it_fail() -> None:
    assert_breaks(
        "truncation",
        [
            Broken({"buffer": 64}, {"cut-off", "rest-is-gone", "stream-keeps-the-rest"}, "linux"),
            Broken({"buffer": 64}, {"read-fails", "rest-is-gone", "stream-keeps-the-rest"}, "win32"),
        ],
    )
