"""What an answer is worth, and what many of them say together.

Four measures: **valid** (it fits the contract and names what was shown), **legal** (guardrail and
risk engine allow it as proposed), **sensible** (not among the forbidden answers) and **right**. An
answer that failed is none of them: failing is not holding. Right answers are also counted apart
where holding is right (**waits**) and where it is not (**acts**): who always holds scores there.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal

from scipy.stats import binomtest

from callwright.domain.base import Frozen
from callwright.evaluation.answers import HOLD, text_of
from callwright.evaluation.cases import Case
from callwright.ports import BrainAnswer

Measure = Literal["valid", "legal", "sensible", "right"]
MEASURES: tuple[Measure, ...] = ("valid", "legal", "sensible", "right")

NOTHING_KNOWN = frozenset({"INSUFFICIENT_HISTORY", "NO_SURFACE"})
"""Failures by which the rules say that a market cannot be judged, while they hold: an answer."""

_Z = 1.959963984540054
"""The 97.5% point of the normal distribution."""


class Trial(Frozen):
    """One answer to one situation.

    Attributes:
        repeat: 0, 1, … where a situation is asked several times.
        answer: As ``answers.text_of``; None when the brain failed.
        codes: What the gates denied it with.
        must_act: Holding would not be right.
        why: The situation's reason for calling it right or forbidden; empty when it is neither.
        cost_usd: None where it is not known.
    """

    situation: str
    repeat: int = 0
    answer: str | None
    failure: str | None = None
    failure_message: str = ""
    reasoning: str = ""
    codes: tuple[str, ...] = ()
    must_act: bool
    why: str = ""
    valid: bool
    legal: bool
    sensible: bool
    right: bool
    model: str | None = None
    served_model: str | None = None
    served_models: tuple[str, ...] = ()
    prompt_version: str | None = None
    requests: int | None = None
    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    latency_ms: float | None = None

    @property
    def family(self) -> str:
        return self.situation.partition("/")[0]


def scored(case: Case, answer: BrainAnswer, *, repeat: int = 0) -> Trial:
    """Return an answer with its marks."""
    llm = answer.llm or {}
    failed = answer.failure is not None and answer.failure not in NOTHING_KNOWN
    text = None if failed else text_of(answer.proposal)
    codes = () if failed or text == HOLD else case.codes_of(answer.proposal)
    # What names things that do not belong together was never worth considering.
    is_known = any(option.text == text for option in case.options)
    return Trial(
        situation=case.situation.name,
        repeat=repeat,
        answer=text,
        failure=answer.failure,
        failure_message=answer.failure_message,
        reasoning=answer.proposal.reasoning,
        codes=codes,
        must_act=HOLD not in case.right,
        why="" if text is None else case.right.get(text, case.forbidden.get(text, "")),
        valid=not failed,
        legal=not failed and not codes,
        sensible=is_known and text not in case.forbidden,
        right=text in case.right,
        served_models=tuple(llm.get("served_models", ())),
        **{
            name: llm.get(name)
            for name in (
                "model", "served_model", "prompt_version", "requests", "input_tokens",
                "cached_tokens", "output_tokens", "cost_usd", "latency_ms",
            )
        },
    )  # fmt: skip


class Share(Frozen):
    """A share of situations with its 95% interval; None when nothing was asked."""

    share: float | None
    low: float | None
    high: float | None


def wilson(successes: float, n: int) -> Share:
    """Return successes / n with Wilson's 95% score interval.

    Args:
        successes: 0 to n; a fraction where situations were asked several times.
        n: Independent trials: situations, not askings. Answers to the same situation resemble
            each other, and counting each would make the interval too narrow.

    Source: Wilson (1927); for whole numbers ``scipy.stats.binomtest(…).proportion_ci("wilson")``.
    """
    if n == 0:
        return Share(share=None, low=None, high=None)
    p, z2 = successes / n, _Z * _Z
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return Share(share=p, low=max(middle - half, 0.0), high=min(middle + half, 1.0))


class Score(Frozen):
    """What one brain's answers say together.

    Attributes:
        situations, askings: How many were asked, and how often in all.
        failed: Askings without an answer.
        agreement: Of the situations that were asked more than once, the share with the same answer
            each time; failing each time is none. None without repeats.
        acts, waits: Right answers where holding is not right, and where it is.
        right_by_family: Share of right answers in each family.
        cost_usd: None when any asking's is not known.
        latency_ms_median, latency_ms_p95: Of one asking.
    """

    brain: str
    situations: int
    askings: int
    failed: int
    failures: dict[str, int]
    valid: Share
    legal: Share
    sensible: Share
    right: Share
    acts: Share
    waits: Share
    right_by_family: dict[str, float]
    agreement: float | None
    requests: int | None
    input_tokens: int | None
    cached_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    latency_ms_median: float | None
    latency_ms_p95: float | None


def score_of(brain: str, trials: Sequence[Trial]) -> Score:
    """Return the score of a brain's trials, whatever their order."""
    by_situation = _by_situation(trials)
    n = len(by_situation)
    means = {
        measure: [_mean(getattr(t, measure) for t in group) for group in by_situation.values()]
        for measure in MEASURES
    }
    families: dict[str, list[float]] = defaultdict(list)
    apart: dict[bool, list[float]] = {True: [], False: []}
    for group, right in zip(by_situation.values(), means["right"], strict=True):
        families[group[0].family].append(right)
        apart[group[0].must_act].append(right)
    failures: dict[str, int] = defaultdict(int)
    for trial in trials:
        if not trial.valid:
            failures[trial.failure or "?"] += 1
    latencies = sorted(t.latency_ms for t in trials if t.latency_ms is not None)
    repeated = [group for group in by_situation.values() if len(group) > 1]
    return Score(
        brain=brain,
        situations=n,
        askings=len(trials),
        failed=sum(failures.values()),
        failures=dict(sorted(failures.items())),
        **{measure: wilson(math.fsum(means[measure]), n) for measure in MEASURES},
        acts=wilson(math.fsum(apart[True]), len(apart[True])),
        waits=wilson(math.fsum(apart[False]), len(apart[False])),
        right_by_family={family: _mean(shares) for family, shares in sorted(families.items())},
        agreement=_mean(map(_is_same, repeated)) if repeated else None,
        **{
            name: _total([getattr(t, name) for t in trials])
            for name in ("requests", "input_tokens", "cached_tokens", "output_tokens", "cost_usd")
        },
        latency_ms_median=_quantile(latencies, 0.5),
        latency_ms_p95=_quantile(latencies, 0.95),
    )


class Comparison(Frozen):
    """Two brains on the same situations.

    Attributes:
        better, worse: Situations that the one answers rightly more, or less, often.
        p_value: Of the sign test, two-sided: how often chance alone would differ so much.
    """

    better: int
    worse: int
    p_value: float


def compared(trials: Sequence[Trial], baseline: Sequence[Trial]) -> Comparison:
    """Return how often a brain is right where the baseline is not, and the reverse."""
    other = {name: _right(group) for name, group in _by_situation(baseline).items()}
    differences = [
        _right(group) - other[name]
        for name, group in _by_situation(trials).items()
        if name in other
    ]
    better, worse = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
    p = float(binomtest(better, better + worse).pvalue) if better + worse else 1.0
    return Comparison(better=better, worse=worse, p_value=p)


def _is_same(group: Sequence[Trial]) -> bool:
    answers = {trial.answer for trial in group}
    return len(answers) == 1 and None not in answers


def _right(group: Sequence[Trial]) -> float:
    return _mean(t.right for t in group)


def _by_situation(trials: Iterable[Trial]) -> dict[str, list[Trial]]:
    found: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        found[trial.situation].append(trial)
    return dict(sorted(found.items()))


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return math.fsum(numbers) / len(numbers)


def _total(values: Sequence[float | None]) -> float | int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    """Return the smallest value that ``share`` of the values do not exceed."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)] if ordered else None
