"""Comparing what the desk believes with what the venue states. Pure, and idempotent.

Venue truth wins, always: every difference is adopted into the ledger. What decides is whether it
is explained. A trade or settlement in the venue's history explains a change, also a foreign one; an
order of ours that is still looked up may. What nothing explains, an order with our label but no
intent, two orders for one intent, or a liquidation means REDUCING until a person has looked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType

from callwright.domain.account import Account, RestingOrder
from callwright.domain.orders import Fill, Intent, IntentStatus
from callwright.domain.record import OrderUpdate
from callwright.domain.verdict import Fact, Reason
from callwright.execution.labels import is_our_label
from callwright.execution.lookup import is_duplicate

_ZERO = Decimal(0)
DEAD = (IntentStatus.EXPIRED, IntentStatus.REJECTED, IntentStatus.CANCELLED)
"""Final without a fill: a fill or a resting order of such an intent should not exist."""

POSITION_ADOPTED = "RECONCILE_POSITION_ADOPTED"
POSITION_UNEXPLAINED = "RECONCILE_POSITION_UNEXPLAINED"
FOREIGN_ORDER = "RECONCILE_FOREIGN_ORDER"
FOREIGN_TRADE = "RECONCILE_FOREIGN_TRADE"
ORDER_WITHOUT_INTENT = "RECONCILE_ORDER_WITHOUT_INTENT"
DUPLICATE_LABEL = "RECONCILE_DUPLICATE_LABEL"
LATE_ORDER = "RECONCILE_LATE_ORDER"
LIQUIDATION = "RECONCILE_LIQUIDATION"

REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        POSITION_UNEXPLAINED: "compare the venue's trade history with `callwright status`",
        ORDER_WITHOUT_INTENT: "another desk uses this account, or desk.db was lost or rolled back",
        DUPLICATE_LABEL: "one intent has two orders; check the position at the venue",
        LATE_ORDER: "an order that counted as dead is alive; check the position at the venue",
        LIQUIDATION: "the venue liquidated; check margin before trading on",
    }
)
"""What each code that sets REDUCING asks a person to look at; the rest only report."""


@dataclass(frozen=True)
class ReconcileInput:
    """Both sides at one moment.

    Attributes:
        ledger: Signed amount by instrument, with ``fills`` and settlements booked already.
        fills: Trades that no record has told yet.
        intents: By label: every intent that a label in ``fills`` or in the account's resting orders
            names, and those unresolved before this pass, as they stand after their look-up.
        reported_orders: Ids of resting orders that were reported before.
        is_first: This ledger never held anything: what the account holds is its beginning.
    """

    account: Account
    ledger: Mapping[str, Decimal]
    fills: tuple[Fill, ...] = ()
    intents: Mapping[str, Intent] = field(default_factory=dict)
    reported_orders: frozenset[str] = frozenset()
    is_first: bool = False


@dataclass(frozen=True)
class Adoption:
    """A signed amount to add to the ledger, so that it says what the venue says."""

    instrument_name: str
    amount_coin: Decimal
    why: str


@dataclass(frozen=True)
class Reconciliation:
    """What the comparison found.

    Attributes:
        findings: Codes with facts; those in ``REMEDIES`` set REDUCING.
        updates: Adoptions and foreign orders, for the record.
        reported_orders: Ids of the resting orders among the findings.
    """

    adoptions: tuple[Adoption, ...] = ()
    findings: tuple[Reason, ...] = ()
    updates: tuple[OrderUpdate, ...] = ()
    reported_orders: frozenset[str] = frozenset()

    @property
    def reducing(self) -> bool:
        """Whether new risk must stop until a person has looked."""
        return any(finding.code in REMEDIES for finding in self.findings)

    @property
    def message(self) -> str:
        """What happened and what to do, in one line; empty when nothing asks for a person."""
        grave = [finding for finding in self.findings if finding.code in REMEDIES]
        if not grave:
            return ""
        facts = "; ".join(str(finding) for finding in grave)
        advice = "; ".join(dict.fromkeys(REMEDIES[finding.code] for finding in grave))
        return f"{facts} | {advice}; then `callwright resume`"


def reconcile(view: ReconcileInput) -> Reconciliation:
    """Return what the ledger must adopt, and what has to be told of it.

    Applying the adoptions and asking again, with nothing new from the venue, finds nothing.
    """
    findings = [
        *_of_fills(view.fills, view.intents),
        *(
            Reason(code=DUPLICATE_LABEL, facts={"label": i.label, "symbol": i.instrument_name})
            for i in view.intents.values()
            if is_duplicate(i)
        ),
    ]
    updates: list[OrderUpdate] = []
    seen: set[str] = set()
    for order in view.account.resting_orders:
        code = _code_of_resting(order, view)
        if code is None or order.order_id in view.reported_orders:
            continue
        seen.add(order.order_id)
        facts: dict[str, Fact] = {
            "order_id": order.order_id,
            "label": order.label,
            "side": order.side,
            "open": float(order.open_coin),
            "price": float(order.price_coin),
        }
        findings.append(Reason(code=code, facts={"symbol": order.instrument_name, **facts}))
        updates.append(
            OrderUpdate(
                kind="foreign",
                cycle_id=None,
                symbol=order.instrument_name,
                facts={"code": code, **facts},
            )
        )
    adoptions = []
    code = POSITION_ADOPTED if view.is_first else POSITION_UNEXPLAINED
    for name, difference in differences(view):
        held = view.account.position(name)
        facts = {
            "venue": 0.0 if held is None else float(held.amount_coin),
            "ledger": float(view.ledger.get(name, _ZERO)),
        }
        adoptions.append(Adoption(name, difference, code))
        findings.append(Reason(code=code, facts={"symbol": name, **facts}))
        updates.append(
            OrderUpdate(
                kind="adopted",
                cycle_id=None,
                symbol=name,
                facts={"amount": float(difference), "code": code, **facts},
            )
        )
    return Reconciliation(
        adoptions=tuple(adoptions),
        findings=tuple(findings),
        updates=tuple(updates),
        reported_orders=frozenset(seen),
    )


def differences(view: ReconcileInput) -> tuple[tuple[str, Decimal], ...]:
    """Return instrument and venue-less-ledger amount wherever nothing explains the difference.

    A difference that an intent of ``view.intents`` may make good, because its outcome is open or
    its trades are not all shown yet, is left for the next pass.
    """
    held = {p.instrument_name: p.amount_coin for p in view.account.positions}
    found = []
    for name in sorted(held.keys() | view.ledger.keys()):
        difference = held.get(name, _ZERO) - view.ledger.get(name, _ZERO)
        if difference and not _is_awaited(name, difference, view):
            found.append((name, difference))
    return tuple(found)


def _code_of_resting(order: RestingOrder, view: ReconcileInput) -> str | None:
    intent = view.intents.get(order.label)
    if not is_our_label(order.label):
        return FOREIGN_ORDER
    if intent is None:
        return ORDER_WITHOUT_INTENT
    is_expected = intent.status.is_unresolved or intent.status is IntentStatus.WORKING
    return None if is_expected else LATE_ORDER


def _is_awaited(name: str, difference: Decimal, view: ReconcileInput) -> bool:
    side = "buy" if difference > 0 else "sell"
    return abs(difference) <= sum(
        (
            _may_still_show(intent, view.fills)
            for intent in view.intents.values()
            if intent.instrument_name == name and intent.side == side
        ),
        _ZERO,
    )


def _may_still_show(intent: Intent, fills: Iterable[Fill]) -> Decimal:
    most = intent.amount_coin if intent.status.is_unresolved else intent.filled_coin
    shown = sum((f.amount_coin for f in fills if f.label == intent.label), _ZERO)
    return max(most - shown, _ZERO)


def _of_fills(fills: Iterable[Fill], intents: Mapping[str, Intent]) -> Iterable[Reason]:
    for fill in fills:
        intent = intents.get(fill.label)
        if fill.is_liquidation:
            code = LIQUIDATION
        elif not is_our_label(fill.label):
            code = FOREIGN_TRADE
        elif intent is None:
            code = ORDER_WITHOUT_INTENT
        elif intent.status in DEAD:
            code = LATE_ORDER
        else:
            continue
        yield Reason(
            code=code,
            facts={
                "symbol": fill.instrument_name,
                "trade_id": fill.trade_id,
                "order_id": fill.order_id,
                "label": fill.label,
                "side": fill.side,
                "amount": float(fill.amount_coin),
            },
        )
