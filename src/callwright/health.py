"""Doctor's checks: each has a stable id, says what it found, and what to do about it.

A check never changes anything but for a probe file that it removes again.
"""

from __future__ import annotations

import importlib.util
import shutil
import stat
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from callwright import health_live
from callwright.audit import audit
from callwright.config import Settings, near_miss_environment
from callwright.connect import PAPER_FILE, open_market
from callwright.domain.desk import DESK_FILE
from callwright.domain.record import CycleRecord
from callwright.domain.shadow import RESEARCH_LETS_IT, RULES_DECIDE, objection_of
from callwright.errors import CallwrightError
from callwright.lock import is_held
from callwright.memory.database import read_desk_database
from callwright.paper.schedule import CURRENT
from callwright.status import read_status

DISK_FREE_MIN_BYTES = 200 * 1024 * 1024

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class CheckResult:
    """One check: stable ``id``, ``level``, what was found, what to do."""

    id: str
    level: Level
    found: str
    remedy: str = ""


def run_checks(settings: Settings) -> list[CheckResult]:
    """Return the result of every check; one that raises is a failed check, not an error."""
    results = []
    for check_id, check in CHECKS.items():
        try:
            level, found, remedy = check(settings)
        except CallwrightError as exc:
            level, found = "fail", settings.redact(exc.message)
            remedy = exc.remedy or "check the address and the network, then try again"
        results.append(CheckResult(check_id, level, found, remedy))
    return results


Finding = tuple[Level, str, str]


def _sdk(settings: Settings) -> Finding:
    spec = importlib.util.find_spec("agents")
    if spec is None or spec.origin is None:
        return (
            "fail",
            "`import agents` does not find the Agents SDK",
            "reinstall; agents/ must have no __init__.py",
        )
    return "ok", "`import agents` is the Agents SDK", ""


def _environment(settings: Settings) -> Finding:
    near = near_miss_environment()
    if near:
        found = ", ".join(f"{name} (meant {meant}?)" for name, meant in sorted(near.items()))
        return "warn", found, "rename or unset them; they have no effect"
    return "ok", "no name that is nearly a setting", ""


def _secret_files(settings: Settings) -> Finding:
    path = Path(".env")
    if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077:
        return "warn", ".env can be read by other users", "chmod 600 .env"
    return "ok", "no secret file that others can read", ""


def _sizes(settings: Settings) -> Finding:
    small = [
        f"{coin} {settings.default_order_size[coin]} < {CURRENT.specs[coin].amount_min}"
        for coin in settings.underlyings
        if settings.default_order_size[coin] < CURRENT.specs[coin].amount_min
    ]
    if small:
        return (
            "warn",
            "order size below the venue's minimum: " + ", ".join(small),
            "raise DEFAULT_ORDER_SIZE, or take the coin out of UNDERLYINGS",
        )
    return "ok", "order sizes reach the venue's minimum", ""


def _writable(folder: Path, name: str) -> Finding:
    exists = folder.exists()
    while not folder.exists():
        folder = folder.parent
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".callwright-probe-") as probe:
            probe.write(b"x")
            probe.flush()
    except OSError as exc:
        return "fail", f"{folder}: {exc.strerror}", f"make it a writable folder, or set {name}"
    return "ok", f"{folder} can be written" + ("" if exists else "; it will be made there"), ""


def _home(settings: Settings) -> Finding:
    return _writable(settings.callwright_home, "CALLWRIGHT_HOME")


def _log_dir(settings: Settings) -> Finding:
    return _writable(settings.log_dir, "LOG_DIR")


def _disk(settings: Settings) -> Finding:
    folder = settings.callwright_home
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    found = f"{free / 1e9:.1f} GB free"
    if free < DISK_FREE_MIN_BYTES:
        return "fail", found, "free the disk; without space no order is sent"
    return "ok", found, ""


def _market(settings: Settings) -> Finding:
    if not settings.is_embedded:
        return "ok", "the market is the venue's", ""
    source = open_market(settings)
    view = source.view(source.start())
    counts = ", ".join(f"{len(m.chain)} {coin}" for coin, m in view.underlyings.items())
    return "ok", f"{source.name} from {view.as_of:%Y-%m-%d %H:%M} UTC: {counts} options", ""


def _gate(settings: Settings) -> Finding:
    if not settings.llm_enabled:
        return "ok", "the rules decide; there is no model to approve", ""
    if settings.llm_recording is not None:
        return "ok", "recorded replies are played; nobody approves them", ""
    # The SDK is loaded only where a model is to decide.
    from callwright.gate.opening import standing_in

    standing = standing_in(settings)
    if not standing.is_approved:
        decides = RULES_DECIDE if settings.mode == "production" else RESEARCH_LETS_IT
        return "warn", f"{standing.why}; {decides}", "callwright gate approve"
    drift = _last_objection(settings)
    version = standing.combination.version
    if drift:
        return (
            "warn",
            f"approved as {version}, and in the last cycle: {drift}",
            "find out what changed, callwright gate approve, then start the desk again",
        )
    return "ok", f"{settings.llm_model_name} is approved as {version}", ""


def _last_objection(settings: Settings) -> str:
    path = settings.callwright_home / DESK_FILE
    if not path.is_file():
        return ""
    with read_desk_database(path) as database:
        rows = database.rows("SELECT record_line(record) FROM cycles ORDER BY seq DESC LIMIT 1")
    return objection_of(CycleRecord.from_line(rows[0][0]).llm) if rows else ""


def _database(settings: Settings) -> Finding:
    path = settings.callwright_home / DESK_FILE
    if not path.is_file():
        return "ok", "no desk here yet; the first run makes it", ""
    with read_desk_database(path) as database:
        problems = database.problems()
    if problems:
        return "fail", f"{path}: {problems[0]}", "restore it with its -wal file from a backup"
    return "ok", f"{path} is whole", ""


def _trading(settings: Settings) -> Finding:
    if not (settings.callwright_home / DESK_FILE).is_file():
        return "ok", "no desk here yet", ""
    status = read_status(settings)
    notes = [status["trading_state"], *status["breakers"], *status["unresolved_orders"]]
    if status["trading_state"] != "ACTIVE":
        found = f"{status['trading_state']}: {status['trading_state_reason']}"
        return "warn", found, "callwright resume, when the reason is understood"
    if len(notes) > 1:
        return "warn", "; ".join(notes), "see callwright status and docs/codes.md"
    return "ok", "ACTIVE, no breaker tripped, no order unresolved", ""


def _books(settings: Settings) -> Finding:
    home = settings.callwright_home
    if not settings.is_embedded:
        return "ok", "the exchange keeps its own books; every start compares positions with it", ""
    desk, paper = (home / DESK_FILE).is_file(), (home / PAPER_FILE).is_file()
    if not desk and not paper:
        return "ok", "no books here yet", ""
    if not (desk and paper):
        missing = PAPER_FILE if desk else DESK_FILE
        if desk:
            return (
                "warn",
                f"there is no {home / PAPER_FILE}: this desk trades elsewhere, or it is lost",
                "set PAPER_URL or VENUE as the desk has them; restore it if it was lost",
            )
        return (
            "fail",
            f"{home / missing} is missing, its counterpart is there",
            f"restore {missing} from a backup, or begin anew with another --home",
        )
    if is_held(home, settings.account_name):
        return "ok", "the desk is running; its books are compared when it stands still", ""
    broken = audit(home / DESK_FILE, home / PAPER_FILE, settings.log_dir)
    # A desk that was killed catches up at its next start; only what that cannot mend is a fault.
    if broken:
        mendable = all(line.startswith(_MENDED_AT_START) for line in broken)
        return (
            "warn" if mendable else "fail",
            f"{len(broken)} differences, first: {broken[0]}",
            "start the desk, which reconciles; if they stay, callwright halt and look at status",
        )
    return "ok", "desk and exchange agree, every invariant holds", ""


_MENDED_AT_START = (
    "NO_RECORD",
    "LINES",
    "FILL_UNKNOWN",
    "SETTLEMENT_UNKNOWN",
    "POSITION_DIFFERS",
    "INTENT_WITHOUT_RECORD",
)
"""What a killed desk leaves and its next start puts right; anything else needs a person."""

CHECKS: dict[str, Callable[[Settings], Finding]] = {
    "AGENTS_SDK": _sdk,
    "ENVIRONMENT_NAMES": _environment,
    "SECRET_FILES": _secret_files,
    "ORDER_SIZES": _sizes,
    "HOME_WRITABLE": _home,
    "LOG_DIR_WRITABLE": _log_dir,
    "DISK_SPACE": _disk,
    "MARKET": _market,
    "VENUE_HOST": health_live.venue_host,
    "VENUE_CLOCK": health_live.venue_clock,
    "VENUE_KEY": health_live.venue_key,
    "MODEL": health_live.model,
    "MODEL_PRICE": health_live.model_price,
    "GATE": _gate,
    "DESK_DATABASE": _database,
    "TRADING_STATE": _trading,
    "BOOKS_AGREE": _books,
}
