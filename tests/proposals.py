"""Proposals that a scripted brain makes of whatever the desk sees."""

from __future__ import annotations

from collections.abc import Callable

from callwright.domain.decision import (
    CloseCoveredCall,
    CloseParams,
    DoNothing,
    OpenCoveredCall,
    OpenParams,
    Proposal,
    RollCoveredCall,
    RollParams,
)
from callwright.domain.scan import Scan, ShortCall
from callwright.domain.snapshot import Snapshot

Choose = Callable[[Snapshot, Scan], Proposal]


def hold(snapshot: Snapshot, scan: Scan) -> Proposal:
    return DoNothing(reasoning="hold")


def open_nth(n: int, underlying: str | None = None) -> Choose:
    """Propose the n-th candidate, whether or not it passes its prechecks."""

    def choose(snapshot: Snapshot, scan: Scan) -> Proposal:
        found = [c for c in scan.candidates if underlying in (None, c.underlying)]
        if not found:
            return DoNothing()
        best = found[n % len(found)]
        return OpenCoveredCall(params=OpenParams(underlying=best.underlying, symbol=best.symbol))

    return choose


def open_any_listed(n: int) -> Choose:
    """Propose an option that is listed but, most likely, no candidate."""

    def choose(snapshot: Snapshot, scan: Scan) -> Proposal:
        names = snapshot.market.underlyings["BTC"].chain.listing.names
        return OpenCoveredCall(params=OpenParams(underlying="BTC", symbol=names[n % len(names)]))

    return choose


def roll_nth(n: int) -> Choose:
    """Propose rolling the n-th short call into the n-th candidate of any coin."""

    def choose(snapshot: Snapshot, scan: Scan) -> Proposal:
        shorts = _shorts(scan)
        if not shorts or not scan.candidates:
            return DoNothing()
        short = shorts[n % len(shorts)]
        target = scan.candidates[n % len(scan.candidates)]
        return RollCoveredCall(
            params=RollParams(
                underlying=short.underlying, from_symbol=short.symbol, symbol=target.symbol
            )
        )

    return choose


def close_nth(n: int) -> Choose:
    """Propose buying the n-th short call back."""

    def choose(snapshot: Snapshot, scan: Scan) -> Proposal:
        shorts = _shorts(scan)
        if not shorts:
            return DoNothing()
        short = shorts[n % len(shorts)]
        return CloseCoveredCall(
            params=CloseParams(underlying=short.underlying, symbol=short.symbol)
        )

    return choose


def _shorts(scan: Scan) -> list[ShortCall]:
    return [short for book in scan.books.values() for short in book.short_calls]
