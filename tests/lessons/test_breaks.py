"""Every way to break each lesson, and what its class does not see then: the proof that each expectation is real.

A lesson is run with other parameters than its own. Each way leaves just the expectations of its row unseen, and all ways of a
lesson together leave each of its expectations unseen at least once.
"""

import pytest

from tests.lessons.support import Broken, result_of
from udpmsg.compare.choices import Mode
from udpmsg.lessons.table import NAMES, entry, load

BREAKS = {
    "nobody": [
        Broken(
            {"listening": True},
            {"tcp-is-refused", "udp-sends-succeed", "next-send-is-refused", "queue-names-the-datagram"},
            "linux",
        ),
        Broken({"listening": True}, {"tcp-is-refused", "udp-reset-is-read"}, "win32"),
    ],
    "handshake": [
        Broken({"without": Mode.TCP}, {"udp-begins-with-data"}),
        Broken({"connected": Mode.UDP}, {"tcp-begins-with-three-frames"}),
    ],
    "first-byte": [
        Broken({"delay_ms": 0.0}, {"udp-half-a-round-trip", "tcp-one-and-a-half", "connect-takes-the-difference"}),
    ],
    "boundaries": [
        Broken({"sends": (b"aaabbbcccc",)}, {"udp-keeps-boundaries", "tcp-is-a-stream"}),
        Broken({"read_at_once": True}, {"tcp-is-a-stream"}),
    ],
    "truncation": [
        Broken({"buffer": 64}, {"cut-off", "rest-is-gone", "stream-keeps-the-rest"}, "linux"),
        Broken({"buffer": 64}, {"read-fails", "rest-is-gone", "stream-keeps-the-rest"}, "win32"),
    ],
    "sizes": [
        Broken(
            {"sizes": (1, 1000, 1001)},
            {"empty-is-a-message", "largest-goes", "one-more-is-refused", "largest-goes-at-once"},
            "linux",
        ),
        Broken(
            {"sizes": (1, 1000, 1001)},
            {"empty-is-a-message", "largest-goes", "one-more-is-refused", "buffer-had-to-be-raised"},
            "darwin",
        ),
        Broken({"nothing": b"x"}, {"tcp-sends-nothing"}, "linux"),
    ],
    "fragmentation": [
        Broken({"faults": ()}, {"two-thirds-arrive", "message-is-gone", "tcp-repeats-one-frame"}),
        Broken({"largest_datagram": 1200}, {"cut-into-three", "two-thirds-arrive"}),
        Broken({"connected": Mode.UDP}, {"tcp-repeats-one-frame"}),
    ],
    "loss": [
        Broken({"faults": ()}, {"udp-loss", "udp-duplicate", "udp-reordering", "tcp-same-link"}),
        Broken({"ordered": Mode.UDP}, {"tcp-same-link", "tcp-hides-all"}),
    ],
    "timeout": [
        Broken({"losses": 0}, {"sent-until-it-comes", "waits-double"}),
        Broken({"timeout_ms": 400}, {"waits-double"}),
        Broken({"acknowledgment_faults": ()}, {"sent-again-though-it-came", "duplicate-suppressed"}),
    ],
    "window": [
        Broken({"lost": ()}, {"stop-and-wait-one-under-way", "selective-repeat-the-lost-alone", "go-back-n-the-window"}),
        Broken({"window": 1}, {"selective-repeat-the-lost-alone", "go-back-n-the-window", "a-window-saves-time"}),
    ],
    "head-of-line": [
        Broken({"faults": ()}, {"udp-one-gap", "udp-nobody-waits", "tcp-loses-nothing", "tcp-others-wait"}),
        Broken({"ordered": Mode.UDP}, {"tcp-loses-nothing", "tcp-others-wait"}),
    ],
    "slow-receiver": [
        Broken(
            {"datagrams": 3}, {"udp-sender-is-not-held-up", "udp-kernel-drops", "drops-are-counted", "count-comes-later"}, "linux"
        ),
        Broken({"tcp_reads": True}, {"tcp-sender-is-held-up", "tcp-loses-nothing"}),
    ],
    "congestion": [
        Broken({"rate": None}, {"udp-pays-with-messages", "tcp-learns-from-drops", "tcp-slows-down", "tcp-pays-with-time"}),
        Broken({"free": Mode.TCP}, {"udp-keeps-its-pace", "udp-pays-with-messages"}),
        Broken({"connected": Mode.UDP}, {"tcp-learns-from-drops", "tcp-slows-down", "tcp-pays-with-time"}),
    ],
    "window-over-time": [
        Broken({"rate": None}, {"udp-ack-saw-tooth", "tcp-saw-tooth", "a-fall-is-a-loss", "how-deep-it-falls"}),
        Broken({"ours": Mode.UDP}, {"udp-ack-saw-tooth", "everything-comes", "a-fall-is-a-loss", "how-deep-it-falls"}),
        Broken({"connected": Mode.UDP}, {"tcp-saw-tooth", "everything-comes", "a-fall-is-a-loss", "how-deep-it-falls"}),
    ],
    "price": [
        Broken({"faults": ("drop:data:4",)}, {"everything-delivered", "acknowledgments-double-it"}),
        Broken({"free": Mode.UDP_ACK}, {"udp-one-frame-each", "udp-is-cheapest"}),
        Broken({"acknowledged": Mode.UDP}, {"acknowledgments-double-it", "udp-is-cheapest"}),
        Broken({"connected": Mode.UDP}, {"tcp-has-it-all", "udp-is-cheapest"}),
    ],
    "one-to-many": [
        Broken({"receivers": 1}, {"one-send-three-receivers", "broadcast-reaches-all"}, "linux"),
        Broken({"allowed": True}, {"broadcast-must-be-allowed"}, "linux"),
        Broken({"tcp_listens": True}, {"tcp-cannot"}),
    ],
    "many-peers": [
        Broken({"peers": 1}, {"udp-one-for-all", "udp-each-its-answer", "tcp-one-each", "tcp-each-its-answer", "tcp-one-port"}),
        Broken({"mixed_up": True}, {"udp-each-its-answer", "tcp-each-its-answer"}),
        Broken({"moves_on": True}, {"tcp-one-port"}),
    ],
    "restart": [
        Broken(
            {"restarted": False},
            {
                "udp-binds-at-once",
                "udp-goes-on",
                "tcp-connection-ends",
                "tcp-needs-a-new-connection",
                "time-wait-holds-the-port",
                "reuse-gets-the-port",
            },
            "linux",
        ),
        Broken(
            {"restarted": False},
            {"udp-binds-at-once", "udp-goes-on", "tcp-connection-ends", "tcp-needs-a-new-connection", "port-is-free"},
            "win32",
        ),
        Broken({"client_ends_first": True}, {"time-wait-holds-the-port"}, "linux"),
    ],
    "new-address": [
        Broken({"moves": False}, {"session-goes-on", "no-duplicate", "answers-follow", "tcp-is-a-new-connection"}),
    ],
    "goodbye": [
        Broken({"polite": True}, {"udp-end-looks-like-a-pause"}),
        Broken({"word": b""}, {"udp-a-word-is-an-end"}),
        Broken({"lost": 0}, {"goodbye-has-a-count"}),
        Broken({"closes": False}, {"tcp-end-is-read", "tcp-ends-one-way"}),
    ],
    "dialogue": [
        Broken({"answers": False}, {"answered", "farewell-ends-the-client"}),
        Broken({"farewell": "adieu"}, {"farewell-ends-the-client"}),
        Broken({"stop": "halt"}, {"stop-word-ends-the-server", "nobody-afterwards"}),
    ],
}
"""By lesson."""


@pytest.mark.parametrize("name", NAMES)
def test_each_expectation_can_fail(name: str) -> None:
    proved: set[str] = set()
    for broken in BREAKS[name]:
        result = result_of(name, system=broken.system, **broken.parameters)
        assert not result.ok
        unseen = {expectation.name for expectation in result.unseen}
        assert unseen == broken.unseen, (broken, result.observations)
        proved |= unseen
    every = {expectation.name for expectation in load(entry(name)).expectations}
    assert proved == every, f"nobody has shown that these can fail: {every - proved}"
