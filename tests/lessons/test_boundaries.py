"""The lesson `boundaries`."""

from tests.lessons.support import Broken, assert_breaks


def test_one_send_or_a_hasty_reader_makes_it_fail() -> None:
    assert_breaks(
        "boundaries",
        [
            Broken({"sends": (b"aaabbbcccc",)}, {"udp-keeps-boundaries", "tcp-is-a-stream"}),
            Broken({"read_at_once": True}, {"tcp-is-a-stream"}),
        ],
    )
