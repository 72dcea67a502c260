"""What a replay found in words, the same on a terminal and on a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from callwright.domain.base import minute_of, several
from callwright.domain.history import ACTION_WORDS
from callwright.domain.record import ActionRecord
from callwright.replaying.comparing import Choice
from callwright.replaying.outcomes import LegOutcome, Outcome
from callwright.replaying.report import Report

HOW_COUNTED = (
    "Earned: against holding. Each choice trades once, whole, at the quote that it saw, and is "
    "kept to expiry; * where the recording ends before, it is marked. Every decision stands by "
    "itself, on the account that the desk really had: the sums are no back-test."
)
UNKNOWN = "—"

_WORDS = {action.value: word.upper() for action, word in ACTION_WORDS.items()}
_NAMES = {"rules": "the rules", "rule_based": "the rules", "care": "care after a failure"}


def summary(report: Report) -> Iterator[str]:
    """Yield what was done and what came of it, a sentence or two each."""
    yield (
        f"{report.decisions:,} decisions, {minute_of(report.first_as_of)} to "
        f"{minute_of(report.last_as_of)}, decided again by {_asked(report)}."
        if report.decisions
        else f"Nothing was decided again by {_asked(report)}."
    )
    yield f"Recorded decisions: {_recorded_by(report)}." if report.decisions else ""
    yield f"Changed: {'; '.join(report.changes)}." if report.changes else ""
    yield report.stopped and f"Not everything was asked: {report.stopped}"
    yield from _missing(report)
    if report.unanswered:
        askings = several(sum(report.unanswered.values()), "decision")
        yield f"Not answered: {askings}, in no difference and no sum: {_codes(report.unanswered)}."
    if report.failures:
        yield f"Failed to decide again, which is no hold: {_codes(report.failures)}."
    if not report.decisions:
        return
    if report.identical == report.decisions:
        yield "No difference: every record came out the same, digit for digit."
        return
    different = len(report.differences)
    on_days = f" on {several(len(report.by_day), 'day')}" if different else ""
    yield (
        f"{report.identical:,} records came out the same, {report.same_decision:,} the same "
        f"decision with other words or figures, {different:,} another decision{on_days}."
    )


def _asked(report: Report) -> str:
    if report.brain == "rules":
        return _NAMES["rules"]
    prompt = f" with {report.prompt}" if report.prompt else ""
    played = f", {report.recording}" if report.recording else ""
    return f"the model {report.model}{played}{prompt}{_versions(report.prompt_versions)}"


def _recorded_by(report: Report) -> str:
    names = (
        (_NAMES.get(who) or f"the model {who.removeprefix('llm ')}", count)
        for who, count in report.recorded_by.items()
    )
    parts = (f"{count:,} by {name}" for name, count in names)
    return ", ".join(parts) + _versions(report.recorded_prompt_versions)


def _versions(versions: tuple[str, ...]) -> str:
    if not versions:
        return ""
    more = f" and {len(versions) - 1} more" if len(versions) > 1 else ""
    return f" (prompt {versions[0]}{more})"


def _missing(report: Report) -> Iterator[str]:
    missing = report.missing
    if missing.without_snapshot:
        blind = f", {missing.saw_no_market:,} of them saw no market" * bool(missing.saw_no_market)
        yield (
            f"{several(missing.without_snapshot, 'decision')} "
            f"{'has' if missing.without_snapshot == 1 else 'have'} no stored snapshot{blind}."
        )
    if missing.unreadable:
        yield f"{several(missing.unreadable, 'stored snapshot')} cannot be read by this version."


def _codes(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{code} {count:,}" for code, count in counts.items())


def choice_text(choice: Choice) -> str:
    """Return what was chosen: ``OPEN 0.1 BTC-9JAN26-97000-C``, with the codes of a denial."""
    if choice.failure is not None:
        did = "" if choice.final.action == "DO_NOTHING" else f", {_action(choice.final)}"
        return f"FAILED {choice.failure}{did}"
    denied = f" denied: {', '.join(choice.codes)}" if choice.codes else ""
    return f"{_action(choice.proposed)}{denied}"


def _action(action: ActionRecord) -> str:
    params, word = action.params, _WORDS.get(action.action, action.action)
    if "symbol" not in params:
        return word
    before = f"{params['from_symbol']} to " if "from_symbol" in params else ""
    return f"{word} {float(params.get('size', 0)):g} {before}{params['symbol']}"


def why_text(choice: Choice) -> str:
    """Return why, as the brain wrote it; of a failure its message."""
    return choice.failure_message if choice.failure is not None else choice.proposed.reasoning


def earned_texts(outcome: Outcome) -> tuple[str, str]:
    """Return what was earned in coin and in USD; a star where an option was marked."""
    if outcome.earned_coin is None or outcome.earned_usd is None:
        return UNKNOWN, UNKNOWN
    if outcome.coin is None:
        return "0", "0"
    star = "*" if any(leg.ended == "marked" for leg in outcome.legs) else ""
    return f"{outcome.earned_coin:+.5f} {outcome.coin}{star}", f"{outcome.earned_usd:+,.0f}"


def leg_text(leg: LegOutcome) -> str:
    """Return one leg: what was traded at what price, and how it ended."""
    end = "expired" if leg.ended == "expired" else "marked"
    index = {"venue": "delivery price", "index": "index at expiry", "snapshot": "index"}
    fee = f", delivery fee {leg.delivery_fee_coin:g}" if leg.delivery_fee_coin else ""
    return (
        f"{leg.side} {leg.amount_coin:g} {leg.symbol} at {leg.price_coin:g}, fee {leg.fee_coin:g}; "
        f"{end} {minute_of(leg.ended_at)} at {leg.worth_coin:g}{fee}, {index[leg.index_source]} "
        f"{leg.index_usd:,.2f}"
    )


def unknown_text(report: Report) -> str:
    """Return how many outcomes are in no sum, and how many are marks; empty when none is."""
    totals = report.totals
    parts = []
    if totals.unknown:
        parts.append(f"{several(totals.unknown, 'difference')} with an unknown outcome in no sum")
    if totals.open:
        parts.append(
            f"{several(totals.open, 'difference')} with an option not yet delivered at the end of "
            f"the recording, {minute_of(report.known_until)}"
        )
    return f"{'; '.join(parts)}." if parts else ""


def sums_title(report: Report) -> str:
    """Return what ``sums`` adds up."""
    return f"What {several(report.totals.counted, 'differing choice')} earned"


def sums(report: Report) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the heads and rows of what the differing choices earned in all."""
    totals = report.totals
    coins = sorted({*totals.recorded.coins, *totals.replayed.coins})
    rows = []
    for name, coin_sums, usd in (
        ("recorded", totals.recorded.coins, totals.recorded.usd),
        ("again", totals.replayed.coins, totals.replayed.usd),
        (
            "difference",
            {
                coin: totals.replayed.coins.get(coin, 0.0) - totals.recorded.coins.get(coin, 0.0)
                for coin in coins
            },
            totals.replayed.usd - totals.recorded.usd,
        ),
    ):
        in_coin = (f"{coin_sums.get(coin, 0.0):+.5f}" for coin in coins)
        rows.append((name, *in_coin, f"{usd:+,.0f}"))
    return (*coins, "USD"), rows
