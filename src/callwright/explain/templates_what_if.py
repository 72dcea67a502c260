"""What the rules would do on the last snapshot if something were different."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callwright.domain.explain import Source
from callwright.errors import QueryInvalid
from callwright.explain.questions import Asked
from callwright.explain.templates_look import Look
from callwright.explain.templates_words import (
    action_words,
    cited,
    listed,
    minute,
    number,
    plain,
    quoted,
    reason_words,
    usd,
)

Json = Mapping[str, Any]


async def what_if(asked: Asked, look: Look) -> list[str]:
    """Say what the rules would do on the last snapshot with the changes that were named."""
    told = _arguments(asked, look.newest["record"]["state"]["spot"])
    source = await look.what_if(told)
    blocks = [listed(outcome(source))]
    if "model" in asked.concepts:
        blocks.append(
            "What the model would do, only a model can say: `callwright what-if --model`."
        )
    assumed = [said for each in source.result["assumptions"] if (said := quoted(each))]
    cite = cited(source)
    return [
        whose(source),
        *blocks,
        f"Taken as given {cite}:\n\n{listed(assumed)}" if assumed else "",
    ]


def whose(source: Source) -> str:
    """Return on which decision's snapshot an answer stands, as a cited sentence."""
    found = source.result
    return (
        f"On the snapshot of decision [#{found['decision_id']}], {minute(found['as_of'])} UTC, "
        f"this answers for the rules, not for a model {cited(source)}."
    )


def outcome(source: Source) -> list[str]:
    """Return what was changed, would be done and was really done, as cited sentences."""
    found, cite = source.result, cited(source)
    lines = [f"Changed {cite}: {quoted(each)}" for each in found["changes"]]
    if not lines:
        lines.append(f"Nothing was changed {cite}.")
    if found["failure"]:
        message = quoted(found["failure_message"], length_max=200)
        lines.append(f"Nobody could decide: {plain(found['failure'])} {cite}, {message}.")
    else:
        lines.append(f"The rules would propose: {action_words(found['proposed_action'])} {cite}.")
        said = quoted(found["proposed_action"]["reasoning"])
        lines.append(f"The rules stated {cite}: {said}" if said else f"They gave no reason {cite}.")
        for name, gate in (("guardrail", "guardrail"), ("risk engine", "risk_check")):
            verdict = found[gate]
            if verdict["allowed"] is False:
                why = " ".join(reason_words(reason, cite) for reason in verdict["reasons"])
                lines.append(f"The {name} would deny it. {why}")
            elif verdict["allowed"]:
                lines.append(f"The {name} would allow it {cite}.")
        lines.append(f"What would be done: {action_words(found['final_action'])} {cite}.")
    really = f"[#{found['decision_id']}]"
    same = " That is the same." if found["actual_action"] == found["final_action"] else ""
    lines.append(f"Really done then: {action_words(found['actual_action'])} {really}.{same}")
    return lines + _account(found["state"]["portfolio"], cite)


def _account(portfolio: Json | None, cite: str) -> list[str]:
    """Return what the change makes of the account before anything is done."""
    if portfolio is None:
        return []
    deltas = [
        f"{plain(coin)} net delta {number(delta, 3)}"
        for coin, delta in portfolio["net_delta"].items()
    ]
    equity = usd(portfolio["equity_usd"])
    lines = [f"Under the change, equity would be {equity} USD {cite}."]
    return lines + ([f"Before any new order: {', '.join(deltas)} {cite}."] if deltas else [])


def _arguments(asked: Asked, spot: Mapping[str, float]) -> dict[str, Any]:
    changes = asked.changes
    spots = dict(changes.spot_usd)
    unnamed = spots.pop("", None)
    if unnamed is not None:
        near = [coin for coin, now in spot.items() if now / 3 < unnamed < now * 3]
        if asked.coin is not None:
            near = [asked.coin]
        if len(near) != 1:
            raise QueryInvalid("which coin's spot is meant?", remedy="as: if BTC were at 90,000")
        spots[near[0]] = unnamed
    for coin, shift in changes.spot_shift_frac.items():
        if coin not in spot:
            raise QueryInvalid(f"the last snapshot has no {coin}")
        spots[coin] = round(spot[coin] * (1 + shift), 2)
    return {
        "without": list(changes.without),
        "balances": [f"{coin}={amount}" for coin, amount in changes.balances_coin.items()],
        "spots": [f"{coin}={price!r}" for coin, price in spots.items()],
        "settings": [
            f"{name}{'.' + asked.coin if asked.coin else ''}={value!r}"
            for name, value in changes.settings.items()
        ],
    }
