"""``get_portfolio``: balances, cover, margin, delta, open short calls, and whether it may trade."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from callwright.analytics.cover import free_cover_coin
from callwright.domain.base import iso_utc
from callwright.domain.desk import TradingState
from callwright.domain.limits import Limits
from callwright.domain.scan import Scan, ShortCall
from callwright.domain.snapshot import Snapshot
from callwright.tools.fences import fenced, number, outside_text

SHORT_CALLS_SHOWN_MAX = 5
"""Of each coin; those nearest to, or deepest in, the money."""
FOREIGN_SHOWN_MAX = 5


def get_portfolio(snapshot: Snapshot, scan: Scan, limits: Limits) -> str:
    """Return the account as fenced JSON; what is unknown is null.

    Amounts are in the underlying's coin, fractions 0-1.
    """
    desk = snapshot.desk
    view: dict[str, Any] = {
        "as_of": iso_utc(snapshot.as_of),
        "trading_state": desk.trading_state.value,
        "orders_left_today": max(limits.orders_per_day_max - desk.orders_today, 0),
        "coins": {
            outside_text(coin, length_max=10): _coin(coin, snapshot, scan, limits)
            for coin in snapshot.market.underlyings
        },
    }
    if desk.trading_state is not TradingState.ACTIVE:
        view["trading_state_reason"] = outside_text(desk.trading_state_reason)
    if desk.breakers:
        view["breakers"] = sorted({breaker.name.value for breaker in desk.breakers})
    return fenced(view)


def _coin(coin: str, snapshot: Snapshot, scan: Scan, limits: Limits) -> dict[str, Any]:
    market = snapshot.market.underlyings[coin]
    account = snapshot.account.coins.get(coin)
    book = scan.books.get(coin)
    view: dict[str, Any] = {"index_usd": number(market.index_usd, 6)}
    if account is not None:
        base_coin = account.margin_balance_coin
        view |= {
            "equity_coin": number(account.equity_coin),
            "free_cover_coin": number(free_cover_coin(snapshot, coin, limits)),
            "margin_used_frac": number(account.initial_margin_coin / base_coin)
            if base_coin > 0
            else None,
        }
    if book is not None:
        shown = most_urgent(book.short_calls, SHORT_CALLS_SHOWN_MAX)
        view |= {
            "net_delta": number(book.net_delta, 3),
            "short_calls": [_short(short) for short in shown],
        }
        if len(shown) < len(book.short_calls):
            view["short_calls_not_shown"] = len(book.short_calls) - len(shown)
        if book.unvalued:
            view["foreign_positions"] = [
                outside_text(name, length_max=40) for name in book.unvalued[:FOREIGN_SHOWN_MAX]
            ]
    unresolved = sum(intent.underlying == coin for intent in snapshot.unresolved)
    if unresolved:
        view["unresolved_orders"] = unresolved
    return view


def most_urgent(shorts: Iterable[ShortCall], count: int) -> list[ShortCall]:
    """Return up to ``count`` short calls: the highest delta first, then the nearest expiry."""
    return sorted(shorts, key=lambda s: (-round(s.delta, 3), s.expiry, s.symbol))[:count]


def _short(short: ShortCall) -> dict[str, Any]:
    return {
        "symbol": outside_text(short.symbol, length_max=40),
        "amount_coin": number(short.amount_coin),
        "dte_days": number(round(short.dte_days, 2)),
        "delta": number(round(short.delta, 3)),
        "sold_at_coin": number(short.average_price_coin),
        "ask_coin": number(short.ask_coin),
        "captured_frac": number(short.captured_frac, 2),
    }
