"""A comparison as a file, and back: JSON text, everything but the captured frames.

Owns the format "udpmsg comparison", version 1. Long lists (messages, arrivals, frames) are stored by columns, and a column in the
shortest of four ways, so that 300,000 frames stay small and quick. A missing field gets its default, and an unknown one is passed
over (see `typed`), so a field that is added later needs no new version. Numbers that no run can have are refused here: printers
may rely on them. Does not touch files, and judges nothing.

The four ways of a column:

    [3, null, 7]                       one value per row
    {"all": 1}                         every row has this one
    {"first": 20, "steps": [1, 1]}     whole numbers, and what each adds to the one before it: 20, 21, 22; `steps` is a column
    {"of": ["udp", "tcp"], "at": "A"}  the values that occur, and one letter per row: A for the first of them, B for the second

A column of lists is {"lengths": column, "items": column}, one of objects a column for each field, and a whole list
{"rows": 3, "columns": {...}}.
"""

import dataclasses
import json
from enum import Enum
from itertools import chain
from operator import attrgetter, sub
from typing import Any, NoReturn

from udpmsg.base.errors import N_, UsageError
from udpmsg.compare.plausible import Broken, check_link, check_run
from udpmsg.compare.reasons import phrased
from udpmsg.compare.trace import Comparison, Trace
from udpmsg.compare.typed import LETTERS, LONG, NEVER_SAVED, ValueReader

FORMAT = "udpmsg comparison"
VERSION = 1

LARGEST = 1 << 27
"""Bytes of a file: half a million messages in three modes, which take 20 times as much memory to show."""

ALIKE = 1000
"""A column of more steps than this is written out also where they are alike, so that long lists do have such text."""


def dump(comparison: Comparison) -> str:
    """The comparison as one JSON document. Captured frames are left out."""
    document = {"format": FORMAT, "version": VERSION, "comparison": _object(comparison)}
    return json.dumps(document, separators=(",", ":"), allow_nan=False)


def load(text: str) -> Comparison:
    """The comparison that `dump` made the text of. Raises UsageError for any other text."""
    try:
        document = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise UsageError(
            "this is no saved comparison: it is not JSON, or not the whole file; save one with udpmsg compare --keep FILE"
        ) from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise UsageError("this is JSON, but no saved comparison; save one with udpmsg compare --keep FILE")
    version = document.get("version")
    if type(version) is int and version > VERSION:
        raise UsageError(
            "this comparison was saved by a newer udpmsg (its format is {}, and {} is known here): update udpmsg",
            version,
            VERSION,
        )
    try:
        if version != VERSION:
            raise Broken(N_("there is no format version {!r}"), version)
        comparison: Comparison = ValueReader().value(document.get("comparison"), Comparison)
        if comparison.link is not None:
            check_link(comparison.link)
        for run in comparison.runs:
            check_run(run, comparison.workload.count)
    except Broken as broken:
        raise UsageError("this saved comparison is broken ({}): save it again with udpmsg compare --keep FILE", broken) from None
    for run in comparison.runs:
        _phrase(run)
    return comparison


def _phrase(run: Trace) -> None:
    """Make phrases again of what the run says in sentences."""
    texts = {run.error, *(row.reason for row in run.sent), *run.not_sent.values()}
    known = {text: phrased(text) for text in texts if text is not None}
    if run.error is not None:
        run.error = known[run.error]
    run.not_sent = {sequence: known[text] for sequence, text in run.not_sent.items()}
    for row in run.sent:
        if row.reason is not None:
            row.reason = known[row.reason]


def _object(value: Any) -> dict[str, Any]:
    kind = type(value)
    return {
        field.name: _plain(getattr(value, field.name))
        for field in dataclasses.fields(kind)
        if (kind, field.name) not in NEVER_SAVED
    }


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value):
        return _object(value)
    if isinstance(value, list | tuple):
        if value and isinstance(value[0], LONG):
            return {"rows": len(value), "columns": _columns(list(value), type(value[0]))}
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value


def _columns(rows: list[Any], kind: type) -> dict[str, Any]:
    return {
        field.name: _column(list(map(attrgetter(field.name), rows)))
        for field in dataclasses.fields(kind)
        if (kind, field.name) not in NEVER_SAVED
    }


def _column(values: list[Any]) -> Any:
    """A column in the shortest of the ways that fit it. There are millions of values, so no step of Python is made for each."""
    first = values[0]
    if dataclasses.is_dataclass(first):
        return _columns(values, type(first))
    if isinstance(first, tuple):
        items = list(chain.from_iterable(values))
        return {"lengths": _column(list(map(len, values))), "items": _column(items) if items else []}
    kinds = set(map(type, values))
    if any(issubclass(kind, Enum) for kind in kinds):
        plain = {value: value.value if isinstance(value, Enum) else value for value in set(values)}
        values = list(map(plain.__getitem__, values))
        kinds = set(map(type, values))
    # 1, 1.0 and True are one key to a dictionary, and three values to a file.
    keys = list(zip(map(type, values), values, strict=True)) if len(kinds) > 1 else values
    if len(set(keys[:ALIKE])) <= len(LETTERS) and len(distinct := dict.fromkeys(keys)) <= len(LETTERS):
        if len(distinct) == 1:
            return {"all": values[0]}
        if len(values) > 2 * len(distinct):
            letters = dict(zip(distinct, LETTERS, strict=False))
            of = [value for _, value in distinct] if len(kinds) > 1 else list(distinct)
            return {"of": of, "at": "".join(map(letters.__getitem__, keys))}
    if kinds == {int} and len(values) > 1:
        steps = list(map(sub, values[1:], values))
        # One level deep: the steps of steps gain nothing.
        return {"first": values[0], "steps": {"all": steps[0]} if len(steps) <= ALIKE and len(set(steps)) == 1 else steps}
    return values


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
