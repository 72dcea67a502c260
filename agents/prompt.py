"""What the manager is told: a fixed text, then a small variable one.

The fixed part (instructions and tool schemas) is the same in every cycle of a configuration, so
that providers can cache it; time and trading state come last. The list of actions comes from the
decision contract and the limits from ``Limits``: neither is written down a second time.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from callwright.domain.base import iso_utc
from callwright.domain.decision import PROPOSAL_ADAPTER
from callwright.domain.limits import Limits, PolicySettings
from callwright.domain.snapshot import Snapshot
from callwright.errors import ConfigError
from callwright.tools.fences import FENCE_CLOSE, FENCE_OPEN, fenced, number, outside_text
from callwright.tools.menu import Choices
from callwright.tools.proposal import CANNOT_DECIDE

if TYPE_CHECKING:
    # It brings the SDK along, and the text needs none.
    from callwright.agents.providers import Protocol

CHARACTERS_PER_TOKEN = 3.5
"""The estimate of a prompt's tokens; no provider's tokenizer is needed for it."""
CHARACTERS_PER_TOKEN_MIN = 2.0
"""What is reserved is reckoned with shorter tokens: digits and codes make many."""

LIMITS_SHOWN: tuple[str, ...] = (
    "margin_used_frac_max",
    "net_delta_abs_max",
    "expiry_exposure_max_coin",
    "cover_reserve_coin",
    "delta_open_min",
    "delta_open_max",
    "dte_open_min_days",
    "dte_open_max_days",
    "premium_min_coin",
    "roll_credit_min_coin",
    "roll_debit_max_coin",
    "roll_defend_delta_min",
    "roll_dwell_s",
    "open_cooldown_s",
    "orders_per_day_max",
    "daily_loss_frac_max",
)
"""The limits that a choice of the manager's can respect, by their names in ``Limits``."""

PRECHECKS = (
    '\n- Propose only what "allowed_now" lists: what has "passes": true. "codes" say why code '
    "would deny the rest."
)
"""Told where the tools show what code would say of each proposal."""

CAN_REFUSE = (
    f'give {CANNOT_DECIDE} as the action, params {{}}, and say in "reasoning"\n'
    "   what is missing. That is no action and is recorded as a failure; DO_NOTHING is a decision."
)
"""What a model that has to call a tool does when it cannot decide."""
CAN_REFUSE_IN_TEXT = 'answer {"error": true, "error_reason": "why"}.'
"""The same for a small one, whose tool has no such action (``tools.proposal.CANNOT_DECIDE``)."""

_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")


def instructions(
    limits: Limits,
    policy: PolicySettings,
    *,
    protocol: Protocol = "two-call",
    has_prechecks: bool = True,
    template: str | None = None,
) -> str:
    """Return the fixed part of the prompt, for one configuration.

    Args:
        protocol: A small model is told otherwise what to do when it cannot decide; one that has a
            menu, only how to choose.
        has_prechecks: The tools show what code would say of each proposal.
        template: In place of the protocol's own, with the same placeholders.

    Raises:
        ConfigError: ``template`` has other placeholders.
    """
    name = "menu" if protocol == "menu" else "manager"
    own = files("callwright.agents").joinpath(f"prompts/{name}.md").read_text("utf-8")
    if template is not None:
        _require_same_placeholders(template, own, f"agents/prompts/{name}.md")
    values = {
        "fence_open": FENCE_OPEN,
        "fence_close": FENCE_CLOSE,
        "target_delta": f"{policy.target_delta:g}",
    }
    if protocol != "menu":
        values |= {
            "actions": actions_text(),
            "refusal": CAN_REFUSE_IN_TEXT if protocol == "stepwise" else CAN_REFUSE,
            "prechecks": PRECHECKS if has_prechecks else "",
            "limits": limits_text(limits),
            "roll_delta": f"{policy.roll_delta:g}",
            "roll_dte_days": f"{policy.roll_dte_days:g}",
            "roll_dte_delta": f"{policy.roll_dte_delta_min:g}",
            "dte_min": f"{limits.dte_open_min_days:g}",
            "dte_max": f"{limits.dte_open_max_days:g}",
            "ivrv_min": f"{policy.ivrv_min:g}",
            "capture": f"{policy.capture_frac:.0%}",
        }
    return rendered(own if template is None else template, values)


def _require_same_placeholders(template: str, own: str, name: str) -> None:
    given, known = (set(_PLACEHOLDER.findall(text)) for text in (template, own))
    wrong = [f"{{{{{place}}}}} is none of the manager's" for place in sorted(given - known)]
    wrong += [f"{{{{{place}}}}} is missing" for place in sorted(known - given)]
    if wrong:
        raise ConfigError(
            f"the prompt's placeholders are not the manager's: {'; '.join(wrong)}",
            remedy=f"begin with a copy of {name} and keep its placeholders",
        )


def rendered(template: str, values: Mapping[str, str]) -> str:
    """Return the template with every ``{{name}}`` replaced.

    Raises:
        KeyError: A placeholder has no value.
        ValueError: A value has no placeholder.
    """
    unused = set(values) - set(_PLACEHOLDER.findall(template))
    if unused:
        raise ValueError(f"the template has no placeholder for {', '.join(sorted(unused))}")
    return _PLACEHOLDER.sub(lambda match: values[match[1]], template)


def actions_text() -> str:
    """Return one line for each action of the contract: its params, and what it does."""
    whole = PROPOSAL_ADAPTER.json_schema()
    lines = []
    for reference in whole["oneOf"]:
        variant = whole["$defs"][reference["$ref"].rpartition("/")[2]]
        action = variant["properties"]["action"]["const"]
        params = whole["$defs"][variant["properties"]["params"]["$ref"].rpartition("/")[2]]
        names = ", ".join(f'"{name}"' for name in params.get("properties", {}))
        does = params["description"].replace("``", "").replace("\n", " ")
        lines.append(f"- {action}, params {{{names}}}: {does}")
    return "\n".join(lines)


def limits_text(limits: Limits) -> str:
    """Return the limits that a manager can respect, a line each, by their names in ``Limits``."""
    return "\n".join(f"- {name} = {_shown(getattr(limits, name))}" for name in LIMITS_SHOWN)


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{coin} {_shown(amount)}" for coin, amount in value.items()) or "none"
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return f"{value:g}"


def situation(snapshot: Snapshot, choices: Choices | None = None) -> str:
    """Return the variable part of the prompt: time, trading state and a menu if any, as data."""
    facts: dict[str, Any] = {
        "time": iso_utc(snapshot.as_of),
        "trading_state": snapshot.desk.trading_state.value,
        "index_usd": {
            outside_text(coin, length_max=10): number(market.index_usd, 6)
            for coin, market in snapshot.market.underlyings.items()
        },
    }
    if choices is not None:
        facts |= choices.view
    return f"A new cycle begins. Decide.\n{fenced(facts)}"


def estimated_tokens(characters: int) -> int:
    """Return about how many tokens a text of so many characters has (characters / 3.5)."""
    return math.ceil(characters / CHARACTERS_PER_TOKEN)


def tokens_max(characters: int) -> int:
    """Return a number of tokens that such a text hardly has, for reserving money."""
    return math.ceil(characters / CHARACTERS_PER_TOKEN_MIN)


def version_of(*parts: object) -> str:
    """Return 12 hex digits that change whenever the prompt, a schema or a setting does."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return sha256(text.encode()).hexdigest()[:12]
