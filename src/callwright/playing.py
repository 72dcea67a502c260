"""From settings to recorded replies: who is played, what the desk needs for it, what is told of it.

Where recorded replies are played, nobody is asked. Only names, wire and protocol of the model come
from the recording, never a limit, a cap or a budget: a request that differs because of those is not
recorded, is announced as such, and the rules decide.
"""

from __future__ import annotations

import re
from typing import Any

from callwright.config import Settings, changed_settings
from callwright.domain.failure import ModelFailure
from callwright.errors import ConfigError
from callwright.ports import BrainAnswer
from callwright.recordings import Origin, read_origin

_OF_THE_MODEL = (
    "llm_model_name",
    "llm_chat_model_name",
    "llm_cheaper_model_name",
    "llm_wire",
    "llm_protocol",
)
_OF_THE_DESK = ("market", "step")

_SYNTHETIC = re.compile(r"synthetic(:[a-z0-9-]{1,40})?", re.ASCII)


def recorded_settings(settings: Settings) -> dict[str, str | None]:
    """Return what a recording's origin says of the settings with which it was made."""
    return {name: getattr(settings, name) for name in (*_OF_THE_MODEL, *_OF_THE_DESK)}


def with_recording(settings: Settings) -> Settings:
    """Return the settings with the model of ``LLM_RECORDING``; as they are without one.

    Market and step are the recording's where nobody wrote any. A recording may be anybody's file:
    it names a synthetic market or none, never a folder of this machine.

    Raises:
        ConfigError: There is no such recording, or it is damaged, or no desk can have what its
            first line says of settings.
    """
    name = settings.llm_recording
    if name is None:
        return settings
    recorded = read_origin(name).settings
    # Another model would be asked for by name; the recording has the replies of this one only.
    changes: dict[str, Any] = {key: recorded[key] for key in _OF_THE_MODEL if key in recorded}
    changes |= {
        key: recorded[key]
        for key in _OF_THE_DESK
        if key in recorded and key not in settings.model_fields_set
    }
    market = changes.get("market", "synthetic")
    if not (isinstance(market, str) and _SYNTHETIC.fullmatch(market)):
        raise ConfigError(
            f"the recording {name} names the market {market!r}; only a synthetic one may come "
            "from a recording",
            remedy="name the market yourself: --market",
        )
    try:
        return changed_settings(settings, **changes)
    except ConfigError as exc:
        # Settings were possible before: it is the file that is wrong, not what anybody wrote.
        raise ConfigError(
            f"the recording {name}, line 1, has settings that no desk can have: {exc.message}",
            remedy="name another in LLM_RECORDING, or make it anew: python scripts/record_demo.py",
        ) from exc


def origin_of(settings: Settings) -> Origin | None:
    """Return where the replies are from that are played; None: a model is asked, or nobody.

    Raises:
        ConfigError: There is no such recording, or it is damaged.
    """
    return None if settings.llm_recording is None else read_origin(settings.llm_recording)


def not_recorded(answer: BrainAnswer) -> str | None:
    """Return why the rules decide in the place of a recorded model; None: its answer stands.

    A reply that was recorded and is no decision stays a failed decision, as it was then.
    """
    if answer.failure == ModelFailure.NOT_RECORDED:
        return answer.failure_message
    return None
