"""A comparison goes to a file and comes back as it was; whatever else is in a file gets one sentence."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compare.samples import knowing, sample, tooth
from udpmsg.base.errors import UsageError
from udpmsg.compare import saved, typed
from udpmsg.compare.choices import Choices, Mode, Workload
from udpmsg.compare.trace import MOST_KNOWN, Comparison, Known, Received, Sent, Trace, Where
from udpmsg.link.faults import Action, Burst, Later, Link, Path, Police, Scripted
from udpmsg.link.record import Captured, Direction, Drop, FrameKind, FrameRecord, Identity, Phase

TIMES = st.integers(-(2**62), 2**62)
COUNTS = st.integers(0, 2**64 - 1)
TEXTS = st.text(max_size=12)
SHARES = st.floats(0, 1)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


IDENTITIES = st.builds(Identity, st.sampled_from(Direction), st.sampled_from(FrameKind), COUNTS, transmission=COUNTS, part=COUNTS)


def frame(first_sequence: int, more: int, **fields: Any) -> FrameRecord:
    """A frame that carries one message, two, or (first: 0) none."""
    return FrameRecord(first_sequence=first_sequence, last_sequence=first_sequence + more, **fields)


FRAMES = st.builds(
    frame,
    number=COUNTS,
    identity=IDENTITIES,
    phase=st.sampled_from(Phase),
    transport=st.sampled_from(["udp", "tcp", "icmp", "other"]),
    label=TEXTS,
    size=COUNTS,
    arrived_at=TIMES,
    first_sequence=st.integers(0, 2**63),
    more=st.integers(0, 1),
    dropped=maybe(st.sampled_from(Drop)),
    left_at=st.lists(TIMES, max_size=3).map(tuple),
    corrupted=st.booleans(),
    reordered=st.booleans(),
    script=maybe(TEXTS),
)
MESSAGES = st.builds(
    Sent,
    sequence=COUNTS,
    due_at=TIMES,
    sent_at=maybe(TIMES),
    state=maybe(st.sampled_from(["delivered", "unconfirmed", "refused"])),
    reason=maybe(TEXTS),
    settled_at=maybe(TIMES),
    transmissions=maybe(COUNTS),
    rtt=maybe(COUNTS),
)
ARRIVALS = st.builds(
    Received, sequence=COUNTS, at=TIMES, duplicate=st.booleans(), reordered=st.booleans(), transmission=maybe(COUNTS)
)
KNOWN = st.builds(
    Known,
    at=TIMES,
    window=maybe(COUNTS),
    in_flight=maybe(COUNTS),
    ssthresh=maybe(COUNTS),
    pace=maybe(COUNTS),
    srtt=maybe(COUNTS),
    rto=maybe(COUNTS),
    lost=maybe(COUNTS),
    retransmissions=maybe(COUNTS),
)
RUNS = st.builds(
    Trace,
    mode=st.sampled_from(Mode),
    repetition=COUNTS,
    seed=COUNTS,
    sent=st.lists(MESSAGES, max_size=5),
    received=st.lists(ARRIVALS, max_size=5),
    frames=maybe(st.lists(FRAMES, max_size=5)),
    connect_ns=maybe(COUNTS),
    kernel_drops=maybe(COUNTS),
    refused_icmp=COUNTS,
    not_sent=st.dictionaries(COUNTS, TEXTS, max_size=2),
    retransmissions=maybe(COUNTS),
    duration_ns=COUNTS,
    error=maybe(TEXTS),
    lost_sequences=maybe(st.lists(COUNTS, max_size=3)),
    receiver=maybe(st.dictionaries(TEXTS, maybe(COUNTS | SHARES), max_size=3)),
    known=st.lists(KNOWN, max_size=5).map(lambda rows: sorted(rows, key=lambda row: row.at)),
)
SOME = st.integers(1, 2**64 - 1)
LATER = st.lists(st.builds(Later, SOME, SOME), max_size=2, unique_by=lambda later: later.at).map(
    lambda changes: tuple(sorted(changes, key=lambda later: later.at))
)
PATHS = st.builds(
    Path,
    delay=COUNTS,
    jitter=COUNTS,
    loss=SHARES,
    burst=maybe(st.builds(Burst, SHARES, SHARES, SHARES, SHARES)),
    duplicate=SHARES,
    reorder=SHARES,
    reorder_by=COUNTS,
    corrupt=SHARES,
    rate=maybe(SOME),
    queue=maybe(COUNTS),
    mtu=maybe(COUNTS),
    police=maybe(st.builds(Police, SOME, COUNTS)),
    later_delays=LATER,
    later_rates=LATER,
).map(lambda path: dataclasses.replace(path, rate=path.rate or (1 if path.later_rates else None)))
FAULTS = st.builds(
    Scripted, st.sampled_from(Action), st.sampled_from(FrameKind), COUNTS, COUNTS, st.sampled_from(Direction), COUNTS, TEXTS
)
COMPARISONS = st.builds(
    Comparison,
    link=maybe(st.builds(Link, PATHS, PATHS, st.lists(FAULTS, max_size=2).map(tuple), maybe(TEXTS))),
    seed=maybe(COUNTS),
    workload=st.builds(Workload, st.integers(5, 2**64 - 1), COUNTS, COUNTS),
    choices=st.builds(
        Choices,
        modes=st.lists(st.sampled_from(Mode), max_size=3).map(tuple),
        repeat=COUNTS,
        tcp_congestion=maybe(TEXTS),
        nagle=st.booleans(),
        window=maybe(COUNTS),
    ),
    where=st.sampled_from(Where),
    runs=st.lists(RUNS, max_size=2),
    started=TEXTS,
    system=TEXTS,
    version=TEXTS,
    tcp_congestion=maybe(TEXTS),
    target=maybe(TEXTS),
    command=maybe(TEXTS),
)


@given(COMPARISONS)
@settings(max_examples=150, deadline=None)
def test_what_was_saved_comes_back(comparison: Comparison) -> None:
    assert saved.load(saved.dump(comparison)) == comparison


@pytest.mark.parametrize("seed", range(3))
def test_a_whole_comparison_comes_back_and_everything_in_it_has_its_own_type(seed: int) -> None:
    comparison = knowing(sample(count=60, seed=seed, repeat=2, loss=0.2))
    loaded = saved.load(saved.dump(comparison))
    assert loaded == comparison
    frame = next(frame for run in loaded.runs for frame in run.frames or () if frame.dropped)
    assert isinstance(frame.dropped, Drop)
    assert isinstance(frame.identity.direction, Direction)
    assert isinstance(frame.left_at, tuple)
    assert isinstance(loaded.runs[0].received[0].duplicate, bool)
    assert isinstance(loaded.runs[1].known[0], Known)


def test_what_a_sender_knew_takes_few_bytes() -> None:
    whole = sample(count=2)
    before = len(saved.dump(whole))
    whole.runs[1].known = [tooth(Mode.UDP_ACK, place) for place in range(MOST_KNOWN)]
    assert len(saved.dump(whole)) - before < 60 * MOST_KNOWN


def test_a_comparison_of_before_has_nothing_that_a_sender_knew() -> None:
    document = json.loads(saved.dump(sample(count=3)))
    for run in document["comparison"]["runs"]:
        del run["known"]
    assert saved.load(json.dumps(document)) == sample(count=3)


def test_captured_frames_are_never_saved() -> None:
    comparison = sample(count=2)
    comparison.runs[0].captured = [Captured(1, 0, 1, b"\xde\xad\xbe\xef")]
    text = saved.dump(comparison)
    assert "captured" not in text
    assert saved.load(text).runs[0].captured is None


def test_a_long_run_is_far_smaller_than_its_objects_would_be() -> None:
    comparison = sample(count=3000)
    objects = json.dumps([dataclasses.asdict(run) for run in comparison.runs], separators=(",", ":"))
    assert len(saved.dump(comparison)) * 5 < len(objects)


def test_every_way_to_write_a_column_is_used_and_read() -> None:
    document = json.loads(saved.dump(sample(count=100)))["comparison"]
    columns = document["runs"][0]["frames"]["columns"]
    assert columns["number"]["steps"] == {"all": 1}
    assert columns["transport"] == {"all": "udp"}
    assert set(columns["phase"]) == {"of", "at"}
    assert isinstance(columns["label"], list)
    assert set(columns["left_at"]) == {"lengths", "items"}


def test_long_lists_have_text_for_every_row_though_all_rows_are_alike() -> None:
    """What was never sent has no times of its own; a list of it that takes more memory than its text would is refused."""
    whole = sample(count=1)
    count = 2 * typed.UNWRITTEN
    whole.workload = Workload(count)
    whole.runs[0].sent = [Sent(number, number * 1000, None) for number in range(1, count + 1)]
    assert saved.load(saved.dump(whole)) == whole
    short = json.loads(saved.dump(sample(count=1)))
    short["comparison"]["workload"]["count"] = count
    short["comparison"]["runs"][0]["sent"] = nothing(typed.UNWRITTEN - 100)
    assert len(saved.load(json.dumps(short)).runs[0].sent) == typed.UNWRITTEN - 100


def test_an_unknown_field_is_passed_over_and_a_missing_one_gets_its_default() -> None:
    comparison = sample(count=3)
    document = json.loads(saved.dump(comparison))
    document["comparison"]["weather"] = "fair"
    document["comparison"]["runs"][0]["frames"]["columns"]["colour"] = {"all": "red"}
    del document["comparison"]["runs"][0]["refused_icmp"]
    del document["comparison"]["runs"][0]["frames"]["columns"]["script"]
    assert saved.load(json.dumps(document)) == comparison


Change = Callable[[dict[str, Any]], object]


def frames(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["comparison"]["runs"][0]["frames"]
    return found


def nothing(rows: int) -> dict[str, Any]:
    """So many messages that were never sent, in a few words."""
    alike = {name: {"first": 1, "steps": {"all": 1}} for name in ("sequence", "due_at")}
    return {"rows": rows, "columns": alike | {"sent_at": {"all": None}}}


def known(document: dict[str, Any], **columns: Any) -> None:
    """What the first sender knew of the path in three looks, with these columns in place of those that are right."""
    usual = {name: {"all": None} for name in Known.__slots__} | {"at": [0, 10, 20]}
    document["comparison"]["runs"][0].update(known={"rows": 3, "columns": usual | columns})


def on_its_way(document: dict[str, Any], **faults: Any) -> None:
    """The link has these faults on the way back too."""
    document["comparison"]["link"]["back"].update(faults)


BROKEN: dict[str, Change] = {
    "no link": lambda document: document["comparison"].pop("link"),
    "a word for a number": lambda document: document["comparison"].update(seed="seven"),
    "true for a number": lambda document: document["comparison"].update(seed=True),
    "an unknown mode": lambda document: document["comparison"]["runs"][0].update(mode="carrier pigeon"),
    "a list for an object": lambda document: document["comparison"].update(workload=[]),
    "no comparison": lambda document: document.pop("comparison"),
    "a column too short": lambda document: frames(document)["columns"].update(size=[1]),
    "more rows than can be": lambda document: frames(document).update(rows=10**15),
    "rows below none": lambda document: frames(document).update(rows=-1),
    "a column that is missing": lambda document: frames(document)["columns"].pop("size"),
    "a column of another sort": lambda document: frames(document)["columns"].update(size=7),
    "a column in an unknown way": lambda document: frames(document)["columns"].update(size={"zip": "AAAA"}),
    "a letter without a value": lambda document: frames(document)["columns"].update(size={"of": [1], "at": "AB!AAA"}),
    "steps from nowhere": lambda document: frames(document)["columns"].update(size={"first": None, "steps": {"all": 1}}),
    "steps that are none": lambda document: frames(document)["columns"].update(size={"first": 1, "steps": {"all": "x"}}),
    "a negative length": lambda document: frames(document)["columns"]["left_at"].update(lengths={"all": -1}),
    "lengths beyond the file": lambda document: frames(document)["columns"]["left_at"].update(lengths={"all": 10**12}),
    "an unknown phase": lambda document: frames(document)["columns"].update(phase={"all": "siesta"}),
    "a word among numbers": lambda document: document["comparison"]["runs"][0].update(not_sent={"four": "no"}),
    "rows that come from nowhere": lambda document: document["comparison"]["runs"][0].update(sent=nothing(10**7)),
    "rows that come from nowhere, in several lists": lambda document: [
        run.update(sent=nothing(typed.UNWRITTEN // 2)) for run in document["comparison"]["runs"]
    ],
    "items that come from nowhere": lambda document: frames(document)["columns"].update(
        left_at={"lengths": {"all": 10**7}, "items": {"all": 1}}
    ),
    "more messages than the workload has": lambda document: document["comparison"]["workload"].update(count=2),
    "a time longer than any": lambda document: document["comparison"]["workload"].update(interval_ns=10**30),
    "a time before any": lambda document: frames(document)["columns"].update(arrived_at={"all": -(10**30)}),
    "a number of 4,000 digits": lambda document: document["comparison"].update(seed=10**3999),
    "steps of 4,000 digits": lambda document: frames(document)["columns"].update(size={"first": 1, "steps": {"all": 10**3999}}),
    "a number below none": lambda document: document["comparison"]["workload"].update(count=-1),
    "a share above all": lambda document: document["comparison"]["link"]["forward"].update(loss=1.5),
    "a share without end": lambda document: document["comparison"]["link"]["forward"].update(loss=1e308),
    "a key below none": lambda document: document["comparison"]["runs"][0].update(not_sent={"-4": "no"}),
    "a figure below none": lambda document: document["comparison"]["runs"][0].update(receiver={"jitter_s": -0.5}),
    "messages before the first": lambda document: frames(document)["columns"].update(first_sequence={"all": -(10**12)}),
    "messages that end before they begin": lambda document: frames(document)["columns"].update(first_sequence={"all": 9}),
    "frames that carry more than was sent": lambda document: frames(document)["columns"].update(
        first_sequence={"all": 1}, last_sequence={"all": 10**12}
    ),
    "a window below none": lambda document: known(document, window={"all": -1}),
    "a window of 4,000 digits": lambda document: known(document, window={"all": 10**3999}),
    "half a byte in flight": lambda document: known(document, in_flight={"all": 0.5}),
    "a round trip below none": lambda document: known(document, srtt=[1, -1, 1]),
    "a pace that is true": lambda document: known(document, pace={"all": True}),
    "a look longer ago than any": lambda document: known(document, at={"first": -(10**30), "steps": {"all": 1}}),
    "looks in no order": lambda document: known(document, at=[0, 20, 10]),
    "more looks than are kept": lambda document: document["comparison"]["runs"][0].update(
        known={
            "rows": MOST_KNOWN + 1,
            "columns": {name: {"all": None} for name in Known.__slots__} | {"at": list(range(MOST_KNOWN + 1))},
        }
    ),
    "a rate of nothing": lambda document: on_its_way(document, rate=0),
    "a policer that lets nothing pass": lambda document: on_its_way(document, police={"rate": 0, "burst": 2000}),
    "a rate that becomes nothing": lambda document: on_its_way(document, rate=9, later_rates=[{"at": 5, "value": 0}]),
    "a rate that begins late": lambda document: on_its_way(document, later_rates=[{"at": 5, "value": 9}]),
    "rates in no order": lambda document: on_its_way(
        document, rate=9, later_rates=[{"at": 5, "value": 9}, {"at": 5, "value": 8}]
    ),
    "delays in no order": lambda document: on_its_way(document, later_delays=[{"at": 5, "value": 9}, {"at": 4, "value": 8}]),
    "a delay that changes before it began": lambda document: on_its_way(document, later_delays=[{"at": 0, "value": 9}]),
    "version 0": lambda document: document.update(version=0),
    "version one": lambda document: document.update(version="one"),
}


def test_as_many_looks_as_are_kept_come_back() -> None:
    """And the file of which the broken ones differ in one thing is whole."""
    document = json.loads(saved.dump(sample(count=3)))
    known(document)
    assert len(saved.load(json.dumps(document)).runs[0].known) == 3
    whole = sample(count=3)
    whole.runs[0].known = [tooth(Mode.UDP_ACK, place) for place in range(MOST_KNOWN)]
    assert saved.load(saved.dump(whole)) == whole


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_gets_a_sentence(name: str) -> None:
    document = json.loads(saved.dump(sample(count=3)))
    BROKEN[name](document)
    with pytest.raises(UsageError) as raised:
        saved.load(json.dumps(document))
    assert "this saved comparison is broken" in str(raised.value)
    assert "udpmsg compare --keep FILE" in str(raised.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no saved comparison: it is not JSON, or not the whole file"),
        ("hello", "it is not JSON"),
        (saved.dump(sample(count=3))[:-5], "not the whole file"),
        ('{"format": "udpmsg comparison", "version": NaN}', "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("9" * 5000, "it is not JSON"),
        ('{"format": "udpmsg comparison", "version": 1, "comparison": ' + "9" * 5000, "it is not JSON"),
        ("[]", "this is JSON, but no saved comparison"),
        ("null", "this is JSON, but no saved comparison"),
        ('{"format": "something else"}', "this is JSON, but no saved comparison"),
        (
            '{"format": "udpmsg comparison", "version": 2}',
            "saved by a newer udpmsg (its format is 2, and 1 is known here): update",
        ),
    ],
    ids=lambda text: text[:20],
)
def test_a_foreign_file_gets_a_sentence(text: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        saved.load(text)
    assert said in str(raised.value)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_no_change_to_a_file_raises_anything_else(data: st.DataObject) -> None:
    document = json.loads(SMALL)
    *way, last = data.draw(st.sampled_from(PLACES))
    target = document
    for key in way:
        target = target[key]
    target[last] = data.draw(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.just([]) | st.just({}) | st.just(0.5)
    )
    try:
        saved.load(json.dumps(document))
    except UsageError:
        pass


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where every value of a document is."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, item in items for found in [(*way, key), *places(item, (*way, key))]]


SMALL = saved.dump(knowing(sample(count=4)))
PLACES = places(json.loads(SMALL))
