"""Running the suite on the combination in use, and what an approval has to reach.

The bar is low on purpose: it keeps out what plainly must not trade, it does not choose a model. A
person sees the scores and decides; who approves below the bar writes down why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from callwright import __version__
from callwright.config import Settings
from callwright.domain.failure import UNHEARD
from callwright.errors import ConfigError, DataInvalid
from callwright.evaluation.running import Report, Run, evaluate
from callwright.evaluation.scoring import Share, Trial
from callwright.evaluation.situations import Situation, all_situations, matching
from callwright.gate.approvals import Approval, Interval, Line, Scores
from callwright.gate.canary import ANSWER_LENGTH_MAX
from callwright.gate.combination import Combination, combination_of
from callwright.gate.standing import CANARIES
from callwright.tools.fences import outside_text

VALID_FRAC_MIN = 0.95
"""Below this share of situations with an answer a model fails too often to be of use."""

CANARY_ASKINGS = 2
"""How often the canary's situations are asked beside the suite, to learn what else is answered."""


@dataclass(frozen=True)
class Trialled:
    """A combination and what the suite said of it.

    Attributes:
        canary: What the canary's situations were answered beside the suite.
        shortfalls: What speaks against approving it; empty when nothing does.
    """

    combination: Combination
    report: Report
    canary: tuple[Trial, ...]
    shortfalls: tuple[str, ...]

    @property
    def run(self) -> Run:
        return self.report.runs[-1]


def with_canary(situations: Iterable[Situation]) -> tuple[Situation, ...]:
    """Return these situations and those of the canary, by name."""
    chosen = {situation.name: situation for situation in (*situations, *matching(CANARIES))}
    return tuple(chosen[name] for name in sorted(chosen))


def askings(situations: Sequence[Situation], repeat: int) -> int:
    """Return how often the model is asked for an approval."""
    return len(with_canary(situations)) * repeat + len(CANARIES) * CANARY_ASKINGS


def trialled(
    settings: Settings,
    situations: Sequence[Situation],
    *,
    repeat: int = 1,
    jobs: int = 1,
    home: Path | None = None,
    on_trial: Callable[[str, Trial], None] = lambda brain, trial: None,
) -> Trialled:
    """Ask the combination of these settings the suite, and the canary once more.

    Args:
        home: Whose budgets hold; None: fresh ones, in a temporary home.

    Raises:
        DataInvalid: Questions were left unasked, or the combination changed meanwhile.
        ConfigError, StorageError: As ``evaluation.running.evaluate``; or recorded replies would be
            played, or ``gate.toml`` could not hold the combination's names. Nobody is asked then.
    """
    before = combination_of(settings)
    _require_lines(before)
    chosen = with_canary(situations)
    report = evaluate(
        chosen,
        settings,
        brain="llm",
        repeat=repeat,
        jobs=jobs,
        home=home,
        on_trial=on_trial,
    )
    run = _whole(report)
    again = evaluate(
        matching(CANARIES),
        settings,
        brain="llm",
        repeat=CANARY_ASKINGS,
        jobs=jobs,
        home=home,
        on_trial=on_trial,
    )
    trials = (*run.trials, *_whole(again).trials)
    own = {situation.name for situation in chosen if situation.settings}
    versions = {t.prompt_version for t in trials if t.situation not in own} - {None}
    if combination_of(settings) != before or len(versions) > 1:
        raise DataInvalid(
            "the prompt, a tool or a setting changed while the suite was asked: what was scored is "
            "not what would trade",
            remedy="leave them alone, then approve again",
        )
    canary = _whole(again).trials
    return Trialled(before, report, canary, shortfalls(report))


def _require_lines(combination: Combination) -> None:
    for key, name in (
        ("LLM_MODEL_NAME", combination.model),
        ("LLM_BASE_URL", combination.server),
    ):
        try:
            _LINE.validate_python(name)
        except ValidationError as exc:
            raise ConfigError(
                f"{key} cannot stand in an approval: it is too long, or not one line of text",
                remedy="name it in one line of at most 300 characters",
            ) from exc


_LINE: TypeAdapter[str] = TypeAdapter(Line)


def _whole(report: Report) -> Run:
    run = report.runs[-1]
    if run.stopped:
        raise DataInvalid(
            f"the suite was not asked whole: {run.stopped}",
            remedy="see to that, then approve again; what was asked so far is not kept",
        )
    return run


def shortfalls(report: Report) -> tuple[str, ...]:
    """Return in what a model misses the bar; empty when it reaches it."""
    by_name = {run.brain: run for run in report.runs}
    run, rules, hold = by_name["llm"], by_name["rules"], by_name["hold"]
    found = []
    missing = len(all_situations()) - len(report.situations)
    if missing:
        found.append(f"{missing} situations of the suite were not asked")
    valid = run.score.valid.share or 0.0
    if not valid >= VALID_FRAC_MIN:
        found.append(
            f"it answered in {valid:.0%} of the situations, the bar is {VALID_FRAC_MIN:.0%}"
        )
    forbidden, of_rules = len(forbidden_in(run.trials)), len(forbidden_in(rules.trials))
    if forbidden > of_rules:
        found.append(f"forbidden answers in {forbidden} situations, the rules give {of_rules}")
    right, of_hold = run.score.right.share or 0.0, hold.score.right.share or 0.0
    if not right >= of_hold:
        found.append(f"right in {right:.0%} of the situations, always holding in {of_hold:.0%}")
    return tuple(found)


def forbidden_in(trials: Iterable[Trial]) -> set[str]:
    """Return the situations with an answer that no sensible desk gives; failing is none."""
    return {trial.situation for trial in trials if trial.valid and not trial.sensible}


def reason_of(despite: str) -> str:
    """Return a reason as it is kept in ``gate.toml``.

    Raises:
        ConfigError: Nothing printable is in it.
    """
    reason = outside_text(despite, length_max=ANSWER_LENGTH_MAX)
    if not reason:
        raise ConfigError("--despite wants a reason", remedy="say why it may trade all the same")
    return reason


def approval_of(found: Trialled, *, despite: str = "", at: datetime | None = None) -> Approval:
    """Return the approval that goes into ``gate.toml``.

    Args:
        despite: Why it is approved although it misses the bar.
    """
    combination, report, run = found.combination, found.report, found.run
    rules = next(one for one in report.runs if one.brain == "rules")
    trials = (*run.trials, *found.canary)
    answers: dict[str, dict[str, None]] = {name: {} for name in report.situations}
    for trial in trials:
        if trial.failure not in UNHEARD:
            answers[trial.situation][_answer(trial)] = None
    score = run.score
    return Approval(
        version=combination.version,
        model=combination.model,
        wire=combination.wire,
        protocol=combination.protocol,
        server=combination.server,
        approved_at=(at or datetime.now(UTC)).replace(microsecond=0),
        callwright=__version__,
        suite=report.suite,
        situations=len(report.situations),
        askings=len(trials),
        served_models=tuple(
            sorted({name for t in trials for name in (t.served_model, *t.served_models) if name})
        ),
        despite=outside_text(despite, length_max=ANSWER_LENGTH_MAX),
        canary=CANARIES,
        parts=combination.parts,
        scores=Scores(
            valid=_interval(score.valid),
            legal=_interval(score.legal),
            sensible=_interval(score.sensible),
            right=_interval(score.right),
            acts=_interval(score.acts),
            waits=_interval(score.waits),
            forbidden=len(forbidden_in(run.trials)),
            forbidden_rules=len(forbidden_in(rules.trials)),
            failed=score.failed,
            cost_usd=score.cost_usd,
            latency_ms_median=score.latency_ms_median,
        ),
        answers={name: tuple(given) for name, given in answers.items()},
    )


def _answer(trial: Trial) -> str:
    return outside_text(trial.answer or trial.failure or "?", length_max=ANSWER_LENGTH_MAX)


def _interval(share: Share) -> Interval | None:
    if share.share is None or share.low is None or share.high is None:
        return None
    return Interval(share=round(share.share, 4), low=round(share.low, 4), high=round(share.high, 4))


def changed_answers(now: Approval, before: Approval) -> dict[str, tuple[str, str]]:
    """Return the situations that both were asked and answered otherwise: before, and now."""
    return {
        name: (" or ".join(before.answers[name]), " or ".join(answers))
        for name, answers in now.answers.items()
        if name in before.answers and set(answers) != set(before.answers[name])
    }
