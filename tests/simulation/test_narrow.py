"""Slow start of whole sessions before small queues, and short messages, which fill a queue of frames with few bytes."""

import pytest

from tests.simulation.bottleneck import MILLISECOND, SECOND, Flow, Network, Path
from udpmsg.core.congestion.newreno import NewReno


@pytest.mark.parametrize(
    ("size", "rate", "queue", "drops"),
    [
        (1144, 50_000_000, 52, 0),  # a quarter of bandwidth x delay; 29 when only the window had a brake
        (1000, 50_000_000, 26, 0),  # an eighth; 64
        (1000, 10_000_000, 30, 2),  # of congestion avoidance
        (100, 10_000_000, 30, 0),  # an eighth, 4.7 ms; 78
    ],
)
@pytest.mark.parametrize("congestion", ["newreno", "cubic"])
def test_a_small_queue_drops_few(congestion: str, size: int, rate: int, queue: int, drops: int) -> None:
    flow = Flow(congestion=congestion, size=size, count=2000, backlog=2000)
    Network(Path(rate=rate, queue=queue, delay=20 * MILLISECOND), flow).run(10 * SECOND)
    assert flow.delivered == 2000
    assert flow.drops <= drops


def test_the_congestion_control_hears_how_long_an_acknowledgment_was_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of a single datagram is, for 25 ms."""
    heard = []
    told = NewReno.on_round_trip

    def listen(self: NewReno, round_trip: int, srtt: int, now: int, held: int = 0) -> None:
        heard.append(held)
        told(self, round_trip, srtt, now, held)

    monkeypatch.setattr(NewReno, "on_round_trip", listen)
    Network(Path(delay=20 * MILLISECOND), Flow(size=1000, count=1)).run(SECOND)
    assert heard == [25 * MILLISECOND]
