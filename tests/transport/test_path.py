"""What a sender knows of its path: over UDP by its acknowledgments, over TCP by the kernel's, and elsewhere nothing."""

import struct
import sys
from contextlib import ExitStack

import pytest

from tests.transport.conftest import Listening
from udpmsg import KnownPath, Message
from udpmsg.core.congestion.newreno import SLOW_START_GAIN
from udpmsg.tcp import information
from udpmsg.tcp.information import LAYOUT, decoded

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO has this form on Linux alone")


def test_who_asks_nobody_knows_nothing(listen: Listening, stack: ExitStack) -> None:
    listener = listen("udp")
    sender = stack.enter_context(listener.sender())
    sender.send("x")
    listener.wait_for(Message)
    assert sender.path() is None


def test_acknowledgments_tell_of_the_path(listen: Listening, stack: ExitStack) -> None:
    sender = stack.enter_context(listen("udp").sender(acknowledged=True))
    assert sender.path() == KnownPath(12_000, 0, None, None, None, 1.0, 0, 0)
    sender.send_many([bytes(1000)] * 100)
    assert all(outcome.transmissions == 1 for outcome in sender.outcomes())
    sender.send("and one more, by the pace")
    known = sender.path()
    assert known is not None
    assert known.window_bytes is not None
    assert known.pace_bps is not None
    assert known.srtt_s is not None
    assert known.in_flight_bytes is not None
    assert known.window_bytes >= 12_000
    assert 0 < known.in_flight_bytes < 200
    assert 0 < known.srtt_s < 30
    # N * cwnd / smoothed_rtt, RFC 9002 section 7.7, in bits, before any loss; no acknowledgment came after the last one left
    assert known.pace_bps == pytest.approx(8 * SLOW_START_GAIN * known.window_bytes / known.srtt_s)
    assert (known.lost, known.retransmissions) == (0, 0)


@on_linux
@pytest.mark.parametrize("acknowledged", [False, True])
def test_the_kernel_tells_of_a_connection_s_path(listen: Listening, stack: ExitStack, acknowledged: bool) -> None:
    """With our acknowledgments too: the window that holds back is the kernel's."""
    sender = stack.enter_context(listen("tcp").sender(acknowledged=acknowledged))
    known = sender.path()
    assert known is not None
    assert known.window_bytes is not None
    assert known.srtt_s is not None  # the handshake was the first round trip
    assert known.rto_s is not None
    assert known.window_bytes > 0
    assert 0 < known.srtt_s < 30
    assert 0.2 <= known.rto_s <= 120  # TCP_RTO_MIN and TCP_RTO_MAX of include/net/tcp.h
    assert (known.in_flight_bytes, known.ssthresh_bytes, known.lost, known.retransmissions) == (0, None, None, 0)
    sender.close()
    assert sender.path() is None


def test_where_the_system_does_not_tell_nothing_is_known(
    listen: Listening, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(information.sys, "platform", "darwin")
    assert stack.enter_context(listen("tcp").sender(acknowledged=True)).path() is None


def told(**values: int) -> bytes:
    """A `struct tcp_info` as include/uapi/linux/tcp.h has it, written member by member at its offset; 104 is the pacing rate."""
    offsets = {
        "rto": 8,
        "snd_mss": 16,
        "unacked": 24,
        "sacked": 28,
        "lost": 32,
        "retrans": 36,
        "rtt": 68,
        "snd_ssthresh": 76,
        "snd_cwnd": 80,
        "total_retrans": 100,
    }
    whole = bytearray(b"\xff" * 104) + struct.pack("=Q", values.pop("pacing_rate"))
    for name, value in values.items():
        struct.pack_into("=I", whole, offsets[name], value)
    return bytes(whole)


def test_each_value_is_read_at_its_offset() -> None:
    before = told(
        rto=204_000,
        snd_mss=1448,
        unacked=10,
        sacked=4,
        lost=2,
        retrans=1,
        rtt=40_500,
        snd_ssthresh=7,
        snd_cwnd=9,
        total_retrans=3,
        pacing_rate=250_000,
    )
    assert LAYOUT.size == len(before) == 112
    assert decoded(before) == KnownPath(
        window_bytes=9 * 1448,
        in_flight_bytes=(10 - 4 - 2 + 1) * 1448,
        ssthresh_bytes=7 * 1448,
        pace_bps=2_000_000,
        srtt_s=0.0405,
        rto_s=0.204,
        lost=None,
        retransmissions=3,
    )


def test_what_the_kernel_does_not_know_yet_is_not_known() -> None:
    early = told(
        rto=1_000_000,
        snd_mss=536,
        unacked=0,
        sacked=0,
        lost=1,
        retrans=0,
        rtt=0,
        snd_ssthresh=0x7FFFFFFF,
        snd_cwnd=10,
        total_retrans=0,
        pacing_rate=2**64 - 1,
    )
    assert decoded(early) == KnownPath(5360, 0, None, None, None, 1.0, None, 0)
