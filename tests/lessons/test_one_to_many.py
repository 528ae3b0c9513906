"""The lesson `one-to-many`."""

from tests.lessons.support import Broken, assert_breaks


def test_one_receiver_or_one_address_makes_it_fail() -> None:
    assert_breaks(
        "one-to-many",
        [
            Broken({"receivers": 1}, {"one-send-three-receivers", "broadcast-reaches-all"}, "linux"),
            Broken({"allowed": True}, {"broadcast-must-be-allowed"}, "linux"),
            Broken({"tcp_listens": True}, {"tcp-cannot"}),
        ],
    )
