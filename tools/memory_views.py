"""What a model is shown of an answer: short, with what says why, unknown numbers as null.

An answer of the memory holds texts that models and venues wrote. They are cut, made printable and
put into the fence with the rest; nobody may follow them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from callwright.domain.recorded import recorded_on
from callwright.domain.shadow import shadow_of, was_asked
from callwright.tools.fences import number, outside_text

REASONING_LENGTH_MAX = 500
SNIPPET_LENGTH_MAX = 160
MESSAGE_LENGTH_MAX = 160
NAME_LENGTH_MAX = 64
UPDATES_SHOWN_MAX = 6
CANDIDATES_SHOWN_MAX = 3
SHORTS_SHOWN_MAX = 4

Json = Mapping[str, Any]


def search_view(page: Json) -> dict[str, Any]:
    """Return a page of hits, each with the beginning of its reasoning."""
    return {
        "total": page["total"],
        "total_is_exact": page["total_is_exact"],
        "hits": [_hit(hit) for hit in page["hits"]],
        "next_cursor": page["next_cursor"],
        "notes": list(page["notes"]),
    }


def _hit(hit: Json) -> dict[str, Any]:
    view = {
        "id": hit["id"],
        "as_of": hit["as_of"],
        "action": hit["action"],
        "symbol": _text(hit["symbol"], NAME_LENGTH_MAX),
        "from_symbol": _text(hit["from_symbol"], NAME_LENGTH_MAX),
        "size_coin": number(hit["size_coin"]),
        "status": hit["status"],
        "source": hit["source"],
        "codes": list(hit["codes"]),
        "failure": _text(hit["failure"], NAME_LENGTH_MAX),
        "reasoning": _text(hit["reasoning"], SNIPPET_LENGTH_MAX),
    }
    if hit.get("settled"):
        view["settled"] = [_text(name, NAME_LENGTH_MAX) for name in hit["settled"]]
    if hit["proposed_action"] != hit["action"]:
        view["proposed_action"] = hit["proposed_action"]
    if hit["run_length"] > 1:
        view |= {"run_length": hit["run_length"], "run_end_id": hit["run_end_id"]}
    return known(view)


def stats_view(answer: Json) -> dict[str, Any]:
    """Return the groups, their sums and the total."""
    return {
        "total": answer["total"],
        "groups": answer["groups"],
        "rows": [_row(row) for row in answer["rows"]],
        "notes": list(answer["notes"]),
    }


def _row(row: Json) -> dict[str, Any]:
    view = {key: value for key, value in row.items() if key != "keys"}
    view["share"] = number(view["share"])
    if not view["model_decisions"]:
        # Without a model its zeros would only be read as costs.
        for name in (
            "model_decisions",
            "input_tokens",
            "output_tokens",
            "cost_usd",
            "cost_unknown",
        ):
            view.pop(name)
    if not view["calls_sold"]:
        view.pop("calls_sold")
    keys = {
        name: _text(value, NAME_LENGTH_MAX) if isinstance(value, str) else value
        for name, value in row["keys"].items()
    }
    return {**keys, **known(shown(view))}


def decision_view(detail: Json) -> dict[str, Any]:
    """Return a decision with what says why it was made and what became of it."""
    record = detail["record"]
    view: dict[str, Any] = {
        "id": detail["id"],
        "cycle_id": record["cycle_id"],
        "as_of": record["state"]["as_of"],
        "decided_by": record["decision_source"],
        "state": state_view(record["state"], record["proposed_action"]),
        "proposed_action": action_view(record["proposed_action"]),
        "baseline_action": None
        if record["baseline_action"] is None
        else action_view(record["baseline_action"]),
        "guardrail": verdict_view(record["guardrail"]),
        "risk_check": verdict_view(record["risk_check"]),
        "clamps": [shown(clamp) for clamp in record["clamps"]],
        "final_action": _final(record["final_action"], record["proposed_action"]),
        "execution": _execution(record["execution"]),
        "failure": record["failure"],
        "failure_message": _text(record["failure_message"], MESSAGE_LENGTH_MAX),
        "llm": _usage(record["llm"]),
        "shadow": _shadow(record["llm"]),
        "opened_by": _linked(detail["opened_by"]),
        "closed_by": _linked(detail["closed_by"]),
        "later": [_later(update, detail["id"]) for update in detail["later"][-UPDATES_SHOWN_MAX:]],
        "config_changes": shown(detail["config_changes"]),
    }
    hidden = len(detail["later"]) - UPDATES_SHOWN_MAX
    if hidden > 0:
        view["later_not_shown"] = hidden
    return known(view)


def what_if_view(answer: Json) -> dict[str, Any]:
    """Return what would be done, why, and what was done."""
    return known(
        {
            "answers_for": answer["answers_for"],
            "decision_id": answer["decision_id"],
            "as_of": answer["as_of"],
            "changes": list(answer["changes"]),
            "assumptions": list(answer["assumptions"]),
            "proposed_action": action_view(answer["proposed_action"]),
            "guardrail": verdict_view(answer["guardrail"]),
            "risk_check": verdict_view(answer["risk_check"]),
            "final_action": _final(answer["final_action"], answer["proposed_action"]),
            "actual_action": action_view(answer["actual_action"]),
            "state": state_view(answer["state"], answer["proposed_action"]),
            "failure": answer["failure"],
            "failure_message": _text(answer["failure_message"], MESSAGE_LENGTH_MAX),
            "llm": _usage(answer["llm"]),
        }
    )


def state_view(state: Json, proposed: Json) -> dict[str, Any]:
    """Return what a decision saw: spot, portfolio, volatility, the best candidates, the funnel.

    Of open calls and candidates those that the proposal names come first, so that they are shown.
    """
    portfolio = state["portfolio"]
    named = {value for value in proposed["params"].values() if isinstance(value, str)}
    view: dict[str, Any] = {"spot": {coin: number(usd, 9) for coin, usd in state["spot"].items()}}
    if portfolio is not None:
        shorts = [
            short for row in portfolio["by_underlying"].values() for short in row["short_calls"]
        ]
        shorts.sort(key=lambda short: (short["symbol"] not in named, -abs(short["delta"] or 0)))
        view["portfolio"] = {
            "equity_usd": number(portfolio["equity_usd"], 7),
            "margin_used_pct": number(portfolio["margin_used_pct"]),
            "net_delta": {coin: number(delta) for coin, delta in portfolio["net_delta"].items()},
            "balances": shown(portfolio["balances"]),
            "short_calls": [_short(short) for short in shorts[:SHORTS_SHOWN_MAX]],
        }
        if len(shorts) > SHORTS_SHOWN_MAX:
            view["portfolio"]["short_calls_not_shown"] = len(shorts) - SHORTS_SHOWN_MAX
    view["vol"] = {
        coin: known(
            {
                "status": None if vol["status"] == "OK" else vol["status"],
                "iv_annual": number(vol["iv_annual"]),
                "rv_annual": number(vol["rv_annual"]),
                "ivrv": number(vol["ivrv"]),
            }
        )
        for coin, vol in state["vol"].items()
    }
    candidates = sorted(state["candidates"], key=lambda each: each["symbol"] not in named)
    view["candidates_count"] = state["candidates_count"]
    view["candidates"] = [_candidate(each) for each in candidates[:CANDIDATES_SHOWN_MAX]]
    empty = {coin: _fell_last(steps) for coin, steps in state["funnel"].items()}
    view["fell_last"] = {coin: fell for coin, fell in empty.items() if fell is not None}
    return known(view)


def _fell_last(steps: Iterable[Json]) -> str | None:
    """Return where the last instruments of a coin fell; None when some are left."""
    listed = list(steps)
    if not listed or listed[-1]["left"]:
        return None
    last = next((step for step in listed if not step["left"]), None)
    return None if last is None else f"{last['dropped']} at {_text(last['filter'], 40)}"


def _short(short: Json) -> dict[str, Any]:
    names = ("amount_coin", "dte_days", "delta", "captured_frac")
    return {"symbol": _text(short["symbol"], NAME_LENGTH_MAX)} | {
        name: number(short[name]) for name in names
    }


def _candidate(candidate: Json) -> dict[str, Any]:
    names = ("dte_days", "delta", "bid_coin", "ivrv", "premium_yield_annual", "size_coin")
    view: dict[str, Any] = {"symbol": _text(candidate["symbol"], NAME_LENGTH_MAX)}
    view |= {name: number(candidate[name]) for name in names}
    view["passes"] = candidate["passes"]
    return view | ({"codes": list(candidate["codes"])} if candidate["codes"] else {})


def action_view(action: Json, *, with_reasoning: bool = True) -> dict[str, Any]:
    """Return an action with its params, and the reasoning that whoever proposed it stated."""
    view: dict[str, Any] = {"action": action["action"], **shown(action["params"])}
    if with_reasoning and action["reasoning"]:
        view["reasoning"] = _text(action["reasoning"], REASONING_LENGTH_MAX)
    return view


def _final(final: Json, proposed: Json) -> dict[str, Any]:
    """Return what was done; where that is what was proposed, its params stand there."""
    if (final["action"], final["params"]) == (proposed["action"], proposed["params"]):
        return {"action": final["action"]}
    return action_view(final, with_reasoning=False)


def verdict_view(verdict: Json) -> dict[str, Any]:
    """Return what a gate said, each reason with its facts."""
    reasons = [{"code": reason["code"], **shown(reason["facts"])} for reason in verdict["reasons"]]
    return {"allowed": verdict["allowed"]} | ({"reasons": reasons} if reasons else {})


def _execution(execution: Json) -> dict[str, Any]:
    names = ("symbol", "side", "amount", "price", "status", "filled", "average_price", "fee")
    orders = []
    for order in execution["orders"]:
        view = shown({name: order[name] for name in names if order[name] is not None})
        if order["average_price"] == order["price"]:
            view.pop("average_price")
        if order["message"]:
            view["message"] = _text(order["message"], MESSAGE_LENGTH_MAX)
        orders.append(view)
    return known(
        {
            "status": execution["status"],
            "dry_run": execution["dry_run"],
            "message": _text(execution["message"], MESSAGE_LENGTH_MAX),
            "orders": orders,
        }
    )


def _shadow(llm: Json | None) -> dict[str, Any] | None:
    """Return what a model proposed in a cycle that the rules decided; it went through no gate."""
    shadow = shadow_of(llm)
    if shadow is None:
        return None
    view: dict[str, Any] = {"action": shadow.action, **shown(shadow.params)}
    view |= {"failure": shadow.failure, "rules_decided_because": shadow.why}
    view["reasoning"] = _text(shadow.reasoning, REASONING_LENGTH_MAX)
    return known(shown(view))


def _usage(llm: Json | None) -> dict[str, Any] | None:
    if not llm or not was_asked(llm):
        return None
    names = (
        "model", "prompt_version", "requests", "input_tokens", "output_tokens", "cost_usd",
        "latency_ms",
    )  # fmt: skip
    view = {name: llm.get(name) for name in names}
    if (day := recorded_on(llm)) is not None:
        view["replies_recorded_on"] = day
    return shown(view)


def _linked(linked: Json | None) -> dict[str, Any] | None:
    if linked is None:
        return None
    return {
        "id": linked["id"],
        "as_of": linked["as_of"],
        "action": linked["action"],
        "symbol": _text(linked["symbol"], NAME_LENGTH_MAX),
        "status": linked["status"],
        "reasoning": _text(linked["reasoning"], SNIPPET_LENGTH_MAX),
    }


def _later(later: Json, decision_id: int) -> dict[str, Any]:
    update = later["update"]
    names: tuple[str, ...] = _UPDATE_FACTS
    if later["told_by_id"] == decision_id and update["kind"] == "fill":
        # Its own orders tell the rest.
        names = ("side", "cash", "captured_premium")
    facts = {name: update["facts"][name] for name in names if update["facts"].get(name) is not None}
    return {
        "told_by_id": later["told_by_id"],
        "kind": update["kind"],
        "symbol": _text(update["symbol"], NAME_LENGTH_MAX),
        **shown(facts),
    }


_UPDATE_FACTS = (
    "side", "amount", "position", "price", "fee", "delivery_price_usd", "payoff", "cash",
    "captured_premium", "status", "message",
)  # fmt: skip


def status_view(status: Json) -> dict[str, Any]:
    """Return the status without what only a person at this machine needs."""
    return known(shown({name: value for name, value in status.items() if name != "home"}))


def shown(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return JSON values for a model: texts cut and printable, numbers to six digits."""
    return {
        outside_text(str(name), length_max=NAME_LENGTH_MAX): _shown(value)
        for name, value in values.items()
    }


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return outside_text(value, length_max=MESSAGE_LENGTH_MAX)
    if isinstance(value, float):
        return number(value, 6)
    if isinstance(value, Mapping):
        return shown(value)
    return [_shown(item) for item in value] if isinstance(value, list | tuple) else value


def known(view: dict[str, Any]) -> dict[str, Any]:
    """Return the view without parts that are empty; a part that says nothing is not shown."""
    return {name: part for name, part in view.items() if part not in (None, "", [], {})}


def _text(text: str | None, length_max: int) -> str | None:
    return None if text is None else outside_text(text, length_max=length_max)
