"""A matplotlib figure as markup for a page: an inline SVG, or a PNG where that would be too large."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

from _style import STYLE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Above so many bytes, a PNG is shown.
_LARGEST = 300_000
_DOTS_PER_INCH = 144
_PIXELS_PER_INCH = 96

# Letters are outlines, so the picture is the same wherever the page is read, whatever fonts there are.
_STYLE = {"svg.fonttype": "path", "path.simplify_threshold": 0.2}


def width(figure: Figure) -> int:
    """Of a figure in CSS pixels, at its own size."""
    return round(figure.get_figwidth() * _PIXELS_PER_INCH)


def markup(
    figure: Figure, name: str, description: str, look: Mapping[str, object] = STYLE, largest: int = _LARGEST
) -> str:
    """The figure as an element of a page, the same for the same figure at any time.

    Args:
        figure: what to show.
        name: unlike that of any other picture on the page; its parts are named after it.
        description: what can be seen, for those who cannot.
        look: that it was drawn with; matplotlib wants it again when it is written.
        largest: bytes of an SVG above which it is a PNG.
    """
    # Imported here because matplotlib takes longer to load than a report without figures takes to write.
    import matplotlib as mpl

    with mpl.rc_context({**look, **_STYLE}):
        page = io.StringIO()
        figure.savefig(page, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
        svg = _inlined(page.getvalue(), name, description)
        if len(svg.encode()) <= largest:
            return svg
        image = io.BytesIO()
        figure.savefig(image, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
    data = base64.b64encode(image.getvalue()).decode("ascii")
    across, down = (round(_PIXELS_PER_INCH * inches) for inches in figure.get_size_inches())
    said = escape(description)
    return f'<img src="data:image/png;base64,{data}" alt="{said}" width="{across}" height="{down}">'


def _inlined(svg: str, name: str, description: str) -> str:
    """The svg element alone, with names that no other picture has, and without what a page does not need."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r"\s*\n\s*", "\n", svg)
    svg = re.sub(r'\b(d|x|y|points)="[^"]*"', _rounded, svg)
    svg = re.sub(r'style="[^"]*"', lambda match: re.sub(r"([:;]) ", r"\1", match[0]), svg)
    # Names are short, as they are repeated often; what is never referred to needs none.
    wanted = dict.fromkeys(re.findall(r'(?:url\(|href=")#([^)"]+)', svg))
    names = {old: f"{name}-{i}" for i, old in enumerate(wanted)}
    svg = re.sub(r' id="([^"]+)"', lambda match: f' id="{names[match[1]]}"' if match[1] in names else "", svg)
    svg = re.sub(r'(url\(|href=")#([^)"]+)', lambda match: f"{match[1]}#{names[match[2]]}", svg)
    svg = re.sub(r"<g>\n((?:<(?:path|use) [^>]*/>\n){2,})</g>", _once, svg)
    box = re.search(r'viewBox="[^"]*"', svg)[0]
    start = f'<svg xmlns:xlink="http://www.w3.org/1999/xlink" {box} role="img" aria-label="{escape(description)}">'
    return start + svg[svg.index(">") + 1 :].rstrip()


def _once(match: re.Match[str]) -> str:
    """A group of shapes of one look, which is said once for all of them."""
    looks = {tuple(re.findall(r' (?:style|clip-path)="[^"]*"', shape)) for shape in match[1].splitlines()}
    # The opacity of a group is not that of its shapes: they would no longer shine through each other.
    if len(looks) > 1 or re.search(r'[";]opacity', match[1]):
        return match[0]
    (look,) = looks
    shapes = match[1]
    for attribute in look:
        shapes = shapes.replace(attribute, "")
    return f"<g{''.join(look)}>\n{shapes}</g>"


def _rounded(match: re.Match[str]) -> str:
    # A hundredth of a point cannot be seen; the outlines of letters are whole numbers anyway.
    short = re.sub(r"-?\d+\.\d{3,}", lambda value: f"{float(value[0]):.2f}".rstrip("0").rstrip("."), match[0])
    return re.sub(r"\s*([MLQCZz])\s*", r"\1", short) if match[1] == "d" else short
