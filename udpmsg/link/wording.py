"""A link in words, for people, and as the command-line options that make it again.

Owns how a link is said; how its single values are written is in `fields`. Knows no report.
"""

from collections.abc import Callable

from udpmsg.link.faults import Link, Path
from udpmsg.link.fields import FIELDS, text_of_both
from udpmsg.link.presets import PRESETS
from udpmsg.link.script import fault_text
from udpmsg.units import duration_text, share_text

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


def describe(link: Link) -> str:
    """The link in one line: "20 ms each way, 5 % loss"."""
    said = []
    for phrase in PHRASES:
        forward, back = phrase(link.forward), phrase(link.back)
        if forward == back:
            said += [f"{forward} each way" if phrase is _delay else forward] if forward else []
        else:
            ways = ((forward, "forward"), (back, "back"))
            words = [f"{words} {way}" for words, way in ways if words]
            said.append(" and ".join(words) if len(words) == 2 else f"{words[0]} only")
    if link.script:
        said.append(f"scripted {', '.join(fault_text(fault) for fault in link.script)}")
    return ", ".join(said) or "no faults"


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


def _delay(path: Path) -> str:
    if not path.delay and not path.jitter:
        return ""
    return spaced(duration_text(path.delay)) + (f" ± {spaced(duration_text(path.jitter))}" if path.jitter else "")


def _share(attribute: str, words: str) -> Callable[[Path], str]:
    def phrase(path: Path) -> str:
        share = getattr(path, attribute)
        return f"{spaced(share_text(share))} {words}" if share else ""

    return phrase


def _burst(path: Path) -> str:
    burst = path.burst
    if burst is None:
        return ""
    inside = 0.0 if burst.enter == 0 else burst.enter / (burst.enter + burst.leave)
    losses = ""
    if burst.loss_bad != 1 or burst.loss_good != 0:
        losses = f"; {spaced(share_text(burst.loss_bad))} lost inside, {spaced(share_text(burst.loss_good))} outside"
    return f"bursts of loss ({1 / burst.leave:.3g} frames in the mean, {100 * inside:.3g} % of all{losses})"


def _reorder(path: Path) -> str:
    return f"{spaced(share_text(path.reorder))} held back by {spaced(duration_text(path.reorder_by))}" if path.reorder else ""


def _rate(path: Path) -> str:
    return "" if path.rate is None else spaced(FIELDS["rate"].text(path))


def _queue(path: Path) -> str:
    return "" if path.queue is None else f"a queue of {path.queue} frame{'' if path.queue == 1 else 's'}"


def _mtu(path: Path) -> str:
    return "" if path.mtu is None else f"an MTU of {path.mtu} bytes"


PHRASES: tuple[Callable[[Path], str], ...] = (
    _delay,
    _share("loss", "loss"),
    _burst,
    _share("duplicate", "duplicated"),
    _reorder,
    _share("corrupt", "corrupted"),
    _rate,
    _queue,
    _mtu,
)
"""What is said of a path, in this order; nothing of what it does not do."""
