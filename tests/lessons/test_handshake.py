"""The lesson `handshake`."""

from tests.lessons.support import Broken, assert_breaks
from udpmsg.compare.trace import Mode


def test_the_other_transport_makes_it_fail() -> None:
    assert_breaks(
        "handshake",
        [
            Broken({"without": Mode.TCP}, {"udp-begins-with-data"}),
            Broken({"connected": Mode.UDP}, {"tcp-begins-with-three-frames"}),
        ],
    )
