"""What of a record can be asked for: its typed columns, codes, later events and search text.

Pure, and a function of the record alone, so that the whole index can be made again from the flight
recorder, and ``decisions verify`` can compare the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from callwright.domain.history import VerdictName
from callwright.domain.instrument import OptionInstrument, parse_option_name
from callwright.domain.record import CycleRecord
from callwright.errors import DataInvalid
from callwright.memory.fulltext import facet

NANO_USD = 1_000_000_000


@dataclass(frozen=True)
class DecisionFacets:
    """One row of ``decisions``; ``seq`` is its cycle's.

    Attributes:
        action, proposed_action: What was done, and what had been asked for.
        verdict: ``denied`` by guardrail or risk engine, ``allowed`` by both, or ``not_asked``.
        code: The first code of a denial.
        symbol, from_symbol: What the proposal names, whatever became of it.
        cost_nano_usd: Whole billionths of a USD; None when no model was asked or unknown.
        is_cost_unknown: 1 when a model was asked and nobody knows what that cost.
    """

    as_of: str
    action: str
    proposed_action: str
    verdict: VerdictName
    code: str | None
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
    reasoning: str
    verdict_text: str
    facets: str

    @property
    def day(self) -> str:
        return self.as_of[:10]

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
    codes = denial_codes(record)
    verdict = _verdict(record)
    llm: Mapping[str, Any] = record.llm or {}
    cost = llm.get("cost_usd")
    underlying = _text(params.get("underlying")) or (option.underlying if option else None)
    strike = float(option.strike_usd) if option else None
    size = params.get("size")
    return DecisionFacets(
        as_of=record.state.as_of,
        action=final.action,
        proposed_action=proposed.action,
        verdict=verdict,
        code=codes[0] if codes else None,
        underlying=underlying,
        symbol=symbol,
        from_symbol=from_symbol,
        strike_usd=strike,
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
        cost_nano_usd=None if cost is None else int((Decimal(str(cost)) * NANO_USD).to_integral()),
        is_cost_unknown=int(record.llm is not None and cost is None),
        baseline_action=None if record.baseline_action is None else record.baseline_action.action,
        reasoning=proposed.reasoning or final.reasoning,
        verdict_text=_verdict_text(record),
        facets=" ".join(
            [
                facet("act", final.action),
                facet("prop", proposed.action),
                facet("verdict", verdict),
                facet("source", record.decision_source),
                facet("status", record.execution.status),
                *_words(final.action),
                *(["denied blocked"] if verdict == "denied" else []),
                *(f"{facet('code', code)} {code}" for code in codes),
                *([facet("failure", record.failure), record.failure] if record.failure else []),
                *([facet("coin", underlying), underlying] if underlying else []),
                *(_option_words(name) for name in (symbol, from_symbol) if name),
            ]
        ),
    )


def denial_codes(record: CycleRecord) -> tuple[str, ...]:
    """Return every code that guardrail and risk engine denied with, once each, in their order."""
    found: dict[str, None] = {}
    for verdict in (record.guardrail, record.risk_check):
        if verdict.allowed is False:
            for reason in verdict.reasons:
                found.setdefault(reason.code)
    return tuple(found)


def _verdict(record: CycleRecord) -> VerdictName:
    answers = (record.guardrail.allowed, record.risk_check.allowed)
    if False in answers:
        return "denied"
    return "allowed" if record.risk_check.allowed else "not_asked"


def _verdict_text(record: CycleRecord) -> str:
    parts = [str(r) for v in (record.guardrail, record.risk_check) for r in v.reasons]
    parts += [record.failure_message, record.execution.message]
    parts += [order.message for order in record.execution.orders]
    parts += [f"{update.kind} {update.symbol}" for update in record.order_updates]
    return " ".join(part for part in parts if part)


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
