"""Limits: one name inside, one in the configuration; who reads it, who documents it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

import builders
from callwright.agents.prompt import LIMITS_SHOWN, limits_text
from callwright.config import NOT_RECORDED, PRESETS, Settings, changed_settings
from callwright.domain.limits import Limits, PolicySettings
from callwright.status import LIMITS_SHOWN as SHOWN_IN_STATUS
from callwright.what_if.settings import CHANGEABLE
from one_truth.names import (
    attributes_of,
    named_rows,
    snake_names,
    sources,
    texts_of,
    ticked,
    upper_names,
)
from one_truth.sides import equal, side, within
from one_truth.trees import EditedTree

NAMES, EXAMPLE = "docs/names.md", "callwright.toml.example"
ENFORCERS = ("guardrails", "src/callwright/policy", "src/callwright/analytics")


def limits_and_settings(tree: EditedTree) -> Iterator[str]:
    """Each limit has one setting, is read by a gate or by care, and stands in docs/names.md so."""
    fields = side("domain/limits.py", Limits.model_fields)
    yield from within(side("LIMITS_SHOWN of agents/prompt.py", LIMITS_SHOWN), fields)
    told = re.findall(r"(?m)^- (\w+) = ", limits_text(builders.limits()))
    yield from equal(side("the prompt's limits", told), side("LIMITS_SHOWN", LIMITS_SHOWN))
    readers: dict[str, set[str]] = {}
    for path in sources(*ENFORCERS):
        for name in attributes_of(tree.text(path), "limits"):
            readers.setdefault(name, set()).add(path)
    for name, paths in sorted(readers.items()):
        yield from within(side(", ".join(sorted(paths)), {name}), fields)
    yield from within(fields, side("any gate or care", readers))
    for path in sources("guardrails"):
        named = {text for text in texts_of(tree.text(path)) if snake_names(text) == {text}}
        yield from within(side(path, named), fields)
    defaults = changed_settings(Settings.model_construct())
    page = tree.text(NAMES)
    documented = named_rows(page, "## Limits")
    found = _settings_of(defaults, "limits")
    yield from _agree(documented, found)
    for name, cells in documented.items():
        yield from equal(side(f"{NAMES} of {name}", ticked(cells[2])),
                         side("the source", readers.get(name, set())))  # fmt: skip
    own = named_rows(page, "## The rules' own numbers")
    yield from _agree(own, _settings_of(defaults, "policy"))
    yield from equal(side("domain/limits.py", PolicySettings.model_fields),
                     side(f"{NAMES}, The rules' own numbers", own))  # fmt: skip
    yield from equal(fields, side(f"{NAMES}, Limits", documented))


def settings_and_files(tree: EditedTree) -> Iterator[str]:
    """Every key of the configuration is in the example, and every key there is one."""
    settings = side("config", Settings.model_fields)
    text = tree.text(EXAMPLE)
    written = set(re.findall(r"(?m)^# ([a-z_]+)(?: = |: )", text))
    secrets = set(re.findall(r"\(([a-z_]+)\)", text.partition("# --- Secrets")[2]))
    yield from equal(side(EXAMPLE, written | secrets), settings)
    yield from within(side("what config does not record", NOT_RECORDED), settings)
    asked = set(re.findall(r'config\.get\("(\w+)"\)', tree.text("src/callwright/status.py")))
    yield from within(side("status.py", asked), settings)
    for kind in ("scan_settings", "execution_settings"):
        getattr(changed_settings(Settings.model_construct()), kind)()
    upper = {name.upper() for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        yield from within(side(f"the description of {name}", upper_names(field.description or "")),
                          side("config", upper))  # fmt: skip
    for mode, preset in PRESETS.items():
        yield from within(side(f"the preset of {mode}", preset), settings)
    yield from within(side("status.LIMITS_SHOWN", SHOWN_IN_STATUS), settings)
    yield from within(side("CHANGEABLE of what_if", CHANGEABLE), settings)
    snapshot = changed_settings(Settings.model_construct()).config_snapshot()
    yield from within(side("status.LIMITS_SHOWN", SHOWN_IN_STATUS),
                      side("a record's config_snapshot", snapshot))  # fmt: skip


def _agree(documented: dict[str, list[str]], found: dict[str, set[str]]) -> Iterator[str]:
    for name, settings in found.items():
        if len(settings) != 1:
            yield f"{name} follows {sorted(settings) or 'no setting'}, and should follow one"
        cells = documented.get(name)
        if cells is not None:
            upper = {setting.upper() for setting in settings}
            yield from equal(side(f"{NAMES} of {name}", ticked(cells[1])),
                             side("config", upper))  # fmt: skip


def _settings_of(defaults: Settings, kind: str) -> dict[str, set[str]]:
    """Return which settings move which number: found by moving each of them."""

    def numbers(settings: Settings) -> dict[str, Any]:
        chosen = settings.limits() if kind == "limits" else settings.policy_settings()
        return chosen.model_dump()

    was = numbers(defaults)
    found: dict[str, set[str]] = {name: set() for name in was}
    for setting in Settings.model_fields:
        for other in _others(getattr(defaults, setting)):
            try:
                now = numbers(defaults.model_copy(update={setting: other}))
            except ValidationError:
                continue
            for name in was:
                if now[name] != was[name]:
                    found[name].add(setting)
            break
    return found


def _others(value: Any) -> Iterator[Any]:
    """Yield other values, several of a number: a window may refuse the first."""
    if isinstance(value, dict):
        yield {coin: amount + 1 for coin, amount in value.items()}
    elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        # Decimals do not mix with floats; whole numbers stay whole.
        yield value + 1
        yield value - 1
        yield value * Decimal("1.01") if isinstance(value, Decimal) else value * 1.01
