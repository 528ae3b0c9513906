"""One direction of a stream through the relay, on virtual time."""

from hypothesis import given, settings
from hypothesis import strategies as st

from udpmsg.link.faults import Link, Path
from udpmsg.link.record import Direction
from udpmsg.relay.pipe import HELD, MOST_HELD, Bottleneck, Pipe, streaming

MILLISECOND, SECOND = 10**6, 10**9
START = 1000 * SECOND


def pipe_of(path: Path, *, seed: int = 1, bottleneck: Bottleneck | None = None) -> Pipe:
    return Pipe(path, direction=Direction.FORWARD, seed=seed, bottleneck=bottleneck or Bottleneck(path.rate))


def drained(pipe: Pipe) -> list[tuple[int, bytes]]:
    """When what came through, until nothing is on its way."""
    came = []
    while (at := pipe.next_timeout()) is not None:
        pipe.handle_timeout(now=at - 1)
        assert not pipe.ready
        pipe.handle_timeout(now=at)
        came.append((at - START, bytes(pipe.ready)))
        pipe.taken(len(pipe.ready))
    return came


def test_bytes_come_through_after_the_delay_and_not_before() -> None:
    pipe = pipe_of(Path(delay=20 * MILLISECOND))
    pipe.enter(b"one", now=START)
    pipe.enter(b"two", now=START + 5 * MILLISECOND)
    assert drained(pipe) == [(20 * MILLISECOND, b"one"), (25 * MILLISECOND, b"two")]


def test_a_bottleneck_lets_them_trickle() -> None:
    pipe = pipe_of(Path(rate=800_000))
    pipe.enter(b"x" * 2500, now=START)
    assert [(at, len(data)) for at, data in drained(pipe)] == [
        (10 * MILLISECOND, 1000),
        (20 * MILLISECOND, 1000),
        (25 * MILLISECOND, 500),
    ]


def test_connections_share_a_bottleneck() -> None:
    shared = Bottleneck(800_000)
    first, second = (pipe_of(Path(rate=800_000), bottleneck=shared) for _ in range(2))
    first.enter(b"x" * 1000, now=START)
    second.enter(b"x" * 1000, now=START)
    assert [first.next_timeout(), second.next_timeout()] == [START + 10 * MILLISECOND, START + 20 * MILLISECOND]


def test_the_end_comes_behind_the_last_byte() -> None:
    pipe = pipe_of(Path(delay=20 * MILLISECOND))
    pipe.enter(b"x", now=START)
    pipe.end(now=START + 1)
    pipe.handle_timeout(now=START + 20 * MILLISECOND)
    assert (bytes(pipe.ready), pipe.ended) == (b"x", False)
    pipe.handle_timeout(now=START + 20 * MILLISECOND + 1)
    assert (pipe.ended, pipe.reset) == (True, False)


def test_a_reset_comes_as_late_and_is_none_before() -> None:
    pipe = pipe_of(Path(delay=20 * MILLISECOND))
    pipe.end(now=START, reset=True)
    pipe.handle_timeout(now=START + 20 * MILLISECOND - 1)
    assert not pipe.reset
    pipe.handle_timeout(now=START + 20 * MILLISECOND)
    assert pipe.reset


def test_there_is_room_for_a_mebibyte_or_for_what_rate_and_delay_need() -> None:
    pipe = pipe_of(Path(delay=SECOND))
    assert pipe.room == HELD
    pipe.enter(b"x" * HELD, now=START)
    assert (pipe.room, pipe.held) == (0, HELD)
    pipe.handle_timeout(now=START + SECOND)
    assert pipe.room == 0  # it came through, and nobody took it
    pipe.taken(1000)
    assert (pipe.room, pipe.held) == (1000, HELD - 1000)
    pipe.discard()
    assert (pipe.room, pipe.held, pipe.next_timeout()) == (HELD, 0, None)
    assert pipe_of(Path(delay=300 * MILLISECOND, rate=100_000_000)).room > 100_000_000 // 8 * 3 // 10
    assert pipe_of(Path(delay=300 * MILLISECOND, rate=10**12)).room == MOST_HELD


def test_what_means_nothing_for_a_stream_is_left_out_of_its_link() -> None:
    path = Path(delay=1, jitter=1, rate=1)
    assert streaming(Link(path, path, name="mine")) == Link(path, path, name="mine")
    assert streaming(Link(Path(delay=1, loss=0.5), name="lossy")) == Link(Path(delay=1))


@settings(deadline=None, max_examples=100)
@given(
    chunks=st.lists(st.tuples(st.integers(0, 50 * MILLISECOND), st.binary(min_size=1, max_size=3000)), max_size=20),
    delay=st.integers(0, 100 * MILLISECOND),
    jitter=st.integers(0, 200 * MILLISECOND),
    rate=st.one_of(st.none(), st.integers(10_000, 10**9)),
    seed=st.integers(0, 2**64 - 1),
)
def test_a_stream_is_late_and_nothing_else(
    chunks: list[tuple[int, bytes]], delay: int, jitter: int, rate: int | None, seed: int
) -> None:
    pipe = pipe_of(Path(delay=delay, jitter=jitter, rate=rate), seed=seed)
    now = START
    for pause, data in chunks:
        now += pause
        pipe.enter(data, now=now)
    pipe.end(now=now)
    came = drained(pipe)
    assert b"".join(data for _, data in came) == b"".join(data for _, data in chunks)
    assert [at for at, _ in came] == sorted(at for at, _ in came)
    assert pipe.ended
    assert pipe.held == 0
    if chunks and rate:
        assert came[-1][0] >= sum(len(data) for _, data in chunks) * 8 * SECOND // rate - sum(p for p, _ in chunks)
