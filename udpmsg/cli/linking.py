"""The options that describe a link, shared by every command that has one, and the link that they make.

    def compare(context: typer.Context, link: linking.Named = None, delay: linking.Delay = None, …) -> int:
        link = linking.link_of(context.params)

Each takes one value for both ways or FORWARD/BACK. Owns their names, their help and in which order they count: the values given,
field by field, over the named link, over `base`. How a value is read is in `udpmsg.link.fields`.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any

from udpmsg.base import units
from udpmsg.base.language import _
from udpmsg.cli.options import option
from udpmsg.link.faults import Link, Scripted
from udpmsg.link.fields import FIELDS, BothWays, changed, read_both
from udpmsg.link.presets import DEFAULT, PRESETS, preset
from udpmsg.link.script import parse_fault

LINK = _("Link (one value for both ways, or FORWARD/BACK)")
"""The panel of the help."""


def link_of(given: Mapping[str, Any], base: Link = DEFAULT) -> Link:
    """The link that a command's parameters ask for; what they do not say is as in `base`. Raises UsageError."""
    named = given.get("link")
    link = changed(base if named is None else named, (given[name] for name in FIELDS if given.get(name) is not None))
    faults: list[Scripted] | None = given.get("fault")
    return replace(link, script=tuple(faults)) if faults else link


def _field(name: str, help: str) -> Any:  # noqa: A002 - as typer calls it
    text = _("{}, such as {}.").format(help, FIELDS[name].example)
    return option(f"--{name}", text, panel=LINK, metavar=FIELDS[name].metavar, parser=_reader(name))


def _reader(name: str) -> Callable[[str], BothWays]:
    def read(text: str) -> BothWays:
        return read_both(name, text)

    return read


Named = Annotated[
    Link | None,
    option(
        "--link",
        _("A named link: {}.").format(", ".join(PRESETS)),
        panel=LINK,
        metavar="NAME",
        parser=preset,
        default="classroom",
    ),
]
Delay = Annotated[BothWays | None, _field("delay", _("How long a frame travels; 20ms,200ms@1s: longer from 1 s on"))]
Jitter = Annotated[BothWays | None, _field("jitter", _("By how much the delay differs, up and down"))]
Loss = Annotated[BothWays | None, _field("loss", _("The share of frames that is lost"))]
Burst = Annotated[
    BothWays | None,
    _field("burst", _("Loss in bursts: the share of frames that begins one, and that ends one; then lost inside and outside")),
]
Duplicate = Annotated[BothWays | None, _field("duplicate", _("The share that comes twice"))]
Reorder = Annotated[
    BothWays | None, _field("reorder", _("The share that is held back, by 30ms or by TIME, so that others overtake it"))
]
Corrupt = Annotated[BothWays | None, _field("corrupt", _("The share in which one bit is flipped"))]
Rate = Annotated[BothWays | None, _field("rate", _("The bottleneck, in bits a second; 10mbit,5mbit@2s: half of it from 2 s on"))]
Queue = Annotated[BothWays | None, _field("queue", _("How many frames wait before the bottleneck; more are dropped"))]
Police = Annotated[
    BothWays | None,
    _field("police", _("A policer: what comes faster than RATE and is more than SIZE at once is dropped, and nothing waits")),
]
Mtu = Annotated[BothWays | None, _field("mtu", _("The largest IP packet; larger ones are cut up or refused, or vanish (silent)"))]
Fault = Annotated[
    list[Scripted] | None,
    option(
        "--fault",
        _(
            "One fault for one frame, such as drop:data:4 (its first transmission), drop:data:4:2, drop:ack:2, "
            "delay:data:5:80ms; may be given again."
        ),
        panel=LINK,
        metavar="FAULT",
        parser=parse_fault,
    ),
]
Seed = Annotated[
    int | None,
    option(
        "--seed",
        _("Decides every fate: the same seed, the same faults."),
        panel=LINK,
        metavar="N",
        parser=units.parse_seed,
        default=_("drawn, and printed"),
    ),
]
