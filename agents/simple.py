"""The manager as one plain function, for programs that have a state and candidates of their own."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from typing import Any

from agents import Agent, RunConfig, Runner
from pydantic import SecretStr
from pydantic_core import to_jsonable_python

from callwright.agents.answers import read_answer
from callwright.agents.failures import ModelFailed
from callwright.agents.prompt import actions_text, rendered, version_of
from callwright.agents.providers import ManagerSettings, Provider
from callwright.agents.runs import CallCaps, failure_of
from callwright.domain.decision import REASONING_LENGTH_MAX, Proposal, parse_proposal
from callwright.errors import CallwrightError, DataInvalid, DecisionInvalid
from callwright.ports import BudgetStage, RequestUsage
from callwright.tools.fences import FENCE_CLOSE, FENCE_OPEN, fenced, outside_text
from callwright.tools.proposal import membership_errors


def choose_action_with_llm(
    state: Mapping[str, Any],
    candidates: Sequence[Mapping[str, Any]],
    *,
    settings: ManagerSettings | None = None,
) -> dict[str, Any]:
    """Ask a model once which covered-call action to take; never raises for the model's sake.

    Args:
        state: What the model should know, as JSON values. Open short calls that may be closed or
            rolled stand under ``short_calls``, each a symbol or a mapping with ``symbol``; the
            ``state`` of a cycle record has them under ``portfolio.by_underlying``.
        candidates: Calls that may be sold, each a mapping with ``symbol``.
        settings: Who is asked; by default what ``LLM_MODEL_NAME``, ``LLM_BASE_URL``, ``LLM_WIRE``,
            ``LLM_ALLOW_PRIVATE_NETWORK``, ``LLM_TIMEOUT_SECONDS`` and ``OPENAI_API_KEY`` say in the
            environment.

    Returns:
        ``{"action", "params", "reasoning"}`` of the decision contract, on symbols that were given.
        When anything went wrong: ``DO_NOTHING`` with ``failure``, a stable code (docs/codes.md),
        and the reason in ``reasoning``.

    No size is chosen, no limit is checked and nothing is booked: judge and size what comes back.
    """
    mask: Callable[[str], str] = str
    try:
        settings = settings or settings_of(os.environ)
        mask = settings.mask
        proposal = _run(_choose(state, candidates, settings))
    except ModelFailed as exc:
        return _fallback(exc.failure.value, exc.message, mask)
    except CallwrightError as exc:
        return _fallback(exc.code, exc.message, mask)
    return {
        "action": proposal.action,
        "params": proposal.params.model_dump(),
        "reasoning": outside_text(mask(proposal.reasoning), length_max=REASONING_LENGTH_MAX),
    }


def settings_of(environment: Mapping[str, str]) -> ManagerSettings:
    """Return the settings that the environment names, the defaults where it is silent.

    Raises:
        DataInvalid: A value is not of its kind.
    """
    key = environment.get("OPENAI_API_KEY")
    wire = environment.get("LLM_WIRE", "responses")
    try:
        timeout_s = float(environment.get("LLM_TIMEOUT_SECONDS", "60"))
    except ValueError:
        timeout_s = float("nan")
    if not 0 < timeout_s < 3600 or wire not in ("responses", "chat"):
        raise DataInvalid("LLM_TIMEOUT_SECONDS or LLM_WIRE is not understood")
    allowed = environment.get("LLM_ALLOW_PRIVATE_NETWORK", "").lower() in ("1", "true", "yes", "on")
    return ManagerSettings(
        model=environment.get("LLM_MODEL_NAME") or "gpt-4.1-mini",
        wire="chat" if wire == "chat" else "responses",
        base_url=environment.get("LLM_BASE_URL") or None,
        allow_private_network=allowed,
        api_key=SecretStr(key) if key else None,
        timeout_s=timeout_s,
    )


async def _choose(
    state: Mapping[str, Any], candidates: Sequence[Mapping[str, Any]], settings: ManagerSettings
) -> Proposal:
    try:
        shown = fenced(
            to_jsonable_python({"state": state, "candidates": candidates}, inf_nan_mode="constants")
        )
    except (ValueError, TypeError, RecursionError) as exc:
        raise DataInvalid(f"state or candidates are no JSON: {outside_text(str(exc))}") from exc
    template = files("callwright.agents").joinpath("prompts/choose.md").read_text("utf-8")
    told = rendered(
        template,
        {"fence_open": FENCE_OPEN, "fence_close": FENCE_CLOSE, "actions": actions_text()},
    )
    symbols, shorts = list(_symbols(candidates)), list(_shorts(state))

    def read(data: Any) -> Proposal:
        proposal = parse_proposal(data)
        wrong = membership_errors(proposal, candidates=symbols, shorts=shorts)
        if wrong:
            raise DecisionInvalid("; ".join(wrong))
        return proposal

    provider = Provider(settings, time.monotonic)
    try:
        async with (
            asyncio.timeout(settings.timeout_s),
            provider.open(settings.model, book=_NoBook(), purpose="decision") as model,
        ):
            agent = Agent[Any](
                name="chooser",
                instructions=told,
                model=model,
                model_settings=provider.model_settings(
                    settings.model, cache_key=version_of(told), with_tools=False
                ),
            )
            result = await Runner.run(
                agent,
                shown,
                context=_Nothing(),
                max_turns=1,
                hooks=CallCaps(tool_calls_max=0, tool_calls_per_turn_max=0),
                run_config=RunConfig(tracing_disabled=True, trace_include_sensitive_data=False),
            )
            return read_answer(str(result.final_output or ""), read)
    except CallwrightError:
        raise
    except Exception as exc:
        raise failure_of(exc) from exc


def _symbols(rows: Any) -> Iterator[str]:
    for row in rows if isinstance(rows, Sequence) and not isinstance(rows, str) else ():
        symbol = row.get("symbol") if isinstance(row, Mapping) else row
        if isinstance(symbol, str):
            yield symbol


def _shorts(state: Mapping[str, Any]) -> Iterator[str]:
    yield from _symbols(state.get("short_calls"))
    portfolio = state.get("portfolio")
    books = portfolio.get("by_underlying") if isinstance(portfolio, Mapping) else None
    for book in books.values() if isinstance(books, Mapping) else ():
        if isinstance(book, Mapping):
            yield from _symbols(book.get("short_calls"))


def _run(work: Coroutine[Any, Any, Proposal]) -> Proposal:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    # A notebook has a loop already: the question gets a thread, and a loop, of its own.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def _fallback(failure: str, message: str, mask: Callable[[str], str]) -> dict[str, Any]:
    return {
        "action": "DO_NOTHING",
        "params": {},
        "reasoning": f"No decision: {outside_text(mask(message), length_max=300)}",
        "failure": failure,
    }


class _Nothing:
    """A run context without tools."""

    def __init__(self) -> None:
        self.tool_calls = 0


class _NoBook:
    """Implements ``ports.UsageBook`` without a budget: the caller of a function watches it."""

    def stage(self) -> BudgetStage:
        return BudgetStage.FULL

    def begin_decision(self) -> None:
        return

    def reserve(
        self, *, purpose: str, model: str, input_tokens_max: int, output_tokens_max: int
    ) -> str:
        return ""

    def settle(self, reservation_id: str, usage: RequestUsage) -> RequestUsage:
        return usage
