"""``callwright what-if``: what the rules, or the model, would do if something were otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from callwright.cli.options import ConfigFile, Home, Json, settings_of

if TYPE_CHECKING:
    from rich.console import RenderableType

    from callwright.domain.explain import WhatIfAnswer

CANDIDATES_SHOWN_MAX = 5

Without = Annotated[
    list[str] | None, typer.Option("--without", metavar="COIN", help="A coin not held at all: BTC.")
]
Balance = Annotated[
    list[str] | None, typer.Option("--balance", metavar="COIN=AMOUNT", help="Cash: BTC=0.5.")
]
Spot = Annotated[
    list[str] | None, typer.Option("--spot", metavar="COIN=USD", help="Index price: BTC=90000.")
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=NUMBER",
        help="A limit, scanner filter or number of the policy: min_ivrv=1.2, or of one coin "
        "max_net_delta_abs.BTC=0.3.",
    ),
]
Model = Annotated[
    bool,
    typer.Option("--model", help="Ask the manager model instead; it costs what a decision costs."),
]


def what_if(
    without: Without = None,
    balance: Balance = None,
    spot: Spot = None,
    set_: Set = None,
    model: Model = False,
    home: Home = None,
    config: ConfigFile = None,
    json_output: Json = False,
) -> None:
    """Ask what would be done on the last snapshot if something were otherwise. Sends nothing."""
    settings = settings_of(config=config, home=home)
    import asyncio
    import json

    from callwright.desk_reader import open_desk_reader
    from callwright.tools.memory_questions import WhatIfArguments, read_model

    # Read as a model's are, so that both are told the same of a wrong one.
    given = {"without": without, "balances": balance, "spots": spot, "settings": set_}
    question = read_model(WhatIfArguments, json.dumps(given)).question()
    with open_desk_reader(settings) as desk:
        if model:
            answer = asyncio.run(desk.what_would_the_model_do(question))
        else:
            answer = desk.what_if(question)
    if json_output:
        print(answer.model_dump_json())
        return
    from rich.console import Console

    from callwright.cli.tables import print_uncut

    print_uncut(Console(), *answer_view(answer))


def answer_view(answer: WhatIfAnswer) -> list[RenderableType]:
    """Return an answer for a terminal."""
    from callwright.cli.tables import Facts

    facts = Facts()
    say = facts.say
    state = answer.state
    say("snapshot", f"decision #{answer.decision_id}, {answer.as_of}")
    say("changed", *answer.changes)
    say("assumed", *answer.assumptions)
    say("market", ", ".join(f"{coin} {price:,.2f}" for coin, price in state["spot"].items()))
    say("answers for", answer.answers_for)
    say("failure", answer.failure, answer.failure_message)
    say("proposed", _action(answer.proposed_action), answer.proposed_action["reasoning"])
    say("guardrail", *_verdict(answer.guardrail))
    say("risk engine", *_verdict(answer.risk_check))
    say("would do", _action(answer.final_action))
    say("really did", _action(answer.actual_action), answer.actual_action["reasoning"])
    say("candidates", *(_candidate(each) for each in state["candidates"][:CANDIDATES_SHOWN_MAX]))
    return [facts.table]


def _action(action: Mapping[str, Any]) -> str:
    from callwright.cli.decision_tables import named_action

    return named_action(action["action"], action["params"])


def _verdict(verdict: Mapping[str, Any]) -> list[str]:
    from callwright.cli.decision_tables import gate_word
    from callwright.domain.verdict import Reason

    return [
        gate_word(verdict["allowed"]),
        *(str(Reason.model_validate(reason)) for reason in verdict["reasons"]),
    ]


def _candidate(candidate: Mapping[str, Any]) -> str:
    would = ", ".join(candidate["codes"]) or f"passes, size {candidate['size_coin']:g}"
    return (
        f"{candidate['symbol']} delta {candidate['delta']:.3f}, bid {candidate['bid_coin']:g}: "
        f"{would}"
    )
