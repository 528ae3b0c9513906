"""Quantities: what users write, exactly; and text that reads back as the same value."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udpmsg.base import units
from udpmsg.base.errors import UsageError

CENTURY = 100 * 366 * 86400 * 10**9


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("20ms", 20_000_000),
        ("1.5s", 1_500_000_000),
        ("0.001us", 1),
        ("1\u00b5s", 1_000),
        ("1\u03bcs", 1_000),
        (".5ms", 500_000),
        (" 2 min ", 120_000_000_000),
        ("1h", 3_600_000_000_000),
        ("0.0000000004s", 0),
        ("0.0000000005s", 1),
        ("3162240000.000000001s", None),
        ("3162239999.999999999s", CENTURY - 1),
        ("0s", 0),
        ("0", 0),
        ("0.0", 0),
    ],
)
def test_durations_are_exact_to_the_nanosecond(text: str, nanoseconds: int | None) -> None:
    if nanoseconds is None:
        with pytest.raises(UsageError, match="too large"):
            units.parse_nanoseconds(text)
    else:
        assert units.parse_nanoseconds(text) == nanoseconds


@settings(deadline=None)
@given(st.integers(0, CENTURY))
def test_a_duration_reads_back_as_itself(nanoseconds: int) -> None:
    assert units.parse_nanoseconds(units.duration_text(nanoseconds)) == nanoseconds


@settings(deadline=None)
@given(st.floats(0, 1))
def test_a_share_reads_back_as_itself(share: float) -> None:
    assert units.parse_share(units.share_text(share)) == share


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_a_share_in_hundredths_of_a_per_cent_is_the_nearest_number(hundredths: int) -> None:
    assert units.parse_share(f"{hundredths / 100}%") == hundredths / 10_000


@settings(deadline=None)
@given(st.integers(1, 10**13))
def test_a_bit_rate_reads_back_as_itself(rate: int) -> None:
    assert units.parse_bit_rate(units.bit_rate_text(rate)) == rate


@settings(deadline=None)
@given(st.integers(0, 2**40))
def test_a_size_reads_back_as_itself(size: int) -> None:
    assert units.parse_size(units.size_text(size)) == size


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (units.duration_text(20_000_000), "20ms"),
        (units.duration_text(60 * 10**9), "60s"),
        (units.duration_text(0), "0s"),
        (units.duration_text(1), "0.001us"),
        (units.duration_text(80_500_000), "80.5ms"),
        (units.share_text(0.05), "5%"),
        (units.share_text(0.29), "29%"),
        (units.share_text(0.0), "0%"),
        (units.share_text(1), "100%"),
        (units.share_text(1e-7), "0.00001%"),
        (units.bit_rate_text(10_000_000), "10mbit"),
        (units.bit_rate_text(1_500_000), "1.5mbit"),
        (units.bit_rate_text(999), "999bit"),
        (units.size_text(1200), "1200"),
        (units.size_text(65536), "64KiB"),
        (units.size_text(4 << 20), "4MiB"),
    ],
)
def test_quantities_are_written_as_people_write_them(made: str, text: str) -> None:
    assert made == text


@pytest.mark.parametrize(
    ("parse", "text", "said"),
    [
        (units.parse_duration, "-5ms", "'-5ms' is negative, and a duration must be 0 or more; write 20ms"),
        (units.parse_duration, "-5%", "'-5%' is not a duration; write 20ms"),
        (units.parse_duration, "", "'' is not a duration"),
        (units.parse_duration, "9" * 2001, "is not a duration"),
        (units.parse_duration, "9" * 2000 + "s", "too large"),
        (units.parse_duration, "20", "'20' has no unit; write 20ms or 20s"),
        (units.parse_positive_duration, ".5", "'.5' has no unit; write .5ms or .5s"),
        (units.parse_nanoseconds, " 1.5 ", "' 1.5 ' has no unit; write 1.5ms or 1.5s"),
        (units.parse_positive_nanoseconds, "3", "'3' has no unit; write 3ms or 3s"),
        (units.parse_share, "101%", "'101%' is too large for a share of 0% to 100%; write 5%"),
        (units.parse_share, "100.0000001%", "too large"),
        (units.parse_share, "0.05", "'0.05' is not a share of 0% to 100%; write 5%"),
        (units.parse_share, "-1%", "'-1%' is negative"),
        (units.parse_bit_rate, "0.4bit", "is too little; it must be more than 0"),
        (units.parse_positive_nanoseconds, "0.1us", None),
        (units.parse_positive_nanoseconds, "0.0001us", "is too little"),
        (units.parse_seed, "-1", "'-1' is not a seed; choose a whole number from 0 to 18446744073709551615"),
        (units.parse_seed, str(2**64), "is not a seed"),
        (units.parse_seed, "٣", "is not a seed"),
        (units.parse_seed, str(2**64 - 1), None),
        (units.parse_count, "0", "'0' is not a count"),
    ],
)
def test_what_means_nothing_gets_a_sentence(parse, text: str, said: str | None) -> None:
    if said is None:
        assert parse(text) > 0
        return
    with pytest.raises(UsageError) as error:
        parse(text)
    assert said in str(error.value)


def test_a_word_that_is_none_of_them_names_the_nearest() -> None:
    assert units.one_of(" WiFi ", ["wifi", "lte"], "link") == "wifi"
    with pytest.raises(UsageError, match=r"'wifl' is no link; did you mean wifi\? choose from wifi, lte"):
        units.one_of("wifl", ["wifi", "lte"], "link")
    with pytest.raises(UsageError, match="'zzz' is no link; choose from wifi, lte"):
        units.one_of("zzz", ["wifi", "lte"], "link")


def test_every_largest_value_is_accepted_and_finite() -> None:
    for unit in (units.DURATION, units.SIZE, units.RATE, units.BIT_RATE, units.SHARE):
        name, factor = max(unit.factors.items(), key=lambda item: item[1])
        text = f"{unit.largest * unit.one // factor}{name}"
        assert math.isclose(units.parse(text, unit), unit.largest, rel_tol=1e-3)
