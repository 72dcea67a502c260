"""Seeded histories of any length, as a desk would have left them: for benchmarks, questions, fuzz.

Made up, but consistent: a close closes what was opened, fills and settlements carry the cycle that
sent the order, a late one is told by a later record, amounts are on the grid, codes and sentences
are the real ones. ``write`` drives them through the desk's own record writer.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from callwright.domain.base import iso_utc
from callwright.domain.record import (
    ActionRecord,
    CycleRecord,
    ExecutionRecord,
    OrderRecord,
    OrderUpdate,
    StateRecord,
    VerdictRecord,
)
from callwright.domain.verdict import Reason
from callwright.journal import cycle_id_of
from callwright.memory.database import DeskDatabase
from callwright.memory.recording import store_record

START = datetime(2026, 1, 5, tzinfo=UTC)
STEP = timedelta(minutes=1)
ACCOUNT = "paper"

_YES, _NOT_ASKED = VerdictRecord(allowed=True), VerdictRecord(allowed=None)
_NOTHING: dict[str, Any] = {}
_LOT = {"BTC": 0.1, "ETH": 1.0}
_GRID = {"BTC": 500, "ETH": 25}
_OPEN_MAX = 6
_FAILURES = (
    ("LLM_TIMEOUT", "no answer in 60 s"),
    ("LLM_REFUSED", "the model refused: I cannot give trading instructions"),
    ("LLM_UNAVAILABLE", "503 Service Unavailable"),
    ("DECISION_INVALID", "PROPOSAL_INVALID: symbol: String should have at most 64 characters"),
    ("VENUE_UNAVAILABLE", "public/get_book_summary_by_currency: connection reset"),
    ("DATA_STALE", "the market is 74 s old, the limit is 60 s"),
    ("INTERRUPTED", "the process ended before this cycle did"),
)
_DENIALS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (("ROLL_DWELL",), {"held_s": 64_800.0, "dwell_s": 86_400.0}),
    (("COOLDOWN_ACTIVE",), {"waited_s": 21_600.0, "cooldown_s": 43_200.0}),
    (("NET_DELTA_ABOVE_MAXIMUM",), {"net_delta_lowest": -0.53, "net_delta_max": 0.5}),
    (("EXPIRY_EXPOSURE_ABOVE_MAXIMUM", "COOLDOWN_ACTIVE"), {"exposure_coin": 0.6}),
    (("ORDERS_PER_DAY",), {"orders": 12, "orders_per_day_max": 12}),
    (("MARGIN_ABOVE_MAXIMUM",), {"margin_used_frac": 0.412, "margin_used_frac_max": 0.4}),
    (("QUOTE_STALE",), {"age_s": 131.2, "age_max_s": 120.0}),
    (("PRICE_OUTSIDE_COLLAR",), {"price_coin": 0.0031, "mark_coin": 0.0042}),
)
_THOUGHTS = (
    "Implied volatility is rich against realized, the bid pays {yield_:.1%} a year net of fees",
    "IVRV at {ivrv:.2f} clears the floor with room, so selling premium is being paid for",
    "the delta of {delta:.2f} leaves room up to the strike in a market that has drifted sideways",
    "skew is flat and the term structure is in contango, which favours the front weekly",
    "spot at {spot:,.0f} has moved little since the last decision, the book is within limits",
    "margin use is comfortable, so the premium is worth the capped upside",
    "liquidity at the bid is thin but covers our size without crossing the collar",
    "waiting costs theta that the desk does not earn, yet nothing forces a trade this hour",
    "realized volatility has picked up over the window, which takes the edge out of the offer",
    "the position is close to its strike and rolling out keeps the coin without paying up",
    "expiry concentration argues for the later week rather than one more call on Friday",
    "I would rather hold: the candidates that pass pay too little for the risk of a squeeze",
)  # fmt: skip


@dataclass
class _Short:
    symbol: str
    coin: str
    strike: int
    expiry: datetime
    size: float
    cycle_id: str


@dataclass
class _Desk:
    """What the made-up desk remembers between cycles."""

    spot: dict[str, float] = field(default_factory=lambda: {"BTC": 97_000.0, "ETH": 3_200.0})
    iv: dict[str, float] = field(default_factory=lambda: {"BTC": 0.42, "ETH": 0.58})
    shorts: list[_Short] = field(default_factory=list)
    late: list[OrderUpdate] = field(default_factory=list)
    trades: int = 0


def long_history(
    count: int, *, seed: int = 7, start: datetime = START, step: timedelta = STEP
) -> Iterator[CycleRecord]:
    """Yield records in the order of time, the same for the same seed.

    Nine in ten hold; the rest open, roll, close, are denied, or fail. The first fiftieth is a dry
    run; then weeks of rules and weeks of a model take turns.
    """
    chance = random.Random(seed)
    desk = _Desk()
    config = _config()
    for number in range(count):
        at = start + step * number
        for coin in desk.spot:
            desk.spot[coin] = round(desk.spot[coin] * (1 + chance.gauss(0, 4e-4)), 2)
            # Pulled home, so that a million steps stay a market.
            home = 97_000.0 if coin == "BTC" else 3_200.0
            desk.spot[coin] += round((home - desk.spot[coin]) * 2e-4, 2)
            desk.iv[coin] += chance.gauss(0, 1e-3) + (0.45 - desk.iv[coin]) * 1e-3
        dry_run = number * 50 < count
        is_model = (at - start).days // 7 % 2 == 1
        if number and number % max(1, count // 8) == 0:
            config = {**config, "max_margin_used_pct": chance.choice((30.0, 35.0, 40.0))}
        yield _Cycle(chance, desk, at, config, dry_run=dry_run, is_model=is_model).record()


def write(
    database: DeskDatabase,
    records: Iterator[CycleRecord],
    *,
    batch: int = 2_000,
    on_batch: Callable[[int], None] = lambda done: None,
) -> int:
    """Store records as the desk does, many a transaction, without a flight recorder.

    Returns:
        How many.
    """
    done = 0
    run_id: str | None = None
    while True:
        before = done
        with database.transaction():
            for record in records:
                run_id = run_id or record.cycle_id
                store_record(database, record, record.to_line(), run_id=run_id)
                done += 1
                if done - before == batch:
                    break
        on_batch(done)
        if done - before < batch:
            return done


class _Cycle:
    def __init__(
        self, chance: random.Random, desk: _Desk, at: datetime, config: dict[str, Any],
        *, dry_run: bool, is_model: bool,
    ) -> None:  # fmt: skip
        self.chance, self.desk, self.at, self.config = chance, desk, at, config
        self.dry_run, self.is_model = dry_run, is_model
        self.stamp = iso_utc(at)
        self.cycle_id = cycle_id_of(ACCOUNT, at)
        self.coin = "BTC" if chance.random() < 0.7 else "ETH"
        self.candidates = [self._candidate(n) for n in range(2)]
        self.updates = desk.late + self._settled()
        desk.late = []

    def record(self) -> CycleRecord:
        draw = self.chance.random()
        mine = [short for short in self.desk.shorts if short.coin == self.coin]
        if draw < 0.004:
            return self._failed()
        if draw < 0.020:
            return self._denied(mine)
        if draw < 0.055 and len(mine) < _OPEN_MAX:
            return self._opened()
        if draw < 0.075 and mine:
            return self._rolled(self.chance.choice(mine))
        if draw < 0.095 and mine:
            return self._closed(self.chance.choice(mine))
        return self._record(self._action("DO_NOTHING", _NOTHING, self._hold_text()))

    def _opened(self) -> CycleRecord:
        best = self.candidates[0]
        params = {"underlying": self.coin, "symbol": best["symbol"], "size": _LOT[self.coin]}
        vol = self._vol(self.coin)
        text = (
            f"Sell {best['symbol']}: delta {best['delta']:.3f} nearest the target 0.220, "
            f"{best['dte_days']:.2f} days, bid {best['bid_coin']} {self.coin}, "
            f"{best['premium_net_coin']:.5f} {self.coin} a coin after the fee "
            f"({best['premium_yield_annual']:.1%} a year). IVRV {vol['ivrv']:.3f} (IV "
            f"{vol['iv_annual']:.1%}, RV {vol['rv_annual']:.1%}) >= 1.050, the bid's own "
            f"{best['ivrv']:.3f}; free cover {self.chance.random():.4f} {self.coin}."
        )
        proposed = self._action("OPEN_COVERED_CALL", params, text)
        orders = [self._order(0, "open", best["symbol"], "sell", best["bid_coin"])]
        self._sold(best, _LOT[self.coin])
        return self._traded(proposed, orders)

    def _rolled(self, short: _Short) -> CycleRecord:
        best = self.candidates[0]
        ask = self._price(0.004)
        params = {
            "underlying": self.coin, "from_symbol": short.symbol, "symbol": best["symbol"],
            "size": short.size,
        }  # fmt: skip
        text = (
            f"Roll {short.symbol}: delta 0.512 >= 0.500. Into {best['symbol']}, delta "
            f"{best['delta']:.3f} (target 0.220), {best['dte_days']:.2f} days: buy at {ask}, sell "
            f"at {best['bid_coin']}, net {best['bid_coin'] - ask - 6e-4:+.5f} {self.coin} a coin "
            "after both fees (least allowed -0.01000)."
        )
        proposed = self._action("ROLL_COVERED_CALL", params, text)
        orders = [
            self._order(0, "roll_buy", short.symbol, "buy", ask),
            self._order(1, "roll_sell", best["symbol"], "sell", best["bid_coin"]),
        ]
        self._drop(short)
        self._sold(best, short.size)
        return self._traded(proposed, orders)

    def _closed(self, short: _Short) -> CycleRecord:
        ask = self._price(0.012)
        params = {"underlying": self.coin, "symbol": short.symbol, "size": short.size}
        text = (
            f"Expiry day: 4.00 h left (limit 6 h) with a delta of 0.871 >= 0.600. Close "
            f"{short.symbol}: delta 0.871, {short.size} {self.coin} short, ask {ask} {self.coin}."
        )
        proposed = self._action("CLOSE_COVERED_CALL", params, text)
        self._drop(short)
        return self._traded(proposed, [self._order(0, "close", short.symbol, "buy", ask)])

    def _denied(self, mine: list[_Short]) -> CycleRecord:
        best, (codes, facts) = self.candidates[0], self.chance.choice(_DENIALS)
        params: dict[str, Any] = {"underlying": self.coin, "symbol": best["symbol"]}
        kind = "OPEN_COVERED_CALL"
        if mine and codes[0] == "ROLL_DWELL":
            kind = "ROLL_COVERED_CALL"
            params = {"underlying": self.coin, "from_symbol": mine[0].symbol, **params}
        proposed = self._action(kind, {**params, "size": _LOT[self.coin]}, self._thought(best))
        final = ActionRecord(
            action="DO_NOTHING",
            params={},
            reasoning=f"{proposed.reasoning} | Risk engine blocked: {', '.join(codes)}",
        )
        reasons = tuple(
            Reason(code=code, facts={"symbol": best["symbol"], **facts}) for code in codes
        )
        return self._record(
            proposed, final=final, risk=VerdictRecord(allowed=False, reasons=reasons)
        )

    def _failed(self) -> CycleRecord:
        failure, message = self.chance.choice(_FAILURES)
        nothing = ActionRecord(action="DO_NOTHING", params={}, reasoning="")
        asked = failure.startswith(("LLM", "DECISION")) and self.is_model
        return self._record(
            nothing,
            guardrail=_NOT_ASKED,
            failure=failure if asked or not failure.startswith("LLM") else "VENUE_UNAVAILABLE",
            failure_message=message,
            llm=self._llm(cost=None) if asked else None,
        )

    def _traded(self, proposed: ActionRecord, orders: list[OrderRecord]) -> CycleRecord:
        if self.dry_run:
            done = [o.model_copy(update={"status": "simulated", "filled": 0.0, "fee": 0.0,
                                         "average_price": None}) for o in orders]  # fmt: skip
            execution = ExecutionRecord(
                status="simulated", dry_run=True, orders=tuple(done),
                message="dry run: nothing was sent",
            )  # fmt: skip
            return self._record(proposed, risk=_YES, execution=execution)
        fills = [self._fill(order) for order in orders]
        if self.chance.random() < 0.05:
            self.desk.late += fills
        else:
            self.updates += fills
        execution = ExecutionRecord(status="filled", dry_run=False, orders=tuple(orders))
        return self._record(proposed, risk=_YES, execution=execution)

    def _record(
        self, proposed: ActionRecord, *, final: ActionRecord | None = None,
        guardrail: VerdictRecord = _YES, risk: VerdictRecord = _NOT_ASKED,
        execution: ExecutionRecord | None = None, llm: dict[str, Any] | None = None,
        failure: str | None = None, failure_message: str = "",
    ) -> CycleRecord:  # fmt: skip
        by_model = self.is_model and (failure is None or llm is not None)
        if by_model and llm is None:
            llm = self._llm(cost=None if self.chance.random() < 0.01 else 0.0021)
        baseline = None
        if by_model:
            baseline = proposed if self.chance.random() < 0.8 else ActionRecord(
                action="DO_NOTHING", params={}, reasoning="No underlying to trade."
            )  # fmt: skip
        observed = failure != "INTERRUPTED"
        return CycleRecord(
            schema=1,
            log_timestamp=self.stamp,
            cycle_id=self.cycle_id,
            state=StateRecord(
                as_of=self.stamp,
                spot=dict(self.desk.spot) if observed else {},
                portfolio=self._portfolio() if observed else None,
                vol={self.coin: self._vol(self.coin)} if observed else {},
                candidates_count=2 if observed else 0,
                candidates=tuple(self.candidates) if observed else (),
                funnel={},
                market={"source": "made-up", "trading_state": "ACTIVE"},
            ),
            proposed_action=proposed,
            baseline_action=baseline,
            guardrail=guardrail,
            risk_check=risk,
            clamps=(),
            final_action=final or proposed,
            execution=execution or ExecutionRecord(status="skipped", dry_run=self.dry_run),
            order_updates=tuple(self.updates),
            config_snapshot={**self.config, "dry_run": self.dry_run},
            decision_source="llm" if by_model else "rule_based",
            failure=failure,
            failure_message=failure_message,
            llm=llm,
        )

    def _action(self, kind: str, params: dict[str, Any], text: str) -> ActionRecord:
        if self.is_model:
            text = self._thought(self.candidates[0], kind)
        return ActionRecord(action=kind, params=params, reasoning=text)

    def _hold_text(self) -> str:
        other = "ETH" if self.coin == "BTC" else "BTC"
        free = self.chance.random() * _LOT[other]
        why = self.chance.choice((
            "all 2 candidates blocked: COOLDOWN_ACTIVE, EXPIRY_EXPOSURE_ABOVE_MAXIMUM",
            f"IVRV {0.7 + self.chance.random() * 0.3:.3f}, floor 1.050",
            f"no candidate, of 756 listed the last {self.chance.randrange(1, 9)} fell at spread",
            f"free cover {self.chance.random() * _LOT[self.coin]:.4f} {self.coin} under the "
            f"minimum order {_LOT[self.coin]:g} {self.coin}",
        ))  # fmt: skip
        return (
            f"{other}: free cover {free:.4f} {other} under the minimum order {_LOT[other]:g} "
            f"{other}. {self.coin}: {why}."
        )

    def _thought(self, best: dict[str, Any], kind: str = "OPEN_COVERED_CALL") -> str:
        facts = {
            "yield_": best["premium_yield_annual"], "delta": best["delta"], "ivrv": best["ivrv"],
            "spot": self.desk.spot[self.coin],
        }  # fmt: skip
        said = [text.format(**facts) for text in self.chance.sample(_THOUGHTS, 3)]
        named = "" if kind == "DO_NOTHING" else f" I chose {best['symbol']}."
        return ". ".join(text[0].upper() + text[1:] for text in said) + f".{named}"

    def _candidate(self, number: int) -> dict[str, Any]:
        spot, chance = self.desk.spot[self.coin], self.chance
        grid = _GRID[self.coin]
        strike = int((spot * (1.02 + 0.01 * number) // grid + 1) * grid)
        expiry = self._friday(number)
        days = (expiry - self.at).total_seconds() / 86_400
        bid = self._price(0.0045)
        return {
            "symbol": f"{self.coin}-{expiry.day}{expiry:%b%y}-{strike}-C".upper(),
            "underlying": self.coin,
            "strike_usd": float(strike),
            "dte_days": days,
            "delta": 0.12 + 0.2 * chance.random(),
            "bid_coin": bid,
            "mark_coin": round(bid * 1.04, 8),
            "ivrv": 1 + 0.5 * chance.random(),
            "premium_net_coin": round(bid - 3e-4, 8),
            "premium_yield_annual": (bid - 3e-4) * 365 / days,
            "passes": number < 1,
            "codes": [] if number < 1 else ["COOLDOWN_ACTIVE"],
        }

    def _friday(self, later: int) -> datetime:
        day = self.at.replace(hour=8, minute=0, second=0, microsecond=0)
        ahead = (4 - day.weekday()) % 7
        # Nearer than three days is no weekly to open any more.
        ahead += 7 if ahead < 3 else 0
        return day + timedelta(days=ahead + 7 * later)

    def _price(self, about: float) -> float:
        return round(about * (0.6 + 0.8 * self.chance.random()), 4)

    def _vol(self, coin: str) -> dict[str, Any]:
        iv = self.desk.iv[coin]
        rv = iv / (1.1 + 0.2 * self.chance.random())
        return {"status": "OK", "iv_annual": iv, "rv_annual": rv, "ivrv": iv / rv,
                "rv_samples": 168, "skew_25d_annual": 0.01 * self.chance.random()}  # fmt: skip

    def _portfolio(self) -> dict[str, Any]:
        desk = self.desk
        held = {coin: sum(s.size for s in desk.shorts if s.coin == coin) for coin in desk.spot}
        return {
            "equity_usd": desk.spot["BTC"] + 10 * desk.spot["ETH"] + self.chance.random(),
            "margin_used_pct": 40 * held["BTC"] * self.chance.random(),
            "net_delta": {coin: -0.3 * held[coin] for coin in desk.spot},
            "balances": {"BTC": 1.0, "ETH": 10.0},
            "positions": [
                {"instrument_name": s.symbol, "amount_coin": -s.size} for s in desk.shorts[:3]
            ],
            "by_underlying": {"BTC": {"equity_coin": 1.0}, "ETH": {"equity_coin": 10.0}},
        }

    def _llm(self, *, cost: float | None) -> dict[str, Any]:
        return {
            "model": "gpt-4.1-mini" if self.at.month % 3 else "gpt-4.1-nano", "requests": 2,
            "input_tokens": 4_400 + self.chance.randrange(300), "cached_tokens": 3_200,
            "output_tokens": 140 + self.chance.randrange(90), "cost_usd": cost,
            "latency_ms": 900 + self.chance.randrange(2_000), "prompt_version": "manager-3f9a",
        }  # fmt: skip

    def _order(self, leg: int, purpose: str, symbol: str, side: Any, price: float) -> OrderRecord:
        self.desk.trades += 1
        size = _LOT[self.coin]
        return OrderRecord(
            label=f"cw-{sha256(self.cycle_id.encode()).hexdigest()[:32]}-{leg}", leg=leg,
            purpose=purpose, symbol=symbol, side=side, amount=size, price=price, status="filled",
            order_id=f"{self.coin}-{self.desk.trades}", filled=size, average_price=price,
            fee=round(3e-4 * size, 8),
        )  # fmt: skip

    def _fill(self, order: OrderRecord) -> OrderUpdate:
        cash = (order.amount * order.price) * (1 if order.side == "sell" else -1)
        return OrderUpdate(
            kind="fill",
            cycle_id=self.cycle_id,
            symbol=order.symbol,
            facts={
                "trade_id": f"{order.order_id}-T", "order_id": order.order_id,
                "label": order.label, "purpose": order.purpose, "side": order.side,
                "amount": order.amount, "price": order.price, "fee": order.fee,
                "cash": round(cash - (order.fee or 0.0), 8), "executed_at": self.stamp,
            },
        )  # fmt: skip

    def _sold(self, candidate: dict[str, Any], size: float) -> None:
        if not self.dry_run:
            expiry = self.at + timedelta(days=candidate["dte_days"])
            self.desk.shorts.append(_Short(
                candidate["symbol"], self.coin, int(candidate["strike_usd"]), expiry, size,
                self.cycle_id,
            ))  # fmt: skip

    def _drop(self, short: _Short) -> None:
        if not self.dry_run:
            self.desk.shorts.remove(short)

    def _settled(self) -> list[OrderUpdate]:
        due = [short for short in self.desk.shorts if short.expiry <= self.at]
        if due:
            self.desk.shorts = [short for short in self.desk.shorts if short not in due]
        return [self._settlement(short) for short in due]

    def _settlement(self, short: _Short) -> OrderUpdate:
        price = self.desk.spot[short.coin]
        payoff = round(max(0.0, price - short.strike) / price * short.size, 8)
        fee = round(min(1.5e-4 * short.size, payoff * 0.125), 8)
        return OrderUpdate(
            kind="settlement",
            cycle_id=short.cycle_id,
            symbol=short.symbol,
            facts={
                "settlement_id": f"{short.symbol}-{short.cycle_id}", "position": -short.size,
                "delivery_price_usd": price, "delivery_price_source": "twap_30m",
                "payoff": payoff, "fee": fee, "cash": -payoff - fee, "settled_at": self.stamp,
            },
        )  # fmt: skip


def _config() -> dict[str, Any]:
    return {
        "venue": "paper", "mode": "research", "underlyings": ["BTC", "ETH"],
        "max_margin_used_pct": 40.0, "max_net_delta_abs": {"BTC": 0.5, "ETH": 5.0},
        "max_expiry_exposure": {"BTC": 0.5, "ETH": 5.0}, "max_orders_per_day": 12,
        "default_order_size": _LOT, "target_delta": 0.22, "min_ivrv": 1.05,
    }  # fmt: skip
