"""The gate on a terminal and as JSON: how a combination stands, and what an approval rests on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from callwright.cli.tables import Facts, plain_table
from callwright.config import Settings
from callwright.domain.shadow import RESEARCH_LETS_IT
from callwright.evaluation.situations import suite_version
from callwright.gate.approvals import PARTS, Approval, Interval
from callwright.gate.approving import Trialled, changed_answers
from callwright.gate.standing import Standing

MEASURES = ("valid", "legal", "sensible", "right", "acts", "waits")
_UNKNOWN = "—"


def standing_json(standing: Standing, settings: Settings) -> dict[str, Any]:
    """Return how a combination stands, as JSON values."""
    used, near = standing.combination, standing.approval or standing.nearest
    return {
        "approved": standing.is_approved,
        "version": used.version,
        **used.model_dump(mode="json"),
        "mode": settings.mode,
        "file": str(settings.llm_gate_file),
        "why": standing.why,
        "differs": list(standing.differs),
        "suite": suite_version(),
        "compared_with": None if near is None else near.model_dump(mode="json"),
    }


def standing_view(standing: Standing, settings: Settings) -> list[RenderableType]:
    """Return how a combination stands, for a terminal."""
    used, near = standing.combination, standing.approval or standing.nearest
    facts = Facts()
    facts.say("model", used.model)
    facts.say("asked", f"{used.wire} wire, {used.protocol}, at {used.server}")
    facts.say("version", used.version)
    facts.say("file", settings.llm_gate_file)
    parts: list[RenderableType] = [
        Text("Approved.", style="bold green")
        if standing.is_approved
        else Text(f"{standing.why}.", style="bold red"),
        facts.table,
    ]
    if near is not None and standing.differs:
        table = plain_table(None, "part", "now", f"approved {near.approved_at:%Y-%m-%d}", "")
        for name in PARTS:
            word = "differs" if name in standing.differs else ""
            table.add_row(name, used.parts[name], near.parts[name], word)
        parts += [Text(), table]
    if near is not None:
        parts += [Text(), *_approval(near)]
    if standing.is_approved:
        if near is not None and near.suite != suite_version():
            parts.append(Text(f"The suite is another one by now: {suite_version()}."))
        return parts
    return [
        *parts,
        Text(),
        Text(_consequence(settings)),
        Text("To approve: callwright gate approve"),
    ]


def _consequence(settings: Settings) -> str:
    if settings.mode == "production":
        return (
            "MODE=production: the rules decide, and the model's proposals are recorded as shadow."
        )
    return f"{RESEARCH_LETS_IT} all the same; in production the rules would."


def _approval(one: Approval) -> list[RenderableType]:
    scores = ", ".join(f"{name} {share_of(getattr(one.scores, name))}" for name in MEASURES)
    lines = [
        f"{one.model} as {one.version}, approved {one.approved_at:%Y-%m-%d %H:%M} UTC on "
        f"{one.situations} situations of suite {one.suite}, {one.askings} askings:",
        f"{scores}; {_forbidden(one)}; cost {usd(one.scores.cost_usd)}.",
    ]
    if one.despite:
        lines.append(f"It missed the bar, and was approved all the same: {one.despite}")
    if one.served_models:
        lines.append(f"The provider named it {', '.join(one.served_models)}.")
    return [Text(line) for line in lines]


def approval_json(
    found: Trialled, approval: Approval, before: Approval | None, *, is_written: bool
) -> dict[str, Any]:
    """Return what an approval rests on, as JSON values."""
    changed = {} if before is None else changed_answers(approval, before)
    return {
        "approved": is_written,
        "shortfalls": list(found.shortfalls),
        "approval": approval.model_dump(mode="json"),
        "compared_with": None if before is None else before.version,
        "changed_answers": {
            name: {"before": old, "now": new} for name, (old, new) in changed.items()
        },
    }


def approval_view(
    found: Trialled, approval: Approval, before: Approval | None
) -> list[RenderableType]:
    """Return the scores beside the baselines and the nearest approval, and what changed."""
    heads = ["now", "rules", "always hold"]
    if before is not None:
        heads.append(f"approved {before.approved_at:%Y-%m-%d}")
    title = Text(
        f"{approval.model} as {approval.version}, {approval.situations} situations of suite "
        f"{approval.suite}; in % with Wilson's 95% interval",
        style="bold",
    )
    table = plain_table(None, "measure", *heads)
    by_name = {run.brain: run.score for run in found.report.runs}
    for name in MEASURES:
        row = [share_of(getattr(approval.scores, name))]
        row += [_whole_share(getattr(by_name[brain], name)) for brain in ("rules", "hold")]
        if before is not None:
            row.append(share_of(getattr(before.scores, name)))
        table.add_row(name, *row)
    parts: list[RenderableType] = [
        title,
        table,
        Text(f"{_forbidden(approval)}; cost {usd(approval.scores.cost_usd)}."),
    ]
    parts += _changes(approval, before)
    for shortfall in found.shortfalls:
        parts.append(Text(f"Below the bar: {shortfall}.", style="bold red"))
    if found.shortfalls and not approval.despite:
        parts.append(Text("Not approved. Whoever knows better writes down why: --despite REASON."))
    return parts


def _changes(approval: Approval, before: Approval | None) -> Sequence[RenderableType]:
    if before is None:
        return [Text("Nothing was approved before.")]
    changed = changed_answers(approval, before)
    asked = len(set(approval.answers) & set(before.answers))
    lines = [Text(f"{len(changed)} of {asked} situations are answered otherwise than approved.")]
    for name, (old, new) in changed.items():
        lines.append(
            Text.assemble((f"  {name}: ", "bold"), f"{old or _UNKNOWN} → {new or _UNKNOWN}")
        )
    return lines


def _forbidden(one: Approval) -> str:
    scores = one.scores
    return (
        f"forbidden answers in {scores.forbidden} situations, of the rules in "
        f"{scores.forbidden_rules}; {scores.failed} of {one.askings} askings failed"
    )


def usd(amount: float | None) -> str:
    """Return an amount, or that it is not known."""
    return "not known" if amount is None else f"{amount:.4f} USD"


def share_of(interval: Interval | None) -> str:
    """Return ``93 (87–97)``; a dash where nothing was asked."""
    if interval is None:
        return _UNKNOWN
    return f"{interval.share * 100:.0f} ({interval.low * 100:.0f}–{interval.high * 100:.0f})"


def _whole_share(share: Any) -> str:
    return _UNKNOWN if share.share is None else f"{share.share * 100:.0f}"
