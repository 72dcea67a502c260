"""The six tools to ask a desk: what they take, what they answer, and the command that agrees."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
from agents.strict_schema import ensure_strict_json_schema
from hypothesis import given, settings
from hypothesis import strategies as st

from callwright.config import UNDERLYINGS
from callwright.desk_reader import open_desk_reader
from callwright.domain.codes import DENIAL_CODES, FAILURE_CODES
from callwright.domain.decision import Action
from callwright.domain.explain import Source
from callwright.domain.history import DecisionFilter, GroupName, VerdictName
from callwright.domain.record import DecisionSource, ExecutionStatus
from callwright.errors import QueryInvalid
from callwright.ports import DeskReader
from callwright.tools.fences import FENCE_CLOSE, FENCE_OPEN
from callwright.tools.memory_questions import Coin
from callwright.tools.memory_tools import MEMORY_TOOLS
from callwright.tools.sources import Sources
from commands import callwright_here
from desks import desk_settings, run_desk
from injection_texts import INJECTIONS

CODES = (Path(__file__).parents[2] / "docs" / "codes.md").read_text("utf-8")
TOKENS_MAX = 1_600
DECISION_TOKENS_MAX = 900
STATUS_TOKENS_MAX = 600
CHARACTERS_PER_TOKEN = 4

EXAMPLES = [
    ("search_decisions", {}),
    ("search_decisions", {"action": ["ROLL_COVERED_CALL"], "limit": 3, "order": "oldest"}),
    ("search_decisions", {"text": "97k strike", "each": True}),
    ("search_decisions", {"text": "--action 'quoted' \"words\"", "underlying": "BTC"}),
    ("search_decisions", {"verdict": "denied", "since": "2026-01", "until": "2026-01"}),
    ("search_decisions", {"strike": "94.5k", "until": "2026-01-20T06:00:00Z"}),
    ("search_decisions", {"symbol": "btc-9jan26-94500-c", "status": "filled"}),
    ("search_decisions", {"failure": "ANY", "source": "rule_based"}),
    ("search_decisions", {"limit": 2, "cursor": 20}),
    ("decision_stats", {}),
    ("decision_stats", {"group_by": ["month", "code"], "proposed_action": ["ROLL_COVERED_CALL"]}),
    ("decision_stats", {"group_by": "strike", "limit": 4, "action": ["OPEN_COVERED_CALL"]}),
    ("decision_stats", {"code": "roll_dwell", "since": "2026-01-06", "until": "2026-01-10"}),
    ("get_decision", {"id": "[#5]"}),
    ("get_decision", {"id": 12}),
    ("get_status", {}),
    ("what_if", {}),
    ("what_if", {"without": ["BTC"], "settings": ["max_net_delta_abs.ETH = 3", "min_ivrv=1.2"]}),
    ("what_if", {"balances": ["BTC=0.5"], "spots": ["BTC=90k", "ETH=3333.25"]}),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tools")
    run_desk(desk_settings(folder), 60)
    return folder


@pytest.fixture
def desk(home: Path) -> Iterator[DeskReader]:
    with open_desk_reader(desk_settings(home)) as reader:
        yield reader


def ask(desk: DeskReader, name: str, arguments: Mapping[str, Any]) -> Source:
    return asyncio.run(Sources(desk).ask(name, json.dumps(arguments)))


def told(desk: DeskReader, name: str, arguments: Mapping[str, Any] | str) -> dict[str, Any]:
    """Return what a model is given for a call."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    called = asyncio.run(Sources(desk).call(name, text))
    assert called.text.startswith(FENCE_OPEN)
    assert called.text.endswith(FENCE_CLOSE)
    found: dict[str, Any] = json.loads(called.text[len(FENCE_OPEN) : -len(FENCE_CLOSE)])
    return found


class TestSchemas:
    """What a model is told of the tools."""

    def test_all_of_them_fit_into_a_small_prompt(self) -> None:
        text = json.dumps(
            [[t.name, t.description, t.parameters] for t in MEMORY_TOOLS.values()],
            separators=(",", ":"),
        )
        assert len(text) / CHARACTERS_PER_TOKEN <= TOKENS_MAX

    @pytest.mark.parametrize("name", MEMORY_TOOLS)
    def test_they_are_strict(self, name: str) -> None:
        schema = dict(MEMORY_TOOLS[name].parameters)
        assert ensure_strict_json_schema(json.loads(json.dumps(schema))) == schema
        assert schema["required"] == list(schema["properties"])
        assert schema["additionalProperties"] is False

    def test_names_come_from_the_domain(self) -> None:
        def names(tool: str, field: str) -> list[Any]:
            part = MEMORY_TOOLS[tool].parameters["properties"][field]
            found: list[Any] = part.get("enum") or part["items"]["enum"]
            return [name for name in found if name is not None]

        assert names("search_decisions", "action") == list(Action)
        assert names("search_decisions", "proposed_action") == list(Action)
        assert names("search_decisions", "verdict") == list(get_args(VerdictName))
        assert names("search_decisions", "source") == list(get_args(DecisionSource))
        assert names("search_decisions", "status") == list(get_args(ExecutionStatus))
        assert names("search_decisions", "code") == list(DENIAL_CODES)
        assert names("search_decisions", "failure") == ["ANY", *FAILURE_CODES]
        assert names("decision_stats", "group_by") == list(get_args(GroupName))
        assert names("what_if", "without") == list(UNDERLYINGS)
        assert get_args(Coin) == UNDERLYINGS

    def test_every_filter_but_the_model_can_be_asked_for(self) -> None:
        ours = set(MEMORY_TOOLS["search_decisions"].parameters["properties"])
        theirs = {name.replace("strike_usd", "strike") for name in DecisionFilter.model_fields}
        assert theirs - ours == {"model"}

    def test_the_codes_are_those_of_the_documentation(self) -> None:
        def documented(*sections: str) -> set[str]:
            return {
                code
                for section in re.split(r"(?m)^(?=## )", CODES)
                if section.startswith(sections)
                for code in re.findall(r"(?m)^\| `([A-Z_]+)` \|", section)
            }

        assert set(DENIAL_CODES) == documented("## Guardrail", "## Risk engine")
        assert set(FAILURE_CODES) <= documented("## Failures", "## When the model")


@pytest.mark.parametrize(("name", "arguments"), EXAMPLES, ids=lambda x: str(x)[:60])
def test_the_command_gives_the_same_answer(
    desk: DeskReader,
    home: Path,
    name: str,
    arguments: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = ask(desk, name, arguments)
    words = shlex.split(source.command)
    assert words[0] == "callwright"
    at = words.index("--") if "--" in words else len(words)
    monkeypatch.setenv("DRY_RUN", "false")
    line = (*words[1:at], "--home", str(home), "--json", *words[at:])
    code, out, err = callwright_here(monkeypatch, capsys, *line)
    assert (code, err) == (0, "")
    result = json.loads(json.dumps(source.result))
    if name == "get_decision":
        result["record"]["schema"] = result["record"].pop("schema_version")
    assert json.loads(out) == result


class TestArguments:
    """What a model writes is understood, or it is told what to change."""

    @pytest.mark.parametrize("strike", ["97000", "97,000", "97k", "$97k", " 97K ", 97000, 97000.0])
    def test_a_strike_in_any_writing(self, strike: Any) -> None:
        tool = MEMORY_TOOLS["search_decisions"]
        read: Any = tool.read(json.dumps({"strike": strike}))
        assert read.question().where.strike_usd == 97_000.0

    @pytest.mark.parametrize(
        ("text", "since", "until"),
        [
            ("2026-02", "2026-02-01T00:00", "2026-03-01T00:00"),
            ("2026-12", "2026-12-01T00:00", "2027-01-01T00:00"),
            ("2026-01-05", "2026-01-05T00:00", "2026-01-06T00:00"),
            ("2026-01-05T08:00", "2026-01-05T08:00", "2026-01-05T08:00"),
            ("2026-01-05T10:00+02:00", "2026-01-05T08:00", "2026-01-05T08:00"),
        ],
    )
    def test_a_time_is_a_month_a_day_or_a_moment(self, text: str, since: str, until: str) -> None:
        read: Any = MEMORY_TOOLS["search_decisions"].read(
            json.dumps({"since": text, "until": text})
        )
        where = read.question().where
        assert f"{where.since:%Y-%m-%dT%H:%M}" == since
        assert f"{where.until:%Y-%m-%dT%H:%M}" == until

    @pytest.mark.parametrize("text", ["", "{}", '{"action": [], "text": "", "code": null}'])
    def test_what_is_blank_is_left_out(self, text: str) -> None:
        read: Any = MEMORY_TOOLS["search_decisions"].read(text)
        assert read.question().where == DecisionFilter()

    @pytest.mark.parametrize(
        ("name", "arguments", "about"),
        [
            ("search_decisions", '{"code": "ROLL_DWEL"}', "ROLL_DWELL"),
            ("search_decisions", '{"failure": "TIMEOUT"}', "LLM_TIMEOUT"),
            ("search_decisions", '{"action": ["SELL"]}', "action"),
            ("search_decisions", '{"limit": 500}', "less than or equal to 20"),
            ("search_decisions", '{"strike": "high"}', "97k"),
            ("search_decisions", '{"strike": "nan"}', "97k"),
            ("search_decisions", '{"since": "yesterday"}', "2026-01-05"),
            ("search_decisions", '{"since": "2026-13"}', "2026-01-05"),
            ("search_decisions", '{"sql": "SELECT 1"}', "sql"),
            ("search_decisions", '{"text": "a", "text": "b"}', "twice"),
            ("search_decisions", "[1]", "arguments"),
            ("search_decisions", "not json", "JSON"),
            ("search_decisions", '{"strike": NaN}', "JSON"),
            ("decision_stats", '{"group_by": ["day", "code", "model"]}', "two"),
            ("decision_stats", '{"group_by": ["weekday"]}', "group_by"),
            ("decision_stats", '{"group_by": ["day", "day"]}', "twice"),
            ("get_decision", "{}", "id"),
            ("get_decision", '{"id": "9999999"}', "no decision 9999999"),
            ("get_decision", '{"id": "99999999999999999999"}', "no decision"),
            ("what_if", '{"settings": ["min_ivr=1"]}', "min_ivrv"),
            ("what_if", '{"settings": ["min_ivrv"]}', "NAME=NUMBER"),
            ("what_if", '{"settings": ["min_ivrv=1", "min_ivrv=2"]}', "once"),
            ("what_if", '{"spots": ["BTC=inf"]}', "NAME=NUMBER"),
            ("what_if", '{"without": ["DOGE"]}', "BTC"),
            ("what_would_the_model_do", "{}", "OPENAI_API_KEY"),
            ("send_order", "{}", "search_decisions"),
        ],
    )
    def test_a_wrong_one_is_told_what_to_change(
        self, desk: DeskReader, name: str, arguments: str, about: str
    ) -> None:
        answer = told(desk, name, arguments)
        assert answer["error"] == "QUERY_INVALID"
        assert about in f"{answer['message']} {answer['what_to_do']}"
        assert len(json.dumps(answer)) < 2_000


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
    | st.sampled_from(
        ["BTC", "97k", "1e400", "-1", "nan", "snan", "BTC=1e400", "BTC=1e-999999", "ETH=-5",
         "min_ivrv=1e999", "2026-01", "9999-12-31", "0001-01-01T00:00+14:00", "ROLL_DWELL", "day",
         "ANY", "#5", "DO_NOTHING", "max_net_delta_abs.BTC=0.1", "BTC=90k", "denied", "newest"]
    ),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)  # fmt: skip


@given(data=st.data(), name=st.sampled_from(sorted(set(MEMORY_TOOLS) - {"get_status"})))
@settings(max_examples=400, deadline=None)
def test_whatever_is_written_is_answered_or_refused(
    home: Path, data: st.DataObject, name: str
) -> None:
    fields = [*MEMORY_TOOLS[name].parameters["properties"], "else"]
    arguments = data.draw(st.dictionaries(st.sampled_from(fields), anything, max_size=4))
    with open_desk_reader(desk_settings(home)) as desk:
        answer = told(desk, name, json.dumps(arguments))
    assert ("cite" in answer) != (answer.get("error") == "QUERY_INVALID")


class TestViews:
    """What a model reads."""

    def test_every_decision_fits(self, desk: DeskReader) -> None:
        sizes = []
        for number in range(1, 61):
            view = told(desk, "get_decision", {"id": number})
            sizes.append(len(json.dumps(view, separators=(",", ":"))) / CHARACTERS_PER_TOKEN)
        assert max(sizes) <= DECISION_TOKENS_MAX

    def test_a_decision_says_why(self, desk: DeskReader) -> None:
        denied = told(desk, "search_decisions", {"verdict": "denied", "limit": 1})["hits"][0]
        view = told(desk, "get_decision", {"id": denied["id"]})
        assert view["cite"] == f"[#{denied['id']}]"
        assert view["risk_check"]["allowed"] is False
        assert [reason["code"] for reason in view["risk_check"]["reasons"]] == denied["codes"]
        assert set(view["risk_check"]["reasons"][0]) > {"code"}
        assert view["proposed_action"]["reasoning"]
        assert view["final_action"]["action"] == "DO_NOTHING"

    def test_a_close_or_roll_shows_its_open(self, desk: DeskReader) -> None:
        roll = told(desk, "search_decisions", {"action": ["ROLL_COVERED_CALL"], "limit": 1})
        view = told(desk, "get_decision", {"id": roll["hits"][0]["id"]})
        assert view["opened_by"]["symbol"] == view["proposed_action"]["from_symbol"]
        assert view["opened_by"]["reasoning"]

    def test_what_the_proposal_names_is_always_shown(self, desk: DeskReader) -> None:
        for number in range(1, 61):
            record = desk.get_decision(number).record
            view = told(desk, "get_decision", {"id": number})["state"]
            sold = record.proposed_action.params.get("symbol")
            if record.proposed_action.action in ("OPEN_COVERED_CALL", "ROLL_COVERED_CALL"):
                assert view["candidates"][0]["symbol"] == sold
            if record.proposed_action.action == "ROLL_COVERED_CALL":
                bought = record.proposed_action.params["from_symbol"]
                assert view["portfolio"]["short_calls"][0]["symbol"] == bought

    def test_the_status_fits_and_says_no_path(self, desk: DeskReader, home: Path) -> None:
        view = told(desk, "get_status", {})
        assert len(json.dumps(view)) / CHARACTERS_PER_TOKEN <= STATUS_TOKENS_MAX
        assert str(home) not in json.dumps(view)
        assert view["brain"] == "rules"
        assert view["limits"]["max_net_delta_abs"] == {"BTC": 0.5, "ETH": 5}

    @pytest.mark.parametrize("family", sorted({found.family for found in INJECTIONS}))
    def test_texts_of_others_are_short_and_printable(self, family: str) -> None:
        view = MEMORY_TOOLS["search_decisions"].view
        for text in (found.text for found in INJECTIONS if found.family == family):
            hit = {
                "id": 1, "as_of": "x", "action": "DO_NOTHING", "proposed_action": "DO_NOTHING",
                "symbol": text, "from_symbol": text, "size_coin": None, "status": "skipped",
                "source": "llm", "codes": [], "failure": text, "reasoning": text * 20,
                "run_length": 1, "run_end_id": 1,
            }  # fmt: skip
            page = view(
                {"total": 1, "total_is_exact": True, "hits": [hit], "next_cursor": None,
                 "notes": []}
            )  # fmt: skip
            shown = page["hits"][0]
            assert len(shown.get("reasoning", "")) <= 160
            assert all(len(shown.get(name, "")) <= 64 for name in ("symbol", "failure"))
            assert json.dumps(page, ensure_ascii=False).isprintable()


class TestSources:
    """What an answer may cite."""

    def test_calls_are_numbered_over_the_conversation(self, desk: DeskReader) -> None:
        first = Sources(desk)
        for name in ("decision_stats", "get_status", "decision_stats", "search_decisions"):
            asyncio.run(first.ask(name))
        asyncio.run(first.ask("get_decision", '{"id": "5"}'))
        cites = [source.cite for source in first.all]
        assert cites == ["stats-1", "status-1", "stats-2", "search-1", "#5"]
        going_on = Sources(desk, earlier=first.all, command_options="--home var/x")
        source = asyncio.run(going_on.ask("decision_stats"))
        assert source.cite == "stats-3"
        assert source.command == ("callwright decisions stats --by action --limit 20 --home var/x")

    def test_a_failed_call_takes_no_number(self, desk: DeskReader) -> None:
        sources = Sources(desk)
        called = asyncio.run(sources.call("decision_stats", '{"code": "NOPE"}'))
        assert (called.source, called.failure) == (None, "QUERY_INVALID")
        assert sources.all == ()
        assert asyncio.run(sources.ask("decision_stats")).cite == "stats-1"

    def test_a_source_keeps_the_whole_answer(self, desk: DeskReader) -> None:
        source = ask(desk, "get_decision", {"id": "5"})
        detail = desk.get_decision(5)
        assert source.result == detail.model_dump(mode="json")
        assert source.arguments == {"id": "5"}
        assert Source.model_validate_json(source.model_dump_json()) == source

    def test_records_are_found_by_their_number(self, desk: DeskReader) -> None:
        sources = Sources(desk)
        assert sources.record_of(5) == desk.get_decision(5).model_dump(mode="json")
        assert sources.record_of(999) is None

    def test_an_unknown_tool_is_refused(self, desk: DeskReader) -> None:
        with pytest.raises(QueryInvalid, match="no tool"):
            asyncio.run(Sources(desk).ask("private/sell"))
