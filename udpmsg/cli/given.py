"""What a command is given: its signature for typer, made from its rows (`udpmsg.base.option`), and the values that came.

Owns how a bad value is refused, by one sentence that names the option, and how options that mean nothing are. They are a usage
error, not ignored: a student who writes `--ack --raw` must learn that nothing is acknowledged there. Knows no command's work.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial, reduce
from inspect import Parameter, Signature
from types import SimpleNamespace
from typing import Any

import typer
from typer._click.shell_completion import CompletionItem
from typer._click.types import FuncParamType

from udpmsg.base.errors import N_, Phrase, UsageError
from udpmsg.base.kinds import ValueKind
from udpmsg.base.language import _, number, told
from udpmsg.base.option import Option


class Given(SimpleNamespace):
    """The values of a command's options and arguments, by their names in Python; a row's default where nothing is given."""

    written: dict[str, str]
    """The keys of what is given, each with the environment variable that it came from, or "". What the environment turns off for
    all commands (UDPMSG_OFFLOAD=0) is not among them: it may mean nothing to this one."""

    def __init__(self, rows: Iterable[Option], context: typer.Context) -> None:
        super().__init__(written={})
        for row in rows:
            value = context.params[row.parameter]
            source = context.get_parameter_source(row.parameter)
            from_environment = source is not None and source.name == "ENVIRONMENT"
            if value in (None, [], ()):
                value = row.default if row.kind else bool(row.default)
            elif (row.kind or value is not bool(row.default)) and not (from_environment and row.default is True):
                self.written[row.key] = row.variable if from_environment else ""
            setattr(self, row.parameter, value)

    def of(self, rows: Iterable[Option]) -> list[tuple[Option, Any]]:
        """These options with their values."""
        return [(row, getattr(self, row.parameter)) for row in rows]

    def check(self, rows: Iterable[Option], *found: str) -> None:
        """Raise UsageError for the first rule that is broken. `found` is what else the command knows to be the case."""
        check(rows, self.written | dict.fromkeys(found, ""))


def check(rows: Iterable[Option], written: Mapping[str, str]) -> None:
    """The same of these keys, each with its environment variable or ""."""
    names = {row.key: row.kind.metavar.strip("[].").partition("[")[0] for row in rows if row.name[0] != "-" and row.kind}
    for row in rows:
        for other, reason in row.against if row.key in written else ():
            if other in written:
                first, second = (_name(key, names) for key in (row.key, other))
                origin = _origin(written[row.key], written[other])
                raise UsageError("{} and {} mean nothing together: {}{}", first, second, Phrase(reason), origin)
    for row in rows:
        if row.needs and row.key in written and not any(other in written for other in row.needs[0]):
            others = reduce(partial(Phrase, N_("{} or {}")), (_name(other, names) for other in row.needs[0]))
            reason, origin = Phrase(row.needs[1]), _origin(written[row.key])
            raise UsageError("{} means nothing without {}: {}{}", _name(row.key, names), others, reason, origin)


def _name(key: str, names: Mapping[str, str]) -> Phrase:
    """--min-rto, TEXT; what a command found out is named in words."""
    return Phrase(names.get(key, key if " " in key else f"--{key}"))


def _origin(*variables: str) -> str:
    unwritten = ", ".join(filter(None, variables))
    return Phrase(" (set by the environment: {})", unwritten) if unwritten else ""


def callback(command: Callable[[typer.Context, Given], int], rows: Iterable[Option]) -> Callable[..., int]:
    """The command, as typer calls it: with a parameter for each row."""

    def called(context: typer.Context, **_values: object) -> int:
        return command(context, Given(rows, context))

    parameters = [Parameter("context", Parameter.KEYWORD_ONLY, annotation=typer.Context), *map(parameter, rows)]
    called.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return called


def parameter(row: Option) -> Parameter:
    """What typer makes an option or argument of."""
    annotation: Any = bool if row.kind is None else list[str] if row.many else str
    return Parameter(row.parameter, Parameter.KEYWORD_ONLY, default=described(row), annotation=annotation)


def described(row: Option) -> Any:
    """An option or argument in typer's terms."""
    details: dict[str, Any] = {"help": _help(row), "show_default": False}
    if row.kind is not None:
        details |= {"metavar": row.kind.metavar, "click_type": ValueParameter(row.kind)}
    if not row.name.startswith("-"):
        return typer.Argument(None if details["metavar"].startswith("[") else ..., **details)
    details |= {"envvar": row.variable, "show_envvar": False, "rich_help_panel": _(row.panel) or None}
    return typer.Option(row.default if row.kind is None else None, row.name, **details)


class ValueParameter(FuncParamType):
    """How typer reads a value: what its kind refuses is refused as a bad value, so that the sentence names the option."""

    def __init__(self, kind: ValueKind) -> None:
        super().__init__(kind.read)
        self._kind = kind

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value that the text means."""
        try:
            return self.func(value)
        except UsageError as error:
            self.fail(told(error), param, ctx)

    def shell_complete(self, ctx: Any, param: Any, incomplete: str) -> list[CompletionItem]:
        """The names that begin so; of a list, those that are not in it yet."""
        given, comma, last = incomplete.rpartition(",") if self._kind.several else ("", "", incomplete)
        names = [name for name in self._kind.completions() if name not in given.split(",")]
        return [CompletionItem(given + comma + name) for name in names if name.startswith(last.lower())]

    def get_metavar(self, param: Any, ctx: Any) -> str:
        """Nothing beside that of the row."""
        return ""


def _help(row: Option) -> str:
    words = told(row.unset) if row.unset else _default(row)
    return f"{told(row.help)} [dim]{_('(default {})').format(words)}[/dim]" if words else told(row.help)


def _default(row: Option) -> str:
    """A default as its value is written; that of a flag goes without saying."""
    if row.kind is None or row.default is None:
        return ""
    text = ", ".join(map(row.kind.text, row.default)) if row.many else row.kind.text(row.default)
    return number(int(text)) if text.isdecimal() else text
