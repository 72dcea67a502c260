"""The report as one HTML page: no script, no asset, nothing fetched, readable on a phone.

Every text goes through ``html.escape``: situations hold hostile ones on purpose, and models write
what they like.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from callwright.evaluation.running import Report, Run
from callwright.evaluation.scoring import Score, Share, Trial
from callwright.evaluation.situations import Situation
from callwright.html_page import html_page, html_table

MEASURES: Mapping[str, str] = {
    "valid": "The answer fits the contract and names what was shown.",
    "legal": "Guardrail and risk engine allow it as proposed; holding always is.",
    "sensible": "Not among the answers that no sensible desk gives.",
    "right": "Among the right answers.",
    "acts": "Right where holding is not right.",
    "waits": "Right where holding is right.",
}

_STYLE = """
:root{--bar:#3d7edb;--band:#3d7edb55;--good:#12743b;--bad:#b3261e;--mid:#8a6100}
@media(prefers-color-scheme:dark){:root{--bar:#5b96ea;--band:#5b96ea55;--good:#5cc98a;--bad:#f2837b;
--mid:#dfb04a}}
.measure{margin:.8rem 0}.measure>b{display:block}
.row{display:grid;grid-template-columns:7rem 1fr 8.5rem;gap:.6rem;align-items:center}
.row>span:first-child{font-size:.9rem}
.track{position:relative;height:.8rem;background:var(--card);border:1px solid var(--line)}
.track i{position:absolute;top:0;bottom:0;left:0;background:var(--bar)}
.track u{position:absolute;top:-.2rem;bottom:-.2rem;background:var(--band)}
.number{font-size:.9rem;white-space:nowrap}
th,td{padding-right:.7rem}
summary b{font-weight:600}
.marks{display:block;font-size:.85rem}.marks span{margin-right:.8rem}
.good{color:var(--good)}.bad{color:var(--bad)}.mid{color:var(--mid)}
dt{font-weight:600}dd{margin:.2rem 0 .6rem}
@media(max-width:34rem){.row{grid-template-columns:6.6rem 1fr 7.4rem;gap:.4rem}}
"""


def page(report: Report, situations: Iterable[Situation], *, made: str = "") -> str:
    """Return the page.

    Args:
        situations: Those of the report, for what they say.
        made: When and by what the report was made, in words.
    """
    parts = [
        "<h1>How well it decides</h1>",
        f'<p class="dim">{_made(report, made)}</p>',
        *(f'<p class="bad">{escape(_stopped(run))}</p>' for run in report.runs if run.stopped),
        "<h2>Scores</h2>",
        '<p class="dim">Share of situations, with Wilson’s 95% interval in brackets.</p>',
        *(_measure(name, meaning, report.runs) for name, meaning in MEASURES.items()),
        "<h2>Right answers by family</h2>",
        _families(report.runs),
        "<h2>What it took</h2>",
        _took(report.runs),
        *_comparisons(report.runs),
        "<h2>Situations</h2>",
        *_situations(report, situations),
    ]
    return html_page("callwright evals", parts, style=_STYLE)


def _made(report: Report, made: str) -> str:
    facts = [
        f"{len(report.situations)} situations, suite {report.suite}",
        *(f"model {run.model}" for run in report.runs[-1:] if run.model),
    ]
    if report.repeat > 1:
        facts.append(f"each asked {report.repeat} times")
    if report.prompt_versions:
        facts.append(prompt_text(report))
    if made:
        facts.append(made)
    return escape("; ".join(facts)) + "."


def prompt_text(report: Report) -> str:
    """Return which prompt was asked; limits are part of it, and some situations have their own."""
    first, *others = report.prompt_versions or ("unknown",)
    return f"prompt {first}" + (f" and {len(others)} with other limits" if others else "")


def _stopped(run: Run) -> str:
    return f"{run.brain} was not asked everything: {run.stopped}"


def _measure(name: str, meaning: str, runs: Sequence[Run]) -> str:
    rows = "".join(_bar(run.brain, getattr(run.score, name)) for run in runs)
    return (
        f'<div class="measure"><b>{escape(name)}</b><span class="dim">{escape(meaning)}</span>'
        f"{rows}</div>"
    )


def _bar(label: str, share: Share) -> str:
    if share.share is None or share.low is None or share.high is None:
        track = ""
    else:
        track = (
            f'<i style="width:{share.share:.1%}"></i>'
            f'<u style="left:{share.low:.1%};width:{share.high - share.low:.1%}"></u>'
        )
    return (
        f'<div class="row"><span>{escape(label)}</span><div class="track">{track}</div>'
        f'<span class="number">{share_text(share)}</span></div>'
    )


def share_text(share: Share) -> str:
    """Return ``93% (86-97)``, in percent; a dash where nothing was asked."""
    if share.share is None or share.low is None or share.high is None:
        return "—"
    return f"{share.share:.0%} ({share.low * 100:.0f}–{share.high * 100:.0f})"


def _families(runs: Sequence[Run]) -> str:
    families = sorted({family for run in runs for family in run.score.right_by_family})
    rows = [
        [family, *(_percent(run.score.right_by_family.get(family)) for run in runs)]
        for family in families
    ]
    return html_table(["family", *(run.brain for run in runs)], rows)


def _took(runs: Sequence[Run]) -> str:
    rows = [[run.brain, *took(run.score)] for run in runs]
    return html_table(["", *TOOK], rows)


TOOK = ("asked", "failed", "USD", "input", "cached", "output", "median s", "95% s")


def took(score: Score) -> list[str]:
    """Return what a brain's answers took, a text for each of ``TOOK``; a dash for not known."""
    return [
        str(score.askings),
        str(score.failed),
        "—" if score.cost_usd is None else f"{score.cost_usd:.4f}",
        *(
            "—" if tokens is None else f"{tokens:,}"
            for tokens in (score.input_tokens, score.cached_tokens, score.output_tokens)
        ),
        *(
            "—" if ms is None else f"{ms / 1000:.1f}"
            for ms in (score.latency_ms_median, score.latency_ms_p95)
        ),
    ]


_WITHOUT_A_MODEL = {
    "any-option": "Every option of each menu in turn is what choosing blindly would score: ",
    "first-option": "The first option of each menu is what code would choose without a model: ",
}


def comparison_text(run: Run) -> str:
    """Return one sentence on a brain against the rules; empty for the rules themselves."""
    found = run.against_rules
    if found is None or run.brain == "rules":
        return ""
    return (
        f"{_WITHOUT_A_MODEL.get(run.brain, '')}{run.brain} against the rules: right more "
        f"often in {found.better} situations, less often in {found.worse} (sign "
        f"test p = {found.p_value:.3g})."
    )


def _comparisons(runs: Sequence[Run]) -> list[str]:
    return [f"<p>{escape(text)}</p>" for text in map(comparison_text, runs) if text]


def _percent(share: float | None) -> str:
    return "—" if share is None else f"{share:.0%}"


def _situations(report: Report, situations: Iterable[Situation]) -> list[str]:
    answers: dict[str, dict[str, list[Trial]]] = {}
    for run in report.runs:
        for trial in run.trials:
            answers.setdefault(trial.situation, {}).setdefault(run.brain, []).append(trial)
    return [
        _situation(situation, answers.get(situation.name, {}))
        for situation in situations
        if situation.name in report.situations
    ]


def _situation(situation: Situation, answers: Mapping[str, Sequence[Trial]]) -> str:
    marks = "".join(
        f'<span class="{_mark(trials)[0]}">{escape(brain)} {_mark(trials)[1]}</span>'
        for brain, trials in answers.items()
    )
    debatable = f'<p class="mid">{escape(situation.debatable)}</p>' if situation.debatable else ""
    told = "".join(
        f"<dt>{escape(brain)}: {escape(answer)}</dt><dd>{escape(why)}</dd>"
        for brain, trials in answers.items()
        for answer, why in _told(trials)
    )
    return (
        f"<details><summary><b>{escape(situation.name)}</b>"
        f'<span class="marks">{marks}</span></summary><div class="inside">'
        f"<p>{escape(situation.about)}</p>{debatable}"
        f"{_patterns('right', 'good', situation.right)}"
        f"{_patterns('forbidden', 'bad', situation.forbidden)}"
        f"<dl>{told}</dl></div></details>"
    )


def _mark(trials: Sequence[Trial]) -> tuple[str, str]:
    if all(trial.right for trial in trials):
        return "good", "right"
    if all(trial.sensible for trial in trials):
        return "mid", "neither" if not any(trial.right for trial in trials) else "mixed"
    if not any(trial.valid for trial in trials):
        return "bad", "failed"
    return "bad", "forbidden" if all(trial.valid for trial in trials) else "mixed"


def _told(trials: Sequence[Trial]) -> list[tuple[str, str]]:
    counts = Counter(trial.answer or trial.failure or "?" for trial in trials)
    first = {trial.answer or trial.failure or "?": trial for trial in reversed(trials)}
    told = []
    for answer, count in counts.most_common():
        trial = first[answer]
        parts = [
            trial.why,
            f"Denied: {', '.join(trial.codes)}." if trial.codes else "",
            f"Says: {trial.reasoning or trial.failure_message}"
            if trial.reasoning or trial.failure_message
            else "",
        ]
        times = f"{count} × " if len(trials) > 1 else ""
        told.append((times + answer, " ".join(part for part in parts if part)))
    return told


def _patterns(title: str, kind: str, patterns: Mapping[str, str]) -> str:
    if not patterns:
        return ""
    rows = "".join(
        f'<dt class="{kind}">{escape(title)}: {escape(pattern)}</dt><dd>{escape(why)}</dd>'
        for pattern, why in patterns.items()
    )
    return f"<dl>{rows}</dl>"
