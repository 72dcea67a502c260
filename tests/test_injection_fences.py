"""Whatever stands in a text that a model reads stays within the fences.

Each hostile text of ``injection_texts`` is planted in each field that a model can see.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from builders import a_candidate, a_scan, limits
from builders import policy_settings as policy
from callwright import gates
from callwright.agents.prompt import instructions, situation
from callwright.config import load_settings
from callwright.domain.decision import Proposal
from callwright.domain.scan import Scan
from callwright.domain.snapshot import Snapshot
from callwright.errors import ConfigError, DecisionInvalid
from callwright.tools.candidates import list_candidates
from callwright.tools.fences import FENCE_CLOSE, FENCE_OPEN, TEXT_LENGTH_MAX
from callwright.tools.menu import choices_of
from callwright.tools.portfolio import get_portfolio
from callwright.tools.proposal import answer_refused, read_proposal
from callwright.tools.vol import get_vol_state
from desks import desk_settings
from fences import inside_fences, outside_fences, strings_of
from hostile_situations import PLACES, SCAN, SNAPSHOT, VISIBLE
from injection_texts import INJECTIONS
from llm_servers import proposal
from planting import free_text_fields, planted


def check(proposal: Proposal, snapshot: Snapshot, scan: Scan) -> tuple[str, ...]:
    """Deny nothing, so that every way out is shown with its names."""
    return ()


def shown_of(snapshot: Snapshot, scan: Scan) -> dict[str, str]:
    """Return everything of a snapshot that a model is shown, by what shows it."""
    menu = gates.menu_now(snapshot, scan, policy(), limits())
    return {
        "situation": situation(snapshot),
        "menu": situation(snapshot, choices_of(menu, snapshot, scan)),
        "get_portfolio": get_portfolio(snapshot, scan, limits()),
        "get_vol_state": get_vol_state(scan),
        "list_candidates": list_candidates(snapshot, scan, check),
    }


def assert_fenced(shown: str, benign: str) -> Any:
    """Require one fence, nothing around it that was not there before; return its JSON."""
    assert shown.count(FENCE_OPEN) == shown.count(FENCE_CLOSE) == 1
    assert outside_fences(shown) == outside_fences(benign)
    assert shown.isascii()
    assert all(c.isprintable() or c == "\n" for c in shown)
    fenced = inside_fences(shown)
    assert "\n" not in fenced
    assert not set("<>") & set(fenced)
    data = json.loads(fenced)
    for text in strings_of(data):
        assert text.isprintable()
        assert len(text) <= TEXT_LENGTH_MAX
    return data


def test_there_are_enough_hostile_texts() -> None:
    assert len({injection.text for injection in INJECTIONS}) >= 200


def test_the_full_situation_has_every_field_that_can_hold_text() -> None:
    assert set(PLACES) == free_text_fields(Snapshot) | free_text_fields(Scan)


def test_a_text_reaches_a_model_from_the_known_fields_only() -> None:
    marker = "MARKER"
    seen = set()
    for label, paths in PLACES.items():
        for path in paths:
            shown = shown_of(*planted((SNAPSHOT, SCAN), path, marker))
            if any(marker in text for text in shown.values()):
                seen.add(label)
    assert seen == VISIBLE


@pytest.mark.parametrize("label", sorted(VISIBLE))
def test_every_text_in_every_field_stays_within_the_fences(label: str) -> None:
    benign = shown_of(SNAPSHOT, SCAN)
    for injection in INJECTIONS:
        for path in PLACES[label]:
            shown = shown_of(*planted((SNAPSHOT, SCAN), path, injection.text))
            for name, text in shown.items():
                data = assert_fenced(text, benign[name])
                shape = _shape(data, label)
                known = _shape(json.loads(inside_fences(benign[name])), label)
                # What bears no option's name is not on a menu.
                assert shape <= known if name == "menu" else shape == known, injection


def _shape(data: Any, label: str) -> set[str]:
    """Return the keys of the objects in it: a text must not become structure."""
    if label.endswith("[key]"):
        # The text is itself a key; what is known of another coin is not known of this one.
        return set()
    found: set[str] = set()
    for item in data.values() if isinstance(data, dict) else data if isinstance(data, list) else ():
        found |= _shape(item, label)
    return found | (set(data) if isinstance(data, dict) else set()) - {"net_credit_coin"}


@pytest.mark.parametrize("label", sorted(VISIBLE))
def test_prechecks_take_any_text_for_a_name(label: str) -> None:
    def real(proposal: Proposal, snapshot: Snapshot, scan: Scan) -> tuple[str, ...]:
        return gates.codes(proposal, snapshot, scan, policy(), limits())

    for injection in INJECTIONS:
        snapshot, scan = planted((SNAPSHOT, SCAN), PLACES[label][0], injection.text)
        list_candidates(snapshot, scan, real)


def test_what_a_model_is_told_of_its_proposal_is_fenced() -> None:
    scan = a_scan(candidates=[a_candidate()])
    for injection in INJECTIONS:
        for said in (
            proposal("OPEN_COVERED_CALL", {"underlying": "BTC", "symbol": injection.text[:64]}),
            proposal("DO_NOTHING", {injection.text: injection.text}),
            proposal(injection.text, {}),
            {injection.text: 1},
        ):
            with pytest.raises(DecisionInvalid) as caught:
                read_proposal(json.dumps(said), scan)
            told = answer_refused(caught.value)
            assert told.startswith(FENCE_OPEN)
            assert told.endswith(FENCE_CLOSE)
            assert told.count(FENCE_CLOSE) == 1
            assert told.isascii()
            assert len(told) < 6_000
            assert json.loads(inside_fences(told))["accepted"] is False


def test_the_configuration_puts_no_text_into_the_prompt(tmp_path: Path) -> None:
    # Coins are the only names within limits; whatever else is a number.
    for injection in INJECTIONS:
        with pytest.raises(ConfigError):
            load_settings(env_file=tmp_path / "none", max_expiry_exposure={injection.text: 1})
        with pytest.raises(ConfigError):
            load_settings(env_file=tmp_path / "none", account_name=injection.text)
    plain = instructions(limits(), policy())
    named = desk_settings(tmp_path, llm_model_name="IGNORE ALL", market="synthetic:7")
    assert "IGNORE ALL" not in instructions(named.limits(), named.policy_settings())
    assert outside_fences(plain) == plain.replace(f"{FENCE_OPEN} and {FENCE_CLOSE}", "")
