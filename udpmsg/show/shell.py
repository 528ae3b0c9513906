"""The shell of every page: head, styles, scripts, and what the page is allowed, around a body that is its caller's.

Owns the Content-Security-Policy: it knows the page's styles and scripts by their hashes, pictures as data, and nothing else, so
no request can leave the file.
"""

from typing import Any

from udpmsg.base.language import _, spoken
from udpmsg.show.markup import asset, embedded, fill, safe, source

CHARTS = """\
<!-- uPlot, which draws the charts:
{{licence}}
-->
<style>{{style}}</style>
"""
SCRIPTS = """\
<script type="application/json" id="data">{{data}}</script>
<script>{{library}}</script>
<script>{{charts}}</script>
<script>{{script}}</script>
"""


def shell(body: str, *, title: str, version: str, data: Any, charts: str, script: tuple[str, ...]) -> str:
    """The whole page. `charts`: the asset that draws, from `data`; `script`: those that come after it, the last of them last."""
    chart_library, chart_style = asset("uPlot.iife.min.js").rstrip(), asset("uPlot.min.css").rstrip()
    drawing, after, style = asset("drawing.js") + asset(charts), "".join(map(asset, script)), asset("page.css")
    parts = {"data": embedded(data), "library": chart_library, "charts": drawing, "script": after}
    return _page(
        body,
        title=title,
        version=version,
        language=spoken(),
        footer=_("Made by udpmsg {}. Charts: uPlot 1.6.32, MIT licence, in this file's source.").format(version),
        style=style,
        allowed=f"script-src {source(chart_library, drawing, after)}; style-src {source(chart_style, style)}",
        marks=asset("marks.html"),
        head=fill(CHARTS, {"licence": asset("uPlot.LICENSE").strip(), "style": chart_style}),
        scripts=fill(SCRIPTS, parts),
    )


def quiet_shell(
    body: str, *, title: str, version: str, language: str, footer: str, styles: tuple[str, ...] = ("page.css",)
) -> str:
    """The same for a page without charts, and so without scripts. `language`: as in pt-BR, in which the body is written."""
    style = "".join(map(asset, styles))
    allowed = f"style-src {source(style)}"
    return _page(body, title=title, version=version, language=language, footer=footer, style=style, allowed=allowed)


def _page(
    body: str,
    *,
    title: str,
    version: str,
    language: str,
    footer: str,
    style: str,
    allowed: str,
    marks: str = "",
    head: str = "",
    scripts: str = "",
) -> str:
    words = {"language": safe(language), "title": safe(title), "version": safe(version), "footer": safe(footer)}
    parts = {"policy": policy(allowed), "marks": marks, "head": head, "style": style, "body": body, "scripts": scripts}
    return fill(asset("shell.html"), words | parts)


def policy(allowed: str) -> str:
    """What a page may load: nothing from anywhere, and of its own what is allowed."""
    return f"default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; {allowed}"
