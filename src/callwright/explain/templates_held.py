"""Why nothing was traded, and how often: holds found by the words of what was stated for them.

A decision that holds has no coin, option or strike of its own: a filter by one would hide all of
them. What it says of a coin or an option stands in its reasoning.
"""

from __future__ import annotations

from callwright.domain.decision import Action
from callwright.domain.explain import Source
from callwright.explain.questions import Asked
from callwright.explain.templates_look import Look, when_asked, where_of
from callwright.explain.templates_record import idle, later_words
from callwright.explain.templates_words import (
    NOUN,
    cited,
    listed,
    plain,
    run_words,
    several,
    span_words,
)

TRADES = (Action.OPEN_COVERED_CALL, Action.ROLL_COVERED_CALL, Action.CLOSE_COVERED_CALL)
HOLDS_SHOWN = 5


async def why_not(asked: Asked, look: Look) -> list[str]:
    """Say why nothing was traded: holds with their reasons, denials, failures."""
    span = span_words(asked.span)
    counted = await look.stats("action", where=when_asked(asked))
    rows = {row["keys"]["action"]: row["count"] for row in counted.result["rows"]}
    if not rows:
        return [f"No decision is on record{span} {cited(counted)}."]
    blocks = await _did_trade(asked, look)
    held = rows.get(Action.DO_NOTHING, 0)
    if not held:
        return [*blocks, f"No decision held{span} {cited(counted)}."]
    names = names_of(asked)
    page = await _holds(asked, look, names)
    about = f" and {_name(names)}" if names else ""
    if names and not found_all(page):
        blocks.append(
            f"{several(held, 'decision')} did nothing{span} {cited(counted)}. No reason of theirs "
            f"has all of these words: {_words(names)} {cited(page)}."
        )
        return blocks
    if names:
        blocks.append(f"{_total(page)} did nothing{span}{about} {cited(page)}.")
    else:
        blocks.append(f"{several(held, 'decision')} did nothing{span} {cited(counted)}.")
    return [*blocks, *await _newest(page, look, names)]


async def how_often_held(asked: Asked, look: Look) -> list[str]:
    """Say how many decisions held, of those whose reason names what was asked for."""
    names = names_of(asked)
    span = span_words(asked.span)
    page = await _holds(asked, look, names)
    if not found_all(page):
        return [
            f"No hold on record{span} {_name(names).replace('name', 'names', 1)} {cited(page)}."
        ]
    return [
        f"{_total(page)} did nothing{span} and {_name(names)} {cited(page)}. A hold has no coin "
        "or option of its own: counted is whose recorded reason or denial has the words.",
        *await _newest(page, look, names),
    ]


async def held_for(code: str, asked: Asked, look: Look) -> list[str]:
    """Say how many decisions held and name a code, without having proposed anything."""
    where = when_asked(asked).model_copy(
        update={"action": (Action.DO_NOTHING,), "verdict": "allowed"}
    )
    names = tuple(filter(None, (asked.symbol or asked.coin, code)))
    page = await look.search(where, text=" ".join(names), limit=3, is_each=True)
    span = span_words(asked.span)
    if not found_all(page):
        return [f"No hold names it in its reason{span} either {cited(page)}."]
    return [
        f"{_total(page)} did nothing{span} and {_name(names)} in the stated reason {cited(page)}: "
        "the rule kept candidates out before anything was proposed, which is no denial.",
        *await _newest(page, look, names),
    ]


def names_of(asked: Asked) -> tuple[str, ...]:
    """Return the words by which a hold is found: option or coin, strike, cause."""
    strike = None if asked.strike_usd is None else f"{asked.strike_usd:f}".rstrip("0").rstrip(".")
    coin = asked.coin
    if coin and asked.cause == "IVRV":
        # "ETH: IVRV" is one phrase of what the rules state, so that no other coin's is taken.
        return (f"{coin}-IVRV",)
    return tuple(filter(None, (asked.symbol or coin, strike, asked.cause or asked.code)))


def found_all(page: Source) -> bool:
    """Return whether a search found decisions with all of its words, not just with some."""
    notes = page.result["notes"]
    return bool(page.result["total"]) and not any("not all" in n or "some of" in n for n in notes)


async def _holds(asked: Asked, look: Look, names: tuple[str, ...]) -> Source:
    where = when_asked(asked).model_copy(update={"action": (Action.DO_NOTHING,)})
    return await look.search(where, text=" ".join(names) or None, limit=HOLDS_SHOWN)


async def _newest(page: Source, look: Look, names: tuple[str, ...]) -> list[str]:
    hits = page.result["hits"]
    lines = []
    for hit in hits:
        found = await look.decision(hit["id"])
        told = _settled(found, names)
        lines.append("; ".join(told) or idle(found, about=names) + run_words(hit))
    shown = sum(hit["run_length"] for hit in hits)
    more = "The newest of them:\n\n" if page.result["total"] > shown else ""
    return [more + listed(lines)]


async def _did_trade(asked: Asked, look: Look) -> list[str]:
    """Return what was traded all the same; what a dry run simulated is no trade."""
    actions = tuple(action for action in asked.actions if action in TRADES) or TRADES
    found = await look.stats("action", "status", where=where_of(asked, action=actions, code=None))
    span = span_words(asked.span)
    done: dict[str, list[str]] = {"": [], "simulated": []}
    for row in found.result["rows"]:
        status = row["keys"]["status"]
        told = f"{several(row['count'], NOUN[row['keys']['action']])} {_status(status)}"
        if status in ("filled", "partially_filled"):
            done[""].append(told)
        else:
            done.setdefault(str(status), []).append(told)
    blocks = []
    if trades := done.pop(""):
        blocks.append(f"It did trade: {', '.join(trades)}{span} {cited(found)}.")
    if dry := done.pop("simulated"):
        blocks.append(
            f"{', '.join(dry)}{span} {cited(found)}: a dry run sends nothing, so that is no trade."
        )
    blocks += [f"It tried: {', '.join(told)}{span} {cited(found)}." for told in done.values()]
    return blocks


def _settled(found: Source, names: tuple[str, ...]) -> list[str]:
    """Return what a decision tells of the end of an option that is not what it was about."""
    record = found.result["record"]
    if not names or names[0] in f"{record['proposed_action']}{record['risk_check']}":
        return []
    return [
        later_words({"update": update, "told_by_id": found.result["id"]})
        for update in record["order_updates"]
        if update["symbol"] == names[0] and update["kind"] == "settlement"
    ]


def _status(status: object) -> str:
    return plain(status).replace("_", " ")


def _words(names: tuple[str, ...]) -> str:
    return plain(" ".join(map(_word, names)).replace("_", " ").lower())


def _name(names: tuple[str, ...]) -> str:
    # A code that is searched for as a word is no filter's, and must not look like one.
    words = " and ".join(
        plain(name.replace("_", " ").lower() if "_" in name else name.replace("-IVRV", " IVRV"))
        for name in map(_word, names)
    )
    return f"name {words}" if names else ""


def _word(name: str) -> str:
    # A number that is only searched for stands in no record, and would look as if it did.
    return "that strike" if name[0].isdigit() else name


def _total(page: Source) -> str:
    total = several(page.result["total"], "decision")
    return total if page.result["total_is_exact"] else f"More than {total}"
