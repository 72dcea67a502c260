"""From settings to a desk's gate. It loads the SDK, so only a desk with a model imports it."""

from __future__ import annotations

from callwright.config import Settings
from callwright.gate.approvals import Approval, read_approvals
from callwright.gate.combination import combination_of
from callwright.gate.keeping import GatedBrain
from callwright.gate.standing import Standing, standing_of
from callwright.memory.database import DeskDatabase
from callwright.ports import Brain


def standing_in(settings: Settings, model: str | None = None) -> Standing:
    """Return how the combination of these settings stands with their ``gate.toml``.

    Args:
        model: In the place of ``LLM_MODEL_NAME``.

    Raises:
        ConfigError: The file cannot be read, or the endpoint is refused.
    """
    return standing_of(combination_of(settings, model), read_approvals(settings.llm_gate_file))


def gated(settings: Settings, database: DeskDatabase, model: Brain, rules: Brain) -> GatedBrain:
    """Return a model behind the gate of these settings, its canary booked in ``database``.

    Raises:
        ConfigError: ``gate.toml`` cannot be read.
    """
    names = dict.fromkeys(filter(None, (settings.llm_model_name, settings.llm_cheaper_model_name)))

    async def canary(approval: Approval) -> str:
        # Only here: a desk whose canary is not asked needs no statistics.
        from callwright.evaluation.running import model as ask_model
        from callwright.gate.canary import drift_of

        return await drift_of(approval, settings, ask_model(database))

    return GatedBrain(
        model,
        rules,
        {name: standing_in(settings, name) for name in names},
        is_production=settings.mode == "production",
        canary=canary if settings.llm_canary else None,
    )
