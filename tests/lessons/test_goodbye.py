"""The lesson `goodbye`."""

from tests.lessons.support import Broken, assert_breaks


def test_a_word_too_many_or_too_few_makes_it_fail() -> None:
    assert_breaks(
        "goodbye",
        [
            Broken({"polite": True}, {"udp-end-looks-like-a-pause"}),
            Broken({"word": b""}, {"udp-a-word-is-an-end"}),
            Broken({"lost": 0}, {"goodbye-has-a-count"}),
            Broken({"closes": False}, {"tcp-end-is-read", "tcp-ends-one-way"}),
        ],
    )
