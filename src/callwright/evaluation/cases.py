"""A situation made into what a cycle would see: snapshot, prechecked scan, and judged answers.

The scanner, sizing, prechecks, breakers and gates are the desk's own; only the account is put
together here, with the paper exchange's margins, so that its figures agree with one another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from callwright import gates
from callwright.analytics.scanner import scan as scan_snapshot
from callwright.config import Settings, changed_settings
from callwright.domain import account as book
from callwright.domain.decision import Proposal
from callwright.domain.desk import DeskState
from callwright.domain.instrument import parse_option_name
from callwright.domain.market import MarketView, Quote, decimal_of
from callwright.domain.orders import Intent, IntentStatus, Purpose
from callwright.domain.scan import Scan
from callwright.domain.snapshot import Snapshot
from callwright.errors import ConfigError, DataInvalid, DecisionInvalid
from callwright.evaluation.answers import Option, named_by, options_of
from callwright.evaluation.markets import SPECS, market_of
from callwright.evaluation.planting import planted
from callwright.evaluation.situations import Pending, Situation
from callwright.guardrails.breakers import breakers_to_trip
from callwright.judging import prechecked
from callwright.paper.margin import Margin, short_margin

ACCOUNT_ID = "evals"

_ZERO = Decimal(0)
_KEPT = ("openai_api_key", "callwright_home", "log_dir")


@dataclass(frozen=True)
class Case:
    """A situation, ready to be asked.

    Attributes:
        settings: The desk's settings in it.
        right, forbidden: Answers with their reasons; every other answer is neither.
    """

    situation: Situation
    settings: Settings
    snapshot: Snapshot
    scan: Scan
    options: tuple[Option, ...]
    right: Mapping[str, str]
    forbidden: Mapping[str, str]

    def codes_of(self, proposal: Proposal) -> tuple[str, ...]:
        """Return what the gates would deny a proposal with; none: it would pass."""
        return self._judge.codes_of(proposal)

    @cached_property
    def _judge(self) -> _Judge:
        return _Judge(self.snapshot, self.scan, self.settings)


def suite_settings(settings: Settings) -> Settings:
    """Return the settings that situations begin with: models as given, all else by default.

    A desk's own limits would make two runs of the suite two different suites.
    """
    defaults = {
        name: field.default
        for name, field in Settings.model_fields.items()
        if not name.startswith("llm_") and name not in _KEPT
    }
    # Another model in its place would not be the one that is scored.
    return changed_settings(settings, **defaults, llm_cheaper_model_name=None)


def case_of(situation: Situation, settings: Settings) -> Case:
    """Return a situation made ready.

    Args:
        settings: As ``suite_settings`` returns them.

    Raises:
        DataInvalid: The situation contradicts itself; the message names it.
    """
    try:
        own = changed_settings(settings, **situation.settings)
        snapshot = snapshot_of(situation, own)
        scan = scan_snapshot(snapshot, own.scan_settings())
        scan = prechecked(
            snapshot,
            scan,
            {c.symbol: _margin(_quote(snapshot.market, c.symbol)).initial for c in scan.candidates},
            own.policy_settings(),
            own.limits(),
        )
        snapshot, scan = planted(snapshot, scan, situation.plant)
        options = options_of(scan, SPECS, _Judge(snapshot, scan, own).codes_of)
        right = named_by(situation.right, options)
        forbidden = named_by(situation.forbidden, options)
    except (ConfigError, DataInvalid) as exc:
        raise DataInvalid(f"{situation.name}: {exc.message}") from exc
    both = sorted(set(right) & set(forbidden))
    if both:
        raise DataInvalid(f"{situation.name}: both right and forbidden: {', '.join(both)}")
    return Case(situation, own, snapshot, scan, options, right, forbidden)


class _Judge:
    def __init__(self, snapshot: Snapshot, scan: Scan, settings: Settings) -> None:
        self._seen = (snapshot, scan, settings.policy_settings(), settings.limits())

    def codes_of(self, proposal: Proposal) -> tuple[str, ...]:
        try:
            return gates.codes(proposal, *self._seen)
        except (DataInvalid, ValidationError):
            # Only a planted name can be one that code cannot even size.
            return (DecisionInvalid.code,)


def snapshot_of(situation: Situation, settings: Settings) -> Snapshot:
    """Return what a cycle would have observed, with the breakers that it would have tripped.

    Raises:
        DataInvalid: A symbol is not listed, or the market does not exist.
    """
    market = market_of(situation)
    at, desk = market.as_of, situation.desk
    account = _account(situation, market)
    state = DeskState(
        trading_state=desk.state,
        trading_state_reason=desk.reason,
        orders_today=desk.orders_today,
        last_open_at={
            coin: at - timedelta(hours=hours) for coin, hours in desk.last_open_hours.items()
        },
        opened_at={
            short.symbol: at - timedelta(days=short.days_ago) for short in situation.account.shorts
        },
        day_open_equity_coin={
            coin: desk.day_open.get(coin, held.equity_coin)  # type: ignore[call-overload]
            for coin, held in account.coins.items()
        },
        failures_in_a_row=desk.failures_in_a_row,
    )
    snapshot = Snapshot(
        market=market,
        account=account,
        specs=SPECS,
        unresolved=tuple(
            _intent(pending, market, leg)
            for leg, pending in enumerate(situation.account.unresolved)
        ),
        desk=state,
        venue_time=at,
        local_time=at + timedelta(seconds=desk.clock_ahead_s),
    )
    breakers = breakers_to_trip(snapshot, settings.limits())
    return replace(snapshot, desk=state.model_copy(update={"breakers": breakers}))


def _account(situation: Situation, market: MarketView) -> book.Account:
    given = situation.account
    positions = []
    for short in given.shorts:
        quote = _quote(market, short.symbol)
        positions.append(
            book.Position(
                instrument_name=short.symbol,
                amount_coin=-short.amount,
                average_price_coin=short.sold_at,
                mark_price_coin=quote.mark_coin,
                initial_margin_coin=_margin(quote).initial * short.amount,
            )
        )
    coins = {coin: _coin(coin, situation, market, positions) for coin in market.underlyings}
    positions += [
        book.Position(
            instrument_name=foreign.name,
            amount_coin=foreign.amount,
            average_price_coin=_ZERO,
            mark_price_coin=_ZERO,
            initial_margin_coin=_ZERO,
        )
        for foreign in given.foreign
    ]
    return book.Account(
        account_id=ACCOUNT_ID,
        as_of=market.as_of - timedelta(seconds=given.age_s),
        coins=coins,
        positions=tuple(positions),
        resting_orders=tuple(
            book.RestingOrder(
                order_id=f"{ACCOUNT_ID}-{n}",
                label="",
                instrument_name=order.symbol,
                side=order.side,
                amount_coin=order.amount,
                filled_coin=_ZERO,
                price_coin=_quote(market, order.symbol).mark_coin,
                reduce_only=order.side == "buy",
            )
            for n, order in enumerate(given.resting)
        ),
    )


def _coin(
    coin: str, situation: Situation, market: MarketView, positions: Sequence[book.Position]
) -> book.CoinAccount:
    given: Any = situation.account
    own = [p for p in positions if p.instrument_name.startswith(f"{coin}-")]
    cash = given.cash.get(coin, _ZERO)
    options_value = sum((p.amount_coin * p.mark_price_coin for p in own), _ZERO)
    resting = [
        (order.amount, _margin(_quote(market, order.symbol)))
        for order in given.resting
        if order.side == "sell" and order.symbol.startswith(f"{coin}-")
    ]
    initial = sum((p.initial_margin_coin for p in own), _ZERO)
    initial += sum((amount * margin.initial for amount, margin in resting), _ZERO)
    maintenance = sum(
        (-p.amount_coin * _margin(_quote(market, p.instrument_name)).maintenance for p in own),
        _ZERO,
    )
    return book.CoinAccount(
        currency=coin,
        balance_coin=cash,
        reserved_coin=given.reserved.get(coin, _ZERO),
        margin_balance_coin=cash,
        options_value_coin=options_value,
        equity_coin=cash + options_value,
        initial_margin_coin=given.initial_margin.get(coin, initial),
        maintenance_margin_coin=given.maintenance_margin.get(coin, maintenance),
    )


def _intent(pending: Pending, market: MarketView, leg: int) -> Intent:
    quote, at = _quote(market, pending.symbol), market.as_of
    return Intent(
        label=f"cw-{ACCOUNT_ID}-{leg}",
        account_id=ACCOUNT_ID,
        cycle_id=f"{ACCOUNT_ID}-before",
        leg=leg,
        purpose=Purpose.OPEN if pending.side == "sell" else Purpose.CLOSE,
        underlying=quote.instrument.underlying,
        instrument_name=pending.symbol,
        side=pending.side,
        amount_coin=pending.amount,
        price_coin=quote.mark_coin,
        reduce_only=pending.side == "buy",
        margin_initial_coin=_margin(quote).initial * pending.amount
        if pending.side == "sell"
        else _ZERO,
        valid_until=at - timedelta(minutes=2),
        created_at=at - timedelta(minutes=3),
        status=IntentStatus.UNKNOWN,
    )


def _quote(market: MarketView, symbol: str) -> Quote:
    quote = market.quote(parse_option_name(symbol).name)
    if quote is None:
        raise DataInvalid(f"{symbol} is not listed")
    return quote


def _margin(quote: Quote) -> Margin:
    return short_margin(
        quote.instrument, mark_coin=quote.mark_coin, forward_usd=decimal_of(quote.forward_usd)
    )
