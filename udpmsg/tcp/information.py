"""What the kernel knows of a connection's path: TCP_INFO (Linux). Owns where each value stands, and what its units are.

The layout is `struct tcp_info` of include/uapi/linux/tcp.h, which only ever grows at its end: what is read here has been there
since Linux 3.15. Other systems have other structures, and are not asked.
"""

import socket
import struct
import sys

from udpmsg.base.durations import MICROSECOND, SECOND
from udpmsg.sockets.known_path import KnownPath

LAYOUT = struct.Struct("=8x 4I 5I 4I 8I 2I I Q")
"""Up to tcpi_pacing_rate, at offset 104. Eight bytes of state and options; tcpi_rto, _ato, _snd_mss, _rcv_mss (from 8); _unacked,
_sacked, _lost, _retrans, _fackets (from 24); four times since something (from 44); _pmtu, _rcv_ssthresh, _rtt, _rttvar,
_snd_ssthresh, _snd_cwnd, _advmss, _reordering (from 60); _rcv_rtt, _rcv_space (from 92); _total_retrans (100)."""
INFINITE_SSTHRESH = 0x7FFFFFFF
"""TCP_INFINITE_SSTHRESH of include/net/tcp.h: nothing has ended slow start yet."""
NO_PACE = 2**64 - 1
"""sk_pacing_rate where there is none."""


def known_path(connection: socket.socket) -> KnownPath | None:
    """What is known now; None where the system does not tell, and for a socket that is closed."""
    if sys.platform != "linux":
        return None
    try:
        information = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, LAYOUT.size)
    except OSError:
        return None
    return decoded(information) if len(information) == LAYOUT.size else None


def decoded(information: bytes) -> KnownPath:
    """The values in the first bytes of a `struct tcp_info`. The kernel counts window and flight in segments: in bytes they are so
    many whole ones."""
    fields = LAYOUT.unpack(information)
    rto, _, snd_mss, _, unacked, sacked, lost, retrans = fields[:8]
    rtt, _, snd_ssthresh, snd_cwnd = fields[15:19]
    total_retrans, pacing_rate = fields[-2:]
    return KnownPath(
        window_bytes=snd_cwnd * snd_mss,
        # tcp_packets_in_flight of include/net/tcp.h
        in_flight_bytes=max(unacked - sacked - lost + retrans, 0) * snd_mss,
        ssthresh_bytes=None if snd_ssthresh >= INFINITE_SSTHRESH else snd_ssthresh * snd_mss,
        pace_bps=None if pacing_rate == NO_PACE else 8.0 * pacing_rate,
        srtt_s=rtt * MICROSECOND / SECOND if rtt else None,
        rto_s=rto * MICROSECOND / SECOND,
        lost=None,  # tcpi_lost is what is deemed lost and not sent again yet, and no count
        retransmissions=total_retrans,
    )
