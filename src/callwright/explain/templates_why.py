"""Why a decision was made: answers from one record, or from a few of them.

Causes are recorded verdicts and failures. What a manager or the rules wrote is quoted as theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from callwright.domain.decision import Action
from callwright.domain.explain import Source
from callwright.explain.questions import Asked
from callwright.explain.questions_names import SALES
from callwright.explain.templates_held import TRADES, found_all, names_of
from callwright.explain.templates_look import Look, where_of
from callwright.explain.templates_record import (
    brief,
    denials_of,
    link_words,
    when_of,
    whole,
)
from callwright.explain.templates_saw import saw
from callwright.explain.templates_words import (
    NOUN,
    action_words,
    cited,
    coins,
    listed,
    number,
    plain,
    quoted,
    several,
    span_words,
    stated,
)

DECISIONS_SHOWN = 3

Json = Mapping[str, Any]


async def decision(asked: Asked, look: Look) -> list[str]:
    """Say why decisions that the question names were made, and what became of them."""
    blocks = []
    for key in asked.decisions[:DECISIONS_SHOWN]:
        found = await look.decision(key)
        blocks += [whole(found), *saw(found, asked.concepts, asked.coin)]
    left = asked.decisions[DECISIONS_SHOWN:]
    if left:
        blocks.append(f"Ask again for {', '.join(f'[#{key}]' for key in left)}.")
    return blocks


async def words(asked: Asked, look: Look) -> list[str]:
    """Show decisions whose reasons, verdicts or names have some words."""
    # Holds have no coin of their own: it is one more word.
    text = " ".join((*asked.unused, *names_of(asked)))
    where = where_of(asked, underlying=None, symbol=None, strike_usd=None)
    page = await look.search(where, text=text, limit=5)
    hits = page.result["hits"]
    if not hits:
        return [f"No decision has these words{span_words(asked.span)} {cited(page)}."]
    details = [await look.decision(hit["id"]) for hit in hits]
    total = several(page.result["total"], "decision")
    more = "" if page.result["total_is_exact"] else "More than "
    return [
        f"{more}{total} found {cited(page)}; the newest:",
        listed([brief(found) for found in details]),
        *(f"Noted {cited(page)}: {quoted(note)}" for note in page.result["notes"]),
    ]


async def last_denial(asked: Asked, look: Look) -> list[str]:
    """Say when a gate last denied, with its codes and facts."""
    words = asked.text.lower()
    gate = "risk_check" if "risk" in words else "guardrail" if "guardrail" in words else None
    is_first = "first" in asked.concepts
    where = where_of(asked, verdict="denied", proposed_action=_proposed(asked))
    page = await look.search(where, limit=20, is_each=True, is_oldest=is_first)
    for hit in page.result["hits"]:
        if gate is None or look.peek(hit["id"])["record"][gate]["allowed"] is False:
            found = await look.decision(hit["id"])
            return _denied(found, "first" if is_first else "last")
    span = span_words(asked.span)
    if not page.result["total"]:
        return [f"No decision was denied{span}: 0 decisions {cited(page)}."]
    name = "risk engine" if gate == "risk_check" else "guardrail"
    which = "first" if is_first else "newest"
    return [
        f"None of the {which} denials that were looked at{span} was the {name}'s {cited(page)}."
    ]


def _denied(found: Source, which: str) -> list[str]:
    detail, cite = found.result, cited(found)
    record = detail["record"]
    by = " and ".join(name for name, _ in denials_of(record, cite))
    lines = [why for _, reasons in denials_of(record, cite) for why in reasons]
    lines.append(stated(found))
    if detail["opened_by"] is not None:
        lines.append(link_words("sold", detail["opened_by"]))
    return [
        f"The {by} {which} denied a proposal on {when_of(found)} UTC {cite}: "
        f"{action_words(record['proposed_action'])}.",
        listed(lines),
    ]


async def why_trade(asked: Asked, look: Look) -> list[str]:
    """Say why something was sold, rolled, closed or held, the newest or the first of it."""
    is_first = "first" in asked.concepts
    limit = 1 if "last" in asked.concepts or is_first else DECISIONS_SHOWN
    actions = asked.actions or TRADES
    span = span_words(asked.span)
    if actions == (Action.DO_NOTHING,):
        # What it held back from stands in its words only.
        names = names_of(asked)
        where = where_of(asked, action=actions, underlying=None, symbol=None, strike_usd=None)
        page = await look.search(
            where, text=" ".join(names) or None, limit=limit, is_each=True, is_oldest=is_first
        )
        hits = page.result["hits"] if found_all(page) else []
    else:
        where = where_of(asked, action=actions)
        page = await look.search(where, limit=limit, is_each=True, is_oldest=is_first)
        hits = page.result["hits"]
    if not hits:
        nouns = " or ".join(NOUN[action] for action in actions)
        blocks = [f"No {nouns}{_of(asked)} is on record{span} {cited(page)}."]
        denied = await look.stats(
            "code", where=where_of(asked, verdict="denied", proposed_action=_proposed(asked))
        )
        if denied.result["total"]:
            count = several(denied.result["total"], "proposal")
            blocks.append(f"{count} of it {_were(denied)} denied{span} {cited(denied)}.")
        return blocks
    blocks = []
    if page.result["total"] > len(hits) and limit > 1:
        total = page.result["total"]
        blocks.append(f"{several(total, 'decision')} match {cited(page)}; these are the newest.")
    details = [await look.decision(hit["id"]) for hit in hits]
    if len(details) == 1:
        return [*blocks, whole(details[0])]
    return [*blocks, listed([brief(found) for found in details])]


def _of(asked: Asked) -> str:
    named = asked.symbol or asked.coin
    strike = "" if asked.strike_usd is None else f" at strike {number(asked.strike_usd)}"
    return (f" of {plain(named)}" if named else "") + strike


def _were(source: Source) -> str:
    return "was" if source.result["total"] == 1 else "were"


async def strikes(asked: Asked, look: Look) -> list[str]:
    """Say how often a strike was sold, which were instead, and how the last was chosen."""
    span = span_words(asked.span)
    base = where_of(asked, action=SALES, strike_usd=None)
    where = base
    hits: Sequence[Json] = ()
    blocks = []
    if asked.strike_usd is not None:
        own = base.model_copy(update={"strike_usd": asked.strike_usd})
        page = await look.search(own, limit=1, is_each=True)
        hits = page.result["hits"]
        strike = number(asked.strike_usd)
        if hits:
            # Strikes of another coin would only be in the way.
            base = base.model_copy(update={"underlying": hits[0]["underlying"]})
            where = own
        else:
            blocks.append(f"The {strike} strike was never chosen{span} {cited(page)}.")
    counted = await look.stats("strike", where=base, limit=8)
    total = counted.result["total"]
    if not total:
        return [f"No call was sold{span} {cited(counted)}."]
    if hits:
        mine = await look.stats(where=where)
        times = mine.result["total"]
        every = "Yes, every time" if times == total else "Not every time"
        chosen = several(times, "decision")
        blocks.append(f"{every}: the {strike} strike was chosen in {chosen} {cited(mine)}.")
    coin = f"In {plain(base.underlying)}, " if base.underlying else ""
    blocks.append(f"{coin}{several(total, 'decision')} chose a call{span} {cited(counted)}.")
    most = [_strike_line(row, counted) for row in counted.result["rows"][:5]]
    blocks.append(f"The strikes chosen most often:\n\n{listed(most)}")
    if not hits:
        hits = (await look.search(where, limit=1, is_each=True)).result["hits"]
    found = await look.decision(hits[0]["id"])
    blocks.append(f"How the newest of them was chosen:\n\n{listed(_choice(found))}")
    return blocks


def _strike_line(row: Json, source: Source) -> str:
    strike = row["keys"]["strike"]
    name = "no strike" if strike is None else f"strike {number(strike)}"
    return f"{name}: {several(row['count'], 'decision')} {cited(source)}"


def _choice(found: Source) -> list[str]:
    """Return how the sold call came out of the candidates, as recorded."""
    record, cite = found.result["record"], cited(found)
    sold = record["final_action"]["params"].get("symbol")
    lines = [f"{when_of(found)}: {action_words(record['final_action'])} {cite}."]
    lines.append(stated(found))
    candidates = record["state"]["candidates"]
    own = next((each for each in candidates if each["symbol"] == sold), None)
    if own is not None:
        lines.append(
            f"{plain(sold)} was one of {number(record['state']['candidates_count'])} candidates, "
            f"with delta {number(own['delta'], 3)}, bid {coins(own['bid_coin'])} and "
            f"{number(own['dte_days'], 3)} days to expiry {cite}."
        )
    target = record["config_snapshot"].get("target_delta")
    if target is not None and record["decision_source"] == "rule_based":
        lines.append(
            f"The setting TARGET_DELTA is {number(target)} {cite}: the rules sell the candidate "
            "nearest to it, so the strike moves with the market."
        )
    return lines


async def baseline(asked: Asked, look: Look) -> list[str]:
    """Say what the rules would have proposed where a model decided."""
    if asked.decisions:
        keys: Sequence[int | str] = asked.decisions[:DECISIONS_SHOWN]
    else:
        where = where_of(asked, source="llm", action=asked.actions)
        found = await look.search(where, limit=asked.count or 1, is_each=True)
        keys = [hit["id"] for hit in found.result["hits"][:10]]
        if not keys:
            newest = await look.decision(look.newest["id"])
            return [
                f"No decision{span_words(asked.span)} was made by a model {cited(found)}.",
                f"The newest was made by the rules themselves {cited(newest)}."
                if newest.result["record"]["decision_source"] == "rule_based"
                else "",
            ]
    return [listed([_compared(await look.decision(key)) for key in keys])]


def _compared(found: Source) -> str:
    record, cite = found.result["record"], cited(found)
    own, rules = record["proposed_action"], record["baseline_action"]
    if rules is None:
        who = record["decision_source"]
        if who == "rule_based":
            return f"Decision {cite} was made by the rules themselves; no baseline is recorded."
        return f"Decision {cite} has no baseline on record."
    alike = own["action"] == rules["action"] and _named(own) == _named(rules)
    verdict = "Yes, the same" if alike else "No"
    return (
        f"{verdict}: the manager proposed {action_words(own)}, the rules would have proposed "
        f"{action_words(rules)} {cite}. {stated(found)} "
        f"The rules stated {cite}: {quoted(rules['reasoning']) or 'nothing'}"
    )


def _named(action: Json) -> tuple[object, object]:
    return action["params"].get("from_symbol"), action["params"].get("symbol")


def _proposed(asked: Asked) -> tuple[Action, ...]:
    return tuple(action for action in asked.actions if action != Action.DO_NOTHING)
