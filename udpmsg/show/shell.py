"""The shell of every page: head, styles, scripts, and what the page is allowed, around a body that is its caller's.

Owns the Content-Security-Policy: it knows the page's styles and scripts by their hashes, pictures as data, and nothing else, so
no request can leave the file.
"""

from typing import Any

from udpmsg.base.language import _, spoken
from udpmsg.show.markup import asset, embedded, fill, safe, source


def shell(body: str, *, title: str, version: str, data: Any, charts: str, script: tuple[str, ...]) -> str:
    """The whole page. `charts`: the asset that draws, from `data`; `script`: those that come after it, the last of them last."""
    chart_library, chart_style = asset("uPlot.iife.min.js").rstrip(), asset("uPlot.min.css").rstrip()
    drawing, after, style = asset("drawing.js") + asset(charts), "".join(map(asset, script)), asset("page.css")
    parts = {
        "language": safe(spoken()),
        "policy": policy(f"script-src {source(chart_library, drawing, after)}; style-src {source(chart_style, style)}"),
        "title": safe(title),
        "version": safe(version),
        "body": body,
        "footer": safe(_("Made by udpmsg {}. Charts: uPlot 1.6.32, MIT licence, in this file's source.").format(version)),
        "data": embedded(data),
        "chart_licence": asset("uPlot.LICENSE").strip(),
        "chart_library": chart_library,
        "chart_style": chart_style,
        "charts": drawing,
        "script": after,
        "style": style,
    }
    return fill(asset("shell.html"), parts)


def quiet_shell(
    body: str, *, title: str, version: str, language: str, footer: str, styles: tuple[str, ...] = ("page.css",)
) -> str:
    """The same for a page without charts, and so without scripts. `language`: as in pt-BR, in which the body is written."""
    style = "".join(map(asset, styles))
    parts = {
        "language": safe(language),
        "policy": policy(f"style-src {source(style)}"),
        "title": safe(title),
        "version": safe(version),
        "body": body,
        "style": style,
        "footer": safe(footer),
    }
    return fill(asset("quiet.html"), parts)


def policy(allowed: str) -> str:
    """What a page may load: nothing from anywhere, and of its own what is allowed."""
    return f"default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; {allowed}"
