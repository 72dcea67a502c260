"""What of a record can be asked for: its typed columns, cash, later events and search text.

Pure, and a function of the record alone, so that the whole index can be made again from the flight
recorder, and ``decisions verify`` can compare the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from math import isfinite
from typing import Any

from callwright.domain.history import ANY_FAILURE, VerdictName
from callwright.domain.instrument import OptionInstrument, parse_option_name
from callwright.domain.record import CycleRecord, OrderUpdate
from callwright.domain.shadow import was_asked
from callwright.errors import DataInvalid
from callwright.memory.fulltext import facet

NANO = 1_000_000_000
MICRO = 1_000_000
ANY_FAILED = facet("failure", ANY_FAILURE)


@dataclass(frozen=True)
class DecisionFacets:
    """One row of ``decisions``; ``seq`` is its cycle's.

    Attributes:
        action, proposed_action: What was done, and what had been asked for.
        verdict: ``denied`` by guardrail or risk engine, ``allowed`` by both, or ``not_asked``.
        codes: Every code of a denial, joined by commas.
        underlying: The coin of the proposal; of its orders where the record has no proposal.
        symbol, from_symbol: What the proposal names, whatever became of it.
        cost_nano_usd: Whole billionths of a USD; None when no model was asked or unknown.
        is_cost_unknown: 1 when a model was asked and nobody knows what that cost.
        delta_micro, yield_micro: Millionths, of the candidate that was sold as it then stood; None
            when nothing was sold or the record does not show it.
    """

    as_of: str
    action: str
    proposed_action: str
    verdict: VerdictName
    codes: str | None
    underlying: str | None
    symbol: str | None
    from_symbol: str | None
    strike_usd: float | None
    size_coin: float | None
    status: str
    is_dry_run: int
    source: str
    failure: str | None
    model: str | None
    prompt_version: str | None
    input_tokens: int | None
    cached_tokens: int | None
    output_tokens: int | None
    cost_nano_usd: int | None
    is_cost_unknown: int
    baseline_action: str | None
    delta_micro: int | None
    yield_micro: int | None
    reasoning: str

    @property
    def day(self) -> str:
        return self.as_of[:10]

    @property
    def month(self) -> str:
        return self.as_of[:7]

    def cells(self) -> tuple[Any, ...]:
        """Return the values in the order of ``FACET_COLUMNS``."""
        return tuple(self.__dict__.values())


FACET_COLUMNS = tuple(field.name for field in fields(DecisionFacets))


def facets_of(record: CycleRecord) -> DecisionFacets:
    """Return what can be asked of a record."""
    proposed, final = record.proposed_action, record.final_action
    params = proposed.params or final.params
    symbol, from_symbol = _text(params.get("symbol")), _text(params.get("from_symbol"))
    option = _option(symbol)
    llm: Mapping[str, Any] = record.llm or {}
    cost = llm.get("cost_usd")
    size = params.get("size")
    delta, yield_annual = _sold(record, symbol)
    return DecisionFacets(
        as_of=record.state.as_of,
        action=final.action,
        proposed_action=proposed.action,
        verdict=_verdict(record),
        codes=",".join(denial_codes(record)) or None,
        underlying=_text(params.get("underlying"))
        or (option.underlying if option else None)
        or next((coin_of(order.symbol) for order in record.execution.orders), None),
        symbol=symbol,
        from_symbol=from_symbol,
        strike_usd=float(option.strike_usd) if option else None,
        size_coin=float(size) if isinstance(size, (int, float)) else None,
        status=record.execution.status,
        is_dry_run=int(record.execution.dry_run),
        source=record.decision_source,
        failure=record.failure,
        model=_text(llm.get("model")),
        prompt_version=_text(llm.get("prompt_version")),
        input_tokens=_count(llm.get("input_tokens")),
        cached_tokens=_count(llm.get("cached_tokens")),
        output_tokens=_count(llm.get("output_tokens")),
        cost_nano_usd=_whole(cost, NANO),
        is_cost_unknown=int(was_asked(record.llm) and cost is None),
        baseline_action=None if record.baseline_action is None else record.baseline_action.action,
        delta_micro=_whole(delta, MICRO),
        yield_micro=_whole(yield_annual, MICRO),
        reasoning=proposed.reasoning or final.reasoning,
    )


def search_texts(record: CycleRecord, row: DecisionFacets) -> tuple[str, str, str]:
    """Return the texts of the full-text index: reasoning, what was said of it, facets and names.

    The index keeps no copy: what leaves it is taken out by these very words. Whoever changes them
    adds a migration that makes the index again.

    Args:
        row: ``facets_of(record)``.
    """
    words = [
        facet("act", row.action),
        facet("prop", row.proposed_action),
        facet("verdict", row.verdict),
        facet("source", row.source),
        facet("status", row.status),
        *_words(row.action),
        *(["denied blocked"] if row.verdict == "denied" else []),
        *(f"{facet('code', code)} {code}" for code in denial_codes(record)),
        *([facet("failure", row.failure), ANY_FAILED, row.failure] if row.failure else []),
        *([facet("model", row.model)] if row.model else []),
        *([facet("strike", f"{row.strike_usd:.10g}")] if row.strike_usd is not None else []),
        *([facet("coin", row.underlying), row.underlying] if row.underlying else []),
        *(_option_words(name) for name in (row.symbol, row.from_symbol) if name),
    ]
    return row.reasoning, _verdict_text(record), " ".join(words)


CASH_COLUMNS = (
    "fills", "premium_nano", "fees_known", "fees_nano", "settlements", "settlement_nano",
)  # fmt: skip
"""Of ``decisions`` and of the rollups: what later events of a decision's orders moved."""


@dataclass(frozen=True)
class Cash:
    """What one later event moved, in billionths of its coin; zeros for events that move nothing.

    Attributes:
        fees_nano: None when the event does not say what it cost.
    """

    fills: int = 0
    premium_nano: int = 0
    settlements: int = 0
    settlement_nano: int = 0
    fees_nano: int | None = 0

    def amounts(self) -> tuple[int, ...]:
        """Return what is added to the columns ``CASH_COLUMNS``."""
        return (
            self.fills, self.premium_nano, int(self.fees_nano is not None), self.fees_nano or 0,
            self.settlements, self.settlement_nano,
        )  # fmt: skip


def cash_of(update: OrderUpdate) -> Cash | None:
    """Return what an event moved, or None when it is no fill or settlement of ours, or unreadable.

    A fill's premium is price times amount, a sale's positive; what delivery paid is without its
    fee.
    """
    facts = update.facts
    fee = _whole(facts.get("fee"), NANO)
    if update.kind == "fill":
        amount, price = _decimal(facts.get("amount")), _decimal(facts.get("price"))
        if amount is None or price is None or facts.get("side") not in ("buy", "sell"):
            return None
        premium = int((amount * price * NANO).to_integral())
        sign = 1 if facts["side"] == "sell" else -1
        return Cash(fills=1, premium_nano=sign * premium, fees_nano=fee)
    if update.kind == "settlement":
        paid = _whole(facts.get("cash"), NANO)
        if paid is None:
            return None
        return Cash(settlements=1, settlement_nano=paid + (fee or 0), fees_nano=fee)
    return None


def strike_of(symbol: str) -> float | None:
    """Return the strike in USD of an option's name, None when it is none."""
    option = _option(symbol or None)
    return float(option.strike_usd) if option else None


def coin_of(symbol: str) -> str:
    """Return the coin of an instrument's name."""
    return symbol.partition("-")[0].partition("_")[0]


def denial_codes(record: CycleRecord) -> tuple[str, ...]:
    """Return every code that guardrail and risk engine denied with, once each, in their order."""
    found: dict[str, None] = {}
    for verdict in (record.guardrail, record.risk_check):
        if verdict.allowed is False:
            for reason in verdict.reasons:
                found.setdefault(reason.code)
    return tuple(found)


def _sold(record: CycleRecord, symbol: str | None) -> tuple[Any, Any]:
    """Return delta and yearly yield of the candidate that was sold, None where unknown."""
    if record.final_action.action not in ("OPEN_COVERED_CALL", "ROLL_COVERED_CALL"):
        return None, None
    for candidate in record.state.candidates:
        if candidate.get("symbol") == symbol:
            delta, yield_annual = candidate.get("delta"), candidate.get("premium_yield_annual")
            # Averages go over decisions that have both, so that one count tells of all of them.
            if delta is not None and yield_annual is not None:
                return delta, yield_annual
    return None, None


def _verdict(record: CycleRecord) -> VerdictName:
    answers = (record.guardrail.allowed, record.risk_check.allowed)
    if False in answers:
        return "denied"
    return "allowed" if record.risk_check.allowed else "not_asked"


def _verdict_text(record: CycleRecord) -> str:
    parts = [str(r) for v in (record.guardrail, record.risk_check) for r in v.reasons]
    parts += [record.failure_message, record.execution.message]
    parts += [order.message for order in record.execution.orders]
    for update in record.order_updates:
        parts.append(f"{update.kind} {update.symbol}")
        if update.kind == "settlement":
            parts.append(_settlement_words(update.facts))
    return " ".join(part for part in parts if part)


def _settlement_words(facts: Mapping[str, Any]) -> str:
    """Return how people call what happened; of an unknown payoff only that it was settled."""
    payoff = _decimal(facts.get("payoff"))
    if payoff is None:
        return "settled expired"
    return "settled expired " + ("worthless" if payoff <= 0 else "exercised assigned in the money")


def _words(action: str) -> list[str]:
    return ["hold nothing"] if action == "DO_NOTHING" else [action.partition("_")[0].lower()]


def _option(symbol: str | None) -> OptionInstrument | None:
    try:
        return parse_option_name(symbol) if symbol else None
    except DataInvalid:
        # A model may have named anything; what it named is kept as text.
        return None


def _option_words(symbol: str) -> str:
    option = _option(symbol)
    if option is None:
        return symbol
    strike = f"{option.strike_usd:f}"
    thousands = f"{option.strike_usd / 1000:f}".rstrip("0").rstrip(".")
    month = option.expiry.strftime("%b%y").upper()
    return f"{facet('symbol', symbol)} {symbol} strike {strike} {thousands}k {month}"


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    # Through its digits: 0.1 is a tenth. A file may hold NaN, which is no amount.
    return Decimal(repr(value)) if isfinite(value) else None


def _whole(value: object, parts: int) -> int | None:
    """Return a number in whole parts of one, or None when it is none."""
    number = _decimal(value)
    return None if number is None else int((number * parts).to_integral())
