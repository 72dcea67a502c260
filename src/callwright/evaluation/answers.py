"""Answers as text, the finite set that a situation allows, and the patterns that name some.

    HOLD
    OPEN BTC-16JAN26-108000-C          CLOSE BTC-9JAN26-104000-C
    ROLL BTC-9JAN26-104000-C to BTC-16JAN26-108000-C

A pattern names the action and, in any order, what its symbols must be: a coin, a symbol, ``to``
and a symbol, ``passing`` or ``failing`` (by the gates, as sized by code), ``delta<=0.2`` or
``delta>=0.3`` (of what is sold), ``credit`` or ``debit`` (of a roll). ``|`` joins alternatives.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from callwright.domain.contract import ContractSpec
from callwright.domain.decision import (
    CloseCoveredCall,
    OpenCoveredCall,
    Proposal,
    RollCoveredCall,
    parse_proposal,
)
from callwright.domain.scan import Scan
from callwright.errors import DataInvalid, DecisionInvalid

HOLD = "HOLD"

_DELTA = re.compile(r"delta(<=|>=)(0\.\d+)")


@dataclass(frozen=True)
class Option:
    """One answer that a brain could give.

    Attributes:
        sold, bought: Symbols; empty where the action has none.
        delta: Of what is sold; None when nothing is.
        credit: What a roll brings per coin after both fees; None when it is no roll, or unknown.
        codes: What the gates would deny it with; none: it passes.
    """

    text: str
    action: str
    coin: str
    sold: str
    bought: str
    delta: float | None
    credit: float | None
    codes: tuple[str, ...]


def text_of(proposal: Proposal) -> str:
    """Return an answer's text; one whose coin is not its symbols' says so."""
    match proposal:
        case OpenCoveredCall(params=p):
            return _on(p.underlying, f"OPEN {p.symbol}", p.symbol)
        case CloseCoveredCall(params=p):
            return _on(p.underlying, f"CLOSE {p.symbol}", p.symbol)
        case RollCoveredCall(params=p):
            return _on(p.underlying, f"ROLL {p.from_symbol} to {p.symbol}", p.from_symbol, p.symbol)
    return HOLD


def _on(coin: str, text: str, *symbols: str) -> str:
    of_coin = all(symbol.partition("-")[0] == coin for symbol in symbols)
    return text if of_coin else f"{text} on {coin}"


def options_of(
    scan: Scan,
    specs: Mapping[str, ContractSpec],
    codes_of: Callable[[Proposal], tuple[str, ...]],
) -> tuple[Option, ...]:
    """Return every answer that names only what a brain was shown, ``HOLD`` first.

    Args:
        specs: Contract terms by coin, for fees.
        codes_of: What the gates would deny a proposal with.
    """
    return tuple(_option(proposal, scan, specs, codes_of(proposal)) for proposal in _each(scan))


def _each(scan: Scan) -> Iterator[Proposal]:
    for data in _data(scan):
        try:
            proposal = parse_proposal(data)
        except DecisionInvalid:
            # A planted name that no proposal can carry.
            continue
        yield proposal


def _data(scan: Scan) -> Iterator[dict[str, Any]]:
    yield {"action": "DO_NOTHING"}
    for c in scan.candidates:
        sale = {"underlying": c.underlying, "symbol": c.symbol}
        yield {"action": "OPEN_COVERED_CALL", "params": sale}
    for short in (short for book in scan.books.values() for short in book.short_calls):
        own = {"underlying": short.underlying}
        yield {"action": "CLOSE_COVERED_CALL", "params": {**own, "symbol": short.symbol}}
        for c in scan.candidates:
            if c.underlying == short.underlying:
                roll = {**own, "from_symbol": short.symbol, "symbol": c.symbol}
                yield {"action": "ROLL_COVERED_CALL", "params": roll}


def _option(
    proposal: Proposal, scan: Scan, specs: Mapping[str, ContractSpec], codes: tuple[str, ...]
) -> Option:
    sold = bought = ""
    match proposal:
        case OpenCoveredCall(params=p):
            sold = p.symbol
        case CloseCoveredCall(params=p):
            bought = p.symbol
        case RollCoveredCall(params=p):
            sold, bought = p.symbol, p.from_symbol
    candidate, short = scan.candidate(sold), scan.short_call(bought)
    credit = None
    if candidate is not None and short is not None and short.ask_coin is not None:
        fee_coin = specs[short.underlying].taker_fee_coin(short.ask_coin, Decimal(1))
        credit = float(candidate.premium_net_coin - short.ask_coin - fee_coin)
    return Option(
        text=text_of(proposal),
        action=proposal.action.partition("_")[0] if sold or bought else HOLD,
        coin=(sold or bought).partition("-")[0],
        sold=sold,
        bought=bought,
        delta=None if candidate is None else candidate.delta,
        credit=credit,
        codes=codes,
    )


def named_by(patterns: Mapping[str, str], options: Iterable[Option]) -> dict[str, str]:
    """Return the answers that the patterns name, each with the reason of the first that does.

    Raises:
        DataInvalid: A pattern is not understood, or names no answer at all.
    """
    everything = tuple(options)
    found: dict[str, str] = {}
    for pattern, why in patterns.items():
        for alternative in pattern.split("|"):
            named = [option.text for option in everything if _fits(option, alternative.split())]
            if not named:
                raise DataInvalid(f"{alternative!r} names no answer that the situation allows")
            for text in named:
                found.setdefault(text, why)
    return found


def _fits(option: Option, words: list[str]) -> bool:
    if not words or words[0] not in (HOLD, "OPEN", "ROLL", "CLOSE"):
        raise DataInvalid(f"{' '.join(words)!r} begins with no action")
    fits = option.action == words[0]
    rest = iter(words[1:])
    for word in rest:
        if word == "to":
            fits &= option.sold == next(rest, "")
        elif word in ("passing", "failing"):
            fits &= (not option.codes) == (word == "passing")
        elif word in ("credit", "debit"):
            fits &= option.credit is not None and (option.credit >= 0) == (word == "credit")
        elif match := _DELTA.fullmatch(word):
            limit = float(match[2])
            delta = option.delta
            fits &= delta is not None and (delta <= limit if match[1] == "<=" else delta >= limit)
        elif "-" in word:
            fits &= word == (option.bought or option.sold)
        elif word in ("BTC", "ETH"):
            fits &= option.coin == word
        else:
            raise DataInvalid(f"{' '.join(words)!r}: {word!r} is not understood")
    return fits
