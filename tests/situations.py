"""A proposal with all that the gates judge it by: allowed unless a test changes something.

Three calls with round quotes; the taker fee is 0.0003 per coin for each of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from builders import (
    NOW,
    a_candidate,
    a_coin_account,
    a_desk_state,
    a_market,
    a_position,
    a_scan,
    a_short_call,
    a_snapshot,
    a_spec,
    an_account,
    an_intent,
    an_underlying_market,
    dec,
    limits,
    with_quote,
)
from callwright.domain.account import Position, RestingOrder
from callwright.domain.decision import (
    CloseCoveredCall,
    CloseParams,
    OpenCoveredCall,
    OpenParams,
    RollCoveredCall,
    RollParams,
    Sizing,
    TradeProposal,
)
from callwright.domain.limits import Limits
from callwright.domain.orders import Intent
from callwright.domain.scan import Scan
from callwright.domain.snapshot import Snapshot
from callwright.guardrails.approval import Approval, approve
from callwright.guardrails.rule_input import RuleInput

SOLD = "BTC-16JAN26-108000-C"
"""What opens and rolls sell: 10.98 days, bid 0.0100, mark 0.0105, ask 0.0110, delta 0.22."""
SHORT = "BTC-9JAN26-104000-C"
"""What rolls and closes buy back: 3.98 days, bid 0.0075, mark 0.0080, ask 0.0085, delta 0.30."""
OTHER = "BTC-16JAN26-110000-C"
"""Neither: for foreign shorts and resting orders; in the expiry of SOLD."""

_QUOTES = {
    SOLD: {"bid_coin": 0.0100, "mark_coin": 0.0105, "ask_coin": 0.0110},
    SHORT: {"bid_coin": 0.0075, "mark_coin": 0.0080, "ask_coin": 0.0085},
}


@dataclass(frozen=True)
class Situation:
    proposal: TradeProposal
    snapshot: Snapshot
    scan: Scan
    sizing: Sizing
    limits: Limits

    @property
    def x(self) -> RuleInput:
        return RuleInput(self.proposal, self.snapshot, self.scan, self.sizing, self.limits)

    def approve(self) -> Approval:
        return approve(
            self.proposal,
            snapshot=self.snapshot,
            scan=self.scan,
            sizing=self.sizing,
            limits=self.limits,
        )

    def with_pending(
        self, *, resting: Sequence[RestingOrder] = (), unresolved: Sequence[Intent] = ()
    ) -> Situation:
        """The same, with more orders that may yet fill."""
        account = self.snapshot.account
        orders = (*account.resting_orders, *resting)
        snapshot = dataclasses.replace(
            self.snapshot,
            account=account.model_copy(update={"resting_orders": orders}),
            unresolved=(*self.snapshot.unresolved, *unresolved),
        )
        return dataclasses.replace(self, snapshot=snapshot)


def a_resting_order(name: str = OTHER, amount: object = "0.1", **changes: Any) -> RestingOrder:
    fields: dict[str, Any] = {
        "order_id": f"BTC-{name}-{amount}",
        "label": "",
        "instrument_name": name,
        "side": "sell",
        "amount_coin": dec(amount),
        "filled_coin": dec(0),
        "price_coin": dec("0.01"),
        "reduce_only": False,
    }
    return RestingOrder(**(fields | changes))


def an_unresolved_sell(name: str = OTHER, amount: object = "0.1", **changes: Any) -> Intent:
    fields = {"amount_coin": dec(amount), "margin_initial_coin": dec("0.11") * dec(amount)}
    return an_intent(name, **(fields | changes))


def _situation(
    proposal: TradeProposal,
    sizing: Sizing,
    *,
    limits_: Mapping[str, Any] | None = None,
    desk: Mapping[str, Any] | None = None,
    coin: Mapping[str, Any] | None = None,
    spec: Mapping[str, Any] | None = None,
    candidate: Mapping[str, Any] | None = None,
    short: Mapping[str, Any] | None = None,
    quotes: Mapping[str, Mapping[str, float]] | None = None,
    scan: Scan | None = None,
    positions: Sequence[Position] = (),
    resting: Sequence[RestingOrder] = (),
    unresolved: Sequence[Intent] = (),
    short_amount: object = "0.1",
    has_short: bool = True,
    net_delta: float | None = 0.0,
    extra_names: Sequence[str] = (),
    market_age_s: float = 0.0,
    account_age_s: float = 0.0,
    drift_s: float = 0.0,
) -> Situation:
    """``candidate``, ``limits_`` and the like are changes of a field; they may be NaN or None."""
    market = a_market(an_underlying_market("BTC", extra_names=extra_names))
    market = dataclasses.replace(market, as_of=NOW - timedelta(seconds=market_age_s))
    for name in dict.fromkeys([*_QUOTES, *(quotes or {})]):
        market = with_quote(
            market, name, **{**_QUOTES.get(name, {}), **(quotes or {}).get(name, {})}
        )
    shorts = [a_position(SHORT, -dec(short_amount))] if has_short else []
    account = an_account(
        btc=a_coin_account("BTC", 1).model_copy(update=dict(coin or {})),
        positions=[*shorts, *positions],
        resting_orders=resting,
        at=NOW - timedelta(seconds=account_age_s),
    )
    day_open = {"BTC": dec(1), "ETH": dec(10)}
    snapshot = a_snapshot(
        market=market,
        account=account,
        specs={"BTC": a_spec("BTC", **(spec or {}))},
        unresolved=tuple(unresolved),
        desk=a_desk_state(**({"day_open_equity_coin": day_open} | dict(desk or {}))),
        venue_time=NOW,
        local_time=NOW + timedelta(seconds=drift_s),
    )
    if scan is None:
        scan = a_scan(
            candidates=[
                a_candidate(
                    SOLD,
                    **{side: dec(price) for side, price in _QUOTES[SOLD].items()},
                ).model_copy(update=dict(candidate or {}))
            ],
            shorts=[
                a_short_call(SHORT, short_amount, delta=0.30).model_copy(update=dict(short or {}))
            ]
            if has_short
            else [],
        )
        book = scan.books["BTC"].model_copy(update={"net_delta": net_delta})
        scan = scan.model_copy(update={"books": {**scan.books, "BTC": book}})
    return Situation(
        proposal=proposal,
        snapshot=snapshot,
        scan=scan,
        sizing=sizing,
        limits=limits().model_copy(update=dict(limits_ or {})),
    )


def opening(
    *,
    symbol: str = SOLD,
    underlying: str = "BTC",
    sell: object = "0.1",
    buy: object = 0,
    **changes: Any,
) -> Situation:
    """Sell 0.1 of a call, one coin of cover, no other position unless ``has_short``."""
    proposal = OpenCoveredCall(params=OpenParams(underlying=underlying, symbol=symbol))
    sizing = Sizing(sell_coin=dec(sell), buy_coin=dec(buy))
    return _situation(proposal, sizing, **({"has_short": False} | changes))


def rolling(
    *,
    symbol: str = SOLD,
    from_symbol: str = SHORT,
    sell: object = "0.1",
    buy: object = "0.1",
    **changes: Any,
) -> Situation:
    """Buy 0.1 back at 0.0085 and sell 0.1 at 0.0100: a credit of 0.0009 per coin after fees."""
    params = RollParams(underlying="BTC", from_symbol=from_symbol, symbol=symbol)
    sizing = Sizing(sell_coin=dec(sell), buy_coin=dec(buy))
    return _situation(RollCoveredCall(params=params), sizing, **changes)


def closing(
    *, symbol: str = SHORT, sell: object = 0, buy: object = "0.1", **changes: Any
) -> Situation:
    """Buy back the 0.1 that is short, at 0.0085."""
    proposal = CloseCoveredCall(params=CloseParams(underlying="BTC", symbol=symbol))
    return _situation(proposal, Sizing(sell_coin=dec(sell), buy_coin=dec(buy)), **changes)
