"""The lesson `slow-receiver`."""

from tests.lessons.support import Broken, assert_breaks


def test_room_for_all_or_a_receiver_that_keeps_up_makes_it_fail() -> None:
    drops = {"udp-sender-is-not-held-up", "udp-kernel-drops", "drops-are-counted", "count-comes-later"}
    assert_breaks(
        "slow-receiver",
        [
            Broken({"datagrams": 3}, drops, "linux"),
            Broken({"tcp_reads": True}, {"tcp-sender-is-held-up", "tcp-loses-nothing"}),
        ],
    )
