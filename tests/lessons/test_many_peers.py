"""The lesson `many-peers`."""

from tests.lessons.support import Broken, assert_breaks


def test_one_peer_or_answers_to_the_wrong_one_make_it_fail() -> None:
    everything = {"udp-one-for-all", "udp-each-its-answer", "tcp-one-each", "tcp-each-its-answer", "tcp-one-port"}
    assert_breaks(
        "many-peers",
        [
            Broken({"peers": 1}, everything),
            Broken({"mixed_up": True}, {"udp-each-its-answer", "tcp-each-its-answer"}),
            Broken({"moves_on": True}, {"tcp-one-port"}),
        ],
    )
