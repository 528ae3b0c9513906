"""Slow start of whole sessions before small queues, and short messages, which fill a queue of frames with few bytes."""

import pytest

from tests.simulation.bottleneck import MILLISECOND, SECOND, Flow, Network, Path


@pytest.mark.parametrize(
    ("size", "rate", "queue", "drops"),
    [
        (1144, 50_000_000, 52, 2),  # a quarter of bandwidth x delay; 29 when only the window had a brake
        (1000, 50_000_000, 26, 30),  # an eighth; 64
        (1000, 10_000_000, 30, 2),  # of congestion avoidance
        (100, 10_000_000, 30, 20),  # an eighth, 4.7 ms; 78
    ],
)
@pytest.mark.parametrize("congestion", ["newreno", "cubic"])
def test_a_small_queue_drops_few(congestion: str, size: int, rate: int, queue: int, drops: int) -> None:
    flow = Flow(congestion=congestion, size=size, count=2000, backlog=2000)
    Network(Path(rate=rate, queue=queue, delay=20 * MILLISECOND), flow).run(10 * SECOND)
    assert flow.delivered == 2000
    assert flow.drops <= drops
