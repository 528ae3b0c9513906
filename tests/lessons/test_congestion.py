"""The lesson `congestion`."""

from tests.lessons.support import Broken, assert_breaks
from udpmsg.compare.trace import Mode


def test_a_link_without_a_bottleneck_or_another_transport_makes_it_fail() -> None:
    tcp = {"tcp-learns-from-drops", "tcp-slows-down", "tcp-pays-with-time"}
    assert_breaks(
        "congestion",
        [
            Broken({"rate": None}, {"udp-pays-with-messages", *tcp}),
            Broken({"free": Mode.TCP}, {"udp-keeps-its-pace", "udp-pays-with-messages"}),
            Broken({"connected": Mode.UDP}, tcp),
        ],
    )
