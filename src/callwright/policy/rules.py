"""The rule-based policy: what the desk does without a model, and the baseline of every LLM cycle.

A pure function: the same snapshot and scan give the same proposal, whatever the order of the
candidates.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from callwright.domain.decision import (
    CloseCoveredCall,
    CloseParams,
    DoNothing,
    OpenCoveredCall,
    Proposal,
    RollCoveredCall,
)
from callwright.domain.desk import TradingState
from callwright.domain.limits import Limits, PolicySettings
from callwright.domain.scan import Scan
from callwright.domain.snapshot import Snapshot
from callwright.policy.care import forced_close
from callwright.policy.opens import find_open
from callwright.policy.rolls import RollNeed, Trigger, find_roll, roll_needs

REASONING_CHARACTERS_MAX = 600


def rule_based_proposal(
    snapshot: Snapshot,
    scan: Scan,
    settings: PolicySettings,
    limits: Limits,
    *,
    would_pass: Callable[[Proposal], bool] = lambda proposal: True,
) -> Proposal:
    """Return the first of these that applies; ``reasoning`` states the numbers with their units.

    1. The close that a limit forces (``care.forced_close``).
    2. The roll of a short call by delta, then by DTE, highest delta first. A short without an
       affordable target is held, and the search goes on. While the desk is REDUCING it is closed
       instead: nothing may be sold, and a call in danger would be left to itself.
    3. The sale of a call, on the underlying with the highest IVRV first.
    4. The rolls that can wait: by captured profit, or of a short that still dwells.
    5. The first roll that the gates would deny (``would_pass``): it was passed over so that it
       starves nothing, but what the rules want and may not do is proposed, and recorded.
    6. ``DoNothing`` with one sentence for every short that is held and every underlying.

    What is unknown (None, NaN) leads to not trading. Total: raises nothing.
    """
    forced = forced_close(snapshot, scan, limits, would_pass=would_pass)
    if forced is not None:
        return forced
    needs = roll_needs(snapshot, scan, settings, limits)
    if snapshot.desk.trading_state is TradingState.REDUCING:
        for close in (_close_of(n) for n in needs if n.trigger is not Trigger.CAPTURED):
            if would_pass(close):
                return close
    notes: list[str] = []
    denied: list[RollCoveredCall] = []

    def roll_of(need: RollNeed) -> RollCoveredCall | None:
        roll = find_roll(need, snapshot, scan, settings, limits, would_pass=would_pass)
        if isinstance(roll, str):
            notes.append(roll)
            return None
        if would_pass(roll):
            return roll
        denied.append(roll)
        return None

    for need in (n for n in needs if not n.can_wait):
        roll = roll_of(need)
        if roll is not None:
            return roll
    for underlying in _most_attractive_first(scan):
        sale = find_open(underlying, snapshot, scan, settings, limits)
        if isinstance(sale, OpenCoveredCall):
            return sale
        notes.append(sale)
    for need in (n for n in needs if n.can_wait):
        roll = roll_of(need)
        if roll is not None:
            return roll
    if denied:
        return denied[0]
    text = " ".join(notes) or "No underlying to trade."
    if len(text) > REASONING_CHARACTERS_MAX:
        text = text[: REASONING_CHARACTERS_MAX - 1] + "…"
    return DoNothing(reasoning=text)


def _close_of(need: RollNeed) -> CloseCoveredCall:
    short = need.short
    return CloseCoveredCall(
        params=CloseParams(underlying=short.underlying, symbol=short.symbol),
        reasoning=f"Close {short.symbol}: {need.why}, and while REDUCING no roll is permitted. "
        f"{short.amount_coin} {short.underlying} short, ask {short.ask_coin} {short.underlying}.",
    )


def _most_attractive_first(scan: Scan) -> list[str]:
    def rank(underlying: str) -> tuple[float, str]:
        ivrv = scan.vols[underlying].ivrv
        # An unknown ratio goes last; it is refused with its reason when its turn comes.
        return (math.inf if ivrv is None else -ivrv, underlying)

    return sorted(scan.vols, key=rank)
