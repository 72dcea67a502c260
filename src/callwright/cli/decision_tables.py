"""Decisions on a terminal: pages of them, one whole, and counts; models' texts made printable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from callwright.cli.tables import Facts, figure, plain_table, printable
from callwright.domain.base import minute_of
from callwright.domain.history import (
    ACTION_WORDS,
    DecisionDetail,
    DecisionHit,
    LinkedDecision,
    SearchPage,
    ShadowHit,
    StatsAnswer,
    StatsRow,
)
from callwright.domain.recorded import recorded_on, rules_instead
from callwright.domain.shadow import Shadow, gated_shadow_of, was_asked

_SHORT = {action.value: word.upper() for action, word in ACTION_WORDS.items()}
_UNKNOWN = "—"
_TIME_WIDTH = len("2026-01-05 08:00")
_DID_WIDTH = len("FAILED")


def page_view(page: SearchPage, *, width: int) -> list[RenderableType]:
    """Return a page of hits for a terminal; only the reasons are cut to its width."""
    parts: list[RenderableType] = []
    if page.hits:
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold underline")
        ids = max(len("id"), *(len(str(hit.id)) for hit in page.hits))
        room = max(8, width - ids - _TIME_WIDTH - _DID_WIDTH - 6)
        table.add_column("id", justify="right", no_wrap=True, min_width=ids)
        table.add_column("market time", no_wrap=True, min_width=_TIME_WIDTH)
        table.add_column("did", no_wrap=True, min_width=_DID_WIDTH)
        table.add_column("what and why", no_wrap=True)
        for hit in page.hits:
            why = Text(printable(_why(hit), lines=True).replace("\n", " "))
            why.truncate(room, overflow="ellipsis")
            table.add_row(str(hit.id), minute_of(hit.as_of), Text(_did(hit)), why)
        parts.append(table)
    shown = sum(hit.run_length for hit in page.hits)
    more = "" if page.total_is_exact else "more than "
    if page.total:
        rows = len(page.hits)
        folded = f", in {rows:,} row{'s' * (rows != 1)}" if shown != rows else ""
        parts.append(Text(f"{shown:,} of {more}{page.total:,} decisions{folded}."))
    if page.next_cursor is not None:
        parts.append(Text(f"Next page: --cursor {page.next_cursor}"))
    return [*parts, *(Text(note) for note in page.notes)]


def detail_view(found: DecisionDetail) -> list[RenderableType]:
    """Return one decision for a terminal."""
    record = found.record
    facts = Facts()
    say = facts.say
    proposed, final, state = record.proposed_action, record.final_action, record.state
    say("decision", f"{found.id}  {record.cycle_id}")
    say("market", state.as_of, ", ".join(f"{k} {v:,.2f}" for k, v in state.spot.items()))
    model = (record.llm or {}).get("model")
    day = recorded_on(record.llm)
    asked = f"{model}, replies recorded on {day}" if model and day else model
    instead = rules_instead(record.llm)
    shadow = gated_shadow_of(record.llm)
    if shadow is not None:
        say("decided by", record.decision_source, f"instead of {asked or 'a model'}: {shadow.why}")
        say("shadow", *shadow_words(shadow), shadow.reasoning)
    elif instead is None:
        say("decided by", record.decision_source + (f", {asked}" if asked else ""))
    else:
        say("decided by", record.decision_source, f"asked was {asked}: {instead}")
    say("proposed", named_action(proposed.action, proposed.params), proposed.reasoning)
    if record.baseline_action is not None:
        say(
            "rules would",
            named_action(record.baseline_action.action, record.baseline_action.params),
        )
    say("guardrail", gate_word(record.guardrail.allowed), *record.guardrail.reasons)
    say("risk engine", gate_word(record.risk_check.allowed), *record.risk_check.reasons)
    say("clamps", *(f"{c['name']}: {c['before']} to {c['after']}" for c in record.clamps))
    say("did", named_action(final.action, final.params))
    say("failure", record.failure, record.failure_message)
    say("execution", record.execution.status, record.execution.message)
    say(
        "orders",
        *(
            f"{o.side} {figure(o.amount)} {o.symbol} at {figure(o.price)}: {o.status},"
            f" filled {figure(o.filled)}"
            for o in record.execution.orders
        ),
    )
    say("opened by", _link(found.opened_by))
    say("closed by", _link(found.closed_by))
    say("later", *(_later(each.told_by_id, each.update) for each in found.later))
    llm = record.llm
    if llm is not None and was_asked(llm):
        cost = llm.get("cost_usd")
        say(
            "model",
            f"{llm.get('input_tokens', _UNKNOWN)} tokens in, {llm.get('output_tokens', _UNKNOWN)} "
            f"out, {_UNKNOWN if cost is None else f'{cost:.6f}'} USD, prompt "
            f"{llm.get('prompt_version', _UNKNOWN)}",
        )
    say("settings", *(f"{k}: {a} to {b}" for k, (a, b) in found.config_changes.items()))
    say("run", found.run_id)
    return [facts.table]


def stats_view(answer: StatsAnswer, groups: Sequence[str]) -> list[RenderableType]:
    """Return counts for a terminal; columns that say nothing are left out."""
    asked = any(row.model_decisions for row in answer.rows)
    columns = [
        "decisions",
        "share",
        *(["tokens in", "out", "USD"] if asked else []),
        "first",
        "last",
    ]
    name = ", ".join(groups).replace("_", " ")
    table = plain_table(None, name or "all", *columns)
    for row in answer.rows:
        usd = _UNKNOWN if row.cost_usd is None else f"{row.cost_usd:.6f}"
        tokens = [f"{row.input_tokens:,}", f"{row.output_tokens:,}", usd] if asked else []
        table.add_row(
            _group(row),
            f"{row.count:,}",
            f"{row.share:.1%}",
            *tokens,
            *(f"#{row.first_id}", f"#{row.last_id}"),
        )
    parts: list[RenderableType] = [table] if answer.rows else []
    parts.append(Text(f"{answer.total:,} decisions."))
    for more in (_cash_table(answer, name), _sold_table(answer, name)):
        if more.row_count:
            parts += [Text(""), more]
    return [*parts, *(Text(note) for note in answer.notes)]


def _group(row: StatsRow) -> Text:
    keys = "  ".join(
        _UNKNOWN if value is None else f"{value:,.10g}" if isinstance(value, float) else value
        for value in row.keys.values()
    )
    return Text(printable(keys) or "all")


def _cash_table(answer: StatsAnswer, name: str) -> Table:
    columns = ("coin", "premium", "fees", "settled", "net")
    table = plain_table("What their trades moved, in coin", name or "all", *columns)
    for row in answer.rows:
        for coin, cash in row.cash.items():
            table.add_row(
                _group(row),
                coin,
                *(
                    _UNKNOWN if amount is None else f"{Decimal(repr(amount)):+.5f}"
                    for amount in (
                        cash.premium_coin,
                        None if cash.fees_coin is None else -cash.fees_coin,
                        cash.settlement_coin,
                        cash.net_coin,
                    )
                ),
            )
    return table


def _sold_table(answer: StatsAnswer, name: str) -> Table:
    columns = ("calls", "mean strike", "mean delta", "mean yield a year")
    table = plain_table("Of the calls that they sold", name or "all", *columns)
    for row in answer.rows:
        strike, delta = row.mean_strike_usd, row.mean_delta
        yield_annual = row.mean_premium_yield_annual
        if delta is not None and yield_annual is not None:
            named = _UNKNOWN if strike is None else f"{strike:,.0f}"
            figures = (f"{row.calls_sold:,}", named, f"{delta:.3f}", f"{yield_annual:.1%}")
            table.add_row(_group(row), *figures)
    return table


def _did(hit: DecisionHit) -> str:
    # A failed decision may still have closed a call in danger; then that is what was done.
    if hit.failure and hit.action == "DO_NOTHING":
        return "FAILED"
    if hit.verdict == "denied" and hit.action == "DO_NOTHING":
        return "DENIED"
    return _SHORT.get(hit.action, hit.action)


def _why(hit: DecisionHit) -> str:
    parts = []
    if hit.run_length > 1:
        parts.append(f"{hit.run_length} in a row, to #{hit.run_end_id}.")
    if hit.settled:
        several = f"{len(hit.settled)} options"
        parts.append(f"Settled {hit.settled[0] if len(hit.settled) == 1 else several}.")
    if hit.failure:
        parts.append(f"{hit.failure}.")
    if hit.shadow is not None:
        parts.append(f"Shadow: {_shadow_mark(hit.shadow, hit)}.")
    if hit.codes:
        asked = _SHORT.get(hit.proposed_action, hit.proposed_action)
        parts.append(f"{asked} {hit.symbol or ''}: {', '.join(hit.codes)}.")
    elif hit.symbol and hit.symbol not in hit.reasoning[:60]:
        parts.append(f"{hit.symbol}.")
    return " ".join([*parts, hit.reasoning])


def _shadow_mark(shadow: ShadowHit, hit: DecisionHit) -> str:
    """Return in a few words what a model would have done in the place of the rules."""
    if shadow.action is None:
        return shadow.failure or _UNKNOWN
    asked = (shadow.action, shadow.from_symbol, shadow.symbol)
    if asked == (hit.proposed_action, hit.from_symbol, hit.symbol):
        return "the same"
    return " ".join(filter(None, (_SHORT.get(shadow.action, shadow.action), shadow.symbol)))


def named_action(action: str, params: Mapping[str, Any]) -> str:
    """Return an action with its parameters, but for the coin, which the option names."""
    rest = ", ".join(f"{k} {figure(v)}" for k, v in params.items() if k != "underlying")
    return f"{action} {rest}".rstrip()


def shadow_words(shadow: Shadow) -> tuple[str, ...]:
    """Return what a model proposed that did not decide, or why it proposed nothing."""
    if shadow.action is None:
        return (f"came to no decision: {shadow.failure or _UNKNOWN}",)
    return (named_action(shadow.action, shadow.params),)


def gate_word(allowed: bool | None) -> str:
    """Return what a gate said."""
    return "not asked" if allowed is None else "allowed" if allowed else "denied"


def _link(link: LinkedDecision | None) -> str | None:
    if link is None:
        return None
    did = _SHORT.get(link.action, link.action)
    return f"#{link.id} {minute_of(link.as_of)} {did} {link.status}: {link.reasoning}"


def _later(told_by: int, update: Any) -> str:
    facts = update.facts
    names = ("side", "amount", "price", "fee", "delivery_price_usd", "payoff", "cash", "status")
    told = ((name, facts[name]) for name in names if facts.get(name) is not None)
    said = ", ".join(f"{name} {figure(value)}" for name, value in told)
    return f"#{told_by} {update.kind} {update.symbol}: {said}"
