"""How large a datagram the path takes: discovery by probes (DPLPMTUD, RFC 8899; for QUIC RFC 9000 section 14.3).

Owns the size that a session's datagrams are cut to, and which probes leave when. Knows no bytes, no message and no socket: the
sender says what was acknowledged, lost, or refused by this system, and asks which probe is due. Sizes are bytes of UDP payload,
times nanoseconds.

A probe is a datagram that must not be cut up on its way. It carries no message, so that nothing is lost with it and its loss
tells nothing of congestion (RFC 8899 section 3). Only its acknowledgment proves that a size passes; only that it is missed
several times in a row, or that this system refuses it, counts as proof that one does not. A router's word (ICMP) can be forged:
it says which size to try next, and no more (RFC 8899 section 4.6).

    BASE       1,200 bytes, on trust. Nothing was probed; routers may cut up.                          (RFC 8899 section 5.2)
    SEARCHING  a probe is due or under way, between the largest size that passes and the smallest that does not
    COMPLETE   nothing to look for, until PMTU_RAISE_TIMER
    ERROR      not even 1,200 bytes pass: what every host must take, and a search from there on

In every state datagrams of the present size may begin to vanish, without a word from anybody: a black hole (section 4.3). That
is suspected when nothing but they were lost, and found out by pairs of probes: one of the present size, and a smaller one. When
the smaller one alone is answered, time after time, the size falls to it. When neither is, the path is down, and that says
nothing of sizes.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from enum import Enum

from udpmsg.base.durations import MILLISECOND, SECOND
from udpmsg.core.config import DATAGRAM_SIZE, MAX_DATAGRAM_SIZE
from udpmsg.core.rtt import NEVER

BASE = DATAGRAM_SIZE
"""BASE_PLPMTU, RFC 8899 section 5.1.2, and RFC 9000 section 14."""
FLOOR = 548
"""MIN_PLPMTU: every host takes an IPv4 packet of 576 bytes, with 28 of headers (RFC 791 section 3.2). With IPv6 it is never
needed, since every path there takes BASE."""
CEILING = MAX_DATAGRAM_SIZE
"""MAX_PLPMTU: what one datagram can carry."""
KNOWN = (1232, 1252, 1372, 1392, 1452, 1464, 1472, 4324, 8952, 8972)
"""What usual paths take, tried before anything between: an MTU of 1280 (IPv6's least), 1400, 1420 (tunnels), 1492 (PPPoE), 1500
(Ethernet), 4352 (FDDI) and 9000 (jumbo frames), less the headers of IPv4 or IPv6."""
MAX_PROBES = 3
"""RFC 8899 section 5.1.2: as many probes of one size must be missed."""
PMTU_RAISE_TIMER = 600 * SECOND
"""RFC 8899 section 5.1.1."""
SHORTEST_WAIT = 50 * MILLISECOND
"""An answer is waited for at least so long, and twice as long after each that was missed: a busy machine is no narrow path."""
FINE = 16
"""A search ends when what is left to gain is less than so many bytes, or a sixty-fourth."""
BEGIN_AFTER = 10
"""Nothing is probed before this number of datagrams above FLOOR has arrived: a short session is better off without."""
VANISHED = 4
"""A black hole is suspected after this number of losses in a row, each of a datagram larger than those that a fall leads to."""
MOST_SILENCES = 4
"""After this number of pairs of probes without any answer nobody is there. To find that out is not this machine's task."""
HINT_INTERVAL = SECOND
"""At most one pair of probes in this time answers a hint of ICMP, which may be forged."""
ANSWERS_KEPT = 6
"""Probes whose late answer still counts."""


class PathState(Enum):
    """The phases of RFC 8899 section 5.2."""

    BASE = "base"
    SEARCHING = "searching"
    COMPLETE = "complete"
    ERROR = "error"


class PathMtu:
    """One session's path. Call `probe` after every other call, until it has none; then wait for `next_timeout`."""

    __slots__ = (
        "_answer_at",
        "_awaited",
        "_due",
        "_fails",
        "_hint",
        "_hint_at",
        "_late",
        "_lower",
        "_lower_passes",
        "_misses",
        "_passes",
        "_raise_at",
        "_seen",
        "_silences",
        "_trusted",
        "_vanished_below",
        "_wanted",
        "black_holes",
        "size",
        "state",
        "vanished",
    )

    def __init__(self) -> None:
        self.size = BASE
        """The PLPMTU: no datagram is to be larger."""
        self.state = PathState.BASE
        self.black_holes = 0
        """How often the size fell because datagrams of it had vanished: what is under way and larger is lost."""
        self.vanished = 0
        """Datagrams lost in a row that were larger than `lower`."""
        self._vanished_below = 0
        """The same of those that were not, and larger than FLOOR: the path may have become narrower than all that is sent."""
        self._passes = 0
        """The largest size that a probe has proved; 0: none."""
        self._fails = CEILING + 1
        """The smallest size that does not pass, as far as known."""
        self._trusted = True
        """BASE may be used as long as it is not known not to pass: nothing has vanished yet."""
        self._wanted = BASE
        """The largest size that is worth looking for."""
        self._seen = 0
        """Datagrams above FLOOR that arrived, up to BEGIN_AFTER."""
        self._hint = 0
        """What this system, or a router, says that the path takes; 0: nothing."""
        self._hint_at = 0
        self._due: list[int] = []
        """Sizes of the probes that are to leave now."""
        self._awaited: dict[int, tuple[int, int]] = {}
        """Probes under way: of each datagram number the size, and when it was sent."""
        self._late: dict[int, tuple[int, int]] = {}
        """The last of those that were missed."""
        self._answer_at = NEVER
        """When those under way are missed."""
        self._misses = 0
        """How often in a row a probe of the size that is probed was missed."""
        self._lower = 0
        """A black hole is suspected, and this is where the size would fall to; 0: none is."""
        self._lower_passes = False
        """The smaller probe of this pair was answered."""
        self._silences = 0
        """Pairs in a row of which neither was answered."""
        self._raise_at = NEVER

    @property
    def confirmed(self) -> bool:
        """Whether it is proved that the present size passes, so that no datagram may be cut up any more."""
        return self._passes >= self.size

    @property
    def lower(self) -> int:
        """Where the size falls to when datagrams of it vanish."""
        return BASE if self.size > BASE else FLOOR

    @property
    def seeking(self) -> bool:
        """Whether it takes no more datagrams that arrive to begin: `on_used` need not be called any more."""
        return self._seen >= BEGIN_AFTER

    @property
    def listening(self) -> bool:
        """Whether an answer to a probe is waited for, or would still count."""
        return bool(self._awaited or self._late)

    @property
    def in_doubt(self) -> bool:
        """Whether something has vanished: `on_arrived` need not be called as long as nothing has."""
        return bool(self.vanished or self._vanished_below)

    # What is told --------------------------------------------------------------------------------------------------------

    def want_more(self) -> None:
        """A message was cut up, so a larger size is worth looking for."""
        if self._wanted == BASE:
            self._wanted = CEILING
            self._resume()

    def on_used(self, sizes: Iterable[int]) -> None:
        """Datagrams of these sizes arrived."""
        self._seen += sum(size > FLOOR for size in sizes)
        if self.seeking:
            self._resume()

    def on_lost(self, sizes: Iterable[int]) -> None:
        """Datagrams of these sizes were lost."""
        for size in sizes:
            self.vanished += self.lower < size <= self.size
            self._vanished_below += FLOOR < size <= self.lower

    def on_arrived(self, sizes: Sequence[int]) -> None:
        """Datagrams of these sizes arrived: what vanished before was not too large. Told after what was lost, which is older."""
        if max(sizes) > self.lower:
            self.vanished = 0
        if max(sizes) > FLOOR:
            self._vanished_below = 0

    def on_expiry(self, sizes: Sequence[int]) -> None:
        """Nothing came back for a whole retransmission timeout, of datagrams of these sizes."""
        if any(self.lower < size <= self.size for size in sizes):
            self._suspect(self.lower)
        elif any(FLOOR < size <= self.lower for size in sizes):
            self._suspect(FLOOR)

    def on_hint(self, size: int, now: int) -> None:
        """Somebody, who may lie, says that no more than `size` passes."""
        self._hint = size = max(size, FLOOR)
        if self.size > size and self.confirmed and now >= self._hint_at:
            self._hint_at = now + HINT_INTERVAL
            self._suspect(size)

    def on_refused(self, size: int) -> None:
        """This system itself can't send as much as this."""
        self._fails = min(self._fails, size)
        self._due.clear()
        self._forget()
        self._misses = 0
        if self._fails <= self.size:
            self.black_holes += 1
            self._passes = self._lower = self.vanished = 0
            self._seen = BEGIN_AFTER  # what is smaller may never be seen
            self._settle()
            self._resume()

    def on_acknowledged(self, ranges: Sequence[tuple[int, int]], now: int) -> dict[int, int]:
        """The receiver has the datagrams with these numbers. Of those that are probes: when each was sent."""
        answered: dict[int, int] = {}
        for probes in (self._awaited, self._late):
            late = probes is self._late
            for number in [number for number in probes if any(first <= number <= last for first, last in ranges)]:
                if number in probes:  # the answer to the larger one of a pair ends the wait for the other
                    size, answered[number] = probes.pop(number)
                    if not late or not self._lower or size >= self.size:
                        self._answered(size, now)
        return answered

    def sent(self, size: int, number: int, now: int, timeout: int) -> None:
        """The probe that `probe` named left as the datagram with this number; an answer takes `timeout` at most."""
        self._due.remove(size)
        self._awaited[number] = size, now
        self._answer_at = now + (max(timeout, SHORTEST_WAIT) << min(self._misses + self._silences, 6))

    def rest(self) -> None:
        """No message is waited for any more: a black hole would harm nothing, and is looked for when the next ones vanish."""
        self.vanished = self._vanished_below = 0
        if self._lower:
            self._lower = self._misses = 0
            self._due.clear()
            self._forget()

    # What is asked -------------------------------------------------------------------------------------------------------

    def probe(self, now: int) -> int | None:
        """The size of the probe that is to leave now; None: none is. Call `sent` or `on_refused` for it."""
        if self._answer_at <= now:
            self._missed()
        if self.vanished >= VANISHED:
            self._suspect(self.lower)
        elif self._vanished_below >= VANISHED:
            self._suspect(FLOOR)
        if self._raise_at <= now:
            self._raise_at = NEVER
            self._fails, self._hint = CEILING + 1, 0
            self._resume()
        if not self._due and not self._awaited and (self._lower or self.state in (PathState.SEARCHING, PathState.ERROR)):
            self._next()
            if self.state is PathState.COMPLETE and self._raise_at == NEVER:
                self._raise_at = now + PMTU_RAISE_TIMER
        return self._due[0] if self._due else None

    def next_timeout(self) -> int:
        """When `probe` may have something by itself; NEVER: it waits for what is told."""
        return self._answer_at if self._awaited else self._raise_at

    # Helpers -------------------------------------------------------------------------------------------------------------

    def _resume(self) -> None:
        """There is something to look for again."""
        if self.seeking and self.state in (PathState.BASE, PathState.COMPLETE):
            self.state = PathState.SEARCHING
            self._raise_at = NEVER

    def _next(self) -> None:
        """Which probes are due next."""
        if self._lower:
            self._due = [self.size, self._lower]
            self._lower_passes = False
            return
        candidate = self._candidate() if self.seeking else None
        self._due = [candidate] if candidate else []
        if candidate is None and self.seeking:
            self.state = PathState.COMPLETE

    def _candidate(self) -> int | None:
        """The size to try next: first what is most likely to end the search, then what halves what is left."""
        low, high = self._passes, min(self._fails, self._wanted + 1)
        if high > CEILING:
            return CEILING if low < CEILING else None  # loopback takes it; elsewhere this system refuses it, which costs nothing
        if low < self._hint < high:
            return self._hint
        if low < BASE < high:
            return BASE
        if self._hint and low == self._hint:
            return None  # as was said, and the next larger one has failed
        low = max(low, FLOOR)
        known = KNOWN[bisect_right(KNOWN, low) : bisect_left(KNOWN, high)]
        if known:
            return known[len(known) // 2]
        if high - low > max(FINE, low // 64):
            return (low + high) // 2
        return FLOOR if not self._passes and high > FLOOR else None

    def _answered(self, size: int, now: int) -> None:
        """A probe of this size arrived."""
        self._silences = 0
        if self._lower and size < self.size:
            self._lower_passes = True
            self._answer_at = min(self._answer_at, now + SHORTEST_WAIT)  # the larger one left before it
            return
        if self._lower:
            self._lower = self._misses = self.vanished = self._vanished_below = 0
            self._due.clear()
            self._forget()
        if size > self._passes:
            self._passes, self._fails = size, max(self._fails, size + 1)
            self._misses = 0
            self._settle()
        if not self._awaited:
            self._answer_at = NEVER

    def _missed(self) -> None:
        """What is under way was not answered in time."""
        missed, _ = max(self._awaited.values())
        self._forget()
        self._due.clear()
        if self._lower:
            self._judge()
            return
        self._misses += 1
        if self._misses >= (1 if 0 < self._hint < missed else MAX_PROBES):
            self._misses = 0
            self._fails = min(self._fails, missed)
            self._settle()

    def _judge(self) -> None:
        """A pair of probes is over, and the larger one was not answered."""
        if not self._lower_passes:
            self._silences += 1
            if self._silences > 1:
                self._lower = FLOOR  # perhaps the smaller one was too large as well
            if self._silences == MOST_SILENCES:
                self._lower = self.vanished = self._vanished_below = 0
            return
        self._misses += 1
        if self._misses >= (1 if self._hint == self._lower else MAX_PROBES):
            self.black_holes += 1
            self._trusted = False
            self._passes, self._fails = self._lower, self.size
            self._lower = self._misses = self.vanished = self._vanished_below = 0
            self._seen = BEGIN_AFTER
            self.state = PathState.SEARCHING
            self._raise_at = NEVER
            self._settle()

    def _settle(self) -> None:
        """The size follows what is known. BASE is trusted until it is known not to pass, and a smaller one is found."""
        if self._trusted and self._fails > BASE:
            self.size = max(self._passes, BASE)
        elif self._passes or not 0 < self._hint < self._fails:
            self.size = self._passes or FLOOR
        if self._fails <= BASE and not self._passes:
            self.state = PathState.ERROR

    def _suspect(self, lower: int) -> None:
        """Ask whether the present size passes still."""
        if self._lower or self.size <= FLOOR:
            return
        self._lower = lower
        self._misses = self._silences = 0
        self._due.clear()
        self._forget()

    def _forget(self) -> None:
        """What is under way is waited for no more; should it be answered all the same, that counts."""
        self._late |= self._awaited
        self._awaited.clear()
        self._answer_at = NEVER
        while len(self._late) > ANSWERS_KEPT:
            del self._late[next(iter(self._late))]
