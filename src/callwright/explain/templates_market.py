"""What the market and the account were when a decision looked at them."""

from __future__ import annotations

from callwright.explain.questions import Asked
from callwright.explain.templates_look import Look, where_of
from callwright.explain.templates_record import when_of
from callwright.explain.templates_saw import saw
from callwright.explain.templates_words import cited, listed, number, plain, span_words, usd


async def market(asked: Asked, look: Look) -> list[str]:
    """Say spot, volatility, equity or margin as the newest decision of a time saw them."""
    where = where_of(asked, underlying=None)
    page = await look.search(where, limit=1, is_each=True)
    if not page.result["hits"]:
        return [f"No decision is on record{span_words(asked.span)} {cited(page)}."]
    found = await look.decision(page.result["hits"][0]["id"])
    state, cite = found.result["record"]["state"], cited(found)
    which = f"newest decision{span_words(asked.span)}"
    blocks = [f"As the {which} saw it, at {when_of(found)} UTC {cite}:"]
    lines = []
    if "spot" in asked.concepts:
        lines += [
            f"{plain(coin)} spot was {usd(price)} USD {cite}."
            for coin, price in state["spot"].items() if asked.coin in (None, coin)
        ]  # fmt: skip
    portfolio = state["portfolio"]
    if asked.concepts & {"equity", "margin"} and portfolio is None:
        lines.append(f"The account could not be observed {cite}.")
    elif "equity" in asked.concepts:
        lines.append(f"Equity was {usd(portfolio['equity_usd'])} USD {cite}.")
    if "margin" in asked.concepts and portfolio is not None:
        lines.append(f"Margin used was {number(portfolio['margin_used_pct'], 4)}% {cite}.")
    if lines:
        blocks.append(listed(lines))
    return [*blocks, *saw(found, asked.concepts & {"vol"}, asked.coin)]
