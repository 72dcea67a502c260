"""A desk whose account and scan agree: the shorts stand in both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

from builders import (
    a_coin_account,
    a_market,
    a_position,
    a_scan,
    a_snapshot,
    an_account,
    limits,
    policy_settings,
)
from callwright.domain.account import CoinAccount
from callwright.domain.decision import CloseCoveredCall, Proposal, Sizing
from callwright.domain.limits import Limits, PolicySettings
from callwright.domain.market import MarketView
from callwright.domain.scan import Scan, ShortCall
from callwright.domain.snapshot import Snapshot
from callwright.policy.care import forced_close
from callwright.policy.rules import rule_based_proposal
from callwright.policy.sizing import size


@dataclass(frozen=True)
class Desk:
    """Everything that a policy function takes, with one method for each of them."""

    snapshot: Snapshot
    scan: Scan
    settings: PolicySettings
    limits: Limits

    def proposal(self) -> Proposal:
        return rule_based_proposal(self.snapshot, self.scan, self.settings, self.limits)

    def size(self, proposal: Proposal) -> Sizing:
        return size(proposal, self.snapshot, self.scan, self.settings, self.limits)

    def forced_close(self) -> CloseCoveredCall | None:
        return forced_close(self.snapshot, self.scan, self.limits)


@cache
def _market() -> MarketView:
    return a_market()


@pytest.fixture(scope="session")
def a_desk() -> Callable[..., Desk]:
    def build(
        *,
        shorts: Sequence[ShortCall] = (),
        btc: CoinAccount | object = 1,
        eth: CoinAccount | object = 10,
        settings: dict[str, Any] | None = None,
        limit: dict[str, Any] | None = None,
        account: dict[str, Any] | None = None,
        snapshot: dict[str, Any] | None = None,
        **scan: Any,
    ) -> Desk:
        return Desk(
            snapshot=a_snapshot(
                **{
                    "market": _market(),
                    "account": an_account(
                        btc=btc if isinstance(btc, CoinAccount) else a_coin_account("BTC", btc),
                        eth=eth if isinstance(eth, CoinAccount) else a_coin_account("ETH", eth),
                        positions=[a_position(s.symbol, -s.amount_coin) for s in shorts],
                        **(account or {}),
                    ),
                    **(snapshot or {}),
                }
            ),
            scan=a_scan(shorts=shorts, **scan),
            settings=policy_settings(**(settings or {})),
            limits=limits(**(limit or {})),
        )

    return build
