"""The lesson `dialogue`."""

from tests.lessons.support import Broken, assert_breaks


def test_unknown_words_or_a_server_that_is_mute_make_it_fail() -> None:
    assert_breaks(
        "dialogue",
        [
            Broken({"answers": False}, {"answered", "farewell-ends-the-client"}),
            Broken({"farewell": "adieu"}, {"farewell-ends-the-client"}),
            Broken({"stop": "halt"}, {"stop-word-ends-the-server", "nobody-afterwards"}),
        ],
    )
