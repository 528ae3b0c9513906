"""The lesson `timeout`."""

from tests.lessons.support import Broken, assert_breaks


def test_a_link_without_losses_or_a_sender_with_another_timeout_makes_it_fail() -> None:
    assert_breaks(
        "timeout",
        [
            Broken({"losses": 0}, {"sent-until-it-comes", "waits-double"}),
            Broken({"timeout_ms": 400}, {"waits-double"}),
            Broken({"acknowledgment_faults": ()}, {"sent-again-though-it-came", "duplicate-suppressed"}),
        ],
    )
