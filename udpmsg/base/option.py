"""One option of a command as one row, with everything that is said of it: its kind of value, its default, its words, and what
it means nothing with or without.

A command line, the environment, a scenario file and "run it again" are made from these rows. Knows no command, and no parser of
command lines (see `udpmsg.cli.given`).
"""

from collections.abc import Iterable
from keyword import iskeyword
from typing import Any, NamedTuple

from udpmsg.base.kinds import ValueKind

Against = tuple[tuple[str, str], ...]
"""Keys of other options, and why one means nothing with each of them."""


class Option(NamedTuple):
    """An option or, where its name has no dashes, an argument."""

    name: str
    """As it is written: --min-rto, or --offload/--no-offload."""
    help: str
    kind: ValueKind | None = None
    """None: a flag, which has no value."""
    panel: str = ""
    """The heading in the help that it stands under."""
    default: Any = None
    """What a command has where it is not given."""
    unset: str = ""
    """The default in words, where its value says too little."""
    many: bool = False
    """Whether it may be given again; the value is a list."""
    against: Against = ()
    """With which others it means nothing, and why: their keys, or what a command calls something that it found out."""
    needs: tuple[tuple[str, ...], str] | None = None
    """Without which others it means nothing (one of them is enough), and why."""

    @property
    def key(self) -> str:
        """What rules call it: the name that changes something, without dashes, as in min-rto and no-offload."""
        return self.name.rpartition("/")[2].lstrip("-")

    @property
    def parameter(self) -> str:
        """Its name in Python, as in min_rto, offload and for_."""
        name = self.name.partition("/")[0].lstrip("-").replace("-", "_")
        return f"{name}_" if iskeyword(name) else name

    @property
    def variable(self) -> str:
        """Its environment variable, as in UDPMSG_MIN_RTO."""
        return f"UDPMSG_{self.parameter.rstrip('_').upper()}"


def again(values: Iterable[tuple[Option, Any]]) -> list[str]:
    """The words of a command line that give these options these values; those with their default are left out."""
    words: list[str] = []
    for row, value in values:
        several = value if row.many else [value]
        if row.kind is None:
            words += [] if value == row.default else [f"--{row.key}"]
        elif value != row.default and tuple(several) != row.default:
            for one in several:
                words += [row.name, row.kind.text(one)]
    return words
