"""What a run came to, counted from its records alone: premium, fees, settlements, equity, reasons.

Anybody can recompute it from the flight recorder. Synthetic profit is never evidence of edge: the
volatility premium of a synthetic market is an input.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from callwright.domain.record import CycleRecord, OrderUpdate
from callwright.model_totals import ModelTotals, ShadowTotals


@dataclass
class CoinTotals:
    """Cash of one coin, all in that coin."""

    premium_sold: float = 0.0
    bought_back: float = 0.0
    fees: float = 0.0
    settled: float = 0.0
    equity_first: float | None = None
    equity_last: float | None = None


@dataclass
class RunSummary:
    """Running totals; feed it every record in order.

    Attributes:
        opens, rolls, closes, settlements: Trades that filled at least in part, and deliveries.
        holds: Cycles that chose to do nothing.
        denied: Cycles whose proposal a gate denied.
        denied_codes, failures, held_because: Why nothing was sold, counted.
        models: Decisions of models; absent from the summary of a run without one.
        shadows: Proposals of models that did not decide; absent likewise.
        edge_usd: Equity less what simply holding would be worth, cycle by cycle.
        drawdown_usd_frac, drawdown_coin_frac: Largest fall from a peak; coin is the worst coin.
    """

    cycles: int = 0
    first_at: str = ""
    last_at: str = ""
    market: str = ""
    opens: int = 0
    rolls: int = 0
    closes: int = 0
    settlements: int = 0
    settled_in_the_money: int = 0
    holds: int = 0
    denied: int = 0
    simulated: int = 0
    denied_codes: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    held_because: Counter[str] = field(default_factory=Counter)
    models: ModelTotals = field(default_factory=ModelTotals)
    shadows: ShadowTotals = field(default_factory=ShadowTotals)
    coins: dict[str, CoinTotals] = field(default_factory=dict)
    spot_last: dict[str, float] = field(default_factory=dict)
    spot_first: dict[str, float] = field(default_factory=dict)
    equity_usd_first: float | None = None
    equity_usd_last: float | None = None
    edge_usd: list[float] = field(default_factory=list)
    drawdown_usd_frac: float = 0.0
    drawdown_coin_frac: float = 0.0
    _peak_usd: float = 0.0
    _peak_coin: dict[str, float] = field(default_factory=dict)

    def add(self, record: CycleRecord) -> None:
        """Count one record."""
        self.cycles += 1
        self.first_at = self.first_at or record.state.as_of
        self.last_at = record.state.as_of
        self.market = str(record.state.market.get("source", self.market))
        for update in record.order_updates:
            self._add_update(update)
        self._add_outcome(record)
        self.models.add(record)
        self.shadows.add(record)
        if record.state.portfolio is not None:
            self._add_equity(record.state.portfolio, record.state.spot)

    def _coin(self, symbol: str) -> CoinTotals:
        coin = symbol.partition("-")[0].partition("_")[0]
        return self.coins.setdefault(coin, CoinTotals())

    def _add_update(self, update: OrderUpdate) -> None:
        totals, facts = self._coin(update.symbol), update.facts
        if update.kind == "fill":
            # Every fill of ours is told once, by its trade id, in some record's updates.
            premium = facts["amount"] * facts["price"]
            if facts["side"] == "sell":
                totals.premium_sold += premium
            else:
                totals.bought_back += premium
            totals.fees += facts["fee"]
        elif update.kind == "settlement":
            self.settlements += 1
            self.settled_in_the_money += facts["payoff"] > 0
            totals.settled += facts["cash"] + facts["fee"]
            totals.fees += facts["fee"]

    def _add_outcome(self, record: CycleRecord) -> None:
        if record.failure is not None:
            self.failures[record.failure] += 1
        proposed, final = record.proposed_action.action, record.final_action.action
        if final != "DO_NOTHING":
            if record.execution.dry_run:
                self.simulated += 1
            elif any(order.filled > 0 for order in record.execution.orders):
                self.opens += final == "OPEN_COVERED_CALL"
                self.rolls += final == "ROLL_COVERED_CALL"
                self.closes += final == "CLOSE_COVERED_CALL"
        elif record.failure is not None:
            # Also where a proposal came of it that could not be planned: nobody denied that.
            return
        elif proposed != "DO_NOTHING":
            self.denied += 1
            for verdict in (record.guardrail, record.risk_check):
                self.denied_codes.update(reason.code for reason in verdict.reasons)
        else:
            self.holds += 1
            self.held_because.update(hold_reasons(record))

    def _add_equity(self, portfolio: Mapping[str, Any], spot: Mapping[str, float]) -> None:
        for coin, row in portfolio["by_underlying"].items():
            totals = self.coins.setdefault(coin, CoinTotals())
            equity = row["equity_coin"]
            totals.equity_last = equity
            if totals.equity_first is None:
                totals.equity_first = equity
                self.spot_first[coin] = spot[coin]
            self.spot_last[coin] = spot[coin]
            peak = self._peak_coin[coin] = max(self._peak_coin.get(coin, equity), equity)
            if peak > 0:
                self.drawdown_coin_frac = max(self.drawdown_coin_frac, 1 - equity / peak)
        usd = portfolio["equity_usd"]
        if usd is None:
            return
        if self.equity_usd_first is None:
            self.equity_usd_first = usd
        self.equity_usd_last = usd
        hold = self.hold_usd_last
        if hold is not None:
            self.edge_usd.append(usd - hold)
        self._peak_usd = max(self._peak_usd, usd)
        if self._peak_usd > 0:
            self.drawdown_usd_frac = max(self.drawdown_usd_frac, 1 - usd / self._peak_usd)

    @property
    def hold_usd_last(self) -> float | None:
        """What simply holding the first equity would be worth at the last index prices."""
        if not self.spot_last:
            return None
        return sum((self.coins[c].equity_first or 0.0) * p for c, p in self.spot_last.items())

    def to_jsonable(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        return {
            "cycles": self.cycles,
            "first_as_of": self.first_at,
            "last_as_of": self.last_at,
            "market": self.market,
            "opens": self.opens,
            "rolls": self.rolls,
            "closes": self.closes,
            "settlements": self.settlements,
            "settled_in_the_money": self.settled_in_the_money,
            "holds": self.holds,
            "denied": self.denied,
            "simulated": self.simulated,
            "denied_codes": dict(self.denied_codes),
            "failures": dict(self.failures),
            "held_because": dict(self.held_because),
            "models": self.models.to_jsonable() if self.models.cycles else None,
            "shadows": self.shadows.to_jsonable() if self.shadows.cycles else None,
            "coins": {
                coin: {
                    "premium_sold": t.premium_sold,
                    "bought_back": t.bought_back,
                    "fees": t.fees,
                    "settled": t.settled,
                    "equity_first": t.equity_first,
                    "equity_last": t.equity_last,
                }
                for coin, t in sorted(self.coins.items())
            },
            "equity_usd_first": self.equity_usd_first,
            "equity_usd_last": self.equity_usd_last,
            "hold_usd_last": self.hold_usd_last,
            "drawdown_usd_pct": self.drawdown_usd_frac * 100,
            "drawdown_coin_pct": self.drawdown_coin_frac * 100,
        }


def hold_reasons(record: CycleRecord) -> list[str]:
    """Return, for each underlying, the first thing that kept the desk from selling a call.

    In the order in which the rule-based policy asks: volatility, candidates (the funnel's last
    filter), prechecks (their codes), cover.
    """
    floor = float(record.config_snapshot.get("min_ivrv", 0.0))
    reasons = []
    for coin, vol in sorted(record.state.vol.items()):
        if vol["status"] != "OK":
            reasons.append(f"{coin} {vol['status']}")
        elif not (vol["ivrv"] is not None and vol["ivrv"] >= floor):
            reasons.append(f"{coin} IVRV below the floor")
        else:
            reasons.append(f"{coin} {_no_candidate(record, coin)}")
    return reasons


def _no_candidate(record: CycleRecord, coin: str) -> str:
    candidates = [c for c in record.state.candidates if c["underlying"] == coin]
    if not candidates:
        steps = record.state.funnel.get(coin, ())
        last = next((s for s in reversed(steps) if s["dropped"]), None)
        return f"no candidate: last fell at {last['filter']}" if last else "nothing listed"
    codes = sorted({code for c in candidates for code in c["codes"]})
    if any(c["passes"] for c in candidates):
        return "candidates pass; the policy waits"
    return f"candidates blocked: {', '.join(codes)}"
