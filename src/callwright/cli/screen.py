"""What is seen of a run: a live view for a person, or every record as a line for a machine."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from callwright.cli.cycle_lines import HOLD_WORD, cycle_lines, instead_text
from callwright.cli.desk_table import desk_table
from callwright.cli.report import summary_view
from callwright.cli.run_words import (
    ending_text,
    opening_text,
    played_lines,
    played_origin,
    retry_line,
    start_lines,
)
from callwright.cli.shadow_lines import GateTeller
from callwright.cli.tables import print_uncut, printable
from callwright.domain.desk import TradingState
from callwright.domain.record import CycleRecord
from callwright.domain.recorded import rules_instead
from callwright.errors import CallwrightError
from callwright.summary import RunSummary

if TYPE_CHECKING:
    from callwright.bootstrap import HomeDesk
    from callwright.config import Settings
    from callwright.execution.startup import ReconcileReport
    from callwright.loop import LoopResult


class JsonLines:
    """Every record as one line on stdout, nothing else."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._gate = GateTeller()

    def __enter__(self) -> Self:
        for line in played_lines(self._settings):
            self._say(line)
        return self

    def __exit__(self, *_: object) -> None:
        sys.stdout.flush()

    def started(self, report: ReconcileReport) -> None:
        """Say on stderr what start-up found."""
        for line in start_lines(report):
            self._say(line)

    def start_failed(self, error: CallwrightError) -> None:
        """Say on stderr that start-up is tried again."""
        self._say(retry_line(error))

    def notice(self, text: str) -> None:
        """Say on stderr what a person should know."""
        self._gate.hear(text)
        self._say(text)

    def show(self, record: CycleRecord) -> None:
        """Print a record; say on stderr when it was not recorded what a model would do."""
        print(record.to_line(), flush=True)
        for line in self._gate.lines(record):
            self._say(f"cycle {record.cycle_id}: {line}")
        if (why := rules_instead(record.llm)) is not None:
            self._say(f"cycle {record.cycle_id}: {instead_text(why)}")

    def finish(self, result: LoopResult) -> None:
        """Say on stderr how it ended, if not as asked."""
        if result.ended_because != "cycles":
            self._say(ending_text(result))

    def _say(self, text: str) -> None:
        # Models, recordings and venues write what they like.
        print(f"callwright: {printable(text)}", file=sys.stderr)


class Screen:
    """The live view; without a terminal, plain lines only."""

    def __init__(self, home_desk: HomeDesk) -> None:
        self._console = Console(soft_wrap=False)
        self._home_desk = home_desk
        self._summary = RunSummary()
        self._live: Live | None = None
        self._not_recorded = 0
        self._gate = GateTeller()

    def __enter__(self) -> Self:
        settings = self._home_desk.settings
        self._console.print(Text(opening_text(self._home_desk)), style="bold")
        for line in played_lines(settings):
            self._say(line)
        if self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=8, transient=True)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def started(self, report: ReconcileReport) -> None:
        """Say what start-up found."""
        for line in start_lines(report):
            self._say(line)

    def start_failed(self, error: CallwrightError) -> None:
        """Say that start-up is tried again."""
        self._say(retry_line(error))

    def notice(self, text: str) -> None:
        """Say what a person should know."""
        self._gate.hear(text)
        self._say(text)

    def show(self, record: CycleRecord) -> None:
        """Print a cycle's lines and refresh the table."""
        self._summary.add(record)
        self._not_recorded += rules_instead(record.llm) is not None
        for line in cycle_lines(record):
            if self._console.is_terminal:
                # A hold's reasons can fill a screen; everything else is shown in full.
                if HOLD_WORD in line.plain:
                    line.truncate(2 * self._console.width, overflow="ellipsis")
                self._console.print(line)
            else:
                self._console.print(line, soft_wrap=True)
        for told in self._gate.lines(record):
            text = Text(f"{' ' * 18}{told}", style="yellow")
            self._console.print(text, soft_wrap=not self._console.is_terminal)
        if self._live is not None:
            self._live.update(desk_table(record, self._summary))

    def finish(self, result: LoopResult) -> None:
        """Print the summary and where the records are."""
        self._console.print()
        print_uncut(self._console, *summary_view(self._summary))
        for line in self._played():
            self._say(line)
        for line in self._stopped():
            self._say(line)
        self._say(ending_text(result), style="")
        settings = self._home_desk.settings
        home = settings.callwright_home
        books = ""
        if self._home_desk.connection.exchange is not None:
            books = f"; the exchange's own books: {home}/paper.db"
        self._console.print(
            Text(
                f"Records: {settings.log_dir}/agent_decisions_*.jsonl (a line a cycle) and "
                f"{home}/desk.db{books}\nLook again with: callwright status --home {home}"
            ),
            soft_wrap=True,
        )

    def _played(self) -> list[str]:
        """Return in how many cycles recorded replies were played, where they are."""
        origin = played_origin(self._home_desk.settings)
        if origin is None:
            return []
        cycles = self._summary.cycles
        played = (
            f"Replies {origin.label}: played in {cycles - self._not_recorded} of {cycles} cycles"
        )
        if not self._not_recorded:
            return [f"{played}."]
        return [f"{played}. Not recorded, so the rules decided: {self._not_recorded}."]

    def _stopped(self) -> list[str]:
        """Return why the desk sells nothing any more, if it does not."""
        desk = self._home_desk.desk
        state = desk.state.read(desk.clock.now())
        lines = [f"Breaker {b.name.value} {b.underlying}: {b.facts}" for b in state.breakers]
        if state.trading_state is not TradingState.ACTIVE:
            lines.append(f"{state.trading_state.value}: {state.trading_state_reason}")
        return [f"{line}. When it is understood: callwright resume." for line in lines]

    def _say(self, text: str, *, style: str = "yellow") -> None:
        # Models, recordings and venues write what they like.
        self._console.print(Text(printable(text)), style=style)
