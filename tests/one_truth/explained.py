"""The explainer: what its tools may be asked, what they show, and what a page says of records."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any, get_args

from pydantic import BaseModel

from callwright.agents.explainer_prompt import explainer_instructions
from callwright.config import Settings
from callwright.domain import account, decision, explain, history, limits, orders, record, scan
from callwright.domain.decision import Action
from callwright.domain.history import DecisionFilter, DecisionSearch, GroupName, StatsQuestion
from callwright.domain.record import CycleRecord
from callwright.explain.fields import FIELDS, LIMIT_KEYS
from callwright.summary import RunSummary
from callwright.tools.memory_questions import SearchArguments, StatsArguments
from callwright.tools.memory_tools import MEMORY_TOOLS
from callwright.tools.memory_views import _UPDATE_FACTS
from one_truth.answers import answers, explainer_views, status_names
from one_truth.codes import emitted
from one_truth.names import (
    endings,
    json_names,
    keys_read,
    named_rows,
    quoted_names,
    snake_names,
    sources,
    table,
    texts_of,
    ticked,
    upper_names,
)
from one_truth.shown import NAMES
from one_truth.sides import equal, side, within
from one_truth.trees import EditedTree

PROMPT, LOGS = "agents/prompts/explainer.md", "logs/README.md"
MODULES: tuple[ModuleType, ...] = (
    account, decision, explain, history, limits, orders, record, scan,
)  # fmt: skip
PLAIN_WORDS = frozenset({"today", "limit", "maximum", "minimum"})
"""What the explainer's prompt puts in quotes and is no name."""
ONE_EACH: dict[str, Any] = {
    "action": ["OPEN_COVERED_CALL"], "proposed_action": ["ROLL_COVERED_CALL"],
    "verdict": "denied", "code": "ROLL_DWELL", "failure": "ANY", "source": "llm",
    "status": "filled", "underlying": "BTC", "symbol": "BTC-9JAN26-104000-C", "strike": "97k",
    "since": "2026-01", "until": "2026-01", "text": "word", "order": "oldest", "each": True,
    "limit": 3, "cursor": 7, "group_by": ["code"],
}  # fmt: skip
"""A value for each argument of a search or a count."""


def model_names() -> set[str]:
    """Return every field of the domain's models, as they are written."""
    return {
        field.alias or name
        for module in MODULES
        for model in vars(module).values()
        if isinstance(model, type) and issubclass(model, BaseModel)
        for name, field in model.model_fields.items()
    }


def _facts(tree: EditedTree) -> set[str]:
    said = emitted({path: tree.text(path) for path in sources("guardrails")})
    return {fact for facts in said.values() for fact in facts}


def _stored(tree: EditedTree) -> set[str]:
    """Return every field of a record, of a denial's facts and of an answer of the memory."""
    return model_names() | json_names(answers(tree)) | _facts(tree)


def _written(tree: EditedTree) -> set[str]:
    """Return every text in the source of what writes answers and records."""
    return {
        text
        for path in sources("src/callwright", "memory", "tools")
        if not path.startswith("src/callwright/explain/")
        for text in texts_of(tree.text(path))
    }


def explainer_fields(tree: EditedTree) -> Iterator[str]:
    """A view shows fields by their names; the prompt names what is shown, and nothing else."""
    renamed = named_rows(tree.text(NAMES), "## What the explainer is shown under a name of its own")
    views = explainer_views(tree)
    stored = side("a record or an answer", _stored(tree))
    shown = json_names(views)
    own = side(f"{NAMES}, names of the explainer's own", renamed)
    yield from equal(side("a view of tools/memory_views.py", shown - stored.names), own)
    for name, row in renamed.items():
        for tool in ticked(row[1]):
            if name not in json_names(views.get(tool, {})):
                yield f"{NAMES} says that {tool} shows {name}, and it does not"
        yield from within(side(f"{NAMES} of {name}", ticked(row[2])), stored)
    status = status_names(tree)
    documented = named_rows(tree.text(NAMES), "## What a status holds")
    yield from equal(side("status.py", json_names(status)),
                     side(f"{NAMES}, What a status holds", documented))  # fmt: skip
    counted = set(status["recent_cycles"]) - {"failed"}
    yield from within(side("recent_cycles of a status", counted),
                      side("summary.py", RunSummary.__dataclass_fields__))  # fmt: skip
    told = side("execution/updates.py", texts_of(tree.text("src/callwright/execution/updates.py")))
    yield from within(side("_UPDATE_FACTS of tools/memory_views.py", _UPDATE_FACTS), told)
    wrapped = set(texts_of(tree.text("tools/sources.py"))) & {"cite", "error", "message"}
    arguments = {name for tool in MEMORY_TOOLS.values() for name in tool.parameters["properties"]}
    prompt = explainer_instructions()
    values = {"rule_based"} & set(texts_of(tree.text("src/callwright/domain/record.py")))
    known = side("any tool of the explainer",
                 shown | wrapped | arguments | set(MEMORY_TOOLS) | values)  # fmt: skip
    yield from within(side(PROMPT, snake_names(prompt) | (quoted_names(prompt) - PLAIN_WORDS)),
                      known)  # fmt: skip
    for ending in endings(prompt):
        if not any(name.endswith(ending) for name in shown):
            yield f"{PROMPT} explains *{ending}, and no tool shows such a field"
    cites = {tool.cite_as for tool in MEMORY_TOOLS.values()} - {"#"}
    for cite in sorted(cites):
        if f"[{cite}-1]" not in prompt:
            yield f"a source may be cited as {cite}-1, and {PROMPT} does not say so"


def questions(tree: EditedTree) -> Iterator[str]:
    """Each argument changes the question and the command; each filter of the memory has one."""
    settings = set(Settings.model_fields)
    shown = json_names(explainer_views(tree))
    for tool in MEMORY_TOOLS.values():
        own = set(tool.parameters["properties"])
        described = [tool.description]
        described += [p.get("description", "") for p in tool.parameters["properties"].values()]
        yield from within(side(f"the schema of {tool.name}", upper_names(" ".join(described))),
                          side("domain/decision.py", Action))  # fmt: skip
        yield from within(side(f"the schema of {tool.name}", snake_names(" ".join(described))),
                          side("a tool, an argument, a field or a setting",
                               own | set(MEMORY_TOOLS) | settings | shown))  # fmt: skip
    reached: set[str] = set()
    for name, model in (("search_decisions", SearchArguments), ("decision_stats", StatsArguments)):
        tool = MEMORY_TOOLS[name]
        yield from equal(side(f"the schema of {name}", tool.parameters["properties"]),
                         side("tools/memory_questions.py", model.model_fields))  # fmt: skip
        nothing = model()
        asked = tool.command(nothing)
        for argument in model.model_fields:
            arguments = model(**{argument: ONE_EACH[argument]})
            changed = _changed(nothing.question(), arguments.question())
            if not changed:
                yield f"{argument} of {name} asks nothing else than without it"
            if tool.command(arguments) == asked:
                yield f"{argument} of {name} does not reach the command that shows the same"
            reached |= changed
    wanted = set(DecisionFilter.model_fields) - {"model"}
    yield from within(side("DecisionFilter", wanted), side("any argument of a tool", reached))


def _changed(was: Any, now: Any) -> set[str]:
    assert isinstance(was, DecisionSearch | StatsQuestion)
    names = {n for n in type(was).model_fields if getattr(was, n) != getattr(now, n)}
    if "where" in names:
        where, other = was.where, now.where
        names |= {n for n in DecisionFilter.model_fields if getattr(where, n) != getattr(other, n)}
    return names


def record_fields(tree: EditedTree) -> Iterator[str]:
    """The page about the flight recorder has every key of a line, and no other."""
    keys = {field.alias or name for name, field in CycleRecord.model_fields.items()}
    rows = table(tree.text(LOGS))
    documented = {name for row in rows for name in ticked(row[0])}
    yield from equal(side(LOGS, documented), side("domain/record.py", keys))
    parts = {name for row in rows for name in ticked(row[1]) if name.islower()}
    yield from within(side(LOGS, parts),
                      side("a record", model_names() | _written(tree)))  # fmt: skip


def what_the_templates_read(tree: EditedTree) -> Iterator[str]:
    """Answers without a model read fields that a record or an answer has."""
    groups = set(get_args(GroupName))
    known = side("a record or an answer", _stored(tree) | groups | set(Settings.model_fields))
    for path in sources("src/callwright/explain"):
        if "/templates" in path:
            yield from within(side(path, keys_read(tree.text(path))), known)


def fields_of_answers(tree: EditedTree) -> Iterator[str]:
    """What the evidence check calls a number is the name of a number that exists."""
    known = model_names() | set(Settings.model_fields) | _facts(tree) | _written(tree)
    keys = {key for field in FIELDS for key in field.keys} | set(LIMIT_KEYS)
    yield from within(side("explain/fields.py", keys - {"candidate_size"}),
                      side("a record, an answer or a setting", known))  # fmt: skip
    yield from within(side("LIMIT_KEYS", LIMIT_KEYS.values()),
                      side("a kind of explain/fields.py or a limit of its own",
                           {field.kind for field in FIELDS} | {"daily_loss"}))  # fmt: skip
