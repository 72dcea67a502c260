"""Care: the closes that limits force, whoever decides and even when nobody can.

Deterministic and reduce-only: it never opens and never rolls. The rule-based policy asks it first;
the cycle asks it when a decision failed while calls are short.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from callwright.analytics.cover import free_cover_coin
from callwright.domain.decision import CloseCoveredCall, CloseParams, Proposal
from callwright.domain.limits import Limits
from callwright.domain.market import decimal_of
from callwright.domain.scan import Scan, ShortCall
from callwright.domain.snapshot import Snapshot
from callwright.policy.sizing import closable_coin


def forced_close(
    snapshot: Snapshot,
    scan: Scan,
    limits: Limits,
    *,
    would_pass: Callable[[Proposal], bool] = lambda proposal: True,
) -> CloseCoveredCall | None:
    """Return the most urgent close that a limit forces, or None.

    In order of urgency:

    1. cover lost: filled short calls exceed balance less reserved cash and cover reserve;
    2. maintenance margin over margin balance at or above ``maintenance_frac_max``;
    3. ``expiry_close_hours`` or less to expiry with a delta of ``expiry_close_delta_min`` or more.

    Of several shorts that a rule forces, the one of the highest delta goes first (nearest to, or
    deepest in, the money: the likeliest to be assigned), then the nearest expiry, then the name.
    A short that no order can buy back now (expired, no offer, or less than the minimum displayed)
    is passed over for the next, and so is one whose close both gates would not allow
    (``would_pass``), so that one bad quote does not block the rest; when none would pass, the first
    is returned all the same, and its denial recorded. ``reasoning`` states the limit and the
    numbers.
    """
    shorts = sorted(
        (short for book in scan.books.values() for short in book.short_calls),
        key=lambda short: (-short.delta, short.expiry, short.symbol),
    )
    coins = dict.fromkeys(short.underlying for short in shorts)
    cover_lost = {coin: _cover_lost(coin, snapshot, limits) for coin in coins}
    margin_short = {coin: _maintenance_margin(coin, snapshot, limits) for coin in coins}
    rules: tuple[Callable[[ShortCall], str | None], ...] = (
        lambda short: cover_lost[short.underlying],
        lambda short: margin_short[short.underlying],
        lambda short: _expiry_day(short, limits),
    )
    first: CloseCoveredCall | None = None
    for rule in rules:
        for short in shorts:
            why = rule(short)
            if why is not None and _is_closable(short, snapshot):
                close = CloseCoveredCall(
                    params=CloseParams(underlying=short.underlying, symbol=short.symbol),
                    reasoning=f"{why} Close {short.symbol}: delta {short.delta:.3f}, "
                    f"{short.amount_coin} {short.underlying} short, "
                    f"ask {short.ask_coin} {short.underlying}.",
                )
                if would_pass(close):
                    return close
                first = first or close
    return first


def _is_closable(short: ShortCall, snapshot: Snapshot) -> bool:
    spec = snapshot.specs.get(short.underlying)
    return short.dte_days > 0 and spec is not None and closable_coin(short, spec) > 0


def _cover_lost(coin: str, snapshot: Snapshot, limits: Limits) -> str | None:
    if coin not in snapshot.account.coins or free_cover_coin(snapshot, coin, limits) >= 0:
        return None
    # Resting and in-flight sells take cover too, but buying back is not the cure for them.
    filled_only = replace(
        snapshot,
        account=snapshot.account.model_copy(update={"resting_orders": ()}),
        unresolved=(),
    )
    free_coin = free_cover_coin(filled_only, coin, limits)
    if free_coin >= 0:
        return None
    return f"Cover lost: short {coin} calls exceed the cover by {-free_coin:.4f} {coin}."


def _maintenance_margin(coin: str, snapshot: Snapshot, limits: Limits) -> str | None:
    account = snapshot.account.coins.get(coin)
    if account is None:
        return None
    held_coin, base_coin = account.maintenance_margin_coin, account.margin_balance_coin
    # A product, not a ratio: a margin balance of zero or less must force a close as well.
    if held_coin < decimal_of(limits.maintenance_frac_max) * base_coin:
        return None
    return (
        f"Maintenance margin {held_coin:.4f} {coin} of margin balance "
        f"{base_coin:.4f} {coin} is at or above {limits.maintenance_frac_max:.1%}."
    )


def _expiry_day(short: ShortCall, limits: Limits) -> str | None:
    hours = short.dte_days * 24
    if hours <= limits.expiry_close_hours and short.delta >= limits.expiry_close_delta_min:
        return (
            f"Expiry day: {hours:.2f} h left (limit {limits.expiry_close_hours:g} h) with a delta "
            f"of {short.delta:.3f} >= {limits.expiry_close_delta_min:.3f}."
        )
    return None
