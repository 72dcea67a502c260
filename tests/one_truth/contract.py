"""The decision contract: its models against schema, prompts, gates and documentation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from builders import a_scan, limits, policy_settings
from callwright.agents.explainer_prompt import explainer_instructions
from callwright.agents.prompt import CAN_REFUSE_IN_TEXT, PRECHECKS, actions_text, instructions
from callwright.agents.toolbox import PROPOSE, READ_TOOLS, manager_tools
from callwright.domain.decision import Action, Proposal, parse_proposal
from callwright.domain.instrument import parse_option_name
from callwright.domain.limits import Limits
from callwright.domain.verdict import Verdict
from callwright.errors import DecisionInvalid
from callwright.guardrails.intake import read_proposal
from callwright.guardrails.ruleset import GUARDRAIL_RULES, RISK_RULES
from callwright.tools.menu import FIELDS, HOLD
from callwright.tools.proposal import CANNOT_DECIDE, proposal_schema
from callwright.tools.proposal import read_proposal as read_shown
from one_truth.names import (
    attributes_of,
    endings,
    json_names,
    keys_read,
    named_rows,
    quoted_names,
    snake_names,
    sources,
    texts_of,
    ticked,
    upper_names,
)
from one_truth.shown import manager_views, menu_view, situation_view
from one_truth.sides import equal, side, within
from one_truth.trees import EditedTree
from situations import closing, opening, rolling

MODELS = "domain/decision.py"
MANAGER, CHOOSE = "agents/prompts/manager.md", "agents/prompts/choose.md"
MENU = "agents/prompts/menu.md"
README = "agents/README.md"
OPTION = "BTC-9JAN26-104000-C"
UNKNOWN = "BTC-25DEC99-1000000-C"


def contract() -> dict[str, tuple[str, ...]]:
    """Return the params of each action, as the models have them."""
    return {
        get_args(model.model_fields["action"].annotation)[0]: tuple(
            model.model_fields["params"].annotation.model_fields
        )
        for model in get_args(get_args(Proposal)[0])
    }


def params() -> set[str]:
    return {name for names in contract().values() for name in names}


def proposal_fields() -> set[str]:
    return {name for model in get_args(get_args(Proposal)[0]) for name in model.model_fields}


def _lines(actions: Mapping[str, Any]) -> set[str]:
    """Return actions with params as one text each, so that a difference names both."""
    return {f"{action}({', '.join(names)})" for action, names in actions.items()}


def _told(text: str) -> set[str]:
    found = re.findall(r"(?m)^- ([A-Z_]+), params \{(.*?)\}: ", text)
    return _lines({action: re.findall(r'"(\w+)"', names) for action, names in found})


def actions_and_params(tree: EditedTree) -> Iterator[str]:
    """Models, tool schema, prompt and documentation have the same actions with the same params."""
    models = side(MODELS, _lines(contract()))
    yield from equal(side("Action", Action), side(MODELS, contract()))
    schema = proposal_schema()["properties"]
    yield from equal(side("the schema of propose_action", schema["action"]["enum"]),
                     side(MODELS, {*contract(), CANNOT_DECIDE}))  # fmt: skip
    shapes = {", ".join(shape["properties"]) for shape in schema["params"]["anyOf"]}
    yield from equal(side("the schema of propose_action", shapes),
                     side(MODELS, {", ".join(names) for names in contract().values()}))  # fmt: skip
    yield from equal(side("the schema of propose_action", schema), side(MODELS, proposal_fields()))
    yield from equal(side(MANAGER, _told(_manager())), models)
    yield from equal(side("the list of actions", _told(actions_text())), models)
    rows = {
        name: ticked(row[1])
        for name, row in named_rows(tree.text(README), "## The decision contract").items()
    }
    yield from equal(side(f"the table in {README}", _lines(rows)), models)
    for example in re.findall(r'(?m)^(?:# )?(\{"action": .*\})$', tree.text(README)):
        if '"failure"' not in example:
            parse_proposal(example)
    yield from equal(side("the explainer's prompt", upper_names(explainer_instructions())),
                     side(MODELS, contract()))  # fmt: skip
    for prompt, text in ((MANAGER, _manager()), (CHOOSE, tree.text(CHOOSE))):
        told = upper_names(text)
        yield from within(side(prompt, told), side(MODELS, {*contract(), CANNOT_DECIDE}))
        yield from within(side("tools/proposal.py", {CANNOT_DECIDE}), side(prompt, told))
    yield from within(side("tools/proposal.py", {CANNOT_DECIDE}),
                      side(README, upper_names(tree.text(README))))  # fmt: skip
    small = proposal_schema(can_refuse=False)["properties"]["action"]["enum"]
    yield from equal(side("the schema for small models", small), side(MODELS, contract()))
    told = quoted_names(CAN_REFUSE_IN_TEXT) - {"why"}
    read = set(texts_of(tree.text("tools/proposal.py")))
    yield from within(side("agents/prompt.py", told), side("tools/proposal.py", read))


def words_of_the_prompts(tree: EditedTree) -> Iterator[str]:
    """Every field, tool and limit that a prompt of the manager names is one, and is explained."""
    tools = {tool.name for tool in manager_tools("two-call")}
    yield from equal(side("the tools sent", tools), side("agents/toolbox.py",
                                                         {*READ_TOOLS, PROPOSE}))  # fmt: skip
    views = json_names(manager_views()) | json_names(situation_view())
    known = views | tools | params() | proposal_fields() | set(Limits.model_fields)
    prompt = _manager()
    named = snake_names(prompt) | quoted_names(prompt)
    yield from within(side(MANAGER, named), side("a tool, the contract or a limit", known))
    yield from within(side("the tools", tools), side(MANAGER, snake_names(prompt)))
    yield from within(side("the contract", proposal_fields()), side(MANAGER, quoted_names(prompt)))
    yield from within(side("the prechecks in the prompt", quoted_names(PRECHECKS)),
                      side("list_candidates", json_names(manager_views())))  # fmt: skip
    choose = quoted_names(tree.text(CHOOSE))
    yield from within(side(CHOOSE, choose), side("the contract", proposal_fields()))
    yield from within(side("the contract", proposal_fields()), side(CHOOSE, choose))
    _, _, meanings = prompt.partition("# What the numbers mean")
    meanings = meanings.partition("\n# ")[0]
    lists = re.findall(r"(?<![\w*])([a-z]\w*(?:, [a-z]\w*)*): ", meanings)
    explained = {name for names in lists for name in names.split(", ")}
    yield from within(side(f"{MANAGER}, What the numbers mean", explained - {"null"}),
                      side("any tool", views))  # fmt: skip
    families = endings(meanings)
    for ending in families:
        if not any(name.endswith(ending) for name in views):
            yield f"{MANAGER} explains *{ending}, and no tool shows such a field"
    for name in sorted(views):
        unit = "_" + name.rpartition("_")[2]
        is_number = unit in {"_coin", "_usd", "_frac", "_pct", "_annual", "_days", "_s", "_delta"}
        if is_number and name not in explained and unit not in families and "_by_" not in name:
            yield f"a tool shows {name}, and {MANAGER} does not say what it means"


def words_of_the_menu(tree: EditedTree) -> Iterator[str]:
    """What the prompt says of the menu is on it, and an answer has the fields that it names."""
    prompt = instructions(limits(), policy_settings(), protocol="menu")
    assigned = set(re.findall(r"(?m)^ +(\w+) = ", prompt))
    yield from equal(side(MENU, assigned), side("tools/menu.py", {FIELDS[0]}))
    groups = set(re.findall(r"(?:if|of|without) ([a-z_]+)", prompt)) - {"a"}
    known = json_names(menu_view())
    yield from within(side(MENU, groups), side("the menu", known))
    told = set(re.findall(r'option = "(\w+)"', prompt))
    yield from equal(side(MENU, told), side("tools/menu.py", {HOLD, CANNOT_DECIDE}))
    (tool,) = manager_tools("menu", options=[HOLD])
    yield from within(side("the tools sent", {tool.name}), side(MENU, snake_names(prompt)))
    schema = tool.params_json_schema["properties"]
    yield from equal(side("the schema of a choice", schema), side("tools/menu.py", FIELDS))
    yield from equal(side("the schema of a choice", schema["option"]["enum"]), side(MENU, told))
    examples = re.findall(r'(?m)`(\{"option": .*?\})`', tree.text(README))
    for example in examples:
        yield from equal(side(README, json.loads(example)), side("tools/menu.py", FIELDS))
    if not examples:
        yield f"{README} shows no choice"


def what_the_gates_read(tree: EditedTree) -> Iterator[str]:
    """The guardrail takes each action of the contract, and code reads no param that is none."""
    gates = {n for path in sources("guardrails") for n in _read_of_params(tree.text(path))}
    yield from equal(side("guardrails/", gates), side(MODELS, params()))
    looked_up = keys_read(tree.text("guardrails/intake.py"))
    yield from within(side("guardrails/intake.py", looked_up), side(MODELS, proposal_fields()))
    for path in sources("tools", "agents", "src/callwright/policy", "src/callwright/execution"):
        yield from within(side(path, _read_of_params(tree.text(path))), side(MODELS, params()))
    for trade in (opening(), rolling(), closing()):
        # Asked one by one, a rule that cannot judge tells what it misses.
        for rule in (*GUARDRAIL_RULES, *RISK_RULES):
            verdict = rule(trade.x)
            if not verdict.allowed:
                yield f"{rule.__name__} refuses a good {trade.proposal.action}: {verdict.reasons}"
    for action, names in contract().items():
        values = {n: "BTC" if n == "underlying" else OPTION for n in names}
        said = {"action": action, "params": values, "reasoning": "because"}
        answer = read_proposal(said)
        if isinstance(answer, Verdict):
            yield f"the guardrail refuses {action}({', '.join(names)}): {answer.reasons}"
        for name in names:
            if name == "underlying":
                continue
            yield from _unreadable(said, name)
            yield from _unknown(said, name)


def _read_of_params(source: str) -> frozenset[str]:
    """Return the params that code reads, without the methods of models, mappings and lists."""
    methods = {*dir(BaseModel), *dir(dict), *dir(list)}
    return attributes_of(source, "params") - methods


def _unreadable(said: Mapping[str, Any], name: str) -> Iterator[str]:
    """A param that names an option is read as one."""
    verdict = read_proposal({**said, "params": {**said["params"], name: "no option"}})
    if not isinstance(verdict, Verdict) or verdict.code != "SYMBOL_UNREADABLE":
        yield f"the guardrail does not read {name} of {said['action']} as an option's name"


def _unknown(said: Mapping[str, Any], name: str) -> Iterator[str]:
    """The refusal of a symbol that was not shown names the param as the model sent it."""
    parse_option_name(UNKNOWN)
    wrong = {**said, "params": {**said["params"], name: UNKNOWN}}
    try:
        read_shown(json.dumps(wrong), a_scan())
    except DecisionInvalid as exc:
        if f"params.{name}: {UNKNOWN}" not in exc.message:
            yield f"tools/proposal.py refuses {name} of {said['action']} by another name: {exc}"
    else:
        yield f"tools/proposal.py takes any {name} of {said['action']}"


def _manager() -> str:
    return instructions(limits(), policy_settings())
