"""What is approved: everything that decides what a model is sent, a hash for each part of it.

The limits are part of the prompt, and they are a person's. So the prompt is hashed as the suite
renders it, with the default limits: whatever limits a desk has, its combination stays the same one,
and it is the very prompt that the suite's scores are about.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from callwright.agents.prompt import instructions
from callwright.agents.providers import Provider
from callwright.agents.toolbox import tools_text
from callwright.config import Settings
from callwright.domain.base import Frozen
from callwright.domain.hosts import is_loopback
from callwright.evaluation.cases import case_of, suite_settings
from callwright.evaluation.showing import as_shown
from callwright.evaluation.situations import matching
from callwright.gate.approvals import PARTS, Part, hash_of, version_of_parts
from callwright.gate.standing import CANARIES
from callwright.model_brain import manager_settings

THIS_MACHINE = "this machine"

_NAME = re.compile(r'"(\w+)":')


class Combination(Frozen):
    """One way to ask one model.

    Attributes:
        server: The host that is asked; every address of this machine is ``this machine``.
        parts: A hash for each part.
    """

    model: str
    wire: str
    protocol: str
    server: str
    parts: Mapping[Part, str]

    @property
    def version(self) -> str:
        return version_of_parts(self.parts)


def combination_of(settings: Settings, model: str | None = None) -> Combination:
    """Return the combination that a desk of these settings asks; nothing is sent.

    Args:
        model: In the place of ``LLM_MODEL_NAME``.

    Raises:
        ConfigError: The endpoint is refused.
        DataInvalid: A situation of the canary contradicts itself.
    """
    asked = manager_settings(settings)
    if not asked.key:
        # What would be sent does not depend on the key, and a check needs none.
        asked = dataclasses.replace(asked, api_key=SecretStr("none"))
    model = model or asked.model
    provider = Provider(asked, clock=lambda: 0.0)
    server = THIS_MACHINE if is_loopback(provider.endpoint.host) else provider.endpoint.host
    contents: dict[Part, Any] = {
        "prompt": _prompt(settings),
        "tools": [tools_text(stepwise=asked.is_stepwise), _names_shown(settings)],
        "settings": [asked.wire, asked.protocol, _options(provider, model)],
        "model": model,
        "server": server,
    }
    return Combination(
        model=model,
        wire=asked.wire,
        protocol=asked.protocol,
        server=server,
        parts={name: hash_of(contents[name]) for name in PARTS},
    )


def _prompt(settings: Settings) -> str:
    suite = suite_settings(settings)
    return instructions(suite.limits(), suite.policy_settings())


def _options(provider: Provider, model: str) -> Mapping[str, Any]:
    # How often a request is tried again changes no answer; an option that is None is not sent.
    options = dataclasses.asdict(
        dataclasses.replace(provider.model_settings(model, cache_key=""), retry=None)
    )
    return {name: value for name, value in options.items() if value is not None}


def _names_shown(settings: Settings) -> Mapping[str, list[str]]:
    """Return every name of a field that a model is shown in the canary's situations.

    Names only: the last digit of a number may depend on the machine.
    """
    suite = suite_settings(settings)
    shown: dict[str, set[str]] = {}
    for situation in matching(CANARIES):
        for source, text in as_shown(case_of(situation, suite)).items():
            shown.setdefault(source, set()).update(_NAME.findall(text))
    return {source: sorted(names) for source, names in shown.items()}
