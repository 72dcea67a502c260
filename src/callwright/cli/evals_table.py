"""The suite and its scores on a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from callwright.cli.tables import plain_table
from callwright.evaluation.cases import Case
from callwright.evaluation.page import (
    MEASURES,
    TOOK,
    comparison_text,
    prompt_text,
    share_text,
    took,
)
from callwright.evaluation.running import Report, Run
from callwright.evaluation.situations import Situation
from callwright.tools.fences import FENCE_CLOSE, FENCE_OPEN, outside_text

_WIDE = 1_000


def report_view(report: Report, situations: Sequence[Situation]) -> list[RenderableType]:
    """Return scores, families, costs, and the answers that are not right."""
    scores = plain_table(
        f"{len(report.situations)} situations, suite {report.suite}; in % with Wilson's 95% "
        "interval",
        "brain",
        *MEASURES,
    )
    families = plain_table("Right by family, in %", "family", *(r.brain for r in report.runs))
    costs = plain_table("What it took", "brain", *TOOK)
    for run in report.runs:
        shares = (share_text(getattr(run.score, name)) for name in MEASURES)
        scores.add_row(run.brain, *(text.replace("%", "") for text in shares))
        costs.add_row(run.brain, *took(run.score))
    for column in scores.columns[1:]:
        # A share and its interval belong together, and neither may be cut.
        column.min_width = max(len(str(cell)) for cell in column.cells)
    for family in sorted({f for run in report.runs for f in run.score.right_by_family}):
        right = [run.score.right_by_family.get(family) for run in report.runs]
        families.add_row(family, *("—" if r is None else f"{r * 100:.0f}" for r in right))
    meanings = "; ".join(f"{name}: {meaning[:-1]}" for name, meaning in MEASURES.items())
    last = report.runs[-1]
    notes = [comparison_text(run) for run in report.runs if run.brain != "hold"]
    if last.model is not None:
        notes.append(f"llm: {last.model}; {prompt_text(report)}.")
    notes += [
        f"{run.brain} was not asked everything: {run.stopped}" for run in report.runs if run.stopped
    ]
    if last.score.agreement is not None:
        notes.append(f"{last.score.agreement:.0%} of the situations got the same answer each time.")
    if last.score.failures:
        counts = ", ".join(f"{code} {n}" for code, n in last.score.failures.items())
        notes.append(f"Failed: {counts}.")
    return [
        scores,
        Text(f"{meanings}.", style="dim"),
        Text(),
        families,
        Text(),
        costs,
        *(Text(outside_text(note, length_max=_WIDE)) for note in notes if note),
        Text(),
        *_not_right(last, situations),
    ]


def _not_right(run: Run, situations: Iterable[Situation]) -> list[RenderableType]:
    debatable = {situation.name: situation.debatable for situation in situations}
    lines: list[RenderableType] = []
    for trial in run.trials:
        if trial.right:
            continue
        kind = "failed" if not trial.valid else "neither" if trial.sensible else "forbidden"
        text = Text(f"{kind:<10}", style="" if kind == "neither" else "bold red")
        answer = outside_text(trial.answer or trial.failure or "?")
        text.append(f"{trial.situation}: {answer}. ", style="bold")
        # Why a situation is debatable says nothing of an answer that never came.
        why = trial.why or debatable[trial.situation] if trial.valid else trial.failure_message
        text.append(outside_text(why, length_max=_WIDE))
        lines.append(text)
    title = f"Answers of {run.brain} that are not right: {len(lines)}"
    return [Text(title, style="bold"), *lines]


def list_view(situations: Iterable[Situation]) -> RenderableType:
    """Return a line for each situation."""
    found = list(situations)
    table = plain_table(f"{len(found)} situations", "name")
    table.add_column("what is going on", overflow="fold")
    for situation in found:
        table.add_row(situation.name, Text(situation.about))
    return table


def case_view(case: Case, shown: Mapping[str, str]) -> list[RenderableType]:
    """Return a situation in words, as the model sees it, and what may be answered."""
    situation = case.situation
    parts: list[RenderableType] = [Text(situation.name, style="bold"), Text(situation.about)]
    for name, text in shown.items():
        parts += [Text(f"\n{name}", style="bold"), Text(_indented(text))]
    parts.append(Text("\nAnswers", style="bold"))
    for option in case.options:
        kind, why = "", ""
        if option.text in case.right:
            kind, why = "right", case.right[option.text]
        elif option.text in case.forbidden:
            kind, why = "forbidden", case.forbidden[option.text]
        line = Text(f"{kind:<10}", style={"right": "green", "forbidden": "red"}.get(kind, ""))
        line.append(f"{outside_text(option.text)} ", style="bold")
        line.append(why)
        if option.codes:
            line.append(
                f" Denied: {', '.join(outside_text(c) for c in option.codes)}.", style="dim"
            )
        parts.append(line)
    if situation.debatable:
        parts.append(Text(f"\nDebatable: {situation.debatable}"))
    parts.append(Text("\nIndented here; the model gets each answer in one line.", style="dim"))
    return parts


def _indented(text: str) -> str:
    before, fence, rest = text.partition(FENCE_OPEN)
    body, _, after = rest.partition(FENCE_CLOSE)
    if not fence:
        return text
    # Texts in it stay as escaped as the model gets them.
    pretty = _json_lines(json.loads(body)).replace("<", "\\u003c").replace(">", "\\u003e")
    return f"{before}{FENCE_OPEN}{pretty}{FENCE_CLOSE}{after}"


def _json_lines(value: Any, indent: str = "") -> str:
    """Return JSON with a line for everything that holds nothing nested."""
    items = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(value, dict | list) or not any(isinstance(i, dict | list) for i in items):
        return json.dumps(value)
    deeper = indent + "  "
    if isinstance(value, dict):
        lines = [f"{json.dumps(key)}: {_json_lines(item, deeper)}" for key, item in value.items()]
        first, last = "{", "}"
    else:
        lines = [_json_lines(item, deeper) for item in value]
        first, last = "[", "]"
    return f"{first}\n" + ",\n".join(deeper + line for line in lines) + f"\n{indent}{last}"
