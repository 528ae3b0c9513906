"""A peer that means harm: datagrams that no honest peer sends.

Owns how bad datagrams are made, from the drawing in `udpmsg/core/wire.py` but without its code. Knows no state machine.
"""

from random import Random
from struct import Struct, pack
from zlib import crc32

MESSAGE, ACK, GOODBYE, PROBE, PROBE_REPLY, CHALLENGE, COOKIE, QUERY, REPORT = range(1, 10)
HEAD = Struct(">HBBHHQQQQ")
COOKIE_SIZE = 12
QUERY_SIZE = 632
ACK_REQUESTED, FRAGMENT, REPLY, ORDERED, CHECKSUM, SEALED = 1, 2, 4, 8, 16, 32
HUGE = (2**64 - 1, 2**64 - 2, 2**63, 2**53 + 1, 2**32, 2**31 - 1, 100_000)


def forge(
    kind: int,
    *,
    flags: int = CHECKSUM,
    session: int = 1,
    datagram: int = 1,
    sequence: int = 0,
    sent_at: int = 0,
    blocks: bytes = b"",
    payload: bytes = b"",
    length: int | None = None,
    magic: int = 0x554D,
    version: int = 1,
    spoil_checksum: bool = False,
) -> bytes:
    """One datagram, well formed unless an argument makes it otherwise."""
    said = len(payload) if length is None else length
    head = pack(">HBBHHQQQQ", magic, version, kind, flags, said, session, datagram, sequence, sent_at)
    body = head + blocks + payload
    if flags & CHECKSUM:
        body += pack(">I", crc32(body) ^ (1 if spoil_checksum else 0))
    return body


def acknowledgment_payload(
    acknowledged: int,
    *,
    largest: int = 0,
    delay: int = 0,
    credit: int = 256,
    size: int = 1 << 20,
    all_below: int = 1,
    datagrams: tuple[tuple[int, int], ...] = (),
    sequences: tuple[tuple[int, int], ...] = (),
    datagram_count: int | None = None,
    sequence_count: int | None = None,
    zero: int = 0,
) -> bytes:
    """The payload of an ACK, as wrong as it is asked to be."""
    body = pack(
        ">QQIIIQBBH",
        acknowledged,
        largest,
        delay,
        credit,
        size,
        all_below,
        len(datagrams) if datagram_count is None else datagram_count,
        len(sequences) if sequence_count is None else sequence_count,
        zero,
    )
    return body + b"".join(pack(">QQ", *pair) for pair in datagrams + sequences)


class Hostile:
    """Makes bad datagrams for one run. It sees what passes on the link (`overheard`) but guesses no session."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.overheard: list[bytes] = []
        self.cookies: list[bytes] = []
        """All that the receiver gave to anybody."""
        self.sessions = [random.getrandbits(64) | 1 for _ in range(6)]

    def garbage(self) -> bytes:
        """Carries our magic and is never allowed: it must be counted and never answered."""
        random = self.random
        session = random.choice(self.sessions)
        block = pack(">QHH", 1, 1, 0)
        good = {"session": session, "sequence": random.randint(1, 9), "datagram": random.randint(1, 2**40)}
        fragment_flags = ACK_REQUESTED | FRAGMENT | CHECKSUM

        def fragment(index: int, count: int, size: int, total: int, payload: bytes, zero: int = 0) -> bytes:
            blocks = block + pack(">HHHHI", index, count, size, zero, total)
            return forge(MESSAGE, flags=fragment_flags, blocks=blocks, payload=payload, **good)

        makers = (
            lambda: b"UM\x01\x01" + random.randbytes(random.randint(0, 35)),
            lambda: forge(random.choice((CHALLENGE, COOKIE)), payload=b"", **good),
            lambda: forge(MESSAGE, flags=1 << random.randint(5, 15), payload=b"x", **good),
            lambda: forge(MESSAGE, flags=0, payload=b"x" * 9, length=random.choice((1, 8, 10, 65535)), **good),
            lambda: forge(MESSAGE, flags=0, payload=b"x", session=0, sequence=1, datagram=1),
            lambda: forge(MESSAGE, flags=0, payload=b"x", session=session, sequence=0, datagram=1),
            lambda: forge(MESSAGE, flags=0, payload=b"x", session=session, sequence=1, datagram=0),
            lambda: forge(MESSAGE, flags=ACK_REQUESTED, blocks=block, payload=b"no checksum", **good),
            lambda: forge(MESSAGE, flags=ACK_REQUESTED | CHECKSUM, blocks=block, payload=b"x", spoil_checksum=True, **good),
            lambda: forge(GOODBYE, flags=0, session=session, datagram=1, payload=pack(">Q", 5)),
            lambda: forge(GOODBYE, session=session, datagram=1, payload=pack(">Q", 5)[: random.randint(0, 7)]),
            lambda: forge(PROBE, flags=0, session=session, datagram=1),
            lambda: forge(PROBE, session=session, datagram=1, payload=b"not empty"),
            lambda: forge(QUERY, session=session, datagram=1, payload=pack(">Q", 1)),
            lambda: forge(QUERY, session=session, datagram=1, payload=bytes(QUERY_SIZE)),
            lambda: forge(REPORT, session=session, datagram=1, payload=bytes(120)),
            lambda: fragment(3, 3, 10, 30, b"x" * 10),
            lambda: fragment(0, 0, 10, 0, b""),
            lambda: fragment(0, 3, 0, 30, b""),
            lambda: fragment(0, 3, 10, 31, b"x" * 10),
            lambda: fragment(0, 3, 10, 30, b"x" * 9),
            lambda: fragment(2, 3, 10, 25, b"x" * 10),
            lambda: fragment(0, 2, 10, 20, b"x" * 10, zero=1),
            lambda: forge(MESSAGE, flags=ACK_REQUESTED | CHECKSUM, blocks=pack(">QHH", 0, 1, 0), payload=b"x", **good),
        )
        return random.choice(makers)()

    def to_receiver(self) -> bytes:
        """Well formed, or nearly, and meant to confuse or to fill a listener."""
        random = self.random
        choice = random.randrange(15)
        session = random.choice(self.sessions)
        number = random.randint(1, 2**40)
        if choice == 0:
            return random.randbytes(random.randint(0, 1400))
        if choice == 1 and self.overheard:
            return random.choice(self.overheard)
        if choice == 2 and self.overheard:
            damaged = bytearray(random.choice(self.overheard))
            for _ in range(random.randint(1, 6)):
                damaged[random.randrange(len(damaged))] = random.randrange(256)
            return bytes(damaged[: random.randint(1, len(damaged))]) if random.random() < 0.3 else bytes(damaged)
        if choice == 3:
            return forge(MESSAGE, flags=0, session=random.getrandbits(64) | 1, sequence=1, payload=b"a new session")
        if choice == 4:
            # Holes: every second number, to fill what remembers the gaps.
            return forge(MESSAGE, flags=0, session=session, datagram=number, sequence=2 * random.randint(1, 10_000))
        if choice == 5:
            sequence = random.choice(HUGE)
            below = random.choice((1, sequence, max(1, sequence - 5)))
            return self._asking(session, number, sequence, b"far away", below)
        if choice == 6:
            count = random.randint(2, 400)
            size = random.randint(1, 1100)
            total = (count - 1) * size + random.randint(1, size)
            index = random.randrange(count)
            part = size if index < count - 1 else total - size * (count - 1)
            return self._asking(
                session, number, random.randint(1, 40), b"f" * part, 1, pack(">HHHHI", index, count, size, 0, total)
            )
        if choice == 7:
            total = 65535 * 65535 - random.randrange(65535)
            return self._asking(session, number, random.randint(1, 9), b"f" * 1000, 1, pack(">HHHHI", 0, 65535, 65535, 0, total))
        if choice == 8:
            payload = pack(">Q", random.choice((0, 1, 7, *HUGE)))
            return forge(GOODBYE, session=random.choice((*self.sessions, number)), datagram=number, payload=payload)
        if choice == 9:
            return forge(PROBE, session=random.choice((*self.sessions, number)), datagram=number)
        if choice == 10:
            return self._asking(session, number, random.randint(1, 300), random.randbytes(random.randint(0, 900)), 1)
        if choice == 11:
            asked = random.choice((*self.sessions, number))
            payload = pack(">Q", random.choice((1, 40, *HUGE))).ljust(QUERY_SIZE, b"\0")
            return forge(QUERY, session=asked, datagram=number, payload=payload)
        if choice >= 13:
            # An old cookie, somebody else's, one for another session, or none at all; now and then it is right.
            asked = random.choice((*self.sessions, number, *(HEAD.unpack_from(d)[5] for d in self.overheard[-1:])))
            cookie = random.choice((random.randbytes(COOKIE_SIZE), *random.sample(self.cookies, min(2, len(self.cookies)))))
            return forge(COOKIE, session=asked, datagram=number, payload=cookie.ljust(random.choice((64, 64, 64, 16, 80)), b"\0"))
        return forge(MESSAGE, flags=REPLY, session=session, datagram=number, sequence=1, blocks=pack(">Q", 1))

    def flood(self) -> list[bytes]:
        """More of one session, whole, small or large, than any limit has room for."""
        random = self.random
        session = random.choice(self.sessions)
        first = random.randint(1, 1000)
        size = random.choice((0, 10, 1100))
        return [self._asking(session, number, number, b"f" * size, 1) for number in range(first, first + 60)]

    def _asking(self, session: int, number: int, sequence: int, payload: bytes, below: int, fragment: bytes = b"") -> bytes:
        """An acknowledged message with a correct checksum."""
        flags = ACK_REQUESTED | CHECKSUM | (FRAGMENT if fragment else 0)
        blocks = pack(">QHH", below, 1, 0) + fragment
        return forge(MESSAGE, flags=flags, session=session, datagram=number, sequence=sequence, blocks=blocks, payload=payload)

    def to_sender(self) -> bytes:
        """What a forger who cannot guess a session sends to a sender that waits for acknowledgments."""
        random = self.random
        choice = random.randrange(8)
        if choice == 0:
            return random.randbytes(random.randint(0, 1400))
        if choice == 1:
            return self.garbage()
        if choice == 7:
            size = random.choice((COOKIE_SIZE, COOKIE_SIZE, COOKIE_SIZE, 0, 11, 64))
            asked = random.choice((0, *(HEAD.unpack_from(d)[5] for d in self.overheard[-1:])))  # it may have seen a datagram
            return forge(CHALLENGE, session=random.choice(self.sessions), sent_at=asked, payload=random.randbytes(size))
        if choice == 2:
            return forge(PROBE_REPLY, session=random.choice(self.sessions), payload=pack(">QQ", random.getrandbits(64), 1))
        if choice == 3:
            counts = pack(">14QII", random.getrandbits(64) | 1, *(random.choice((0, 1, 2**63, *HUGE)) for _ in range(13)), 0, 0)
            return forge(REPORT, session=random.choice(self.sessions), payload=counts)
        ranges = tuple((low, low + random.randint(0, 99)) for low in range(1, random.randint(2, 3000), 200))
        if choice == 4:
            ranges = (*reversed(ranges), (9, 3), (0, 0), (2**64 - 1, 2**64 - 1))
        payload = acknowledgment_payload(
            random.getrandbits(64) | 1,
            largest=random.choice((0, 1, 500, *HUGE)),
            delay=random.getrandbits(32),
            credit=random.getrandbits(32),
            all_below=random.choice((0, 1, 501, *HUGE)),
            datagrams=ranges[:32],
            sequences=ranges[:32],
            datagram_count=random.choice((None, None, 255)),
        )
        return forge(ACK, session=random.choice(self.sessions), datagram=random.randint(1, 99), payload=payload)
