"""Order labels: derived, never random, so a restart finds the order that it may have sent."""

from __future__ import annotations

from hashlib import sha256

from callwright.domain.orders import LABEL_PREFIX


def order_label(account_id: str, cycle_id: str, leg: int) -> str:
    """Return this leg's venue label: stable across restarts, 37 characters for one-digit legs."""
    return f"{LABEL_PREFIX}{sha256(f'{account_id}|{cycle_id}'.encode()).hexdigest()[:32]}-{leg}"


def is_our_label(label: str) -> bool:
    """Return whether a venue label claims to be this desk's."""
    return label.startswith(LABEL_PREFIX)
