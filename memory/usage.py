"""What models cost, durable before and after each request, so that no crash hides a cent.

A request is one row: reserved at the most that it can cost before it is sent, settled at what it
took. Until then, and where its cost stays unknown, it counts as spent at what was reserved.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from callwright.domain.pricing import ModelPrice, usd_text
from callwright.errors import BudgetExhausted, StorageError
from callwright.memory.budgets import (
    Budgets,
    budget_stage,
    day_start,
    month_start,
    next_day,
    next_month,
)
from callwright.memory.database import DeskDatabase
from callwright.memory.rows import time_text
from callwright.ports import BudgetStage, RequestUsage

PURPOSES = ("decision", "chat")

_TABLE = "llm_requests"
_COUNT_MAX = 10**9
_TEXT_MAX = 100

_RESERVE = f"""
INSERT INTO {_TABLE} (at, purpose, model, reserved_usd, state) VALUES (?, ?, ?, ?, 'reserved')
"""
_SETTLE = f"""
UPDATE {_TABLE} SET state = 'settled', served_model = ?, input_tokens = ?, cached_tokens = ?,
  cache_write_tokens = ?, output_tokens = ?, reasoning_tokens = ?, latency_ms = ?, cost_usd = ?,
  outcome = ?
WHERE id = ?
"""


class SqliteUsageBook:
    """``ports.UsageBook`` on the desk database; several processes may book into one file.

    Args:
        price_of: The price of a model, None when it is not known.
        is_local: The models run on a machine of one's own, where a model without a price costs no
            money: it is asked, its tokens are booked, its cost stays unknown.
        now: The wall clock. When it goes back, what was spent later still counts.
    """

    def __init__(
        self,
        database: DeskDatabase,
        *,
        price_of: Callable[[str], ModelPrice | None],
        budgets: Budgets,
        is_local: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._db = database
        self._price_of = price_of
        self._budgets = budgets
        self._is_local = is_local
        self._now = now
        self._decision_usd: dict[int, Decimal] = {}
        self._by_day: dict[str, Decimal] = {}
        self._key: tuple[int, int, str] = (-1, -1, "")

    def stage(self) -> BudgetStage:
        """Return what the budgets of the day and the month still allow.

        Raises:
            StorageError: What was spent cannot be read.
        """
        day_usd, month_usd = self._spent(self._now())
        return budget_stage(spent_day_usd=day_usd, spent_month_usd=month_usd, budgets=self._budgets)

    def begin_decision(self) -> None:
        """Begin the budget of a cycle: decisions' requests count against it from here on."""
        self._decision_usd = {}

    def reserve(
        self, *, purpose: str, model: str, input_tokens_max: int, output_tokens_max: int
    ) -> str:
        """Set the most that one request can cost aside, on disk; return the reservation's id.

        Raises:
            BudgetExhausted: It does not fit into what is left of a cycle, day or month, or what it
                can cost is not known.
            StorageError: It cannot be written; nothing may be sent.
            ValueError: An unknown purpose, or a number of tokens below zero.
        """
        if purpose not in PURPOSES or min(input_tokens_max, output_tokens_max) < 0:
            raise ValueError(f"cannot reserve {purpose!r}, {input_tokens_max}, {output_tokens_max}")
        at = self._now()
        if self._budgets.is_never:
            raise BudgetExhausted(
                "a budget for models is 0, so none is asked",
                remedy="set LLM_BUDGET_CYCLE_USD, LLM_BUDGET_DAY_USD and LLM_BUDGET_MONTH_USD",
            )
        amount_usd = self._most(model, input_tokens_max, output_tokens_max)
        # One transaction: two processes must not both take what is left.
        with self._db.transaction():
            if amount_usd is not None:
                self._require_room(at, purpose, amount_usd)
            self._db.write(
                _TABLE,
                _RESERVE,
                (time_text(at), purpose, model[:_TEXT_MAX], _text(amount_usd)),
            )
            row_id = int(self._db.rows("SELECT last_insert_rowid()")[0][0])
        if amount_usd is not None:
            self._count(time_text(at)[:10], amount_usd)
        if purpose == "decision" and amount_usd is not None:
            self._decision_usd[row_id] = amount_usd
        return str(row_id)

    def settle(self, reservation_id: str, usage: RequestUsage) -> RequestUsage:
        """Book what the request took in the reservation's place; return it with its cost.

        The price is that of the model that answered; if the one that was asked is dearer, that
        one's, since the reply alone says who answered. If only its cost is unknown, the request
        counts as spent at what was reserved.

        Raises:
            StorageError: There is no such open reservation, or it cannot be written.
        """
        usage = _plausible(usage)
        cost_usd = self._cost_usd(usage.served_model or usage.model, usage)
        asked_usd = self._cost_usd(usage.model, usage)
        if cost_usd is not None and asked_usd is not None:
            cost_usd = max(cost_usd, asked_usd)
        usage = replace(usage, cost_usd=cost_usd)
        with self._db.transaction():
            found = self._db.rows(
                f"SELECT day, reserved_usd FROM {_TABLE} WHERE id = ? AND state = 'reserved'",
                (reservation_id,),
            )
            if not found:
                raise StorageError(
                    f"{self._db.path}: there is no open reservation {reservation_id!r} to settle"
                )
            self._spent(self._now())
            self._db.write(
                _TABLE,
                _SETTLE,
                (
                    usage.served_model,
                    usage.input_tokens,
                    usage.cached_tokens,
                    usage.cache_write_tokens,
                    usage.output_tokens,
                    usage.reasoning_tokens,
                    usage.latency_ms,
                    _text(cost_usd),
                    usage.outcome,
                    reservation_id,
                ),
            )
        day, reserved = found[0]
        reserved_usd = stored_usd(self._db, reserved or "0")
        counted_usd = reserved_usd if cost_usd is None else cost_usd
        self._count(day, counted_usd - reserved_usd)
        if int(reservation_id) in self._decision_usd:
            self._decision_usd[int(reservation_id)] = counted_usd
        return usage

    def _cost_usd(self, model: str, usage: RequestUsage) -> Decimal | None:
        price = self._price_of(model)
        if price is None:
            return None
        return price.cost_usd(
            input_tokens=usage.input_tokens,
            cached_tokens=usage.cached_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            output_tokens=usage.output_tokens,
        )

    def _most(self, model: str, input_tokens_max: int, output_tokens_max: int) -> Decimal | None:
        price = self._price_of(model)
        most_usd = None
        if price is not None:
            most_usd = price.cost_max_usd(
                input_tokens_max=input_tokens_max, output_tokens_max=output_tokens_max
            )
        if most_usd is None and not (price is None and self._is_local):
            raise BudgetExhausted(
                f"what {input_tokens_max} tokens to the model {model!r} cost is not known, so no "
                "budget could be kept",
                remedy="add the model to LLM_PRICES_FILE; docs/costs.md shows an entry",
            )
        return most_usd

    def _require_room(self, at: datetime, purpose: str, amount_usd: Decimal) -> None:
        day_usd, month_usd = self._spent(at)
        cycle_usd = sum(self._decision_usd.values(), Decimal(0))
        budgets = self._budgets
        for name, spent_usd, budget_usd, renews in (
            ("month", month_usd, budgets.month_usd, f"{next_month(at):%Y-%m-%d %H:%M} UTC"),
            ("day", day_usd, budgets.day_usd, f"{next_day(at):%Y-%m-%d %H:%M} UTC"),
            ("cycle", cycle_usd, budgets.cycle_usd, "the next decision"),
        ):
            if name == "cycle" and purpose != "decision":
                continue
            if not spent_usd + amount_usd <= budget_usd:
                left = usd_text(max(budget_usd - spent_usd, Decimal(0)))
                raise BudgetExhausted(
                    f"the request may cost {usd_text(amount_usd)} USD, and of the {name}'s budget "
                    f"of {usd_text(budget_usd)} USD {left} USD are left; it renews with {renews}",
                    remedy=f"wait, or raise LLM_BUDGET_{name.upper()}_USD",
                )

    def _spent(self, at: datetime) -> tuple[Decimal, Decimal]:
        """Return what counts as spent since the beginning of the day and of the month.

        Whatever lies later than ``at`` counts as well: a clock put back gives no money back.
        """
        month = time_text(month_start(at))
        key = (self._db.outside(), self._db.writes(_TABLE), month)
        if key != self._key:
            self._by_day = spent_by_day(self._db, since=month)
            self._key = key
        day = time_text(day_start(at))[:10]
        by_day = self._by_day.items()
        since_day = sum((usd for name, usd in by_day if name >= day), Decimal(0))
        return since_day, sum((usd for _, usd in by_day), Decimal(0))

    def _count(self, day: str, change_usd: Decimal) -> None:
        """Let memory follow one committed write of ours, seen from what ``_spent`` last read.

        A month has tens of thousands of rows; each is read once.
        """
        outside, _, month = self._key
        if day >= month[:10]:
            self._by_day[day] = self._by_day.get(day, Decimal(0)) + change_usd
        self._key = (outside, self._db.writes(_TABLE), month)


def spent_by_day(database: DeskDatabase, *, since: str) -> dict[str, Decimal]:
    """Return what counts as spent on each UTC day from ``since`` (``time_text``) on.

    Raises:
        StorageError: A row is not one that we wrote.
    """
    by_day: dict[str, Decimal] = {}
    for day, counted in database.rows(
        f"SELECT day, coalesce(cost_usd, reserved_usd, '0') FROM {_TABLE} WHERE at >= ?", (since,)
    ):
        by_day[day] = by_day.get(day, Decimal(0)) + stored_usd(database, counted)
    return by_day


def stored_usd(database: DeskDatabase, text: str) -> Decimal:
    """Return a stored amount.

    Raises:
        StorageError: It is not a finite number of zero or more.
    """
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not (amount.is_finite() and amount >= 0):
        raise StorageError(
            f"{database.path}: {text[:_TEXT_MAX]!r} is no amount of money that a request cost",
            remedy="restore desk.db from a backup",
        )
    return amount


def _text(amount_usd: Decimal | None) -> str | None:
    return None if amount_usd is None else usd_text(amount_usd)


def _plausible(usage: RequestUsage) -> RequestUsage:
    """Return the usage with everything that cannot be meant as unknown."""
    tokens_in, tokens_out = _tokens(usage.input_tokens), _tokens(usage.output_tokens)
    cached, written = _tokens(usage.cached_tokens), _tokens(usage.cache_write_tokens)
    reasoning = _tokens(usage.reasoning_tokens)
    if tokens_in is not None and (cached or 0) + (written or 0) > tokens_in:
        tokens_in = cached = written = None
    if tokens_out is not None and (reasoning or 0) > tokens_out:
        # A server that counts reasoning beside the output: its sum is not the wire's.
        tokens_out = reasoning = None
    return replace(
        usage,
        served_model=None if usage.served_model is None else _printable(usage.served_model),
        input_tokens=tokens_in,
        cached_tokens=cached,
        cache_write_tokens=written,
        output_tokens=tokens_out,
        reasoning_tokens=reasoning,
        outcome=_printable(usage.outcome),
    )


def _tokens(tokens: int | None) -> int | None:
    return tokens if tokens is not None and 0 <= tokens <= _COUNT_MAX else None


def _printable(text: str) -> str:
    # A provider's text ends up on terminals.
    return "".join(char for char in text if char.isprintable())[:_TEXT_MAX]
