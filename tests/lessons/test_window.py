"""The lesson `window`."""

from tests.lessons.support import Broken, assert_breaks


def test_a_link_without_losses_or_a_window_of_one_makes_it_fail() -> None:
    assert_breaks(
        "window",
        [
            Broken({"lost": ()}, {"stop-and-wait-one-under-way", "selective-repeat-the-lost-alone", "go-back-n-the-window"}),
            Broken({"window": 1}, {"selective-repeat-the-lost-alone", "go-back-n-the-window", "a-window-saves-time"}),
        ],
    )
