"""JSON values become the objects of a comparison, by the types and ranges of their fields (see `saved` for the form).

Owns which lists come by columns, and how much a few words may stand for: a file is not trusted. A missing field gets its default,
and an unknown one is passed over. Knows no format and no version.
"""

import dataclasses
from collections.abc import Callable, Iterable
from enum import Enum
from itertools import accumulate, islice, starmap
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from udpmsg.base.errors import N_
from udpmsg.compare.plausible import NUMBER, STEP, Broken, Range, bounded, range_of
from udpmsg.compare.trace import Known, Received, Sent, Trace
from udpmsg.link.record import FrameRecord

LONG = (Sent, Received, FrameRecord, Known)
"""Lists of these are stored by columns."""

NEVER_SAVED = {(Trace, "captured")}

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
"""With at most so many different values, a column names each of them once."""
NUMBERS = {int, float}

UNWRITTEN = 1 << 16
"""Rows and items of a file, in all, that need no text of their own because all their values are alike. More would let a few words
stand for more than there is memory."""


class ValueReader:
    """Reads values by their types and ranges."""

    def __init__(self) -> None:
        self._unwritten = UNWRITTEN
        self._hints: dict[type, dict[str, Any]] = {}

    def value(self, plain: Any, kind: Any, within: Range = NUMBER) -> Any:
        """The value of this type and in this range that the JSON value stands for."""
        choices = _choices(kind)
        if len(choices) > 1:
            if plain is None and NoneType in choices:
                return None
            remaining = [choice for choice in choices if choice is not NoneType]
            if len(remaining) == 1:
                return self.value(plain, remaining[0], within)
            return _checked(plain, remaining, within)
        origin, arguments = get_origin(kind), get_args(kind)
        if origin in (list, tuple):
            return origin(self._list(plain, arguments[0]))
        if origin is dict:
            return self._dictionary(plain, *arguments)
        if dataclasses.is_dataclass(kind):
            return self._object(plain, kind)
        if isinstance(kind, type) and issubclass(kind, Enum):
            return _member(plain, kind)
        return _checked(plain, [kind], within)

    def _object(self, plain: Any, kind: Any) -> Any:
        if not isinstance(plain, dict):
            raise Broken(N_("{} is no object"), kind.__name__)
        fields = [(name, hint) for name, hint in self._fields(kind) if name in plain]
        return self._made(kind, {name: self.value(plain[name], hint, range_of(kind, name)) for name, hint in fields})

    def _made(self, kind: Any, fields: dict[str, Any]) -> Any:
        try:
            return kind(**fields)
        except TypeError:
            missing = [name for name in _required(kind) if name not in fields]
            raise Broken(N_("{} has no {}"), kind.__name__, missing[0]) from None

    def _fields(self, kind: Any) -> list[tuple[str, Any]]:
        if kind not in self._hints:
            self._hints[kind] = get_type_hints(kind)
        return [(name, hint) for name, hint in self._hints[kind].items() if (kind, name) not in NEVER_SAVED]

    def _dictionary(self, plain: Any, key_kind: Any, kind: Any) -> dict[Any, Any]:
        if not isinstance(plain, dict):
            raise Broken(N_("an object is missing"))
        return {_key(key, key_kind): self.value(item, kind) for key, item in plain.items()}

    def _list(self, plain: Any, kind: Any) -> list[Any]:
        if kind in LONG and isinstance(plain, dict):
            rows, columns = plain.get("rows"), plain.get("columns")
            if type(rows) is not int or rows <= 0 or not isinstance(columns, dict):
                raise Broken(N_("a list of {} has no number of rows"), kind.__name__)
            self._charge(rows, columns)
            return self._rows(columns, kind, rows)
        if not isinstance(plain, list):
            raise Broken(N_("a list is missing"))
        return [self.value(item, kind) for item in plain]

    def _charge(self, values: int, plain: Any) -> None:
        """Raise Broken where so many values have no text that they could come from."""
        self._unwritten -= max(0, values - _written(plain))
        if self._unwritten < 0:
            raise Broken(N_("it says that there are more values than it has"))

    def _rows(self, columns: dict[str, Any], kind: Any, rows: int) -> list[Any]:
        """The objects that these columns hold the fields of."""
        names, values = [], []
        for name, hint in self._fields(kind):
            if name in columns:
                names.append(name)
                values.append(self._column(columns[name], hint, rows, range_of(kind, name)))
        missing = [name for name in _required(kind) if name not in names]
        if missing:
            raise Broken(N_("{} has no {}"), kind.__name__, missing[0])
        if names == [field.name for field in dataclasses.fields(kind)]:
            return list(starmap(kind, zip(*values, strict=True)))
        return [kind(**dict(zip(names, row, strict=True))) for row in zip(*values, strict=True)]

    def _column(self, plain: Any, kind: Any, rows: int, within: Range = NUMBER) -> list[Any]:
        """The values of one column. Raises Broken unless there are as many as rows, all of the type and in the range."""
        if dataclasses.is_dataclass(kind):
            if not isinstance(plain, dict):
                raise Broken(N_("a column of objects is missing"))
            return self._rows(plain, kind, rows)
        if get_origin(kind) is tuple:
            return self._tuples(plain, get_args(kind)[0], rows, within)
        check = _check(_choices(kind), within)
        if isinstance(plain, list):
            values = check(plain)
        elif not isinstance(plain, dict):
            raise Broken(N_("a column is missing"))
        elif "all" in plain:
            values = check([plain["all"]]) * rows
        elif "first" in plain:
            steps = [_checked(plain["first"], [int], within), *self._column(plain.get("steps"), int, rows - 1, STEP)]
            values = check(list(accumulate(steps)))
        elif isinstance(plain.get("of"), list) and isinstance(plain.get("at"), str):
            named = dict(zip(LETTERS, check(plain["of"]), strict=False))
            try:
                values = list(map(named.__getitem__, plain["at"]))
            except KeyError:
                raise Broken(N_("a column names a value that it has not")) from None
        else:
            raise Broken(N_("a column is written in an unknown way"))
        if len(values) != rows:
            raise Broken(N_("a column has {} values for {} rows"), len(values), rows)
        return values

    def _tuples(self, plain: Any, kind: Any, rows: int, within: Range) -> list[tuple[Any, ...]]:
        if not isinstance(plain, dict):
            raise Broken(N_("a column of lists is missing"))
        lengths = self._column(plain.get("lengths"), int, rows)
        self._charge(sum(lengths), plain.get("items"))
        items = iter(self._column(plain.get("items"), kind, sum(lengths), within))
        return [tuple(islice(items, length)) for length in lengths]


def _choices(kind: Any) -> tuple[Any, ...]:
    """The types of a union; of anything else itself."""
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def _required(kind: Any) -> list[str]:
    return [
        field.name
        for field in dataclasses.fields(kind)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]


def _written(plain: Any) -> int:
    """How many values a column, or the longest of several, has text for."""
    if isinstance(plain, list):
        return len(plain)
    if not isinstance(plain, dict):
        return 0
    letters = plain.get("at")
    if isinstance(letters, str):
        return len(letters)
    return max(map(_written, plain.values()), default=0) + ("first" in plain)


def _checked(plain: Any, kinds: Iterable[Any], within: Range) -> Any:
    """The value, if it has one of the types and is in the range. A whole number does for a float."""
    kinds = list(kinds)
    if type(plain) in kinds:
        return bounded(plain, within)
    if float in kinds and type(plain) is int:
        return float(bounded(plain, within))
    raise Broken(N_("{!r} is no {}"), str(plain)[:40], " or ".join(kind.__name__ for kind in kinds))


def _check(kinds: tuple[Any, ...], within: Range) -> Callable[[list[Any]], list[Any]]:
    """What turns the plain values of a column into values of these types. Where all are as they should be, which their types and
    the least and the largest of them tell, none is looked at by itself."""
    members = {member.value: member for kind in kinds if issubclass(kind, Enum) for member in kind}
    plain_kinds = frozenset(kind for kind in kinds if not issubclass(kind, Enum))

    def one(plain: Any) -> Any:
        if type(plain) in plain_kinds:
            return bounded(plain, within)
        if members and type(plain) in (int, str) and plain in members:
            return members[plain]
        raise Broken(N_("{!r} is no {}"), str(plain)[:40], " or ".join(kind.__name__ for kind in kinds))

    def check(column: list[Any]) -> list[Any]:
        there = set(map(type, column))
        if not there <= plain_kinds or (there & NUMBERS and not _all_within(column, there, within)):
            return list(map(one, column))
        return column

    return check


def _all_within(column: list[Any], there: set[type], within: Range) -> bool:
    """Whether all numbers of a column are in a range; `there`: the types of its values."""
    numbers = column if there <= NUMBERS else [value for value in column if type(value) in NUMBERS]
    return bool(within[0] <= min(numbers) and max(numbers) <= within[1])


def _member(plain: Any, kind: type[Enum]) -> Enum:
    try:
        if type(plain) in (int, str):
            return kind(plain)
    except ValueError:
        pass
    raise Broken(N_("{!r} is no {}"), str(plain)[:40], kind.__name__)


def _key(key: str, kind: Any) -> Any:
    if kind is not int:
        return key
    try:
        return bounded(int(key), NUMBER)
    except ValueError:
        raise Broken(N_("{!r} is no number"), key[:40]) from None
