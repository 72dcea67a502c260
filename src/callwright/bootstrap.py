"""The only place where clients, stores and desks are made and joined."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from callwright.brain import RuleBasedBrain
from callwright.config import Settings
from callwright.connect import Connection, connect, embedded_market, shared_account
from callwright.cycle import Desk
from callwright.domain.desk import DESK_FILE, TradingState
from callwright.domain.record import CycleRecord
from callwright.errors import ConfigError, MarketExhausted, StorageError
from callwright.execution.startup import Reconciler
from callwright.gate.keeping import GatedBrain
from callwright.lock import sole_desk, sole_writer
from callwright.memory.database import DeskDatabase, open_desk_database, read_desk_database
from callwright.memory.decision_log import SqliteDecisionLog
from callwright.memory.desk_state import SqliteDeskStateStore
from callwright.memory.flight_recorder import FlightRecorder
from callwright.memory.intents import SqliteIntentStore
from callwright.memory.ledger import SqliteLedger
from callwright.paper.exchange import PaperExchange
from callwright.paper.faults import FaultPlan
from callwright.playing import not_recorded
from callwright.ports import Brain
from callwright.shadowing import ShadowedBrain
from callwright.status import HEARTBEAT_FILE
from callwright.summary import RunSummary


@dataclass(frozen=True)
class HomeDesk:
    """A desk that is open in its home folder, with this process as its only writer."""

    settings: Settings
    desk: Desk
    connection: Connection

    @property
    def market_name(self) -> str:
        return self.connection.market_name

    @property
    def decided_by(self) -> str:
        """Return who decides, in words."""
        brain = self.desk.brain
        if isinstance(brain, GatedBrain):
            return brain.decided_by
        return self.settings.llm_model_name if self.settings.llm_enabled else "rules"

    @property
    def exchange(self) -> PaperExchange:
        """The embedded exchange; a desk that trades elsewhere has none."""
        if self.connection.exchange is None:
            raise ConfigError("this desk's exchange is not embedded")
        return self.connection.exchange

    def heartbeat(self, record: CycleRecord) -> None:
        """Leave a sign of life for whoever watches from outside.

        Raises:
            StorageError: The home folder cannot be written.
        """
        beat = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "pid": os.getpid(),
            "cycle_id": record.cycle_id,
            "failure": record.failure,
        }
        path = self.settings.callwright_home / HEARTBEAT_FILE
        fresh = path.with_suffix(".new")
        try:
            fresh.write_text(json.dumps(beat), encoding="utf-8")
            fresh.replace(path)
        except OSError as exc:
            raise StorageError(
                f"cannot write {path}: {exc.strerror}", remedy="free the disk, then start again"
            ) from exc


@contextmanager
def open_desk(
    settings: Settings,
    *,
    durable: bool = True,
    brain: Brain | None = None,
    faults: FaultPlan | None = None,
) -> Iterator[HomeDesk]:
    """Open the desk of the settings' home folder for as long as the block runs.

    Args:
        durable: False skips every fsync; for back-tests in throw-away homes only.
        brain: Who decides; None: the rule-based policy, or the model that the settings enable.
        faults: Armed by tests.

    Raises:
        ConfigError: The market does not exist, the home belongs to another one, or a key or an
            endpoint is refused.
        StorageError: A file cannot be used, or another process runs this account.
    """
    home = settings.callwright_home
    with ExitStack() as stack:
        # A market that does not exist must leave no home behind.
        source = embedded_market(settings)
        stack.enter_context(sole_writer(home, settings.account_name))
        account = shared_account(settings)
        if account is not None:
            stack.enter_context(sole_desk(account))
        database = stack.enter_context(open_desk_database(home / DESK_FILE, durable=durable))
        recorder = FlightRecorder(settings.log_dir, durable=durable)
        stack.callback(recorder.close)
        connection = connect(settings, stack, source, durable=durable, faults=faults)
        venue, clock = connection.venue, connection.clock
        intents = SqliteIntentStore(database)
        state = SqliteDeskStateStore(database)
        is_new = not database.rows("SELECT 1 FROM desk_account")
        if is_new and connection.skip_step is not None and not connection.is_fresh:
            # Whether the desk that traded here was halted, nobody can say any more. The account is
            # bound only afterwards, so that a kill in between finds a new desk again.
            state.set_trading_state(
                TradingState.HALTED,
                by="callwright",
                reason=f"{DESK_FILE} is new but the exchange account is not; compare its positions "
                "with what you expect, then callwright resume "
                + (
                    "(or use another --home)"
                    if settings.is_embedded
                    else "(or serve a new account: callwright paper serve --home NEW)"
                ),
                at=clock.now(),
            )
            with suppress(MarketExhausted):
                # The present step was decided by the desk that is gone.
                connection.skip_step()
        database.bind_account(settings.account_name)
        limits, policy = settings.limits(), settings.policy_settings()
        brain = brain or _brain(settings, database)
        desk = Desk(
            account_id=settings.account_name,
            underlyings=settings.underlyings,
            dry_run=settings.dry_run,
            limits=limits,
            scan_settings=settings.scan_settings(),
            policy=policy,
            execution=settings.execution_settings(),
            config_snapshot=settings.config_snapshot(),
            venue=venue,
            stepped=connection.stepped,
            clock=clock,
            brain=brain,
            intents=intents,
            log=SqliteDecisionLog(database, recorder, snapshots_kept=settings.snapshots_kept),
            state=state,
            reconciler=Reconciler(
                underlyings=settings.underlyings,
                reader=venue,
                clock=clock,
                intents=intents,
                ledger=SqliteLedger(database),
                desk=state,
                settings=settings.execution_settings(),
            ),
            redact=settings.redact,
            begin=brain.begin if isinstance(brain, GatedBrain) else None,
        )
        yield HomeDesk(settings, desk, connection)


def _brain(settings: Settings, database: DeskDatabase) -> Brain:
    if not settings.llm_enabled:
        return RuleBasedBrain(settings.policy_settings(), settings.limits())
    # Only here: a desk that decides by rules never loads the SDK.
    from callwright.model_brain import manager_settings, model_brain

    model = model_brain(settings, database)
    rules = RuleBasedBrain(settings.policy_settings(), settings.limits())
    if manager_settings(settings).tape is not None and settings.mode != "production":
        # Replies that are played, or recorded: a record of both is the same, gate left out.
        return ShadowedBrain(model, rules, not_recorded)
    # It lets no recording decide either: in production the rules do, whatever gate.toml says.
    from callwright.gate.opening import gated

    return gated(settings, database, model, rules)


def set_trading_state(settings: Settings, state: str, *, reason: str) -> None:
    """Store a trading state for a desk that may be running; it is read before every send.

    Raises:
        StorageError: The home has no desk database that can be written.
    """
    path = settings.callwright_home / DESK_FILE
    if not path.is_file():
        raise StorageError(
            f"there is no desk in {settings.callwright_home}",
            remedy="run the desk once, or name its folder with --home",
        )
    with open_desk_database(path) as database:
        SqliteDeskStateStore(database).set_trading_state(
            TradingState(state), by="operator", reason=reason, at=datetime.now(UTC)
        )


@dataclass(frozen=True)
class Practice:
    """What a home's records say of the time before real testnet orders."""

    dry_run_cycles: int = 0
    live_cycles: int = 0
    simulated: int = 0
    denied: int = 0
    failed: int = 0
    denied_codes: Mapping[str, int] = field(default_factory=dict)


def read_practice(settings: Settings) -> Practice:
    """Count the dry-run cycles of this home, what they would have traded, and every denial.

    Raises:
        StorageError: The desk's database cannot be read.
    """
    path = settings.callwright_home / DESK_FILE
    if not path.is_file():
        return Practice()
    summary = RunSummary()
    live = 0
    with read_desk_database(path) as database:
        for (line,) in database.rows("SELECT record_line(record) FROM cycles ORDER BY seq"):
            record = CycleRecord.from_line(line)
            live += bool(record.execution.orders) and not record.execution.dry_run
            if record.execution.dry_run:
                summary.add(record)
    return Practice(
        dry_run_cycles=summary.cycles,
        live_cycles=live,
        simulated=summary.simulated,
        denied=summary.denied,
        failed=sum(summary.failures.values()),
        denied_codes=dict(summary.denied_codes.most_common()),
    )
