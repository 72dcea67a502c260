"""From settings to agents; it imports the SDK, so only a desk or a chat with a model imports it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from callwright import gates
from callwright.agents.manager import LlmBrain
from callwright.agents.prices import load_prices
from callwright.agents.providers import ManagerSettings
from callwright.agents.recorded import Player
from callwright.agents.recorder import Recorder
from callwright.config import Settings
from callwright.costs import budgets_of, models_are_local
from callwright.domain.decision import Proposal
from callwright.domain.menu import Menu
from callwright.domain.pricing import ModelPrice
from callwright.domain.scan import Scan
from callwright.domain.snapshot import Snapshot
from callwright.errors import ConfigError
from callwright.memory.chat_sessions import SqliteChatSessions
from callwright.memory.database import DeskDatabase
from callwright.memory.usage import SqliteUsageBook
from callwright.ports import DeskReader
from callwright.recordings import read_recording

if TYPE_CHECKING:
    from callwright.agents.explainer import Explainer, ExplainerSettings

RECORDING_TIMEOUT_S = 900.0
"""Of a decision or an answer that is recorded: whoever records waits, however slow the machine."""

_FREE = ModelPrice(
    provider="recording",
    as_of=date(2026, 11, 21),
    source="nobody is asked, or a machine of one's own",
    input=Decimal(0),
    output=Decimal(0),
)
"""What is played costs nothing, whoever gave the replies; and so does recording them."""

_recorder: ContextVar[Recorder | None] = ContextVar("recorder", default=None)


@contextmanager
def recording_with(recorder: Recorder) -> Iterator[None]:
    """Let every agent that is made in the block ask the recorder's server, and be recorded."""
    token = _recorder.set(recorder)
    try:
        yield
    finally:
        _recorder.reset(token)


def manager_settings(settings: Settings) -> ManagerSettings:
    """Return what the manager takes from the settings.

    Raises:
        ConfigError: There is no recording of that name, or it is damaged.
    """
    asked = ManagerSettings(
        model=settings.llm_model_name,
        cheaper_model=settings.llm_cheaper_model_name,
        wire=settings.llm_wire,
        protocol=settings.llm_protocol,
        base_url=settings.llm_base_url,
        allow_private_network=settings.llm_allow_private_network,
        api_key=settings.openai_api_key,
        max_turns=settings.llm_max_turns,
        max_tool_calls=settings.llm_max_tool_calls,
        max_tool_calls_per_turn=settings.llm_max_tool_calls_per_turn,
        max_input_tokens=settings.llm_max_input_tokens,
        max_output_tokens=settings.llm_max_decision_tokens,
        timeout_s=settings.llm_timeout_seconds,
    )
    return dataclasses.replace(asked, **_tape(settings))


def explainer_settings(settings: Settings) -> ExplainerSettings:
    """Return what the explainer takes from the settings.

    Raises:
        ConfigError: There is no recording of that name, or it is damaged.
    """
    # A desk that only decides needs none of it.
    from callwright.agents.explainer import ExplainerSettings

    asked = ExplainerSettings(
        model=settings.llm_chat_model_name or settings.llm_model_name,
        cheaper_model=settings.llm_cheaper_model_name,
        wire=settings.llm_wire,
        protocol=settings.llm_protocol,
        base_url=settings.llm_base_url,
        allow_private_network=settings.llm_allow_private_network,
        api_key=settings.openai_api_key,
        max_input_tokens=settings.llm_chat_max_input_tokens,
        max_output_tokens=settings.llm_chat_max_tokens,
        timeout_s=settings.llm_chat_timeout_seconds,
    )
    return dataclasses.replace(asked, **_tape(settings))


def _tape(settings: Settings) -> dict[str, Any]:
    """Return who is asked where replies are played or recorded; nothing where a model is."""
    recorder = _recorder.get()
    if recorder is not None:
        return {
            "tape": recorder,
            "base_url": recorder.base_url,
            "allow_private_network": True,
            "timeout_s": RECORDING_TIMEOUT_S,
        }
    if settings.llm_recording is None:
        return {}
    return {"tape": Player(read_recording(settings.llm_recording))}


def _clock(asked: ManagerSettings) -> Callable[[], float]:
    """Return what latencies are measured with: recorded ones are what they were."""
    return time.monotonic if asked.tape is None else asked.tape.clock


def model_brain(
    settings: Settings,
    database: DeskDatabase,
    *,
    purpose: Literal["decision", "chat"] = "decision",
    has_prechecks: bool = True,
    prompt: str | None = None,
) -> LlmBrain:
    """Return a manager agent whose requests are booked in this desk's database.

    Args:
        purpose: ``chat`` when somebody only asks what it would do.
        has_prechecks: Show the model what code would say of each proposal; False only to measure
            what that is worth.
        prompt: A template in place of the manager's own, to try one.

    Raises:
        ConfigError: The endpoint is refused, a key is missing, a price file is wrong, a hosted
            model has no price, or the prompt has other placeholders than the manager's own.
    """
    limits, policy = settings.limits(), settings.policy_settings()

    def check(proposal: Proposal, snapshot: Snapshot, scan: Scan) -> tuple[str, ...]:
        return gates.codes(proposal, snapshot, scan, policy, limits)

    def choose_from(snapshot: Snapshot, scan: Scan) -> Menu:
        return gates.menu_now(snapshot, scan, policy, limits, has_prechecks=has_prechecks)

    asked = manager_settings(settings)
    return LlmBrain(
        asked,
        limits=limits,
        policy=policy,
        check=check if has_prechecks else None,
        menu=choose_from,
        book=_book(settings, database, asked),
        redact=settings.redact,
        purpose=purpose,
        prompt=prompt,
        clock=_clock(asked),
    )


def open_explainer(
    settings: Settings,
    database: DeskDatabase,
    desk: DeskReader,
    *,
    sessions_file: Path | None = None,
    command_options: str = "",
) -> Explainer:
    """Return an explainer of ``desk`` whose requests are booked in ``database``.

    Args:
        database: Of the home whose budgets hold; the desk itself may be running on it.
        sessions_file: Where conversations are kept (``memory.chat_sessions.CHAT_FILE``); without
            it each question stands alone.
        command_options: Put behind the commands that are shown, such as ``--home var/llm``.

    Raises:
        ConfigError: As ``model_brain``.
    """
    from callwright.agents.explainer import Explainer

    asked = explainer_settings(settings)
    return Explainer(
        asked,
        desk,
        _book(settings, database, asked),
        settings.redact,
        sessions=None if sessions_file is None else SqliteChatSessions(sessions_file),
        command_options=command_options,
        clock=_clock(asked),
    )


def _book(settings: Settings, database: DeskDatabase, asked: ManagerSettings) -> SqliteUsageBook:
    prices, is_local = load_prices(settings.llm_prices_file), models_are_local(settings)
    for model in filter(None, (asked.model, asked.cheaper_model)):
        if prices.of(model) is None and not is_local:
            raise ConfigError(
                f"the price of {model} is not known, so no budget could be kept",
                remedy="write its price into LLM_PRICES_FILE (docs/costs.md)",
            )
    price_of = prices.of if asked.tape is None else lambda _: _FREE
    return SqliteUsageBook(
        database, price_of=price_of, budgets=budgets_of(settings), is_local=is_local
    )
