"""Text becomes HTML here: escaped, filled into a template, embedded as data, and allowed by its hash.

Owns what makes foreign text (a command, a target, an error, a reason) harmless in a page. Knows nothing of comparisons.
"""

import json
import re
from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Any

from udpmsg.base.language import _
from udpmsg.show import terminal

PLACE = re.compile(r"\{\{(\w+)\}\}")


def safe(text: object) -> str:
    """Text for an element or a quoted attribute. Control and bidirectional characters show as escapes."""
    return escape(plain(text))


def plain(text: object) -> str:
    """Text without control and bidirectional characters, for what a script will put on the page as text."""
    return terminal.printable(text)


def asset(name: str) -> str:
    """A text file of `udpmsg/show/assets`."""
    return files("udpmsg.show").joinpath("assets", name).read_text(encoding="utf-8")


def fill(template: str, parts: dict[str, str]) -> str:
    """The template with each {{name}} replaced, once: what is filled in is never searched for places again."""
    return PLACE.sub(lambda place: parts[place[1]], template)


def embedded(data: Any) -> str:
    """JSON for a script element: no character in it can end that element or open a comment."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def terms(pairs: list[tuple[str, str]]) -> str:
    """Names and texts of a list of definitions."""
    return "".join(f"<dt>{safe(name)}</dt><dd>{safe(text)}</dd>" for name, text in pairs)


def command(line: str | None) -> str:
    """How to run it again, to be copied."""
    if line is None:
        return ""
    return (
        f'<div class="command"><span>{safe(_("Run it again"))}</span>'
        f'<pre><code id="command">{safe(line)}</code></pre><button type="button" id="copy">{safe(_("Copy"))}</button></div>'
    )


def source(*texts: str) -> str:
    """The sources of a Content-Security-Policy that allow these inline texts and no other."""
    return " ".join(f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in texts)
