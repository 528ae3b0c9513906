"""The lesson `loss`."""

from tests.lessons.support import Broken, assert_breaks
from udpmsg.compare.trace import Mode


def test_a_link_without_faults_or_udp_in_place_of_tcp_makes_it_fail() -> None:
    assert_breaks(
        "loss",
        [
            Broken({"faults": ()}, {"udp-loss", "udp-duplicate", "udp-reordering", "tcp-same-link"}),
            Broken({"ordered": Mode.UDP}, {"tcp-same-link", "tcp-hides-all"}),
        ],
    )
