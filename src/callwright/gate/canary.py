"""The canary: a few situations of the suite, asked again before a desk lets a model decide.

A hosted model is not deterministic, so an answer is as approved when it is one that the situation
calls right, or one that the model gave when it was approved. Any other answer is a drift, and so is
another name of the model in the provider's replies.
"""

from __future__ import annotations

from callwright.config import Settings, changed_settings
from callwright.domain.failure import UNHEARD
from callwright.errors import CallwrightError, StorageError
from callwright.evaluation.answers import text_of
from callwright.evaluation.cases import case_of, suite_settings
from callwright.evaluation.running import Ask
from callwright.evaluation.scoring import NOTHING_KNOWN
from callwright.evaluation.situations import matching
from callwright.gate.standing import Standing, other_model
from callwright.ports import BrainAnswer
from callwright.tools.fences import outside_text

ANSWER_LENGTH_MAX = 200


def said(answer: BrainAnswer) -> str:
    """Return an answer as it is kept in ``gate.toml``; a failure by its code."""
    if answer.failure is not None and answer.failure not in NOTHING_KNOWN:
        return answer.failure
    return outside_text(text_of(answer.proposal), length_max=ANSWER_LENGTH_MAX)


async def drift_of(standing: Standing, settings: Settings, ask: Ask) -> str:
    """Return in what the model is not as it was approved; empty when it is.

    Args:
        standing: The model that the desk asks is asked, whatever an approval calls its own.
        settings: Whose models are asked; limits are those of the situations.

    Raises:
        StorageError: The usage cannot be booked.
    """
    approval = standing.approval
    if approval is None:
        return standing.why
    found: list[str] = []
    try:
        model = standing.combination.model
        suite = suite_settings(changed_settings(settings, llm_model_name=model))
        for name in approval.canary:
            (situation,) = matching([name])
            case = case_of(situation, suite)
            answer = await ask(case)
            if answer.failure in UNHEARD:
                return f"its canary was not answered: {answer.failure} {answer.failure_message}"
            answered = said(answer)
            if answered not in case.right and answered not in approval.answers[name]:
                before = " or ".join(approval.answers[name]) or "nothing"
                found.append(f"{name} is answered {answered}, approved was {before}")
            other = other_model(approval, answer.llm or {})
            if other and other not in found and answer.failure is None:
                found.append(other)
    except StorageError:
        raise
    except CallwrightError as exc:
        return f"its canary cannot be asked: {exc.message}"
    except Exception as exc:  # noqa: BLE001 - a canary that breaks is one that does not sing
        return f"its canary cannot be asked: {type(exc).__name__}"
    return f"it drifted: {'; '.join(found)}" if found else ""
