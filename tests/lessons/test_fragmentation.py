"""The lesson `fragmentation`."""

from tests.lessons.support import Broken, assert_breaks
from udpmsg.compare.trace import Mode


def test_a_link_without_loss_or_datagrams_that_fit_make_it_fail() -> None:
    assert_breaks(
        "fragmentation",
        [
            Broken({"faults": ()}, {"two-thirds-arrive", "message-is-gone", "tcp-repeats-one-frame"}),
            Broken({"largest_datagram": 1200}, {"cut-into-three", "two-thirds-arrive"}),
            Broken({"connected": Mode.UDP}, {"tcp-repeats-one-frame"}),
        ],
    )
