"""Care: the closes that limits force, whoever decides and even when nobody can.

Deterministic and reduce-only: it never opens and never rolls. The rule-based policy asks it first;
the cycle asks it when a decision failed while calls are short.
"""

from __future__ import annotations

from dataclasses import replace

from callwright.analytics.cover import free_cover_coin
from callwright.domain.decision import CloseCoveredCall, CloseParams
from callwright.domain.limits import Limits
from callwright.domain.market import decimal_of
from callwright.domain.scan import Scan, ShortCall
from callwright.domain.snapshot import Snapshot
from callwright.policy.sizing import closable_coin


def forced_close(snapshot: Snapshot, scan: Scan, limits: Limits) -> CloseCoveredCall | None:
    """Return the most urgent close that a limit forces, or None.

    In order of urgency:

    1. cover lost: filled short calls exceed balance less reserved cash and cover reserve;
    2. maintenance margin over margin balance at or above ``maintenance_frac_max``;
    3. ``expiry_close_hours`` or less to expiry with a delta of ``expiry_close_delta_min`` or more.

    Of several shorts that a rule forces, the one of the highest delta goes first (nearest to, or
    deepest in, the money: the likeliest to be assigned), then the nearest expiry, then the name.
    A short that no order can buy back now (expired, no offer, or less than the minimum displayed)
    is passed over for the next, so that one dead quote does not block the rest. ``reasoning``
    states the limit and the numbers.
    """
    closable = sorted(
        (
            short
            for book in scan.books.values()
            for short in book.short_calls
            if _is_closable(short, snapshot)
        ),
        key=lambda short: (-short.delta, short.expiry, short.symbol),
    )
    for rule in (_cover_lost, _maintenance_margin, _expiry_day):
        for short in closable:
            why = rule(short, snapshot, limits)
            if why is not None:
                return CloseCoveredCall(
                    params=CloseParams(underlying=short.underlying, symbol=short.symbol),
                    reasoning=f"{why} Close {short.symbol}: delta {short.delta:.3f}, "
                    f"{short.amount_coin} {short.underlying} short, "
                    f"ask {short.ask_coin} {short.underlying}.",
                )
    return None


def _is_closable(short: ShortCall, snapshot: Snapshot) -> bool:
    spec = snapshot.specs.get(short.underlying)
    return short.dte_days > 0 and spec is not None and closable_coin(short, spec) > 0


def _cover_lost(short: ShortCall, snapshot: Snapshot, limits: Limits) -> str | None:
    coin = short.underlying
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


def _maintenance_margin(short: ShortCall, snapshot: Snapshot, limits: Limits) -> str | None:
    account = snapshot.account.coins.get(short.underlying)
    if account is None:
        return None
    held_coin, base_coin = account.maintenance_margin_coin, account.margin_balance_coin
    # A product, not a ratio: a margin balance of zero or less must force a close as well.
    if held_coin < decimal_of(limits.maintenance_frac_max) * base_coin:
        return None
    return (
        f"Maintenance margin {held_coin:.4f} {short.underlying} of margin balance "
        f"{base_coin:.4f} {short.underlying} is at or above {limits.maintenance_frac_max:.1%}."
    )


def _expiry_day(short: ShortCall, snapshot: Snapshot, limits: Limits) -> str | None:
    hours = short.dte_days * 24
    if hours <= limits.expiry_close_hours and short.delta >= limits.expiry_close_delta_min:
        return (
            f"Expiry day: {hours:.2f} h left (limit {limits.expiry_close_hours:g} h) with a delta "
            f"of {short.delta:.3f} >= {limits.expiry_close_delta_min:.3f}."
        )
    return None
