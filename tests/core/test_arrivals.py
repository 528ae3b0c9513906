"""New, duplicate, reordered, missing: a set difference over sequence numbers, in which nothing cancels anything."""

from udpmsg.core.arrivals import Arrivals, Novelty

NEW, REORDERED, DUPLICATE, STALE = Novelty.NEW, Novelty.REORDERED, Novelty.DUPLICATE, Novelty.STALE


def after(*sequences: int, gap_limit: int = 10) -> Arrivals:
    arrivals = Arrivals(gap_limit)
    for sequence in sequences:
        arrivals.record(sequence)
    return arrivals


def test_in_order_nothing_is_missing() -> None:
    arrivals = after(1, 2, 3)
    assert (arrivals.unique, arrivals.highest, arrivals.missing(), arrivals.lost(3)) == (3, 3, 0, 0)
    assert arrivals.classify(4) is NEW


def test_a_number_below_the_next_expected_is_reordered_and_fills_its_gap() -> None:
    """RFC 4737, section 3.3: reordered is what arrives below the next expected number."""
    arrivals = after(1, 2, 5)
    assert [arrivals.classify(sequence) for sequence in (2, 3, 4, 5, 6)] == [DUPLICATE, REORDERED, REORDERED, DUPLICATE, NEW]
    assert arrivals.missing() == 2
    arrivals.record(4)
    assert (arrivals.classify(3), arrivals.classify(4), arrivals.missing()) == (REORDERED, DUPLICATE, 1)


def test_a_duplicate_cancels_no_loss() -> None:
    """RFC 5560; RFC 7680: of five sent, one came twice and two never did."""
    arrivals = after(1, 3, 4)
    assert arrivals.classify(3) is DUPLICATE
    assert (arrivals.unique, arrivals.missing(), arrivals.lost(5)) == (3, 1, 2)


def test_loss_is_never_negative() -> None:
    assert after(1, 2, 3).lost(2) == 0
    assert after().lost(2) == 2


def test_what_the_sender_gave_up_is_stale() -> None:
    arrivals = after(1, 4)
    arrivals.resolve_below(3)
    arrivals.resolve_below(2)  # a late datagram says less; it never goes back
    assert arrivals.lowest == 3
    assert [arrivals.classify(sequence) for sequence in (1, 2, 3, 4, 5)] == [DUPLICATE, STALE, REORDERED, DUPLICATE, NEW]
    arrivals.resolve_below(9)
    assert [arrivals.classify(sequence) for sequence in (3, 8, 9)] == [STALE, STALE, NEW]


def test_over_the_limit_the_oldest_gap_is_forgotten() -> None:
    arrivals = after(2, 4, 6, gap_limit=2)
    assert arrivals.forgotten == 1
    assert [arrivals.classify(sequence) for sequence in (1, 2, 3, 5)] == [STALE, DUPLICATE, REORDERED, REORDERED]
    assert arrivals.missing() == 3
    arrivals.record(8)
    assert arrivals.forgotten == 3
    assert [arrivals.classify(sequence) for sequence in (2, 3, 4, 5, 7)] == [STALE, STALE, DUPLICATE, REORDERED, REORDERED]


def test_which_numbers_would_open_a_gap() -> None:
    """Those strictly inside a gap, or leaving one behind; at a gap's edge it only shrinks."""
    arrivals = after(4, 8)
    assert arrivals.gaps == 2
    unseen = (1, 2, 3, 5, 6, 7, 9, 10, 11)
    assert [sequence for sequence in unseen if arrivals.opens_gap(sequence)] == [2, 6, 10, 11]


def test_gaps_that_the_sender_gave_up_do_not_count() -> None:
    """Else a session that gave up as many messages as gaps are allowed would never deliver again out of order."""
    arrivals = after(2, 4, 6)
    assert arrivals.gaps == 3
    arrivals.resolve_below(4)
    assert arrivals.gaps == 1
    assert arrivals.missing() == 3
