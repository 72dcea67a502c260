"""A snapshot with some things otherwise: a coin not held, another balance, another index. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from math import isfinite
from typing import Any

from callwright.domain.account import Account
from callwright.domain.desk import DeskState
from callwright.domain.explain import WhatIf
from callwright.domain.snapshot import Snapshot
from callwright.errors import QueryInvalid
from callwright.what_if.market import account_at, at_spot


@dataclass(frozen=True)
class Changed:
    """A changed snapshot.

    Attributes:
        changes: Each change in words, with before and after.
        assumptions: What the changes took for granted, in words.
        repriced: Coins whose options have other prices than the venue gave.
    """

    snapshot: Snapshot
    changes: tuple[str, ...]
    assumptions: tuple[str, ...]
    repriced: frozenset[str]


def changed_snapshot(snapshot: Snapshot, question: WhatIf) -> Changed:
    """Return the snapshot with the question's changes of account and market.

    Raises:
        QueryInvalid: A coin is not the desk's, a number is impossible, or two changes contradict
            each other.
    """
    _require_possible(snapshot, question)
    changes: list[str] = []
    assumptions: list[str] = []
    for coin, spot_usd in question.spot_usd.items():
        before = snapshot.market.underlyings[coin]
        after = at_spot(before, spot_usd, snapshot.specs.get(coin), snapshot.as_of)
        changes.append(f"spot.{coin}: {before.index_usd:.10g} -> {spot_usd:.10g} USD")
        snapshot = replace(
            snapshot,
            market=replace(
                snapshot.market, underlyings={**snapshot.market.underlyings, coin: after}
            ),
            account=account_at(snapshot.account, before, after),
        )
    if question.spot_usd:
        assumptions += [
            "Options are priced anew by Black-76 at the volatilities that their bids, asks and "
            "marks had at the same strikes; futures and index history move in proportion, so "
            "realized volatility stays; displayed sizes stay.",
            "Margin of open calls moves with their marks; for a call that would be sold it is "
            "taken from Deribit's formula of its standard margin.",
        ]
    for coin, balance_coin in question.balances_coin.items():
        was_coin = snapshot.account.coins[coin].balance_coin
        changes.append(f"balance.{coin}: {was_coin:f} -> {balance_coin:f} {coin}")
        snapshot = _with_balance(snapshot, coin, balance_coin)
    for coin in question.without:
        held = snapshot.account.coins[coin]
        gone = sum(
            _is_of(coin, position.instrument_name) for position in snapshot.account.positions
        )
        changes.append(
            f"without {coin}: balance {held.balance_coin:f} -> 0 {coin}, {gone} positions -> 0"
        )
        snapshot = _without(snapshot, coin)
    if question.balances_coin or question.without:
        assumptions.append("The UTC day began with the changed balances as well: no loss of it.")
    return Changed(snapshot, tuple(changes), tuple(assumptions), frozenset(question.spot_usd))


def _require_possible(snapshot: Snapshot, question: WhatIf) -> None:
    coins = sorted(snapshot.market.underlyings)
    named = (*question.without, *question.balances_coin, *question.spot_usd)
    for coin in named:
        if coin not in snapshot.market.underlyings or coin not in snapshot.account.coins:
            raise QueryInvalid(
                f"{coin[:20]!r} is no coin of this desk", remedy=f"one of {', '.join(coins)}"
            )
    both = set(question.without) & set(question.balances_coin)
    if both:
        raise QueryInvalid(
            f"{', '.join(sorted(both))} is left out and has a balance", remedy="ask for one of them"
        )
    for coin, balance_coin in question.balances_coin.items():
        if not (balance_coin.is_finite() and 0 <= balance_coin <= 10**9):
            raise QueryInvalid(f"a balance of {balance_coin} {coin} is impossible")
    for coin, spot_usd in question.spot_usd.items():
        index_usd = snapshot.market.underlyings[coin].index_usd
        # Further away the volatilities of the chain say nothing.
        if not (isfinite(spot_usd) and index_usd / 10 <= spot_usd <= index_usd * 10):
            raise QueryInvalid(
                f"an index of {spot_usd:g} USD for {coin} is out of reach",
                remedy=f"from a tenth to ten times {index_usd:.2f}",
            )


def _with_balance(snapshot: Snapshot, coin: str, balance_coin: Decimal) -> Snapshot:
    held = snapshot.account.coins[coin]
    more_coin = balance_coin - held.balance_coin
    account = _with_coin(
        snapshot.account,
        coin,
        balance_coin=balance_coin,
        margin_balance_coin=held.margin_balance_coin + more_coin,
        equity_coin=held.equity_coin + more_coin,
    )
    day_open = snapshot.desk.day_open_equity_coin
    if coin in day_open:
        day_open = {**day_open, coin: day_open[coin] + more_coin}
    return replace(snapshot, account=account, desk=_desk(snapshot.desk, day_open))


def _without(snapshot: Snapshot, coin: str) -> Snapshot:
    zero = Decimal(0)
    account = _with_coin(
        snapshot.account,
        coin,
        balance_coin=zero,
        reserved_coin=zero,
        margin_balance_coin=zero,
        options_value_coin=zero,
        equity_coin=zero,
        initial_margin_coin=zero,
        maintenance_margin_coin=zero,
    )
    account = account.model_copy(
        update={
            "positions": _others(coin, account.positions),
            "resting_orders": _others(coin, account.resting_orders),
        }
    )
    desk = _desk(snapshot.desk, {**snapshot.desk.day_open_equity_coin, coin: zero})
    breakers = tuple(breaker for breaker in desk.breakers if breaker.underlying != coin)
    return replace(
        snapshot,
        account=account,
        unresolved=tuple(intent for intent in snapshot.unresolved if intent.underlying != coin),
        desk=desk.model_copy(update={"breakers": breakers}),
    )


def _with_coin(account: Account, coin: str, **changes: Decimal) -> Account:
    changed = account.coins[coin].model_copy(update=changes)
    return account.model_copy(update={"coins": {**account.coins, coin: changed}})


def _desk(desk: DeskState, day_open: Mapping[str, Decimal]) -> DeskState:
    return desk.model_copy(update={"day_open_equity_coin": day_open})


def _others(coin: str, named: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(each for each in named if not _is_of(coin, each.instrument_name))


def _is_of(coin: str, instrument_name: str) -> bool:
    # Options, futures and linear ones alike: BTC-…, BTC_USDC-….
    return instrument_name.partition("-")[0].partition("_")[0] == coin
