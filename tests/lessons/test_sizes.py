"""The lesson `sizes`."""

from tests.lessons.support import Broken, assert_breaks


def test_other_sizes_make_it_fail() -> None:
    smaller = {"empty-is-a-message", "largest-goes", "one-more-is-refused"}
    assert_breaks(
        "sizes",
        [
            Broken({"sizes": (1, 1000, 1001)}, smaller | {"largest-goes-at-once"}, "linux"),
            Broken({"sizes": (1, 1000, 1001)}, smaller | {"buffer-had-to-be-raised"}, "darwin"),
            Broken({"nothing": b"x"}, {"tcp-sends-nothing"}, "linux"),
        ],
    )
