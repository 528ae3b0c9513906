"""Scenario files: a link, a seed, a workload and the choices of a comparison, as TOML for people to read and change.

Owns the file's schema and the sentences for what is wrong in one, with the line where it stands. How a link's faults are written
is in `udpmsg.link.fields`. What a file does not say is as where no file is given; what is written here reads back as the same
values. Does not touch files.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from udpmsg.base import units
from udpmsg.base.errors import N_, Phrase, UsageError
from udpmsg.base.option import Option
from udpmsg.base.phrases import phrased
from udpmsg.compare.choices import CHOICES, WORKLOAD, Choices, Workload
from udpmsg.link.faults import Link
from udpmsg.link.fields import FIELDS, BothWays, changed, read, read_both, text_of
from udpmsg.link.presets import DEFAULT, PRESETS, preset
from udpmsg.link.script import fault_text, parse_fault

LARGEST_TOML_INTEGER = 2**63 - 1
"""TOML 1.0: what every reader must understand. A larger seed is written as text."""

MOST_DOTS = 5000
"""In a file: for one key of this many parts Python's TOML reader takes a second, and for twice as many four seconds."""

COMPLAINTS = (
    N_("line {}, column {}"),
    N_("invalid statement"),
    N_("invalid value"),
    N_("unclosed array"),
    N_("unclosed inline table"),
    N_("unterminated string"),
    N_("expected '=' after a key in a key/value pair"),
    N_("expected ']' at the end of a table declaration"),
    N_("expected newline or end of document after a statement"),
    N_("expected {}"),
    N_("cannot overwrite a value"),
    N_("cannot declare {} twice"),
)
"""What Python says of a text that is no TOML, in as much as it happens to people; everything else is told in its English."""


TABLES = {"workload": WORKLOAD, "choices": CHOICES}
"""The tables besides [link]: a key for each option of a comparison."""


@dataclass(frozen=True)
class Scenario:
    """What a file holds."""

    link: Link = DEFAULT
    seed: int | None = None
    """None: drawn anew in each comparison."""
    workload: Workload = field(default_factory=Workload)
    choices: Choices = field(default_factory=Choices)


def load(text: str, name: str = "the scenario") -> Scenario:
    """The scenario that the text means. Raises UsageError: `name`, line, what is wrong and what would be right."""
    try:
        if text.count(".") > MOST_DOTS:
            raise RecursionError
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError("{}: {}", name, _broken(str(error), text)) from None
    except (ValueError, RecursionError):  # of Python, not of TOML
        raise UsageError("{}: a number is too long, or something is nested too deeply", name) from None
    return _TableReader(text, name).scenario(tables)


def dump(scenario: Scenario) -> str:
    """The scenario as TOML. Every value of the link is written, so it stays the same should a preset change."""
    link = scenario.link
    name = link.name if link.name is not None and link.name in PRESETS else "none"
    lines = [
        "# A scenario of udpmsg. Run it with: udpmsg compare --scenario THIS-FILE",
        "# What is left out is as where no file is given; options on the command line count more than the file.",
        "",
        *_line("seed", _seed_value(scenario.seed), "drawn anew each time"),
        "",
        "[link]",
        f"preset = {_quoted(name)}",
        "# faults for single frames: drop:data:4, drop:ack:2, duplicate:data:7, delay:data:5:80ms",
        f"script = [{', '.join(_quoted(fault_text(fault)) for fault in link.script)}]",
    ]
    for way, path, words in (("forward", link.forward, "to the receiver"), ("back", link.back, "to the sender")):
        lines += ["", f"[link.{way}]  # {words}", *(f"{key} = {_quoted(text_of(key, path))}" for key in FIELDS)]
    for table, rows in TABLES.items():
        value = getattr(scenario, table)
        lines += ["", f"[{table}]"]
        for attribute, row in rows.items():
            lines += _line(row.parameter, _written(row, getattr(value, attribute)), row.unset)
    return "\n".join(lines) + "\n"


class _TableReader:
    """One file, read from the outside in."""

    def __init__(self, text: str, name: str) -> None:
        self._lines = text.splitlines()
        self._name = name

    def scenario(self, tables: dict[str, Any]) -> Scenario:
        """Everything in it."""
        self._known(tables, ["seed", "link", *TABLES], "")
        seed = self._value("", "seed", tables["seed"], _seed) if "seed" in tables else None
        link = self._link(self._table(tables, "link", ""))
        parts: dict[str, Any] = {"workload": Workload(), "choices": Choices()}
        for table, rows in TABLES.items():
            given = self._table(tables, table, "")
            named = {row.parameter: (attribute, row) for attribute, row in rows.items()}
            self._known(given, named, table)
            for key, value in given.items():
                attribute, row = named[key]
                parts[table] = replace(parts[table], **{attribute: self._value(table, key, value, _of(row))})
        return Scenario(link, seed, parts["workload"], parts["choices"])

    def _link(self, given: dict[str, Any]) -> Link:
        ways = [way for way in ("forward", "back") if way in given]
        self._known(given, ["preset", "script", "forward", "back", *FIELDS], "link")
        link = self._value("link", "preset", given["preset"], _text(preset)) if "preset" in given else DEFAULT
        if "script" in given:
            link = replace(link, script=self._value("link", "script", given["script"], _script))
        changes: list[BothWays] = [
            self._value("link", key, value, _text(lambda text, key=key: read_both(key, text)))  # type: ignore[misc]
            for key, value in given.items()
            if key in FIELDS
        ]
        for way in ways:
            table = f"link.{way}"
            path = self._table(given, way, "link")
            self._known(path, FIELDS, table)
            for key, value in path.items():
                values = self._value(table, key, value, _text(lambda text, key=key: read(key, text)))  # type: ignore[misc]
                changes.append(BothWays(values, {}) if way == "forward" else BothWays({}, values))
        try:
            return changed(link, changes)
        except UsageError as error:
            raise self._error("link", None, error) from None

    def _table(self, tables: Mapping[str, Any], key: str, within: str) -> dict[str, Any]:
        value = tables.get(key, {})
        if not isinstance(value, dict):
            name = ".".join(filter(None, (within, key)))
            raise self._error(within, key, Phrase("a table is wanted, [{}] on a line of its own", name))
        return value

    def _known(self, given: Mapping[str, Any], names: Any, table: str) -> None:
        for key in given:
            if key not in names:
                try:
                    units.one_of(key, names, N_("known key"))
                except UsageError as error:
                    raise self._error(table, key, error) from None
                raise self._error(table, key, Phrase("write it in small letters: {}", key.lower()))

    def _value(self, table: str, key: str, value: Any, parse: Callable[[Any], Any]) -> Any:
        try:
            return parse(value)
        except UsageError as error:
            raise self._error(table, key, Phrase("{}: {}", key, error)) from None

    def _error(self, table: str, key: str | None, reason: Phrase | UsageError) -> UsageError:
        number = self._line_of(table, key)
        within = f"[{table}] " if table else ""
        if number:
            return UsageError("{}, line {}: {}{}", self._name, number, within, reason)
        return UsageError("{}: {}{}", self._name, within, reason)

    def _line_of(self, table: str, key: str | None) -> int | None:
        """Where the key stands, in as much as a look at the lines tells; None for a key in an inline or dotted form."""
        current = ""
        for number, line in enumerate(self._lines, 1):
            header = re.match(r"\s*\[\s*([^\[\]]*?)\s*\]", line)
            current = header[1] if header else current
            if header and current == (table if key is None else f"{table}.{key}".lstrip(".")):
                return number
            if key is not None and current == table and re.match(rf"""\s*["']?{re.escape(key)}["']?\s*=""", line):
                return number
        return None


def _broken(words: str, text: str) -> Phrase:
    """TOML's own complaint, its place first: "line 3, column 7: expected '=' after a key"."""
    reason, _, place = words.removesuffix(")").rpartition(" (at ")
    complaint = phrased(f"{reason[:1].lower()}{reason[1:]}", COMPLAINTS)
    if place == "end of document":
        return Phrase("line {}, at the end: {}", len(text.splitlines()), complaint)
    return Phrase("{}: {}", phrased(place, COMPLAINTS), complaint)


def _text(parse: Callable[[str], Any]) -> Callable[[Any], Any]:
    """Values that are written as text; a number is taken as its text, so 100 and "100" are the same."""

    def read_value(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise UsageError("{} is no value for it; write text or a number", _kind(value))
        return parse(str(value))

    return read_value


def _of(row: Option) -> Callable[[Any], Any]:
    """How the value of an option is read: a flag is true or false, and several names are a list."""
    if row.kind is None:
        return _flag
    if not row.kind.several:
        return _text(row.kind.read)
    read_several, names = row.kind.read, row.kind.names

    def read_list(value: Any) -> Any:
        if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
            raise UsageError("a list is wanted, such as {}", _list(names))
        return read_several(",".join(value))

    return read_list


def _written(row: Option, value: Any) -> str | None:
    """The same the other way round; None is not written."""
    if value is None:
        return None
    if row.kind is None:
        return str(value).lower()
    text = row.kind.text(value)
    if row.kind.several:
        return _list(text.split(","))
    return text if isinstance(value, int) and text == str(value) else _quoted(text)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return Phrase("a list")
    return Phrase("a table") if isinstance(value, dict) else Phrase("a {}", type(value).__name__)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise UsageError("{!r} is neither true nor false; write one of them, without quotes", value)
    return value


def _seed(value: Any) -> int:
    return int(_text(units.parse_seed)(value))


def _script(value: Any) -> Any:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UsageError('a list of faults is wanted, such as ["drop:data:4", "drop:ack:2"]')
    return tuple(parse_fault(item) for item in value)


def _seed_value(seed: int | None) -> str | None:
    return None if seed is None else str(seed) if seed <= LARGEST_TOML_INTEGER else _quoted(str(seed))


def _line(key: str, value: str | None, absent: str) -> list[str]:
    """A key with its value; where there is none, a comment in its place."""
    return [f"# {key} is not set; default: {absent}"] if value is None else [f"{key} = {value}"]


def _quoted(text: str) -> str:
    """A TOML basic string: quotation mark, backslash and controls escaped."""
    escaped = "".join(
        f"\\{character}"
        if character in '"\\'
        else f"\\u{ord(character):04x}"
        if ord(character) < 32 or character == "\x7f"
        else character
        for character in text
    )
    return f'"{escaped}"'


def _list(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(_quoted, texts))}]"
