"""What a person sees of a run: a live table of the desk, a line for every cycle, a summary."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from callwright.cli.report import minute_of, summary_view
from callwright.cli.shadow_lines import GateTeller
from callwright.cli.tables import plain_table, print_uncut
from callwright.domain.desk import TradingState
from callwright.domain.record import CycleRecord, OrderUpdate
from callwright.domain.recorded import rules_instead
from callwright.errors import CallwrightError
from callwright.playing import origin_of
from callwright.summary import RunSummary

if TYPE_CHECKING:
    from callwright.bootstrap import HomeDesk
    from callwright.config import Settings
    from callwright.execution.startup import ReconcileReport
    from callwright.loop import LoopResult
    from callwright.recordings import Origin

_DIM_WORD = "  HOLD "

_STYLES = {
    "OPEN": "green",
    "ROLL": "yellow",
    "CLOSE": "cyan",
    "DENIED": "bold red",
    "FAILED": "magenta",
    "HOLD": "dim",
    "SETTLED": "blue",
}


class JsonLines:
    """Every record as one line on stdout, nothing else."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._gate = GateTeller()

    def __enter__(self) -> Self:
        for line in played_lines(self._settings):
            print(f"callwright: {line}", file=sys.stderr)
        return self

    def __exit__(self, *_: object) -> None:
        sys.stdout.flush()

    def started(self, report: ReconcileReport) -> None:
        """Say on stderr what start-up found."""
        for line in _start_lines(report):
            print(f"callwright: {line}", file=sys.stderr)

    def start_failed(self, error: CallwrightError) -> None:
        """Say on stderr that start-up is tried again."""
        print(f"callwright: {_retry_line(error)}", file=sys.stderr)

    def notice(self, text: str) -> None:
        """Say on stderr what a person should know."""
        self._gate.hear(text)
        print(f"callwright: {text}", file=sys.stderr)

    def show(self, record: CycleRecord) -> None:
        """Print a record; say on stderr when it was not recorded what a model would do."""
        print(record.to_line(), flush=True)
        for line in self._gate.lines(record):
            print(f"callwright: cycle {record.cycle_id}: {line}", file=sys.stderr)
        if (why := rules_instead(record.llm)) is not None:
            print(f"callwright: cycle {record.cycle_id}: {_instead(why)}", file=sys.stderr)

    def finish(self, result: LoopResult) -> None:
        """Say on stderr how it ended, if not as asked."""
        if result.ended_because != "cycles":
            print(f"callwright: {_ending(result)}", file=sys.stderr)


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
        mode = "DRY RUN, nothing is sent" if settings.dry_run else "sending orders"
        self._console.print(
            Text(
                f"callwright on {_place(settings)}, market {self._home_desk.market_name}, decided "
                f"by {_brain(self._home_desk)}, {mode}. "
                "Testnet and research only, not financial advice."
            ),
            style="bold",
        )
        for line in played_lines(settings):
            self._console.print(Text(line), style="yellow")
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
        for line in _start_lines(report):
            self._console.print(Text(line), style="yellow")

    def start_failed(self, error: CallwrightError) -> None:
        """Say that start-up is tried again."""
        self._console.print(Text(_retry_line(error)), style="yellow")

    def notice(self, text: str) -> None:
        """Say what a person should know."""
        self._gate.hear(text)
        self._console.print(Text(text), style="yellow")

    def show(self, record: CycleRecord) -> None:
        """Print a cycle's lines and refresh the table."""
        self._summary.add(record)
        self._not_recorded += rules_instead(record.llm) is not None
        for line in cycle_lines(record):
            if self._console.is_terminal:
                # A hold's reasons can fill a screen; everything else is shown in full.
                if _DIM_WORD in line.plain:
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
            self._console.print(Text(line), style="yellow")
        for line in self._stopped():
            self._console.print(Text(line), style="yellow")
        self._console.print(Text(_ending(result)))
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
        origin = _origin(self._home_desk.settings)
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


def _place(settings: Settings) -> str:
    if settings.venue == "paper":
        where = f" at {settings.paper_url}" if settings.paper_url else ""
        return f"the paper exchange{where}"
    return settings.venue


def _brain(home_desk: HomeDesk) -> str:
    origin = _origin(home_desk.settings)
    if origin is None or home_desk.settings.mode == "production":
        # There the rules decide, whatever is played.
        return home_desk.decided_by
    return f"a model, {origin.label}"


def _origin(settings: Settings) -> Origin | None:
    return origin_of(settings) if settings.llm_enabled else None


def played_lines(settings: Settings) -> list[str]:
    """Return what a recording shows and what not, where one is played."""
    origin = _origin(settings)
    if origin is None:
        return []
    line = f"Replies {origin.label} are played; nobody is asked, nothing is paid."
    return [f"{line} {origin.says}"]


def _instead(why: str) -> str:
    return f"the rules decided; {why}"


def _retry_line(error: CallwrightError) -> str:
    line = (
        f"{datetime.now(UTC):%H:%M:%S} UTC: nothing is decided before the venue can be read: "
        f"{error.message}; trying again"
    )
    return f"{line}. {error.remedy}" if error.remedy else line


def _start_lines(report: ReconcileReport) -> list[str]:
    lines = [str(finding) for finding in report.findings]
    lines += [f"still unresolved: {intent.label}" for intent in report.unresolved]
    return [*lines, report.message] if report.message else lines


def _ending(result: LoopResult) -> str:
    return {
        "cycles": f"Ended after {result.cycles} cycles, as asked.",
        "market_end": f"Ended after {result.cycles} cycles: the recorded market has no more.",
        "stopped": f"Stopped by a signal after {result.cycles} cycles; start again to continue.",
        "halted": f"HALTED by an error that nothing expected: {result.error}. "
        "When it is understood: callwright resume.",
    }[result.ended_because]


def cycle_lines(record: CycleRecord) -> list[Text]:
    """Return a cycle as lines: late fills and settlements first, then the decision."""
    lines = [line for update in record.order_updates if (line := _update_line(record, update))]
    word, detail = _decision(record)
    lines.append(_line(record, word, detail))
    if (why := rules_instead(record.llm)) is not None:
        lines.append(Text(f"{' ' * 18}{_instead(why)}", style="yellow"))
    return lines


def _line(record: CycleRecord, word: str, detail: str) -> Text:
    spots = "  ".join(f"{coin} {price:>9,.0f}" for coin, price in record.state.spot.items())
    when = minute_of(record.state.as_of)
    return Text.assemble(
        (f"{when}  ", "dim"), f"{spots}  ", (f"{word:<8}", _STYLES.get(word, "")), detail
    )


def _update_line(record: CycleRecord, update: OrderUpdate) -> Text | None:
    facts = update.facts
    if update.cycle_id == record.cycle_id:
        # Its own orders; the decision's line tells them.
        return None
    if update.kind == "settlement":
        outcome = (
            f"in the money, paid {facts['payoff']:.5f}"
            if facts["payoff"] > 0
            else "expired worthless"
        )
        return _line(
            record,
            "SETTLED",
            f"{update.symbol} {facts['position']:+g} at {facts['delivery_price_usd']:,.2f}: "
            f"{outcome}",
        )
    if update.kind == "fill":
        return _line(
            record,
            "FILL",
            f"{facts['side']} {facts['amount']:g} {update.symbol} at {facts['price']:g} (late)",
        )
    return _line(record, update.kind.upper(), f"{update.symbol} {_facts_text(facts)}")


def _decision(record: CycleRecord) -> tuple[str, str]:
    final, proposed = record.final_action, record.proposed_action
    if final.action == "DO_NOTHING" and proposed.action != "DO_NOTHING":
        codes = [str(r) for v in (record.guardrail, record.risk_check) for r in v.reasons]
        asked = proposed.action.removesuffix("_COVERED_CALL")
        return "DENIED", f"{asked} {proposed.params['symbol']}: {'; '.join(codes)}"
    if final.action == "DO_NOTHING":
        if record.failure is not None:
            return "FAILED", f"{record.failure} {record.failure_message}".rstrip()
        return "HOLD", final.reasoning
    word = final.action.removesuffix("_COVERED_CALL")
    orders = ", ".join(
        f"{order.side} {order.filled or order.amount:g} {order.symbol} at "
        f"{order.average_price if order.average_price is not None else order.price:g} "
        f"{order.status}"
        for order in record.execution.orders
    )
    care = " (care)" if record.decision_source == "care" else ""
    return word, f"{orders}{care}"


def _facts_text(facts: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in facts.items())


def desk_table(record: CycleRecord, summary: RunSummary) -> Group:
    """Return the desk as it stands: a row a coin, then the open shorts."""
    # Narrower than any terminal: a ^C that is echoed after a full line would wrap, and the frame
    # could not be taken off the screen cleanly.
    names = ("index", "IV 7d", "RV", "IVRV", "equity", "margin", "net delta", "short")
    table = plain_table(None, "coin", *names)
    portfolio = record.state.portfolio or {"by_underlying": {}}
    for coin, row in portfolio["by_underlying"].items():
        vol = record.state.vol.get(coin, {})
        shorts = row["short_calls"]
        table.add_row(
            coin,
            f"{record.state.spot[coin]:,.0f}",
            _percent(vol.get("iv_annual")),
            _percent(vol.get("rv_annual")),
            _known(vol.get("ivrv"), ".2f"),
            f"{row['equity_coin']:.4f}",
            _known(row["margin_used_pct"], ".1f", "%"),
            _known(row["net_delta"], ".3f"),
            f"{sum(s['amount_coin'] for s in shorts):g} in {len(shorts)}",
        )
    state = record.state.market.get("trading_state", "not observed")
    line = Text(
        f"{minute_of(record.state.as_of)}  cycle {summary.cycles}  {state}\n"
        f"{summary.opens} opens, {summary.rolls} rolls, {summary.closes} closes, "
        f"{summary.settlements} settled, {summary.holds} holds, {summary.denied} denied, "
        f"{summary.simulated} simulated, {sum(summary.failures.values())} failed",
        style="bold",
        no_wrap=True,
        overflow="ellipsis",
    )
    return Group(line, table)


def _percent(value: Any) -> str:
    return "-" if value is None else f"{value:.1%}"


def _known(value: Any, form: str, suffix: str = "") -> str:
    return "-" if value is None else f"{value:{form}}{suffix}"
