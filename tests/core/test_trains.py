"""Which of the rates that trains tell is believed. Datagrams of 1000 bytes, so one a millisecond is 1,000,000 bytes a second."""

from tests.core.flights import MS
from udpmsg.core.congestion.trains import Trains

RTT = 40 * MS
MILLION = 1_000_000


def train(trains: Trains, at: int, interval: int, count: int = 7) -> None:
    """So many datagrams leave together and come so far apart, the first at this time."""
    for number in range(count):
        trains.on_arrival([1000], at - RTT, at + number * interval)
        trains.settle(RTT)


def arrived(trains: Trains, since: int, took: int, size: int) -> None:
    """A round begins, and so many bytes more come in that time, no two of which left together."""
    trains.begin_round(since)
    trains.on_arrival([1000], since - RTT, since)
    trains.on_arrival([size], since - RTT + 1, since + took)
    trains.settle(RTT)


def test_one_train_alone_is_believed() -> None:
    trains = Trains()
    assert not trains.known
    train(trains, RTT, MS)
    assert (trains.known, trains.rate) == (True, MILLION)


def test_of_several_the_second_fastest_is_believed() -> None:
    """Held up: the first was read too fast, the third too slow."""
    trains = Trains()
    train(trains, RTT, MS * 4 // 5)
    assert trains.rate == 1_250_000
    train(trains, 2 * RTT, MS)
    assert trains.rate == MILLION
    train(trains, 3 * RTT, 2 * MS)
    assert trains.rate == MILLION
    train(trains, 4 * RTT, MS * 10 // 11)
    assert int(trains.rate / 1000) == 1_100


def test_three_quarters_of_the_fastest_are_believed_at_least() -> None:
    trains = Trains()
    train(trains, RTT, MS)
    train(trains, 2 * RTT, 2 * MS)
    assert trains.rate == 750_000


def test_a_train_of_a_few_or_in_no_time_tells_nothing() -> None:
    trains = Trains()
    train(trains, RTT, MS, count=6)
    train(trains, 2 * RTT, MS // 6 - 1)
    assert not trains.known


def test_what_came_in_half_a_round_trip_is_the_least() -> None:
    """It sets no rate, and a train that is slower tells nothing."""
    trains = Trains()
    arrived(trains, RTT, 20 * MS, 40_000)
    assert trains.rate == 0
    arrived(trains, 2 * RTT, 21 * MS, 42_000)
    assert (trains.known, trains.rate) == (False, 2 * MILLION)
    train(trains, 4 * RTT, MS)
    assert not trains.known
    train(trains, 5 * RTT, MS // 4)
    assert (trains.known, trains.rate) == (True, 3 * MILLION)


def test_when_a_sixteenth_more_comes_the_fastest_is_believed() -> None:
    """And a millisecond sooner, whichever is more."""
    trains = Trains()
    train(trains, RTT, MS)
    train(trains, 2 * RTT, 2 * MS)
    arrived(trains, 3 * RTT, 32 * MS, 25_499)  # of the 24,000 that are believed
    assert 750_000 < trains.rate < MILLION
    arrived(trains, 4 * RTT, 32 * MS, 25_500)
    assert trains.rate == MILLION


def test_when_more_comes_than_the_fastest_tells_that_is_believed_and_counts() -> None:
    """After five such disproofs nothing is believed, until a train is faster."""
    trains = Trains()
    train(trains, RTT, MS)
    arrived(trains, 2 * RTT, 32 * MS, 34_000)  # its doubts end, and the only train is the fastest
    assert trains.disproved == 0
    size = 34_000.0
    for turn in range(1, 6):
        assert trains.known
        arrived(trains, (2 + turn) * RTT, 32 * MS, int(size))
        assert trains.disproved == turn
        assert trains.rate == int(size) * 1000 / 32
        train(trains, (2 + turn) * RTT + 33 * MS, 2 * MS)
        size = int(size * 1.07)
    assert not trains.known
    train(trains, 9 * RTT, MS // 4)
    assert (trains.known, trains.rate) == (True, 4 * MILLION)


def test_the_last_round_tells_how_fast_it_came() -> None:
    trains = Trains()
    trains.begin_round(RTT)
    trains.on_arrival([1000], 0, RTT)
    trains.on_arrival([19_000], 1, RTT + 20 * MS)
    trains.begin_round(2 * RTT)
    assert trains.last_round == 950_000
