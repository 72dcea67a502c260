"""Option instruments and their venue names, both ways.

Names as Deribit writes them (read 2026-10): ``{CUR}-{D}{MMM}{YY}-{STRIKE}-{C|P}``, the day not
padded; linear options name their settlement currency (``XRP_USDC-30JUN23-0d625-C``) and write the
decimal point of a strike as ``d``.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from callwright.domain.base import Frozen, Positive, UtcTime
from callwright.errors import DataInvalid

OptionType = Literal["call", "put"]
Settlement = Literal["inverse", "linear"]

EXPIRY_TIME = time(8, 0, tzinfo=UTC)
"""Options expire at 08:00 UTC."""

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_NAME = re.compile(
    r"(?P<base>[A-Z0-9]{2,10})(?:_(?P<quote>[A-Z]{3,5}))?"
    r"-(?P<day>[1-9]|[12][0-9]|3[01])(?P<month>[A-Z]{3})(?P<year>[0-9]{2})"
    r"-(?P<strike>[1-9][0-9]*(?:d[0-9]*[1-9])?|0d[0-9]*[1-9])-(?P<type>[CP])",
    re.ASCII,
)


class OptionInstrument(Frozen):
    """One listed European option.

    Attributes:
        name: The venue's name; always equal to ``option_name`` of the other fields.
        underlying: The coin, ``BTC``.
        settlement: ``inverse`` is quoted, margined and settled in the coin; ``linear`` in
            ``quote_currency``.
        quote_currency: ``BTC`` for an inverse option on BTC, ``USDC`` for a linear one.
        expiry: 08:00 UTC on the expiry day.
        strike_usd: Strike in USD (USDC for linear).
    """

    name: str
    underlying: str
    settlement: Settlement
    quote_currency: str
    expiry: UtcTime
    strike_usd: Positive
    option_type: OptionType

    @property
    def is_call(self) -> bool:
        return self.option_type == "call"


def option_name(
    *,
    underlying: str,
    expiry: date,
    strike_usd: Decimal,
    option_type: OptionType,
    quote_currency: str | None = None,
) -> str:
    """Return the venue's name of an option; inverse when ``quote_currency`` is not given."""
    base = underlying if quote_currency in (None, underlying) else f"{underlying}_{quote_currency}"
    day = f"{expiry.day}{_MONTHS[expiry.month - 1]}{expiry.year % 100:02d}"
    strike = f"{strike_usd.normalize():f}".replace(".", "d")
    return f"{base}-{day}-{strike}-{'C' if option_type == 'call' else 'P'}"


@lru_cache(maxsize=65_536)
def parse_option_name(name: str) -> OptionInstrument:
    """Return the instrument that a venue's option name stands for.

    Raises:
        DataInvalid: The name is not an option's, or its day does not exist.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise DataInvalid(
            f"{name!r} is not an option name",
            remedy="expected CUR-DMMMYY-STRIKE-C or -P, as BTC-9JAN26-97000-C",
        )
    part = match.groupdict()
    try:
        expiry_day = date(
            2000 + int(part["year"]), _MONTHS.index(part["month"]) + 1, int(part["day"])
        )
    except ValueError as exc:
        raise DataInvalid(f"{name!r} names a day that does not exist") from exc
    quote = part["quote"]
    return OptionInstrument(
        name=name,
        underlying=part["base"],
        settlement="linear" if quote else "inverse",
        quote_currency=quote or part["base"],
        expiry=datetime.combine(expiry_day, EXPIRY_TIME),
        strike_usd=Decimal(part["strike"].replace("d", ".")),
        option_type="call" if part["type"] == "C" else "put",
    )


def is_option_name(name: str) -> bool:
    """Return whether a name is an option's, and nothing else."""
    try:
        parse_option_name(name)
    except DataInvalid:
        return False
    return True
