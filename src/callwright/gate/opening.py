"""From settings to a desk's gate. It loads the SDK, so only a desk with a model imports it."""

from __future__ import annotations

from callwright.config import Settings
from callwright.gate.approvals import read_approvals
from callwright.gate.combination import combination_of
from callwright.gate.keeping import GatedBrain
from callwright.gate.standing import NeverApproved, Standing, standing_of
from callwright.memory.database import DeskDatabase
from callwright.model_brain import manager_settings
from callwright.ports import Brain


def standing_in(settings: Settings, model: str | None = None) -> Standing:
    """Return how the combination of these settings stands with their ``gate.toml``.

    Args:
        model: In the place of ``LLM_MODEL_NAME``.

    Raises:
        ConfigError: As ``combination_of``, or the file cannot be read.
    """
    return standing_of(combination_of(settings, model), read_approvals(settings.llm_gate_file))


def gated(settings: Settings, database: DeskDatabase, model: Brain, rules: Brain) -> GatedBrain:
    """Return a model behind the gate of these settings, its canary booked in ``database``.

    Replies that are played, or recorded, stand under an objection that no file takes away.

    Raises:
        ConfigError: ``gate.toml`` cannot be read.
    """
    is_taped = manager_settings(settings).tape is not None
    names = dict.fromkeys(filter(None, (settings.llm_model_name, settings.llm_cheaper_model_name)))

    async def canary(standing: Standing) -> str:
        # Only here: a desk whose canary is not asked needs no statistics.
        from callwright.evaluation.running import model as ask_model
        from callwright.gate.canary import drift_of

        return await drift_of(standing, settings, ask_model(database))

    return GatedBrain(
        model,
        rules,
        {name: NeverApproved() if is_taped else standing_in(settings, name) for name in names},
        is_production=settings.mode == "production",
        canary=canary if settings.llm_canary else None,
    )
