"""What a run says around its cycles: where and by whom it decides, how it starts, how it ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from callwright.cli.tables import printable
from callwright.errors import CallwrightError
from callwright.playing import origin_of

if TYPE_CHECKING:
    from callwright.bootstrap import HomeDesk
    from callwright.config import Settings
    from callwright.execution.startup import ReconcileReport
    from callwright.loop import LoopResult
    from callwright.recordings import Origin


def opening_text(home_desk: HomeDesk) -> str:
    """Return where and by whom is decided, and whether orders are sent."""
    settings = home_desk.settings
    mode = "DRY RUN, nothing is sent" if settings.dry_run else "sending orders"
    return printable(
        f"callwright on {_place(settings)}, market {home_desk.market_name}, decided by "
        f"{_decider(home_desk)}, {mode}. Testnet and research only, not financial advice."
    )


def _place(settings: Settings) -> str:
    if settings.venue == "paper":
        where = f" at {settings.paper_url}" if settings.paper_url else ""
        return f"the paper exchange{where}"
    return settings.venue


def _decider(home_desk: HomeDesk) -> str:
    origin = played_origin(home_desk.settings)
    if origin is None or home_desk.settings.mode == "production":
        # There the rules decide, whatever is played.
        return home_desk.decided_by
    return f"a model, {origin.label}"


def played_origin(settings: Settings) -> Origin | None:
    """Return where the replies come from that a model's are played from; None: none are."""
    return origin_of(settings) if settings.llm_enabled else None


def played_lines(settings: Settings) -> list[str]:
    """Return what a recording shows and what not, where one is played."""
    origin = played_origin(settings)
    if origin is None:
        return []
    line = f"Replies {origin.label} are played; nobody is asked, nothing is paid."
    return [printable(f"{line} {origin.says}")]


def retry_line(error: CallwrightError) -> str:
    """Return why start-up is tried again, and when it failed."""
    line = (
        f"{datetime.now(UTC):%H:%M:%S} UTC: nothing is decided before the venue can be read: "
        f"{error.message}; trying again"
    )
    return f"{line}. {error.remedy}" if error.remedy else line


def start_lines(report: ReconcileReport) -> list[str]:
    """Return what start-up found at the venue; nothing when all was as expected."""
    lines = [str(finding) for finding in report.findings]
    lines += [f"still unresolved: {intent.label}" for intent in report.unresolved]
    return [*lines, report.message] if report.message else lines


def ending_text(result: LoopResult) -> str:
    """Return why the loop ended."""
    return {
        "cycles": f"Ended after {result.cycles} cycles, as asked.",
        "market_end": f"Ended after {result.cycles} cycles: the recorded market has no more.",
        "stopped": f"Stopped by a signal after {result.cycles} cycles; start again to continue.",
        "halted": f"HALTED by an error that nothing expected: {result.error}. "
        "When it is understood: callwright resume.",
    }[result.ended_because]
