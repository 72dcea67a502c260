"""A replay as one HTML page: no script, no asset, nothing fetched, readable on a phone.

Every text goes through ``html.escape``: models and venues write what they like.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from callwright.domain.base import minute_of
from callwright.html_page import html_page, html_table
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
.row{display:grid;grid-template-columns:5.5rem 1fr auto;gap:.6rem;font-size:.9rem}
"""


def page(report: Report, *, made: str = "") -> str:
    """Return the page.

    Args:
        made: When and by what the report was made, in words.
    """
    parts = [
        "<h1>Decided again</h1>",
        *(f"<p>{escape(line)}</p>" for line in summary(report) if line),
        f'<p class="dim">{escape(made)}</p>' if made else "",
        *(_differing(report) if report.differences else ()),
    ]
    return html_page("callwright replay", parts, style=_STYLE)


def _differing(report: Report) -> Iterable[str]:
    heads, rows = sums(report)
    yield f"<h2>{escape(sums_title(report))}</h2>"
    yield html_table(["", *heads], rows)
    yield f'<p class="dim">{escape(f"{unknown_text(report)} {HOW_COUNTED}".strip())}</p>'
    yield "<h2>By day, in USD</h2>"
    yield html_table(
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
    when = minute_of(difference.as_of)
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
