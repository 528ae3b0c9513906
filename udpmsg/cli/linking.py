"""The options that describe a link, shared by every command that has one, and the link that they make.

Each takes one value for both ways or FORWARD/BACK. Owns their names, their help and in which order they count: the values given,
field by field, over the named link, over `base`. How a value is read is in `udpmsg.link.fields`.
"""

import os
from collections.abc import Collection
from dataclasses import replace
from functools import partial

from udpmsg.base import kinds
from udpmsg.base.errors import N_, Phrase
from udpmsg.base.kinds import ValueKind
from udpmsg.base.option import Option
from udpmsg.cli.given import Given
from udpmsg.link.faults import Link
from udpmsg.link.fields import FIELDS, changed, read_both
from udpmsg.link.presets import DEFAULT, PRESETS, preset
from udpmsg.link.script import parse_fault

LINK = N_("Link (one value for both ways, or FORWARD/BACK)")
"""The panel of the help."""


def link_of(given: Given, base: Link = DEFAULT) -> Link:
    """The link that a command is given; what is not said is as in `base`. Raises UsageError."""
    link = changed(given.link or base, (getattr(given, name) for name in FIELDS if name in given.written))
    return replace(link, script=tuple(given.fault)) if given.fault else link


def seed_of(given: Given, otherwise: int | None = None) -> int:
    """The seed that a command is given; else this one; else one that is drawn, short enough to be read out in a class."""
    drawn = int.from_bytes(os.urandom(4), "big")
    return next(seed for seed in (given.seed, otherwise, drawn) if seed is not None)


def _field(name: str, words: str) -> Option:
    field = FIELDS[name]
    return Option(
        f"--{name}",
        Phrase("{}, such as {}.", Phrase(words), field.example),
        ValueKind(field.metavar, partial(read_both, name)),
        LINK,
    )


OPTIONS = (
    Option(
        "--link",
        Phrase("A named link: {}.", ", ".join(PRESETS)),
        ValueKind("NAME", preset, names=tuple(PRESETS)),
        LINK,
        unset=DEFAULT.name or "",
    ),
    _field("delay", N_("How long a frame travels; 20ms,200ms@1s: longer from 1 s on")),
    _field("jitter", N_("By how much the delay differs, up and down")),
    _field("loss", N_("The share of frames that is lost")),
    _field("burst", N_("Loss in bursts: the share of frames that begins one, and that ends one; then lost inside and outside")),
    _field("duplicate", N_("The share that comes twice")),
    _field("reorder", N_("The share that is held back, by 30ms or by TIME, so that others overtake it")),
    _field("corrupt", N_("The share in which one bit is flipped")),
    _field("rate", N_("The bottleneck, in bits a second; 10mbit,5mbit@2s: half of it from 2 s on")),
    _field("queue", N_("How many frames wait before the bottleneck; more are dropped")),
    _field("police", N_("A policer: what comes faster than RATE and is more than SIZE at once is dropped, and nothing waits")),
    _field("mtu", N_("The largest IP packet; larger ones are cut up or refused, or vanish (silent)")),
    Option(
        "--fault",
        N_(
            "One fault for one frame, such as drop:data:4 (its first transmission), drop:data:4:2, drop:ack:2, "
            "delay:data:5:80ms; may be given again."
        ),
        ValueKind("FAULT", parse_fault),
        LINK,
        many=True,
    ),
    Option("--seed", N_("Decides every fate: the same seed, the same faults."), kinds.SEED, LINK, unset=N_("drawn, and printed")),
)


def options_without(names: Collection[str], other: str, reason: str) -> list[Option]:
    """The options, of which these mean nothing with another."""
    return [row._replace(against=((other, reason),)) if row.key in names else row for row in OPTIONS]
