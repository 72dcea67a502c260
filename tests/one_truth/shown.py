"""What is really shown to the models: every field of every tool, on a desk that has everything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from builders import (
    NOW,
    a_candidate,
    a_desk_state,
    a_scan,
    a_short_call,
    a_snapshot,
    a_vol_state,
    an_intent,
    dec,
    limits,
)
from callwright.agents.prompt import situation
from callwright.agents.toolbox import READ_TOOLS, Decision
from callwright.domain import account, desk, market, menu, scan
from callwright.domain.decision import (
    CloseCoveredCall,
    CloseParams,
    OpenCoveredCall,
    OpenParams,
    Proposal,
    RollCoveredCall,
    RollParams,
)
from callwright.domain.desk import Breaker, BreakerName, TradingState
from callwright.domain.menu import Menu
from callwright.domain.scan import FunnelStep, Scan, TermPoint
from callwright.domain.snapshot import Snapshot
from callwright.tools.fences import FENCE_CLOSE, FENCE_OPEN
from callwright.tools.menu import choices_of
from one_truth.names import json_names, table, ticked
from one_truth.sides import equal, side
from one_truth.trees import EditedTree

NAMES = "docs/names.md"
UNITS = {
    "_coin": "coin", "_usd": "USD", "_frac": "fraction", "_annual": "fraction a year",
    "_days": "days",
}  # fmt: skip
"""What the ending of a name says of its unit."""
NEAR, FAR, LATER = "BTC-9JAN26-104000-C", "BTC-9JAN26-110000-C", "BTC-16JAN26-108000-C"


def a_full_desk() -> tuple[Snapshot, Scan]:
    """A desk that may only close, with more short calls than are shown, and orders in doubt."""
    shorts = [a_short_call(f"BTC-9JAN26-{strike}-C") for strike in range(100_000, 104_000, 500)]
    found = a_scan(
        candidates=[a_candidate(FAR, passes=False, codes=("NEVER",)), a_candidate(LATER)],
        shorts=[a_short_call(NEAR, ask_coin=dec("0.004"), delta=0.9), *shorts],
        vols={"BTC": a_vol_state(term_structure=(TermPoint(dte_days=4.0, atm_iv_annual=0.5),))},
    )
    books = {
        coin: book.model_copy(update={"unvalued": ("BTC-PERPETUAL",)})
        for coin, book in found.books.items()
    }
    breaker = Breaker(
        name=BreakerName.DAILY_LOSS,
        underlying="BTC",
        tripped_at=NOW,
        until=NOW + timedelta(hours=1),
        facts="x",
    )
    reducing = a_desk_state(
        trading_state=TradingState.REDUCING, trading_state_reason="why", breakers=(breaker,)
    )
    funnels = {"BTC": (FunnelStep(filter="spread", dropped=3, left=0),)}
    seen = found.model_copy(update={"books": books, "funnels": funnels})
    return a_snapshot(desk=reducing, unresolved=(an_intent(),)), seen


def _check(proposal: Proposal, snapshot: Snapshot, scan: Scan) -> tuple[str, ...]:
    if isinstance(proposal, RollCoveredCall) and proposal.params.symbol == LATER:
        return ()
    if isinstance(proposal, CloseCoveredCall) and proposal.params.symbol == NEAR:
        return ()
    return ("NEVER",)


def manager_views() -> dict[str, Any]:
    """Return what each reading tool of the manager answers, by the tool's name."""
    snapshot, seen = a_full_desk()
    decision = Decision(snapshot=snapshot, scan=seen, limits=limits(), check=_check)
    return {name: _opened(view(decision)) for name, (_, view) in READ_TOOLS.items()}


def situation_view() -> Any:
    """Return what the manager is told of the moment, ahead of every tool."""
    return _opened(situation(a_full_desk()[0]))


def menu_view() -> Any:
    """Return what a manager with a menu is told, with something in every group."""
    snapshot, seen = a_full_desk()
    sale = OpenCoveredCall(params=OpenParams(underlying="BTC", symbol=LATER))
    roll = RollCoveredCall(params=RollParams(underlying="BTC", from_symbol=NEAR, symbol=LATER))
    close = CloseCoveredCall(params=CloseParams(underlying="BTC", symbol=NEAR))
    full = Menu(in_danger=(NEAR,), rolls=(roll,), closes=(close,), sales=(sale,), harvests=(roll,))
    return _opened(situation(snapshot, choices_of(full, snapshot, seen)))


def _opened(text: str) -> Any:
    before, fence, data = text.partition(FENCE_OPEN)
    assert fence, before
    assert data.endswith(FENCE_CLOSE)
    return json.loads(data.removesuffix(FENCE_CLOSE))


def manager_fields(tree: EditedTree) -> Iterator[str]:
    """Every field that a tool shows stands in docs/names.md, with its unit and where it is from."""
    rows = table(tree.text(NAMES), "## What the manager is shown")
    shown = {**manager_views(), "situation": situation_view(), "menu": menu_view()}
    for tool, view in shown.items():
        documented = {ticked(row[0])[0] for row in rows if tool in ticked(row[1])}
        yield from equal(side(tool, json_names(view)), side(f"{NAMES} of {tool}", documented))
    for row in rows:
        (name,) = ticked(row[0])
        unit = next((unit for ending, unit in UNITS.items() if name.endswith(ending)), None)
        if unit is not None and row[2] != unit and "_by_" not in name:
            yield f"{NAMES} gives {name} in {row[2]}, and its ending says {unit}"
        for origin in ticked(row[3]):
            kind, _, field = origin.partition(".")
            if not _has(kind, field):
                yield f"{NAMES} takes {name} from {origin}, and there is no such field"


def _has(kind: str, field: str) -> bool:
    for module in (scan, account, desk, market, menu):
        found = getattr(module, kind, None)
        if found is not None:
            fields = getattr(found, "model_fields", getattr(found, "__dataclass_fields__", {}))
            return field in fields or isinstance(vars(found).get(field), property)
    return False
