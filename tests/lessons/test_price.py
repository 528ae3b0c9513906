"""The lesson `price`."""

from tests.lessons.support import Broken, assert_breaks
from udpmsg.compare.trace import Mode


def test_a_loss_or_another_mode_makes_it_fail() -> None:
    assert_breaks(
        "price",
        [
            Broken({"faults": ("drop:data:4",)}, {"everything-delivered", "acknowledgments-double-it"}),
            Broken({"free": Mode.UDP_ACK}, {"udp-one-frame-each", "udp-is-cheapest"}),
            Broken({"acknowledged": Mode.UDP}, {"acknowledgments-double-it", "udp-is-cheapest"}),
            Broken({"connected": Mode.UDP}, {"tcp-has-it-all", "udp-is-cheapest"}),
        ],
    )
