"""A link in words, for people, and as the command-line options that make it again.

Owns how a link is said, in English or by its caller's look-up; how its single values are written is in `fields`. Knows no report.
"""

from collections.abc import Callable
from typing import NamedTuple

from udpmsg.base.errors import N_
from udpmsg.base.units import bit_rate_text, duration_text, share_text
from udpmsg.link.faults import Later, Link, Path
from udpmsg.link.fields import FIELDS, text_of_both
from udpmsg.link.presets import PRESETS
from udpmsg.link.script import fault_text

SYMBOLS = {
    "gbit": " Gbit/s",
    "mbit": " Mbit/s",
    "kbit": " kbit/s",
    "bit": " bit/s",
    "ms": " ms",
    "us": " µs",
    "s": " s",
    "%": " %",
}


class Telling(NamedTuple):
    """How to say it in a language."""

    text: Callable[[str], str] = str
    """A text marked for the catalogues."""
    value: Callable[[str], str] = str
    """A number with its unit, as in 1.5 ms."""


ENGLISH = Telling()


def describe(link: Link, telling: Telling = ENGLISH) -> str:
    """The link in one line: "20 ms each way, 5 % loss"."""
    said = []
    for phrase in PHRASES:
        forward, back = phrase(link.forward, telling), phrase(link.back, telling)
        if forward == back:
            said += [telling.text(EACH_WAY).format(forward) if phrase is _delay else forward] if forward else []
        elif forward and back:
            said.append(telling.text(N_("{} forward and {} back")).format(forward, back))
        elif forward:
            said.append(telling.text(N_("{} forward only")).format(forward))
        else:
            said.append(telling.text(N_("{} back only")).format(back))
    if link.script:
        said.append(telling.text(N_("scripted {}")).format(", ".join(fault_text(fault) for fault in link.script)))
    return ", ".join(said) or telling.text(N_("no faults"))


def options_text(link: Link) -> list[str]:
    """The options, word by word, that make this link again: its preset, and what is different from it."""
    name = link.name if link.name is not None and link.name in PRESETS else "none"
    same = PRESETS[name].link
    options = ["--link", name]
    for field in FIELDS:
        text = text_of_both(field, link)
        if text != text_of_both(field, same):
            options += [f"--{field}", text]
    for fault in link.script:
        options += ["--fault", fault_text(fault)]
    return options


def spaced(text: str) -> str:
    """A quantity as it is printed: 20ms becomes 20 ms, 10mbit 10 Mbit/s."""
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz%")
    unit = text[len(number) :]
    return number + SYMBOLS.get(unit, unit)


EACH_WAY = N_("{} each way")


def _delay(path: Path, telling: Telling) -> str:
    if not path.delay and not path.jitter:
        return ""
    jitter = f" ± {telling.value(spaced(duration_text(path.jitter)))}" if path.jitter else ""
    return telling.value(spaced(duration_text(path.delay))) + jitter + _changes(path.later_delays, duration_text, telling)


def _changes(later: tuple[Later, ...], text: Callable[[int], str], telling: Telling) -> str:
    """What a value is later, behind it: " (200 ms after 1 s, 20 ms after 3 s)"."""
    said = [
        telling.text(N_("{} after {}")).format(
            *(telling.value(spaced(part)) for part in (text(change.value), duration_text(change.at)))
        )
        for change in later
    ]
    return f" ({', '.join(said)})" if said else ""


def _share(attribute: str, words: str) -> Callable[[Path, Telling], str]:
    def phrase(path: Path, telling: Telling) -> str:
        share = getattr(path, attribute)
        return telling.text(words).format(telling.value(spaced(share_text(share)))) if share else ""

    return phrase


def _burst(path: Path, telling: Telling) -> str:
    burst = path.burst
    if burst is None:
        return ""
    inside = 0.0 if burst.enter == 0 else burst.enter / (burst.enter + burst.leave)
    mean, share = telling.value(f"{1 / burst.leave:.3g}"), telling.value(f"{100 * inside:.3g} %")
    if burst.loss_bad == 1 and burst.loss_good == 0:
        return telling.text(N_("bursts of loss ({} frames on average, {} of all)")).format(mean, share)
    losses = [telling.value(spaced(share_text(loss))) for loss in (burst.loss_bad, burst.loss_good)]
    words = N_("bursts of loss ({} frames on average, {} of all; {} lost inside, {} outside)")
    return telling.text(words).format(mean, share, *losses)


def _reorder(path: Path, telling: Telling) -> str:
    if not path.reorder:
        return ""
    share, time = telling.value(spaced(share_text(path.reorder))), telling.value(spaced(duration_text(path.reorder_by)))
    return telling.text(N_("{} held back by {}")).format(share, time)


def _rate(path: Path, telling: Telling) -> str:
    if path.rate is None:
        return ""
    return telling.value(spaced(bit_rate_text(path.rate))) + _changes(path.later_rates, bit_rate_text, telling)


def _queue(path: Path, telling: Telling) -> str:
    if path.queue is None:
        return ""
    return telling.text(N_("a queue of {} frame") if path.queue == 1 else N_("a queue of {} frames")).format(path.queue)


def _police(path: Path, telling: Telling) -> str:
    if path.police is None:
        return ""
    rate = telling.value(spaced(bit_rate_text(path.police.rate)))
    return telling.text(N_("a policer of {} with a bucket of {} bytes")).format(rate, path.police.burst)


def _mtu(path: Path, telling: Telling) -> str:
    if path.mtu is None:
        return ""
    said = N_("an MTU of {} bytes, beyond which packets vanish") if path.silent else N_("an MTU of {} bytes")
    return telling.text(said).format(path.mtu)


PHRASES: tuple[Callable[[Path, Telling], str], ...] = (
    _delay,
    _share("loss", N_("{} loss")),
    _burst,
    _share("duplicate", N_("{} duplicated")),
    _reorder,
    _share("corrupt", N_("{} corrupted")),
    _rate,
    _queue,
    _police,
    _mtu,
)
"""What is said of a path, in this order; nothing of what it does not do."""
