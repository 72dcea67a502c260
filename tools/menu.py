"""A menu as a model is shown it: every option one text, of which it answers with one.

A small model that has to compose a proposal names symbols that are not there; one that chooses
among texts cannot. What it chose is read back into the decision contract and judged like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from callwright.domain.decision import (
    DoNothing,
    OpenCoveredCall,
    Proposal,
    RollCoveredCall,
    parse_proposal,
)
from callwright.domain.instrument import is_option_name
from callwright.domain.menu import Menu
from callwright.domain.scan import Scan, ShortCall
from callwright.domain.snapshot import Snapshot
from callwright.errors import DecisionInvalid
from callwright.tools.candidates import roll_credit_coin
from callwright.tools.fences import number, outside_text
from callwright.tools.portfolio import most_urgent
from callwright.tools.proposal import CANNOT_DECIDE, read_arguments

SHORT_CALLS_SHOWN_MAX = 6
"""Short calls out of danger that are shown: those nearest to, or deepest in, the money."""

FIELDS = ("option", "reasoning")
"""Of an answer: what is chosen, copied exactly, and why."""

HOLD = "HOLD"


class Choices(NamedTuple):
    """A menu made ready.

    Attributes:
        view: What the model is shown, as JSON values.
        proposals: What each option means.
    """

    view: Mapping[str, Any]
    proposals: Mapping[str, Proposal]


def choices_of(menu: Menu, snapshot: Snapshot, scan: Scan) -> Choices:
    """Return the menu in texts. Prices are in coin per coin; what bears no name is left out."""
    shorts = {
        short.symbol: short
        for book in scan.books.values()
        for short in book.short_calls
        if is_option_name(short.symbol)
    }
    others = [short for short in shorts.values() if short.symbol not in menu.in_danger]
    listed: dict[str, dict[Proposal, str]] = {
        "roll": {p: _roll_facts(p, snapshot, scan, shorts) for p in menu.rolls},
        "close": dict.fromkeys(menu.closes, ""),
        "open": {p: _sale_facts(p, scan) for p in menu.sales},
        "roll_for_profit": {p: _roll_facts(p, snapshot, scan, shorts) for p in menu.harvests},
    }
    view: dict[str, Any] = {
        "short_calls_in_danger": _told(shorts[symbol] for symbol in menu.in_danger),
        "other_short_calls": _told(most_urgent(others, SHORT_CALLS_SHOWN_MAX)),
    }
    proposals: dict[str, Proposal] = {}
    for group, options in listed.items():
        proposals |= {_text(proposal): proposal for proposal in options}
        facts = {_text(proposal): fact for proposal, fact in options.items()}
        if facts:
            view[group] = facts if any(facts.values()) else list(facts)
    proposals[HOLD] = DoNothing()
    return Choices({**view, "hold": HOLD}, proposals)


def _text(proposal: Proposal) -> str:
    names = [name for field, name in proposal.params if field != "underlying"]
    return f"{proposal.action.partition('_')[0]} {' to '.join(names)}"


def _told(shorts: Iterable[ShortCall]) -> dict[str, str]:
    return {
        short.symbol: f"delta {_known(short.delta, 3)}, "
        f"{_known(short.dte_days, 3)} days left, captured {_known(short.captured_frac, 2)}"
        for short in shorts
    }


def _known(value: float | Decimal | None, digits: int = 4) -> str:
    shown = number(value, digits)
    return "unknown" if shown is None else str(shown)


def _roll_facts(
    roll: RollCoveredCall, snapshot: Snapshot, scan: Scan, shorts: Mapping[str, ShortCall]
) -> str:
    target = next(c for c in scan.candidates if c.symbol == roll.params.symbol)
    credit_coin = roll_credit_coin(shorts[roll.params.from_symbol], target, snapshot)
    return f"net credit {_known(credit_coin)}, new delta {_known(target.delta, 3)}"


def _sale_facts(sale: OpenCoveredCall, scan: Scan) -> str:
    candidate = next(c for c in scan.candidates if c.symbol == sale.params.symbol)
    return (
        f"ivrv {_known(candidate.ivrv, 3)}, delta {_known(candidate.delta, 3)}, "
        f"{_known(candidate.dte_days, 3)} days, bid {_known(candidate.bid_coin)}, "
        f"yield {_known(candidate.premium_yield_annual, 3)}"
    )


def choice_schema(options: Sequence[str], *, reasoning_length_max: int) -> dict[str, Any]:
    """Return the JSON schema of an answer that chooses among ``options``, or cannot decide."""
    shapes: tuple[dict[str, Any], ...] = (
        {"type": "string", "enum": [*options, CANNOT_DECIDE]},
        {"type": "string", "maxLength": reasoning_length_max},
    )
    return {
        "type": "object",
        "properties": dict(zip(FIELDS, shapes, strict=True)),
        "required": list(FIELDS),
        "additionalProperties": False,
    }


def read_choice(data: Any, choices: Choices) -> Proposal:
    """Return the proposal that a choice (JSON text, or what it says) stands for.

    Raises:
        DecisionInvalid: It is not an option with a reasoning, or the option was not shown.
    """
    said = read_arguments(data) if isinstance(data, str) else data
    if not isinstance(said, dict) or set(said) != set(FIELDS):
        raise DecisionInvalid(f"an answer has exactly these fields: {', '.join(FIELDS)}")
    option = said["option"]
    if not isinstance(option, str) or option not in choices.proposals:
        told = outside_text(str(option), length_max=80)
        raise DecisionInvalid(f"option: {told} is not one of the options shown")
    proposal = choices.proposals[option].model_dump()
    return parse_proposal({**proposal, "reasoning": said["reasoning"]})
