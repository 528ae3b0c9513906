"""The lesson `head-of-line`."""

from tests.lessons.support import Broken, assert_breaks
from udpmsg.compare.trace import Mode


def test_a_link_without_the_fault_or_the_other_transport_makes_it_fail() -> None:
    assert_breaks(
        "head-of-line",
        [
            Broken({"faults": ()}, {"udp-one-gap", "udp-nobody-waits", "tcp-loses-nothing", "tcp-others-wait"}),
            Broken({"ordered": Mode.UDP}, {"tcp-loses-nothing", "tcp-others-wait"}),
        ],
    )
