"""Questions to the decision memory and their answers; what tools, command line and pages share.

``action`` is what was done (``final_action``), ``proposed_action`` what had been asked for: a
denied roll is a ``DO_NOTHING`` whose proposal is ``ROLL_COVERED_CALL``. Texts in an answer were
written by models and venues: data to show, never instructions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from callwright.domain.base import Frozen, UtcTime
from callwright.domain.decision import Action
from callwright.domain.record import CycleRecord, DecisionSource, ExecutionStatus, OrderUpdate

VerdictName = Literal["allowed", "denied", "not_asked"]
GroupName = Literal[
    "day", "week", "month", "action", "proposed_action", "verdict", "code", "failure", "source",
    "status", "model", "underlying", "symbol", "strike",
]  # fmt: skip

ANY_FAILURE = "ANY"
"""As a filter's ``failure``: every decision that failed, whatever its code."""

ACTION_WORDS: Mapping[Action, str] = {
    Action.OPEN_COVERED_CALL: "open",
    Action.ROLL_COVERED_CALL: "roll",
    Action.CLOSE_COVERED_CALL: "close",
    Action.DO_NOTHING: "hold",
}
"""What the command line and its tables call the actions."""

SEARCH_LIMIT_MAX = 200
TOTAL_COUNTED_MAX = 1_000


class DecisionFilter(Frozen):
    """Which decisions; a field that is left out does not filter.

    Attributes:
        since, until: Market time, from and up to but without.
        symbol: What the decision sells, closes or rolls from.
        code: Any code of its denial.
        failure: A failure code; ``ANY`` for every failed decision.
    """

    action: tuple[Action, ...] = ()
    proposed_action: tuple[Action, ...] = ()
    verdict: VerdictName | None = None
    underlying: str | None = Field(default=None, max_length=16)
    symbol: str | None = Field(default=None, max_length=64)
    strike_usd: float | None = None
    code: str | None = Field(default=None, max_length=64)
    failure: str | None = Field(default=None, max_length=64)
    source: DecisionSource | None = None
    status: ExecutionStatus | None = None
    model: str | None = Field(default=None, max_length=200)
    since: UtcTime | None = None
    until: UtcTime | None = None


class DecisionSearch(Frozen):
    """A search: filters, words, order, and how much of the answer.

    Attributes:
        text: Words that reasoning, verdicts or names must have; never a query language.
        collapse: Fold neighbours that did the same for the same reason into one hit: their numbers
            follow one another in the whole history, and their reasons differ in figures alone.
        cursor: ``next_cursor`` of the page before.
    """

    where: DecisionFilter = DecisionFilter()
    text: str | None = Field(default=None, max_length=2_000)
    order: Literal["newest", "oldest"] = "newest"
    collapse: bool = True
    limit: int = Field(default=20, ge=1, le=SEARCH_LIMIT_MAX)
    cursor: int | None = Field(default=None, ge=0, le=2**62)


class ShadowHit(Frozen):
    """What a model came to in a decision that the rules made; it went through no gate.

    Attributes:
        action: What it proposed; None when it failed.
        failure: Why there is no proposal; empty when there is one.
    """

    action: str | None
    symbol: str | None
    from_symbol: str | None
    failure: str


class DecisionHit(Frozen):
    """One decision, or a run of alike ones shown by the first that was found.

    Attributes:
        id: The decision's number; what an answer cites.
        run_length, run_end_id: How many decisions in a row this hit stands for, and the last.
        reasoning: Cut to 400 characters.
        settled: Options whose settlement its record tells of; of a run, the first one's.
        shadow: What a model proposed that did not decide, if one was asked; likewise.
    """

    id: int
    cycle_id: str
    as_of: str
    action: str
    proposed_action: str
    verdict: VerdictName
    codes: tuple[str, ...]
    underlying: str | None
    symbol: str | None
    from_symbol: str | None
    strike_usd: float | None
    size_coin: float | None
    status: str
    source: str
    failure: str | None
    model: str | None
    reasoning: str
    run_length: int = 1
    run_end_id: int
    settled: tuple[str, ...] = ()
    shadow: ShadowHit | None = None


class SearchPage(Frozen):
    """A page of hits.

    Attributes:
        total: Decisions that match, runs unfolded; counted up to ``TOTAL_COUNTED_MAX``.
        total_is_exact: False when there are more than were counted.
        notes: What the reader must know, in words.
    """

    total: int
    total_is_exact: bool
    hits: tuple[DecisionHit, ...]
    next_cursor: int | None
    notes: tuple[str, ...] = ()


class LinkedDecision(Frozen):
    """A decision that belongs to another: the open behind a close, the close of an open."""

    id: int
    cycle_id: str
    as_of: str
    action: str
    symbol: str | None
    status: str
    reasoning: str


class LaterUpdate(Frozen):
    """A fill, settlement or resolution of this decision's orders, and the record that told it."""

    told_by_id: int
    update: OrderUpdate


class DecisionDetail(Frozen):
    """One decision, whole, with what came before and after it.

    Attributes:
        run_id: First cycle of the process that decided; None in a memory rebuilt from files.
        opened_by: The decision that had sold the call which this one closes or rolls.
        closed_by: The decision that bought back what this one sold, if one did.
        later: What became of its orders, as later records told.
        config_changes: Settings that differ from the decision before: name to before and after.
    """

    id: int
    run_id: str | None
    record: CycleRecord
    opened_by: LinkedDecision | None
    closed_by: LinkedDecision | None
    later: tuple[LaterUpdate, ...]
    config_changes: Mapping[str, tuple[Any, Any]]


class StatsQuestion(Frozen):
    """How many decisions, by what."""

    where: DecisionFilter = DecisionFilter()
    group_by: tuple[GroupName, ...] = Field(default=("action",), max_length=2)
    limit: int = Field(default=50, ge=1, le=1_000)


class CashSum(Frozen):
    """What decisions moved in one coin, exact to a billionth, without what dry runs simulated.

    A fill or settlement counts to the decision whose order it was, whichever record told of it. Of
    one option, and in groups by option or strike, only its own count: a roll has two legs.

    Attributes:
        premium_coin: Sold less bought, before fees.
        fees_coin: Of fills and settlements, where known; None without any.
        fees_unknown: Fills and settlements whose fee nobody knows; they are in no sum of fees.
        settlement_coin: What delivery paid, before its fee; negative for an assigned call.
        net_coin: Premium less fees plus settlement; None while a fee is unknown.
    """

    premium_coin: float
    fees_coin: float | None
    settlement_coin: float
    net_coin: float | None
    fills: int
    settlements: int
    fees_unknown: int = 0


class StatsRow(Frozen):
    """One group.

    Attributes:
        keys: The group's value by dimension; None: it has none.
        count: Decisions.
        share: Of ``StatsAnswer.total``, a fraction.
        cost_usd: What the models cost, of the requests whose cost is known, exact to a billionth;
            None without any.
        cost_unknown: Decisions whose model cost nobody knows; they are in no sum.
        first_id, last_id: The outermost decisions of the group.
        cash: What real trades moved, by coin; a coin without any is left out.
        calls_sold: Opens and rolls, done or simulated, whose record has the candidate they sold.
        mean_strike_usd, mean_delta, mean_premium_yield_annual: Over those, as the candidates stood;
            None without any. The yield is a fraction; a strike over several coins is None.
    """

    keys: Mapping[str, str | float | None]
    count: int
    share: float
    model_decisions: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    cost_unknown: int
    first_id: int
    last_id: int
    cash: Mapping[str, CashSum] = Field(default_factory=dict)
    calls_sold: int = 0
    mean_strike_usd: float | None = None
    mean_delta: float | None = None
    mean_premium_yield_annual: float | None = None


class StatsAnswer(Frozen):
    """Groups, largest first (by time when grouped by time).

    Attributes:
        total: Decisions under the filters. A decision denied with two codes stands in two groups.
        groups: How many groups there are; ``rows`` has at most ``limit`` of them.
        table: Which table was added up; parts of a day or month come from ``decisions`` besides.
    """

    rows: tuple[StatsRow, ...]
    groups: int
    total: int
    where: DecisionFilter
    table: Literal["day_stats", "month_stats", "call_stats", "decisions"]
    notes: tuple[str, ...] = ()
