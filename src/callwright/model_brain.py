"""From settings to a manager agent; it imports the SDK, so only a desk with a model imports it."""

from __future__ import annotations

from callwright import gates
from callwright.agents.manager import LlmBrain
from callwright.agents.prices import load_prices
from callwright.agents.providers import ManagerSettings
from callwright.config import Settings
from callwright.costs import budgets_of, models_are_local
from callwright.domain.decision import Proposal
from callwright.domain.scan import Scan
from callwright.domain.snapshot import Snapshot
from callwright.errors import ConfigError
from callwright.memory.database import DeskDatabase
from callwright.memory.usage import SqliteUsageBook


def manager_settings(settings: Settings) -> ManagerSettings:
    """Return what the manager takes from the settings."""
    return ManagerSettings(
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


def model_brain(settings: Settings, database: DeskDatabase) -> LlmBrain:
    """Return a manager agent whose requests are booked in this desk's database.

    Raises:
        ConfigError: The endpoint is refused, a key is missing, a price file is wrong, or a hosted
            model has no price.
    """
    limits, policy = settings.limits(), settings.policy_settings()

    def check(proposal: Proposal, snapshot: Snapshot, scan: Scan) -> tuple[str, ...]:
        return gates.codes(proposal, snapshot, scan, policy, limits)

    prices, is_local = load_prices(settings.llm_prices_file), models_are_local(settings)
    for model in filter(None, (settings.llm_model_name, settings.llm_cheaper_model_name)):
        if prices.of(model) is None and not is_local:
            raise ConfigError(
                f"the price of {model} is not known, so no budget could be kept",
                remedy="write its price into LLM_PRICES_FILE (docs/costs.md)",
            )
    book = SqliteUsageBook(
        database, price_of=prices.of, budgets=budgets_of(settings), is_local=is_local
    )
    return LlmBrain(
        manager_settings(settings),
        limits=limits,
        policy=policy,
        check=check,
        book=book,
        redact=settings.redact,
    )
