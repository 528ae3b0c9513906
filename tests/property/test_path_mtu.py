"""Whatever becomes of the path, every message arrives that can, and the size ends where it fits."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.paths import LINES, Path, Walk
from tests.core.support import acknowledged_sender
from udpmsg.core.events import State
from udpmsg.core.path_mtu import FLOOR

MTUS = st.one_of(st.sampled_from((576, 600, 1000, 1280, 1400, 1492, 1500, 9000)), st.integers(576, 9000))
ENOUGH = 12_000
"""Milliseconds without a change in which the size must have come to where it fits."""


@st.composite
def walks(draw: st.DrawFn) -> tuple[Path, list[tuple[float, int]], int]:
    """A path, when its MTU changes and to what, and a seed."""
    changes = [(0.0, draw(MTUS))]
    for _ in range(draw(st.integers(0, 4))):
        changes.append((changes[-1][0] + draw(st.integers(50, 6000)), draw(MTUS)))
    seed = draw(st.integers(0, 1000))
    loss, random = draw(st.sampled_from((0.0, 0.0, 0.01))), Random(seed)

    def mtu(milliseconds: float) -> int:
        return [size for at, size in changes if at <= milliseconds][-1]

    return (
        Path(
            mtu=mtu,
            local=draw(st.sampled_from((9000, 65_535))),
            cuts=draw(st.booleans()),
            says_so=draw(st.booleans()),
            one_way=draw(st.sampled_from((0.1, 5.0, 20.0, 150.0))),
            loses=lambda _: random.random() < loss,
            forged=draw(st.sampled_from((0, 0, 0, 100, 1000, 60_000))),
        ),
        changes,
        seed,
    )


@settings(max_examples=25)
@given(walks())
def test_every_message_arrives_once_over_a_path_that_changes(drawn: tuple[Path, list[tuple[float, int]], int]) -> None:
    path, changes, seed = drawn
    random = Random(seed)
    # so many transmissions that a change of the path alone ends no message
    walk = Walk(path, acknowledged_sender(session=seed + 1, follows_path=True, max_transmissions=20))
    sizes = random.choice(((500, 1000), (1000, 5000), (1, 20_000)))
    changed, until, accepted, before = changes[-1][0], changes[-1][0] + ENOUGH, [], 0
    while walk.milliseconds < until:
        if walk.sender.unresolved < 20:  # more than the path carries would end messages by their deadline
            messages = [random.randbytes(random.randint(*sizes)) for _ in range(random.randint(1, 10))]
            accepted += messages
            walk.send(*messages)
        if walk.milliseconds < changed:
            walk.run(min(walk.milliseconds + 400, changed))
            before = walk.vanished
        else:
            walk.run(walk.milliseconds + 400)
    walk.run()
    assert [outcome.state for outcome in walk.outcomes] == [State.DELIVERED] * len(accepted)
    assert sorted(walk.payloads) == sorted(accepted)
    size, narrow = walk.sender.datagram_size, changes[-1][1] - LINES
    assert size is not None
    assert size >= FLOOR
    if walk.sender.whole:  # all messages may be smaller than that, and cut into fragments that are: then nobody notices
        assert size <= narrow or walk.vanished == before, "nobody cuts it up, so it must fit"
    elif not path.cuts:
        assert size <= max(narrow, 1200)
