"""What a sender knows of its path, over UDP or TCP, as a value. None: it can't be known. Sizes in bytes, times in seconds."""

from typing import NamedTuple


class KnownPath(NamedTuple):
    """What a sender knows of its path at one moment: over UDP by its acknowledgments, over TCP by its kernel's. None: it can't be
    known, or is not known yet."""

    window_bytes: int | None
    """The congestion window: so much may be in flight."""
    in_flight_bytes: int | None
    """Sent, and neither acknowledged nor deemed lost. TCP counts segments, each as a whole one."""
    ssthresh_bytes: int | None
    """The window from which on slow start has ended; None: nothing has ended it yet."""
    pace_bps: float | None
    """Bits a second, of everything that leaves. TCP's is what its kernel would pace at: BBR does, others where a queueing
    discipline (fq) asks for it."""
    srtt_s: float | None
    """The smoothed round trip, RFC 6298."""
    rto_s: float | None
    """The retransmission timeout."""
    lost: int | None
    """Datagrams deemed lost so far. TCP's kernel tells only what it sent again."""
    retransmissions: int | None
    """Datagrams or segments sent again so far."""
