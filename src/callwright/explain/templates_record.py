"""One decision in words: whole, or as a line; what every template says of a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from callwright.domain.decision import Action
from callwright.domain.explain import Source
from callwright.domain.recorded import recorded_on
from callwright.explain.templates_codes import meaning
from callwright.explain.templates_words import (
    DONE,
    QUOTE_LENGTH_MAX,
    action_words,
    cited,
    coins,
    listed,
    minute,
    number,
    plain,
    quoted,
    reason_words,
    stated,
    usd,
)

BRIEF_LENGTH_MAX = 120
"""Of a reasoning where many decisions are listed."""
UPDATES_SHOWN = 4
_DONE_STATUS = ("filled", "partially_filled")

Json = Mapping[str, Any]


def whole(found: Source) -> str:
    """Return one decision as a list: who, what, verdicts, orders, what came before and after."""
    detail, cite = found.result, cited(found)
    record = detail["record"]
    final, proposed = record["final_action"], record["proposed_action"]
    spot = ", ".join(
        f"{plain(coin)} {usd(price)}" for coin, price in record["state"]["spot"].items()
    )
    status = record["execution"]["status"]
    if record["failure"] and final["action"] == Action.DO_NOTHING:
        # To hold is a choice, and none was made.
        did = "nothing was done"
    elif status in _DONE_STATUS or final["action"] == Action.DO_NOTHING:
        did = f"{DONE.get(final['action'], 'did')}{_object(final)}"
    else:
        # What was simulated or refused by the venue was not done.
        did = f"{action_words(final)}, {plain(status).replace('_', ' ')}"
    lines = [f"{when_of(found)}, decided by {_who(record)} {cite}: {did}."]
    if spot:
        lines.append(f"Spot was {spot} {cite}.")
    if record["failure"]:
        message = quoted(record["failure_message"], length_max=200)
        said = f", message {message}" if message else ""
        failure = plain(record["failure"])
        lines.append(f"It failed to decide: {failure} {cite}{said}.{meaning(failure)}")
    if proposed["action"] != final["action"]:
        lines.append(f"Proposed was: {action_words(proposed)} {cite}.")
    if proposed["reasoning"]:
        lines.append(stated(found))
    gates = denials_of(record, cite)
    lines += [f"The {name} denied it. {' '.join(reasons)}" for name, reasons in gates]
    if not gates and record["risk_check"]["allowed"]:
        lines.append(f"Guardrail and risk engine allowed it {cite}.")
    lines += [f"{order_words(order)} {cite}." for order in record["execution"]["orders"]]
    if record["execution"]["status"] == "simulated":
        lines.append(f"It was a dry run: nothing was sent {cite}.")
    for name, link in (("sold", detail["opened_by"]), ("bought back", detail["closed_by"])):
        if link is not None:
            lines.append(link_words(name, link))
    lines += [later_words(each) for each in detail["later"] if each["told_by_id"] != detail["id"]][
        :UPDATES_SHOWN
    ]
    for name, (before, after) in detail["config_changes"].items():
        lines.append(
            f"{setting_name(name, after)} had just changed from {setting(before, name)} "
            f"to {setting(after, name)} {cite}."
        )
    return listed(lines)


def brief(found: Source, *, about: Sequence[str] = ()) -> str:
    """Return one decision as a line; ``about`` as of ``idle``."""
    record, cite = found.result["record"], cited(found)
    if record["final_action"]["action"] == Action.DO_NOTHING:
        return idle(found, length_max=BRIEF_LENGTH_MAX, about=about)
    status = plain(record["execution"]["status"]).replace("_", " ")
    return (
        f"{when_of(found)}: {action_words(record['final_action'])}, {status} {cite}. "
        f"{stated(found, length_max=BRIEF_LENGTH_MAX)}"
    )


def idle(found: Source, *, length_max: int = QUOTE_LENGTH_MAX, about: Sequence[str] = ()) -> str:
    """Return one decision that did nothing as a line: failed, denied, or held.

    Args:
        about: Of the reason only what names one of these, where it does.
    """
    record, cite = found.result["record"], cited(found)
    if record["failure"]:
        message = quoted(record["failure_message"], length_max=200)
        said = f", message {message}" if message else ""
        failure = plain(record["failure"])
        return f"{when_of(found)}: failed to decide, {failure} {cite}{said}.{meaning(failure)}"
    gates = denials_of(record, cite)
    if gates:
        name, reasons = gates[0]
        proposed = action_words(record["proposed_action"])
        denied = f"{when_of(found)}: {proposed} was denied by the {name} {cite}."
        return f"{denied} {' '.join(reasons)}"
    return f"{when_of(found)}: held {cite}. {stated(found, length_max=length_max, about=about)}"


def setting(value: Any, name: str = "") -> str:
    """Return a setting's value in words: amounts by coin, the unit that its name ends in."""
    if isinstance(value, Mapping):
        return ", ".join(f"{plain(coin)} {number(amount)}" for coin, amount in value.items())
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "unset"}[value]
    if isinstance(value, int | float):
        return number(value) + next((u for end, u in _UNITS.items() if name.endswith(end)), "")
    if isinstance(value, list):
        return ", ".join(plain(each) for each in value)
    return plain(value)


def setting_name(name: str, value: Any) -> str:
    """Return a setting's name; one without a number in plain words."""
    if isinstance(value, Mapping | int | float) and not isinstance(value, bool):
        return plain(name).upper()
    return f"The setting for {plain(name).replace('_', ' ')}"


_UNITS = {"_pct": "%", "_sec": " seconds", "_seconds": " seconds", "_usd": " USD",
          "_days": " days", "_hours": " hours"}  # fmt: skip


def when_of(found: Source) -> str:
    """Return a decision's time to the minute."""
    return minute(found.result["record"]["state"]["as_of"])


def _who(record: Json) -> str:
    # Where the rules decided, a model may have been asked as well; it is not who decided.
    llm = None if record["decision_source"] == "rule_based" else record["llm"]
    model, day = (llm or {}).get("model"), recorded_on(llm)
    recorded = "" if day is None else f", replies recorded on {plain(day)}"
    who = {"llm": "the manager", "rule_based": "the rules", "care": "deterministic care"}
    return who.get(record["decision_source"], "nobody known") + (
        f" (model {plain(model)}{recorded})" if model else ""
    )


def _object(action: Json) -> str:
    words = action_words(action)
    rest = words.partition(" ")[2]
    return f" {rest}" if rest else ""


def denials_of(record: Json, cite: str) -> list[tuple[str, list[str]]]:
    """Return the gates that denied, each with its reasons as sentences."""
    return [
        (name, [reason_words(reason, cite) for reason in record[gate]["reasons"]])
        for name, gate in (("guardrail", "guardrail"), ("risk engine", "risk_check"))
        if record[gate]["allowed"] is False
    ]


def order_words(order: Json) -> str:
    """Return what one order did."""
    fee = order["fee"]
    price = order["price"] if order["average_price"] is None else order["average_price"]
    message = quoted(order["message"], length_max=120)
    return (
        f"Order: {plain(order['side'])} {coins(order['amount'])} {plain(order['symbol'])} at "
        f"{coins(price)}, {plain(order['status']).replace('_', ' ')}"
        + (f", fee {coins(fee)}" if fee is not None else "")
        + (f", message {message}" if message else "")
    )


def link_words(name: str, link: Json) -> str:
    """Return the decision before or after, as a cited sentence."""
    said = quoted(link["reasoning"], length_max=200)
    quote = f", stating {said}" if said else "."
    return f"That call was {name} on {minute(link['as_of'])} in [#{link['id']}]{quote}"


def later_words(each: Json) -> str:
    """Return a settlement, fill or resolution told later, as a cited sentence."""
    update, facts_ = each["update"], each["update"]["facts"]
    if update["kind"] == "settlement":
        paid = facts_.get("payoff")
        how = "expired worthless" if paid == 0 else f"was settled, payoff {coins(paid)}"
        return (
            f"{plain(update['symbol'])} {how} at a delivery price of "
            f"{usd(facts_.get('delivery_price_usd'))} [#{each['told_by_id']}]."
        )
    told = ", ".join(
        f"{name} {coins(facts_[name])}"
        for name in ("price", "amount", "fee")
        if facts_.get(name) is not None
    )
    kind, symbol = plain(update["kind"]), plain(update["symbol"])
    side = {"buy": "bought back at ", "sell": "sold at "}.get(str(facts_.get("side")), "")
    return f"{symbol}, a later {kind}: {side}{told} [#{each['told_by_id']}]."
