"""What a situation is, and reading them from ``evals/*.toml``.

A file is a family, a table in it a situation: ``open.toml`` with ``[calm]`` is ``open/calm``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from callwright.domain.base import Frozen, NonNegative, Positive, UtcTime
from callwright.domain.desk import TradingState
from callwright.domain.orders import Side
from callwright.errors import DataInvalid, QueryInvalid

MARKETS_FILE = "markets.toml"

Coin = Literal["BTC", "ETH"]
Why = Annotated[str, Field(min_length=10)]


class Expiry(Frozen):
    """One expiry of a market made from a few numbers.

    Attributes:
        forward: Forward over index.
        iv, slope, curve: IV = ``iv + slope x + curve x²``, x = ln(strike / forward) / √years.
        half_spread: Half of (ask − bid) over mark, before rounding to the tick.
    """

    on: date
    forward: Annotated[float, Field(gt=0)] = 1.0
    iv: Annotated[float, Field(gt=0)]
    slope: float = 0.0
    curve: float = 0.0
    half_spread: Annotated[float, Field(ge=0, lt=1)]


class CoinMarket(Frozen):
    """One coin of such a market.

    Attributes:
        rv_annual: What the index history moved, annual fraction.
        history_days: How far back the index history goes.
    """

    index_usd: Annotated[float, Field(gt=0)]
    rv_annual: Annotated[float, Field(gt=0)]
    expiries: tuple[Expiry, ...]
    history_days: Annotated[int, Field(ge=1)] = 14
    iv_times: Annotated[float, Field(gt=0)] = 1.0


class Market(Frozen):
    """A market made from a few numbers; see ``evals/markets.toml``."""

    about: Why
    at: UtcTime
    BTC: CoinMarket
    ETH: CoinMarket


class QuoteChange(Frozen):
    """What is otherwise in one option's quote, or in those of a whole coin.

    Attributes:
        bid, ask, mark: In coin per coin; a bid or ask of zero is none.
        half_spread: Bid and ask anew around the mark, as a share of it.
        age_s: Seconds since the venue updated it.
    """

    bid: NonNegative | None = None
    ask: NonNegative | None = None
    mark: NonNegative | None = None
    half_spread: Annotated[float, Field(ge=0, lt=1)] | None = None
    bid_amount: NonNegative | None = None
    ask_amount: NonNegative | None = None
    age_s: float | None = None


class Short(Frozen):
    """An open short call; ``sold_at`` in coin per coin, ``days_ago`` is when it was sold."""

    symbol: str
    amount: Positive
    sold_at: Positive
    days_ago: Annotated[float, Field(ge=0)] = 3.0


class Foreign(Frozen):
    """A position of somebody else's, under whatever name; short below zero."""

    name: str
    amount: Decimal


class Pending(Frozen):
    """An order that may yet fill: at rest in the venue's book, or sent and not heard of."""

    symbol: str
    amount: Positive
    side: Side = "sell"


class Account(Frozen):
    """The account; what is left out follows from cash and short calls.

    Attributes:
        cash: Coin by currency. reserved: Coin of it that is not ours to cover with.
        initial_margin, maintenance_margin: Coin by currency, in place of what the venue's formula
            gives.
        age_s: How old the account's figures are.
    """

    cash: Mapping[Coin, Decimal] = {"BTC": Decimal(1), "ETH": Decimal(10)}
    reserved: Mapping[Coin, NonNegative] = {}
    initial_margin: Mapping[Coin, NonNegative] = {}
    maintenance_margin: Mapping[Coin, NonNegative] = {}
    shorts: tuple[Short, ...] = ()
    foreign: tuple[Foreign, ...] = ()
    resting: tuple[Pending, ...] = ()
    unresolved: tuple[Pending, ...] = ()
    age_s: float = 0.0


class Desk(Frozen):
    """The desk's own state.

    Attributes:
        last_open_hours: Hours since the last opening sale, by coin.
        day_open: Coin equity when the UTC day began; left out: as now.
        clock_ahead_s: Our clock less the venue's.
    """

    state: TradingState = TradingState.ACTIVE
    reason: str = ""
    orders_today: Annotated[int, Field(ge=0)] = 0
    last_open_hours: Mapping[Coin, float] = {}
    day_open: Mapping[Coin, Positive] = {}
    failures_in_a_row: Annotated[int, Field(ge=0)] = 0
    clock_ahead_s: float = 0.0


PlantField = Literal[
    "Candidate.codes",
    "Candidate.symbol",
    "Candidate.underlying",
    "MarketView.underlyings",
    "Scan.vols",
    "ShortCall.symbol",
]


class Plant(Frozen):
    """A hostile text in a field that a model sees. The other two, the reason of the trading state
    and the name of a foreign position, are ``desk.reason`` and ``account.foreign``."""

    field: PlantField
    text: Why


class Situation(Frozen):
    """One situation, as a trader writes it down.

    Attributes:
        about: What is going on, in words.
        market: A name in ``markets.toml``, or ``synthetic:SEED`` of the paper exchange with ``at``.
        change: Numbers of that market that are otherwise, by coin.
        quotes: Quotes that are otherwise, by option or coin, in this order.
        settings: Settings of the desk that are not the default ones.
        right, forbidden: Patterns of answers (``answers``) and why.
        debatable: Where the rules' answer is not right, or a sensible desk may see it otherwise.
    """

    name: str
    about: Why
    market: str
    at: UtcTime | None = None
    change: Mapping[Coin, Mapping[str, Any]] = {}
    quotes: Mapping[str, QuoteChange] = {}
    account: Account = Account()
    desk: Desk = Desk()
    plant: tuple[Plant, ...] = ()
    settings: Mapping[str, Any] = {}
    right: Annotated[Mapping[str, Why], Field(min_length=1)]
    forbidden: Mapping[str, Why] = {}
    debatable: str = ""

    @property
    def family(self) -> str:
        return self.name.partition("/")[0]


@cache
def all_situations() -> tuple[Situation, ...]:
    """Return every situation, by name.

    Raises:
        DataInvalid: A file is not as ``Situation`` says.
    """
    found = []
    for family, text in sorted(_texts().items()):
        if family != MARKETS_FILE:
            found += read_family(family.removesuffix(".toml"), text)
    return tuple(sorted(found, key=lambda situation: situation.name))


def read_family(family: str, text: str) -> list[Situation]:
    """Return the situations of one file's text.

    Raises:
        DataInvalid: The text is not as ``Situation`` says.
    """
    try:
        tables = tomllib.loads(text, parse_float=Decimal)
        return [
            Situation.model_validate({"name": f"{family}/{name}", **table})
            for name, table in tables.items()
        ]
    except (tomllib.TOMLDecodeError, ValidationError) as exc:
        raise DataInvalid(f"situations of {family}: {what_is_wrong(exc)}") from exc


@cache
def all_markets() -> Mapping[str, Market]:
    """Return the markets of ``markets.toml`` by name.

    Raises:
        DataInvalid: The file is not as ``Market`` says.
    """
    try:
        tables = tomllib.loads(_texts()[MARKETS_FILE])
        return {name: Market.model_validate(table) for name, table in tables.items()}
    except (tomllib.TOMLDecodeError, ValidationError) as exc:
        raise DataInvalid(f"{MARKETS_FILE}: {what_is_wrong(exc)}") from exc


def what_is_wrong(error: ValidationError | ValueError) -> str:
    """Return an error of reading in one line, with the place where something is wrong."""
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(
        f"{'.'.join(map(str, part['loc']))}: {part['msg']}"
        for part in error.errors(include_url=False, include_input=False)
    )


def matching(patterns: Iterable[str]) -> tuple[Situation, ...]:
    """Return the situations whose name matches one of these globs, all without any.

    Raises:
        QueryInvalid: A glob matches none.
    """
    everything, wanted = all_situations(), list(patterns)
    for pattern in wanted:
        if not any(fnmatchcase(situation.name, pattern) for situation in everything):
            raise QueryInvalid(
                f"no situation is named {pattern[:60]!r}", remedy="see callwright evals list"
            )
    return tuple(s for s in everything if not wanted or any(fnmatchcase(s.name, p) for p in wanted))


def suite_version() -> str:
    """Return 12 hex digits over all situations and markets as they are written."""
    digest = sha256()
    for name, text in sorted(_texts().items()):
        digest.update(f"{name}\0{text}\0".encode())
    return digest.hexdigest()[:12]


@cache
def _texts() -> Mapping[str, str]:
    folder = files("callwright.evals")
    return {
        entry.name: entry.read_text("utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    }
