"""What is approved: everything that decides what a model is sent, a hash for each part of it.

The limits are part of the prompt, and they are a person's. So the prompt is hashed as the suite
renders it, with the default limits: whatever limits a desk has, its combination stays the same one,
and it is the very prompt that the suite's scores are about.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from callwright.agents.endpoint import Endpoint
from callwright.agents.prompt import instructions
from callwright.agents.providers import Protocol, Provider
from callwright.agents.toolbox import Decision, tools_text
from callwright.config import Settings
from callwright.domain.base import Frozen
from callwright.domain.decision import RollCoveredCall, RollParams
from callwright.domain.hosts import is_loopback
from callwright.errors import ConfigError
from callwright.evaluation.cases import Case, case_of, suite_settings
from callwright.evaluation.showing import as_shown, choices_in
from callwright.evaluation.situations import matching
from callwright.gate.approvals import PARTS, Part, hash_of, version_of_parts
from callwright.gate.standing import CANARIES
from callwright.model_brain import manager_settings
from callwright.tools.fences import FENCE_CLOSE, FENCE_OPEN

THIS_MACHINE = "this machine"

_NAME = re.compile(r'"(\w+)":')
_WORD = re.compile(r"[A-Za-z_]+")
_DATA = re.compile(f"{re.escape(FENCE_OPEN)}.*?{re.escape(FENCE_CLOSE)}", re.DOTALL)
_PORTS = {"http": 80, "https": 443}


class Combination(Frozen):
    """One way to ask one model.

    Attributes:
        server: The address that is asked, with port and path, without the key; every address of
            this machine is ``this machine``.
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
        ConfigError: The endpoint is refused, or recorded replies are played: nobody is asked.
        DataInvalid: A situation of the canary contradicts itself.
    """
    asked = manager_settings(settings)
    if asked.is_played:
        raise ConfigError(
            "recorded replies are played, and those are never approved",
            remedy="take LLM_RECORDING away, so that a model is asked",
        )
    mask = asked.mask
    if not asked.key:
        # What would be sent does not depend on the key, and a check needs none.
        asked = dataclasses.replace(asked, api_key=SecretStr("none"))
    model = model or asked.model
    provider = Provider(asked, clock=lambda: 0.0)
    server = mask(_address(provider.endpoint))
    cases = _canary_cases(settings)
    around, names = _shown(cases, asked.protocol)
    contents: dict[Part, Any] = {
        "prompt": [_prompt(settings, asked.protocol), around.pop("message")],
        "tools": [
            tools_text(asked.protocol),
            names,
            around,
            _refused(cases[0], asked.protocol),
        ],
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


def _prompt(settings: Settings, protocol: Protocol) -> str:
    suite = suite_settings(settings)
    return instructions(suite.limits(), suite.policy_settings(), protocol=protocol)


def _options(provider: Provider, model: str) -> Mapping[str, Any]:
    # How often a request is tried again changes no answer; an option that is None is not sent.
    options = dataclasses.asdict(
        dataclasses.replace(provider.model_settings(model, cache_key=""), retry=None)
    )
    return {name: value for name, value in options.items() if value is not None}


def _address(endpoint: Endpoint) -> str:
    """Return where requests go; a gateway may choose the model by the port or the path."""
    if is_loopback(endpoint.host):
        return THIS_MACHINE
    url = urlsplit(endpoint.base_url)
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    is_usual = url.port in (None, _PORTS[url.scheme])
    return f"{url.scheme}://{host}{'' if is_usual else f':{url.port}'}{url.path}"


def _canary_cases(settings: Settings) -> tuple[Case, ...]:
    suite = suite_settings(settings)
    return tuple(case_of(situation, suite) for situation in matching(CANARIES))


def _shown(
    cases: Sequence[Case], protocol: Protocol
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return, by what tells it, every text around the data, and every name of a field in it.

    Names only: the last digit of a number may depend on the machine. A menu tells its facts in
    sentences, and there every word counts.
    """
    named = _WORD if protocol == "menu" else _NAME
    around: dict[str, set[str]] = {}
    names: dict[str, set[str]] = {}
    for case in cases:
        for source, text in as_shown(case, protocol).items():
            around.setdefault(source, set()).add(_DATA.sub("", text))
            names.setdefault(source, set()).update(named.findall(text))
    return _sorted(around), _sorted(names)


def _sorted(found: Mapping[str, set[str]]) -> dict[str, list[str]]:
    return {source: sorted(values) for source, values in found.items()}


def _refused(case: Case, protocol: Protocol) -> str:
    """Return what the model is told of a proposal that does not fit, as a decision tells it."""
    choices = choices_in(case) if protocol == "menu" else None
    decision = Decision(case.snapshot, case.scan, case.settings.limits(), None, choices)
    unknown = RollParams(underlying="BTC", from_symbol="BTC-1JAN26-1-C", symbol="BTC-2JAN26-1-C")
    return decision.take(RollCoveredCall(params=unknown).model_dump_json())
