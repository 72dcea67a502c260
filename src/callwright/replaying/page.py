"""A replay as one HTML page: no script, no asset, nothing fetched, readable on a phone.

Every text goes through ``html.escape``: models and venues write what they like.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from callwright.replaying.report import Difference, Report, Side
from callwright.replaying.telling import (
    HOW_COUNTED,
    choice_text,
    earned_texts,
    leg_text,
    summary,
    sums,
    sums_title,
    unknown_text,
    why_text,
)

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
.row{display:grid;grid-template-columns:5.5rem 1fr auto;gap:.6rem;font-size:.9rem}
.number{font-variant-numeric:tabular-nums;text-align:right}
"""


def page(report: Report, *, made: str = "") -> str:
    """Return the page.

    Args:
        made: When and by what the report was made, in words.
    """
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        "<title>callwright replay</title>",
        f"<style>{_STYLE}</style></head><body>",
        "<h1>Decided again</h1>",
        *(f"<p>{escape(line)}</p>" for line in summary(report) if line),
        f'<p class="dim">{escape(made)}</p>' if made else "",
        *(_differing(report) if report.differences else ()),
        "</body></html>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _differing(report: Report) -> Iterable[str]:
    heads, rows = sums(report)
    yield f"<h2>{escape(sums_title(report))}</h2>"
    yield _table(["", *heads], rows)
    yield f'<p class="dim">{escape(f"{unknown_text(report)} {HOW_COUNTED}".strip())}</p>'
    yield "<h2>By day, in USD</h2>"
    yield _table(
        ["day", "differing", "not known", "recorded", "again"],
        [
            (
                day.day,
                str(day.totals.counted + day.totals.unknown),
                str(day.totals.unknown or ""),
                f"{day.totals.recorded.usd:+,.0f}",
                f"{day.totals.replayed.usd:+,.0f}",
            )
            for day in report.by_day
        ],
    )
    yield "<h2>Decisions</h2>"
    yield from (_decision(difference) for difference in report.differences)


def _decision(difference: Difference) -> str:
    when = difference.as_of[:16].replace("T", " ")
    sides = (("recorded", difference.recorded), ("again", difference.replayed))
    return (
        f"<details><summary>{escape(when)} #{difference.decision_id}, another "
        f"{escape(', '.join(difference.differs))}"
        f"{''.join(_row(name, side) for name, side in sides)}</summary>"
        f'<div class="inside">{"".join(_told(name, side) for name, side in sides)}</div></details>'
    )


def _row(name: str, side: Side) -> str:
    coin, usd = earned_texts(side.outcome)
    earned = coin if coin == usd else f"{coin}, {usd} USD"
    return (
        f'<span class="row"><span class="dim">{name}</span>'
        f"<b>{escape(choice_text(side.choice))}</b>"
        f'<span class="number">{escape(earned)}</span></span>'
    )


def _told(name: str, side: Side) -> str:
    lines = [why_text(side.choice), side.outcome.unknown, *map(leg_text, side.outcome.legs)]
    told = "".join(f"<p>{escape(line)}</p>" for line in lines if line)
    return f'<p class="dim">{name}</p>{told}'


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def row(tag: str, cells: Sequence[str]) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    body = "".join(row("td", cells) for cells in rows)
    return (
        f'<div class="scroll"><table><thead>{row("th", head)}</thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
