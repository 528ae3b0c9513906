"""What an address may be sent before it has proved itself (RFC 9000, section 8.1), and a program that can prove nothing."""

import pytest

from udpmsg.core.allowances import ANSWERS_KEPT, PEERS_KEPT, RAW_AT_ONCE, RAW_RATE, RAW_RATE_OF_ALL, Allowances, Bucket

SECOND = 1_000_000_000
PEER = ("192.0.2.1", 5000)


def test_as_much_as_came_and_no_more() -> None:
    allowances = Allowances()
    assert not allowances.grant(PEER, 1)
    allowances.received(PEER, 60)
    allowances.received(PEER, 40)
    assert allowances.grant(PEER, 70)
    assert not allowances.grant(PEER, 31)
    assert allowances.grant(PEER, 30)
    assert not allowances.proved(PEER)


def test_one_bare_answer_for_each_datagram_and_not_for_those_of_long_ago() -> None:
    allowances = Allowances()
    assert not allowances.grant_answer(PEER)
    allowances.received(PEER, 100)
    assert not allowances.grant_answer(PEER, keep=True)
    assert allowances.grant_answer(PEER)
    assert not allowances.grant_answer(PEER)
    assert allowances.grant(PEER, 100)  # that took nothing of what came
    allowances.received(PEER, 6400, 64)
    assert [allowances.grant_answer(PEER) for _ in range(ANSWERS_KEPT + 1)] == [True] * ANSWERS_KEPT + [False]


def test_a_proved_address_may_be_sent_anything_and_is_told_once() -> None:
    allowances = Allowances()
    allowances.received(PEER, 1)
    allowances.prove(PEER)
    allowances.received(PEER, 1)
    assert allowances.proved(PEER)
    assert allowances.grant(PEER, 1 << 40)
    assert allowances.grant_answer(PEER, keep=True)
    assert allowances.grant_raw(PEER, PEER[0], 1 << 40, now=0)
    assert (allowances.take_proved(), allowances.take_proved()) == ([PEER], [])


def test_an_address_that_proves_itself_again_pushes_no_other_out() -> None:
    allowances = Allowances()
    for number in range(PEERS_KEPT):
        allowances.prove(number)
    allowances.prove(1)
    assert allowances.proved(0)
    allowances.prove("one more")  # now the oldest goes, and that is not 1 any more
    assert [allowances.proved(peer) for peer in (0, 1, 2)] == [False, True, True]


def test_connections_have_proved_their_addresses() -> None:
    allowances = Allowances(of_everybody=True)
    allowances.received(PEER, 1)
    assert allowances.proved(PEER)
    assert allowances.grant(PEER, 1 << 40)
    assert allowances.take_proved() == []


def test_who_is_forgotten_begins_anew() -> None:
    allowances = Allowances()
    allowances.received(PEER, 100)
    for number in range(PEERS_KEPT):
        assert allowances.grant(PEER, 0)
        allowances.received(number, 1)
    assert not allowances.grant(PEER, 1)
    allowances.received(PEER, 5)
    assert allowances.grant(PEER, 5)


def test_the_first_that_proved_itself_is_forgotten_first_unless_it_did_again() -> None:
    allowances = Allowances()
    for number in range(PEERS_KEPT):
        allowances.prove(number)
    allowances.prove(0)
    allowances.prove(PEER)
    assert (allowances.proved(0), allowances.proved(1), allowances.proved(2), allowances.proved(PEER)) == (
        True,
        False,
        True,
        True,
    )


def test_raw_bytes_above_what_came_are_taken_from_the_bucket() -> None:
    allowances = Allowances()
    allowances.received(PEER, 100)
    assert allowances.grant_raw(PEER, PEER[0], RAW_AT_ONCE + 100, now=0)
    assert not allowances.grant_raw(PEER, PEER[0], 1, now=0)
    allowances.received(PEER, 1)
    assert allowances.grant_raw(PEER, PEER[0], 1, now=0)
    assert allowances.grant_raw(PEER, PEER[0], RAW_RATE, now=SECOND)
    assert not allowances.grant_raw(PEER, PEER[0], 1, now=SECOND)


def test_one_bucket_for_all_ports_of_an_address() -> None:
    allowances = Allowances()
    assert allowances.grant_raw(PEER, PEER[0], RAW_AT_ONCE, now=0)
    assert not allowances.grant_raw((PEER[0], 5001), PEER[0], 1, now=0)


def test_one_bucket_for_all_addresses_together() -> None:
    allowances = Allowances()
    given = sum(allowances.grant_raw(number, number, RAW_AT_ONCE, now=0) for number in range(100))
    assert given == RAW_RATE_OF_ALL // RAW_AT_ONCE
    assert allowances.grant_raw(0, 0, 0, now=0)


def test_buckets_of_many_addresses_are_not_kept_for_ever() -> None:
    allowances = Allowances()
    assert allowances.grant_raw(PEER, PEER[0], RAW_AT_ONCE, now=0)
    for number in range(PEERS_KEPT):
        allowances.grant_raw(number, number, 0, now=0)
    assert len(allowances._buckets) == PEERS_KEPT
    assert allowances.grant_raw(PEER, PEER[0], 1, now=0)  # from a new one


@pytest.mark.parametrize("step", [1, 7, 999, 250_001, SECOND])
def test_a_bucket_fills_at_its_rate_however_often_somebody_looks(step: int) -> None:
    bucket = Bucket(1000, 10_000)
    assert bucket.holds(1000, 0)
    assert not bucket.holds(1001, 0)
    bucket.take(1000)
    begin = 50_000_000 - 300 * step
    for now in range(max(begin, 0), 50_000_000, step):
        bucket.holds(0, now)
    assert bucket.holds(500, 50_000_000)
    assert not bucket.holds(501, 50_000_000)
    assert bucket.holds(1000, 10 * SECOND)
    assert not bucket.holds(1001, 10 * SECOND)
