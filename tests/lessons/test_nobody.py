"""The lesson `nobody`: what a refusal looks like, and that it is missing where somebody listens."""

from tests.lessons.support import Broken, assert_breaks


def test_somebody_who_listens_makes_it_fail() -> None:
    everything = {"tcp-is-refused", "udp-sends-succeed", "next-send-is-refused", "queue-names-the-datagram"}
    assert_breaks(
        "nobody",
        [
            Broken({"listening": True}, everything, "linux"),
            Broken({"listening": True}, {"tcp-is-refused", "udp-reset-is-read"}, "win32"),
        ],
    )
