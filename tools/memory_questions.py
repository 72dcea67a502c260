"""What may be asked of the memory tools: flat arguments, as strict function schemas allow them.

A model states dates, strikes and codes as text; here they become the domain's questions. Arguments
that cannot be used raise ``QueryInvalid``, which says what to change.
"""

from __future__ import annotations

import calendar
import difflib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from callwright.domain.codes import DENIAL_CODES, FAILURE_CODES
from callwright.domain.decision import Action
from callwright.domain.explain import WhatIf
from callwright.domain.history import (
    ANY_FAILURE,
    DecisionFilter,
    DecisionSearch,
    GroupName,
    StatsQuestion,
    VerdictName,
)
from callwright.domain.record import DecisionSource, ExecutionStatus
from callwright.errors import DecisionInvalid, QueryInvalid
from callwright.tools.fences import outside_text
from callwright.tools.proposal import read_arguments

Coin = Literal["BTC", "ETH"]
HITS_SHOWN = 10
HITS_SHOWN_MAX = 20
GROUPS_SHOWN = 20
GROUPS_SHOWN_MAX = 40
NUMBER_MAX = Decimal(10) ** 15
DIGITS_MAX = 20

CODES = {"code": DENIAL_CODES, "failure": (ANY_FAILURE, *FAILURE_CODES)}
"""What the filters of these names may be."""


def _number_as_text(value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return repr(value) if is_number else value


Text = Annotated[str, BeforeValidator(_number_as_text), Field(max_length=400)]
"""A short text; a number is taken as its digits."""

Changes = Annotated[list[Text], Field(max_length=20)]
"""Changes as ``NAME=NUMBER``."""


class Arguments(BaseModel):
    """Arguments of a tool; null is what does not matter."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


M = TypeVar("M", bound=Arguments)


class NoArguments(Arguments):
    """A tool that takes none."""


class Filters(Arguments):
    """Which decisions; the same for searching and for counting."""

    action: list[Action] | None = Field(None, description="Done")
    proposed_action: list[Action] | None = Field(None, description="Asked for")
    verdict: VerdictName | None = None
    code: Text | None = Field(None, description="Of a denial")
    failure: Text | None = Field(None, description="Why nobody decided; ANY: every failure")
    source: DecisionSource | None = None
    status: ExecutionStatus | None = None
    underlying: Coin | None = None
    symbol: Text | None = Field(None, description="Whole option name")
    strike: Text | None = Field(None, description="97000 or 97k")
    since: Text | None = Field(None, description="2026-01, 2026-01-05 or 2026-01-05T08:00, UTC")
    until: Text | None = Field(None, description="Day and month included")

    def where(self) -> DecisionFilter:
        """Return the filter.

        Raises:
            QueryInvalid: A strike, a time or a code is none.
        """
        return DecisionFilter(
            action=tuple(self.action or ()),
            proposed_action=tuple(self.proposed_action or ()),
            verdict=self.verdict,
            code=self.code and _code("code", self.code),
            failure=self.failure and _code("failure", self.failure),
            source=self.source,
            status=self.status,
            underlying=self.underlying,
            symbol=self.symbol and self.symbol.strip().upper()[:64],
            strike_usd=None if self.strike is None else strike_of(self.strike),
            since=None if self.since is None else time_of("since", self.since, is_end=False),
            until=None if self.until is None else time_of("until", self.until, is_end=True),
        )


class SearchArguments(Filters):
    """Arguments of ``search_decisions``."""

    text: Text | None = Field(None, description="Words to find in reasons, verdicts and names")
    order: Literal["newest", "oldest"] | None = None
    each: bool | None = Field(None, description="true: runs of alike decisions are not folded")
    limit: int | None = Field(None, ge=1, le=HITS_SHOWN_MAX, description="1-20, else 10")
    cursor: int | None = Field(None, ge=0, le=2**62, description="next_cursor of the page before")

    def question(self) -> DecisionSearch:
        """Return the search."""
        return DecisionSearch(
            where=self.where(),
            text=self.text,
            order=self.order or "newest",
            collapse=not self.each,
            limit=self.limit or HITS_SHOWN,
            cursor=self.cursor,
        )


class DecisionArguments(Arguments):
    """Arguments of ``get_decision``."""

    id: Text = Field(description="A number as 18342, or a cycle_id")

    def question(self) -> int | str:
        """Return the number or ``cycle_id``."""
        key = self.id.strip().strip("[]").removeprefix("#")
        return int(key) if key.isascii() and key.isdigit() and len(key) < 19 else key


class StatsArguments(Filters):
    """Arguments of ``decision_stats``."""

    group_by: list[GroupName] | None = Field(None, description="One or two, else action")
    limit: int | None = Field(None, ge=1, le=GROUPS_SHOWN_MAX, description="Groups, 1-40")

    def question(self) -> StatsQuestion:
        """Return the question; by action when no dimension is named."""
        groups = tuple(self.group_by or ("action",))
        if len(groups) > 2:
            raise QueryInvalid("group_by takes two dimensions at most", remedy="ask twice")
        return StatsQuestion(where=self.where(), group_by=groups, limit=self.limit or GROUPS_SHOWN)


class WhatIfArguments(Arguments):
    """Arguments of ``what_if`` and ``what_would_the_model_do``."""

    without: list[Coin] | None = Field(None, description="Coins not held at all")
    balances: Changes | None = Field(None, description="Cash in coin: BTC=0.5")
    spots: Changes | None = Field(None, description="Index in USD: BTC=90000")
    settings: Changes | None = Field(
        None, description="By a name of get_status.limits: max_net_delta_abs=0.3; of one coin "
        "max_net_delta_abs.BTC=0.3",
    )  # fmt: skip

    def question(self) -> WhatIf:
        """Return the changes.

        Raises:
            QueryInvalid: One is not ``NAME=NUMBER``.
        """
        return WhatIf(
            without=tuple(dict.fromkeys(self.without or ())),
            balances_coin=changes_of("balances", self.balances or ()),
            spot_usd=_floats(changes_of("spots", self.spots or ())),
            settings=_floats(changes_of("settings", self.settings or ())),
        )


def changes_of(what: str, changes: Sequence[str]) -> dict[str, Decimal]:
    """Return ``["BTC=0.5"]`` as names and numbers.

    Raises:
        QueryInvalid: A change is not ``NAME=NUMBER``, or a name stands twice.
    """
    found: dict[str, Decimal] = {}
    for change in changes:
        name, _, text = change.replace(" ", "").partition("=")
        number = _number(text)
        if not name or number is None or name in found:
            raise QueryInvalid(
                f"{what}: {outside_text(change)!r} is no change",
                remedy="write each name once, as NAME=NUMBER",
            )
        found[name] = number
    return found


def strike_of(text: str) -> float:
    """Return a strike in USD from ``97000``, ``97,000``, ``$97,000`` or ``97k``.

    Raises:
        QueryInvalid: It is none of them.
    """
    strike = _number(text.strip().lstrip("$"))
    if strike is None or not strike > 0:
        raise QueryInvalid(
            f"strike: {outside_text(text)!r} is no strike", remedy="as 97000, 97,000 or 97k"
        )
    return float(strike)


def _floats(numbers: Mapping[str, Decimal]) -> dict[str, float]:
    return {name: float(number) for name, number in numbers.items()}


def _number(text: str) -> Decimal | None:
    """Return the number that a text states, ``90k`` too; None for none, and for absurd ones."""
    clean = text.strip().lower().replace(",", "").replace("_", "")
    try:
        number = Decimal(clean[:-1]) * 1000 if clean.endswith("k") else Decimal(clean)
    except ArithmeticError:
        return None
    if not number.is_finite() or abs(number) > NUMBER_MAX:
        return None
    # Written out, 1e-999999 would fill a screen.
    return number if int(number.as_tuple().exponent) >= -DIGITS_MAX else None


def time_of(what: str, text: str, *, is_end: bool) -> datetime:
    """Return a UTC time from a day, a month or a time; as an end, what follows the day or month.

    Raises:
        QueryInvalid: It is none of them.
    """
    clean = text.strip()
    try:
        if len(clean) == len("2026-01") and clean[4] == "-":
            year, month = int(clean[:4]), int(clean[5:])
            days = calendar.monthrange(year, month)[1] if is_end else 0
            return datetime(year, month, 1, tzinfo=UTC) + timedelta(days=days)
        at = datetime.fromisoformat(clean)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        is_day = len(clean) == len("2026-01-05")
        return at + timedelta(days=1) if is_end and is_day else at
    except (ValueError, OverflowError):
        raise QueryInvalid(
            f"{what}: {outside_text(text)!r} is no time",
            remedy="as 2026-01-05, 2026-01-05T08:00 or 2026-01, in UTC",
        ) from None


def _code(what: str, text: str) -> str:
    names = CODES[what]
    name = text.strip().upper()
    if name in names:
        return name
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    raise QueryInvalid(
        f"{what}: there is no {outside_text(text, length_max=64)!r}",
        remedy=f"use {' or '.join(close)}, or null" if close else f"one of {', '.join(names)}",
    )


def read_model(model: type[M], arguments_json: str) -> M:
    """Return the arguments that a model wrote.

    Raises:
        QueryInvalid: They are not JSON, or not the tool's; the message names each.
    """
    try:
        data = read_arguments(arguments_json.strip() or "{}")
        if isinstance(data, dict):
            data = {key: _meant(value, model.model_fields.get(key)) for key, value in data.items()}
        return model.model_validate(data)
    except DecisionInvalid as exc:
        raise QueryInvalid(f"the arguments are {exc.message}", remedy="send one object") from None
    except ValidationError as exc:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in error['loc'][:1]) or 'arguments'}: {error['msg']}"
            for error in exc.errors(include_url=False, include_input=False, include_context=False)
        )
        raise QueryInvalid(
            f"these arguments cannot be used: {outside_text(wrong, length_max=600)}",
            remedy=f"known are {', '.join(model.model_fields)}; change what is named, ask again",
        ) from None


def _meant(value: Any, field: FieldInfo | None) -> Any:
    # Small models fill what they leave out with an empty text or list, and write one for a list.
    if isinstance(value, str | list) and not value:
        return None
    is_list = field is not None and "list[" in str(field.annotation)
    return [value] if is_list and isinstance(value, str) else value
