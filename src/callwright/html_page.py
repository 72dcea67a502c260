"""A report as one HTML page: no script, no asset, nothing fetched, readable on a phone.

What every page shares: its frame, its look, its tables. Whoever writes one puts each text through
``html.escape``: models and venues write what they like.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_STYLE = """
:root{color-scheme:light dark;--ink:#1d232b;--dim:#5c6773;--paper:#fff;--line:#d9dee4;
--card:#f5f7f9}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ed;--dim:#9aa5b1;--paper:#14181d;--line:#333b45;
--card:#1c2229}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:60rem;padding:1rem;background:var(--paper);color:var(--ink);
font:16px/1.45 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.4rem;margin:.2rem 0}h2{font-size:1.1rem;margin:1.6rem 0 .5rem}
p{margin:.2rem 0 .6rem}.dim{color:var(--dim);font-size:.9rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem}
th,td{padding:.25rem .9rem .25rem 0;text-align:right;font-variant-numeric:tabular-nums;
white-space:nowrap}th:first-child,td:first-child{text-align:left}
thead th{border-bottom:1px solid var(--line)}
details{border:1px solid var(--line);border-radius:.4rem;margin:.4rem 0;background:var(--card)}
summary{padding:.5rem .7rem;cursor:pointer}.inside{padding:0 .7rem .5rem}
.number{font-variant-numeric:tabular-nums;text-align:right}
"""


def html_page(title: str, parts: Iterable[str], *, style: str) -> str:
    """Return a page.

    Args:
        title: In the window's frame; a text.
        parts: HTML, a line each; empty ones are left out.
        style: Rules of this page, which come after those of all pages.
    """
    lines = (
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>{escape(title)}</title>",
        f"<style>{_STYLE}{style.lstrip()}</style></head><body>",
        *parts,
        "</body></html>",
    )
    return "\n".join(line for line in lines if line) + "\n"


def html_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of texts; one that is wider than the page scrolls by itself."""
    body = "".join(_row("td", cells) for cells in rows)
    return (
        f'<div class="scroll"><table><thead>{_row("th", head)}</thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _row(tag: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"
