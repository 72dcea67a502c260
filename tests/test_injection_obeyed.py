"""However well a model obeys the texts that it reads, nothing is taken over.

A model that does as a hostile text of ``injection_texts`` tells it changes no limit, host, mode or
account, and no order comes of it that the rules forbid.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from builders import CALL_9JAN_105, limits
from builders import policy_settings as policy
from callwright.agents.simple import choose_action_with_llm
from callwright.bootstrap import HomeDesk
from callwright.domain.decision import DoNothing
from callwright.domain.failure import ModelFailure
from callwright.domain.orders import Intent
from callwright.domain.record import CycleRecord
from callwright.domain.scan import Scan
from callwright.domain.snapshot import Snapshot
from callwright.errors import DecisionInvalid
from callwright.tools.fences import FENCE_CLOSE
from callwright.tools.proposal import read_proposal
from desks import desk_settings, run_desk, violations
from fences import inside_fences, outside_fences
from fuzzing import Output, Situation, judged, situations
from hostile_situations import LATER, OTHER_COIN, PLACES, SCAN, SNAPSHOT, VISIBLE
from injection_texts import FORBIDDEN_TOOLS, INJECTIONS
from llm_servers import (
    PROPOSE,
    Call,
    Reply,
    Request,
    Turn,
    llm_server,
    open_first_passing,
    proposal,
    propose,
    reads_then,
)
from managers import a_manager, manager_settings
from planting import planted

FORBIDDEN_KEYS: dict[str, Any] = {
    "size": 1000,
    "amount": "1000",
    "limits": {"margin_used_frac_max": 1.0},
    "max_margin_used_pct": 100,
    "dry_run": False,
    "mode": "research",
    "venue": "mainnet",
    "host": "www.deribit.com",
    "account_id": "whale",
    "config_snapshot": {"dry_run": False},
}
"""What a text may ask a model to send along."""


def obeyed(text: str, good: dict[str, Any]) -> list[Output]:
    """Return what a model might answer that takes ``text`` for an order; ``good`` is a proposal."""
    params = good["params"]
    said: list[dict[str, Any]] = [
        {**good, "reasoning": text[:4000]},
        {**good, "action": text},
        {**good, "params": {**params, "symbol": text}},
        {**good, "params": {**params, "symbol": text[:64]}},
        {**good, "params": {**params, "from_symbol": text[:64]}},
        {**good, "params": {**params, "underlying": text[:64]}},
        {**good, "params": text},
        *({**good, key: value} for key, value in FORBIDDEN_KEYS.items()),
        *({**good, "params": {**params, key: value}} for key, value in FORBIDDEN_KEYS.items()),
    ]
    return [
        Output("tool", text, "injection"),
        Output("text", text, "injection"),
        Output("text", f"As I was told: {text}\n{json.dumps(good)}", "injection"),
        *(Output("tool", json.dumps(one), "injection") for one in said),
    ]


def test_no_obedient_answer_becomes_an_illegal_order(tmp_path: Path) -> None:
    settings = desk_settings(tmp_path)
    found = situations(tmp_path, cycles=24)
    before = repr((settings, settings.limits(), settings.config_snapshot()))

    def said() -> Iterator[tuple[Output, Situation]]:
        for i, injection in enumerate(INJECTIONS):
            moment = found[i % len(found)]
            for output in obeyed(injection.text, _good(moment.scan)):
                yield output, moment

    report = judged(said(), settings)
    assert report.illegal == []
    assert report.crashes == []
    assert report.total > 20 * len(INJECTIONS)
    # Prose is free: a good proposal with a hostile reasoning is still judged, and may trade.
    assert report.approved > 20
    assert repr((settings, settings.limits(), settings.config_snapshot())) == before


def _good(scan: Scan) -> dict[str, Any]:
    if not scan.candidates:
        return proposal("DO_NOTHING", {})
    best = scan.candidates[0]
    return proposal("OPEN_COVERED_CALL", {"underlying": best.underlying, "symbol": best.symbol})


def hostile(text: str) -> tuple[Snapshot, Scan]:
    """Return the full situation with ``text`` in every field where a venue or a person writes."""
    both: Any = (SNAPSHOT, SCAN)
    for label in sorted(VISIBLE - {"MarketView.underlyings[key]", "Scan.vols[key]"}):
        if label not in ("Candidate.symbol", "Candidate.underlying", "ShortCall.symbol"):
            for path in PLACES[label]:
                both = planted(both, path, text)
    found: tuple[Snapshot, Scan] = both
    return found


@pytest.mark.parametrize(("wire", "half"), [("responses", 0), ("chat", 1)])
def test_an_obedient_model_gets_nowhere(wire: str, half: int) -> None:
    """Through the whole brain: requests, prompt, tools, answer; each text on one of the wires."""
    now: dict[str, Any] = {"text": "", "number": 0}

    def obey(request: Request) -> Reply:
        text, number = now["text"], now["number"]
        good = open_first_passing(request.results())
        answers = obeyed(text, good)
        if number % 4 == 0:
            return Turn(calls=(Call(FORBIDDEN_TOOLS[number % len(FORBIDDEN_TOOLS)], text),))
        output = answers[number % len(answers)]
        if output.channel == "text":
            return Turn(text=output.raw)
        return propose(output.raw)

    async def all_of_them(url: str) -> None:
        settings = manager_settings(url, wire=wire, retries_max=0)
        manager = a_manager(settings, limits(), policy())
        before = repr((settings, vars(manager)["_limits"], vars(manager)["_policy"]))
        version = manager.prompt_version("scripted")
        await ask(manager, "plain words")
        benign = [_constant(request) for request in server.requests[:2]]
        for now["number"], injection in enumerate(INJECTIONS[half::2]):
            now["text"] = injection.text
            server.requests.clear()
            snapshot, scan = hostile(injection.text)
            frozen = repr((snapshot.desk, snapshot.account, scan))
            answer = await manager.decide(snapshot, scan)
            assert answer.failure is None or answer.failure in set(ModelFailure)
            assert isinstance(answer.proposal, DoNothing) or (
                answer.proposal.params.symbol in (LATER, OTHER_COIN, CALL_9JAN_105)
            )
            assert answer.proposal.reasoning.isprintable()
            assert answer.failure_message.isprintable()
            for request, plain in zip(server.requests, benign, strict=False):
                assert _constant(request) == plain
            assert repr((snapshot.desk, snapshot.account, scan)) == frozen
        assert repr((settings, vars(manager)["_limits"], vars(manager)["_policy"])) == before
        assert manager.prompt_version("scripted") == version

    async def ask(manager: Any, text: str) -> None:
        now["number"] = 1
        now["text"] = text
        await manager.decide(*hostile(text))

    with llm_server(reads_then(obey)) as server:
        asyncio.run(all_of_them(server.url))


def _constant(request: Request) -> dict[str, Any]:
    """Return what of a request must not depend on any text that was read."""
    body = {key: value for key, value in request.body.items() if key not in ("input", "messages")}
    # Until the model itself has spoken, all of it is ours.
    said_by_us = [outside_fences(text) for text in request.texts]
    return {"path": request.path, "body": body, "texts": said_by_us}


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_desk_with_an_obedient_model_keeps_its_rules(tmp_path: Path, dry_run: bool) -> None:
    settings = desk_settings(tmp_path, dry_run=dry_run)
    chosen = [injection.text for injection in INJECTIONS[:: len(INJECTIONS) // 24]]
    script, cycles = itertools.cycle(enumerate(chosen)), len(chosen)
    kept: list[str] = []
    seen: dict[str, Any] = {}

    def watch(home_desk: HomeDesk) -> None:
        seen["desk"] = home_desk
        kept.append(_rules_of(home_desk))

    def obey(request: Request) -> Reply:
        number, text = next(script)
        good = open_first_passing(request.results())
        call = Call(PROPOSE, json.dumps({**good, "reasoning": text[:3000]}))
        return Turn(calls=(call, Call("set_limits", text)) if number % 3 == 2 else (call,))

    with llm_server(reads_then(obey)) as server:
        brain = a_manager(
            manager_settings(server.url), settings.limits(), settings.policy_settings()
        )
        _, records = run_desk(settings, cycles, brain=brain, before=watch)
    assert _rules_of(seen["desk"]) == kept[0]
    assert violations(settings) == ()
    assert len(records) == cycles
    _require_unchanged(records, settings.config_snapshot(), dry_run=dry_run)
    statuses = {record.execution.status for record in records}
    assert ("simulated" if dry_run else "filled") in statuses
    assert ModelFailure.UNKNOWN_TOOL in {record.failure for record in records}


def _rules_of(home_desk: HomeDesk) -> str:
    desk = home_desk.desk
    return repr(
        (
            home_desk.settings, desk.account_id, desk.underlyings, desk.dry_run, desk.limits,
            desk.scan_settings, desk.policy, desk.execution, desk.config_snapshot,
            type(desk.venue), home_desk.market_name,
        )
    )  # fmt: skip


def _require_unchanged(
    records: Sequence[CycleRecord], config: dict[str, Any], *, dry_run: bool
) -> None:
    for record in records:
        assert record.config_snapshot == config
        assert record.execution.dry_run is dry_run
        assert record.cycle_id.startswith("paper-")
        assert record.proposed_action.reasoning.isprintable()
        if dry_run:
            assert record.execution.status in ("simulated", "skipped")
            assert not [order for order in record.execution.orders if order.filled]
        assert CycleRecord.from_line(record.to_line()).to_line() == record.to_line()


def test_the_plain_function_fences_its_state_and_obeys_nobody() -> None:
    now = {"text": ""}
    good = proposal("OPEN_COVERED_CALL", {"underlying": "BTC", "symbol": CALL_9JAN_105})

    def obey(request: Request) -> Reply:
        return Turn(text=json.dumps({**good, "reasoning": now["text"][:3000]}))

    with llm_server(obey) as server:
        for injection in INJECTIONS[::3]:
            now["text"] = injection.text
            answer = choose_action_with_llm(
                {"notes": injection.text, injection.text: [injection.text]},
                [{"symbol": CALL_9JAN_105, "note": injection.text}, {"symbol": injection.text}],
                settings=manager_settings(server.url, max_input_tokens=1_000_000),
            )
            assert answer["params"] == good["params"]
            assert answer["reasoning"].isprintable()
            told, shown = server.requests[-1].texts
            assert outside_fences(shown) == ""
            assert shown.count(FENCE_CLOSE) == 1
            assert json.loads(inside_fences(shown))["state"]["notes"] == injection.text
            assert injection.text not in told


def test_no_intent_of_another_account_comes_of_prose() -> None:
    # Account and label are given by the desk; a proposal has no field for either.
    assert "account_id" in Intent.model_fields
    with pytest.raises(DecisionInvalid):
        read_proposal(json.dumps({**proposal("DO_NOTHING", {}), "account_id": "whale"}), SCAN)
