"""Breakers: what trips them, and whether a tripped one still holds.

Pure; the desk-state store keeps them, so a breaker outlives a restart and a recovery of prices.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from callwright.domain.desk import Breaker, BreakerName
from callwright.domain.limits import Limits
from callwright.domain.market import decimal_of
from callwright.domain.snapshot import Snapshot


def breakers_to_trip(snapshot: Snapshot, limits: Limits) -> tuple[Breaker, ...]:
    """Return the breakers that this snapshot trips and that do not hold already.

    DAILY_LOSS, a coin at a time: equity is below the day's floor; holds until the next 00:00 UTC.
    FAILURES_IN_A_ROW, for the whole desk; holds until somebody releases it.
    """
    tripped = []
    for underlying, coin in snapshot.account.coins.items():
        floor_coin = equity_floor_coin(snapshot, underlying, limits)
        if floor_coin is None or coin.equity_coin >= floor_coin:
            continue
        if active_breaker(snapshot, BreakerName.DAILY_LOSS, underlying) is None:
            midnight = snapshot.as_of.replace(hour=0, minute=0, second=0, microsecond=0)
            tripped.append(
                Breaker(
                    name=BreakerName.DAILY_LOSS,
                    underlying=underlying,
                    tripped_at=snapshot.as_of,
                    until=midnight + timedelta(days=1),
                    facts=(
                        f"equity_coin={coin.equity_coin:f} floor_coin={floor_coin:f}"
                        f" daily_loss_frac_max={limits.daily_loss_frac_max}"
                    ),
                )
            )
    failures = snapshot.desk.failures_in_a_row
    if (
        failures >= limits.failures_in_a_row_max
        and active_breaker(snapshot, BreakerName.FAILURES_IN_A_ROW) is None
    ):
        tripped.append(
            Breaker(
                name=BreakerName.FAILURES_IN_A_ROW,
                tripped_at=snapshot.as_of,
                until=None,
                facts=f"failures={failures} failures_max={limits.failures_in_a_row_max}",
            )
        )
    return tuple(tripped)


def active_breaker(snapshot: Snapshot, name: BreakerName, underlying: str = "") -> Breaker | None:
    """Return a breaker of that name that holds now for the coin, or for the whole desk."""
    for breaker in snapshot.desk.breakers:
        holds = breaker.until is None or snapshot.as_of < breaker.until
        if holds and breaker.name == name and breaker.underlying in ("", underlying):
            return breaker
    return None


def equity_floor_coin(snapshot: Snapshot, underlying: str, limits: Limits) -> Decimal | None:
    """Return the least equity, in coin, that the day allows; None before the day's first equity."""
    day_open_coin = snapshot.desk.day_open_equity_coin.get(underlying)
    if day_open_coin is None:
        return None
    return day_open_coin * (1 - decimal_of(limits.daily_loss_frac_max))
