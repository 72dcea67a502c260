"""What the settings would consider now, and both gates allow: a menu to choose from.

The same triggers and floors as in ``rules``, which takes the first that applies; here whoever
chooses may also take another, or hold.
"""

from __future__ import annotations

from collections.abc import Callable

from callwright.domain.decision import (
    CloseCoveredCall,
    CloseParams,
    OpenCoveredCall,
    OpenParams,
    Proposal,
    RollCoveredCall,
)
from callwright.domain.instrument import is_option_name
from callwright.domain.limits import Limits, PolicySettings
from callwright.domain.menu import Menu
from callwright.domain.scan import Scan, ShortCall
from callwright.domain.snapshot import Snapshot
from callwright.policy.care import forced_close
from callwright.policy.opens import knows_ivrv, preference, vol_refusal
from callwright.policy.rolls import RollNeed, Trigger, find_roll, roll_needs


def menu(
    snapshot: Snapshot,
    scan: Scan,
    settings: PolicySettings,
    limits: Limits,
    *,
    would_pass: Callable[[Proposal], bool] | None,
) -> Menu:
    """Return what may be chosen.

    A close that a limit forces stands alone: nothing else may come before it. Otherwise there are
    the best roll and the close of every short call in danger; and unless one of them can be rolled,
    every call worth selling, nearest to the target delta first, and the best roll of every short
    call whose premium is earned. What bears no option's name is left out: nobody could trade it,
    and what is on a menu stands in a tool's schema, outside every fence.

    Args:
        would_pass: Whether both gates would allow a proposal now; only those are returned. None:
            what gates say is left out, to measure what it is worth to a model. A roll that they
            would deny then hides the sales as one that they allow does.
    """

    scan = _readable(scan)

    def allowed(proposal: Proposal) -> bool:
        return would_pass is None or would_pass(proposal)

    def best_roll(need: RollNeed) -> RollCoveredCall | None:
        found = find_roll(need, snapshot, scan, settings, limits, would_pass=allowed)
        if isinstance(found, str) or not allowed(found):
            return None
        # The reasoning is to be that of whoever chooses.
        return RollCoveredCall(params=found.params)

    forced = forced_close(snapshot, scan, limits, would_pass=allowed)
    if forced is not None:
        return Menu(
            in_danger=(forced.params.symbol,),
            closes=(CloseCoveredCall(params=forced.params),) if allowed(forced) else (),
        )
    needs = roll_needs(snapshot, scan, settings, limits)
    endangered = [need for need in needs if need.trigger is not Trigger.CAPTURED]
    harvested = [need for need in needs if need.trigger is Trigger.CAPTURED]
    in_danger = tuple(need.short.symbol for need in endangered)
    closes = tuple(close for need in endangered if allowed(close := _close(need.short)))
    rolls = tuple(roll for need in endangered if (roll := best_roll(need)) is not None)
    if rolls:
        return Menu(in_danger=in_danger, rolls=rolls, closes=closes)
    worth_selling = [
        c
        for c in scan.candidates
        if (c.passes or would_pass is None)
        and knows_ivrv(c)
        and vol_refusal(c.underlying, scan, settings) is None
    ]
    worth_selling.sort(key=lambda c: preference(c, settings))
    return Menu(
        in_danger=in_danger,
        closes=closes,
        sales=tuple(
            OpenCoveredCall(params=OpenParams(underlying=c.underlying, symbol=c.symbol))
            for c in worth_selling
        ),
        harvests=tuple(roll for need in harvested if (roll := best_roll(need)) is not None),
    )


def _readable(scan: Scan) -> Scan:
    books = {
        coin: book.model_copy(
            update={"short_calls": tuple(s for s in book.short_calls if is_option_name(s.symbol))}
        )
        for coin, book in scan.books.items()
    }
    candidates = tuple(c for c in scan.candidates if is_option_name(c.symbol))
    return scan.model_copy(update={"books": books, "candidates": candidates})


def _close(short: ShortCall) -> CloseCoveredCall:
    return CloseCoveredCall(params=CloseParams(underlying=short.underlying, symbol=short.symbol))
