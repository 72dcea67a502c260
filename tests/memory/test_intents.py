from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from builders import NOW, an_intent
from callwright.domain.orders import IntentStatus
from callwright.errors import StorageError


def test_an_intent_comes_back_exactly_after_a_restart(home) -> None:
    intent = an_intent(
        amount_coin=Decimal("0.10"),
        price_coin=Decimal("0.0305"),
        created_at=NOW + timedelta(microseconds=1),
        average_price_coin=Decimal("0.03049999999999999999999999"),
        first_empty_lookup_at=NOW,
        reduce_only=True,
    )
    home.intents.add(intent)
    again = home.reopen()
    assert again.intents.get(intent.label) == intent
    assert again.intents.get("cw-none-0") is None
    again.close()


def test_a_label_is_written_once(home) -> None:
    home.intents.add(an_intent())
    with pytest.raises(StorageError, match="never sent twice"):
        home.intents.add(an_intent(amount_coin=Decimal("0.2")))
    assert home.intents.get("cw-test-0").amount_coin == Decimal("0.1")


def test_an_update_needs_an_intent(home) -> None:
    with pytest.raises(StorageError, match="no intent"):
        home.intents.update(an_intent())


@pytest.mark.parametrize("status", list(IntentStatus))
def test_unresolved_are_pending_and_unknown_oldest_first(home, status: IntentStatus) -> None:
    home.intents.add(an_intent(label="cw-b-0"))
    home.intents.add(an_intent(label="cw-a-0"))
    assert [i.label for i in home.intents.unresolved()] == ["cw-b-0", "cw-a-0"]
    home.intents.update(an_intent(label="cw-b-0", status=status))
    labels = [i.label for i in home.intents.unresolved()]
    assert labels == (["cw-b-0", "cw-a-0"] if status.is_unresolved else ["cw-a-0"])


def test_a_row_that_we_did_not_write_is_named(home) -> None:
    home.intents.add(an_intent())
    home.db.write("intents", "UPDATE intents SET amount_coin = 'NaN'")
    with pytest.raises(StorageError, match="cw-test-0"):
        home.intents.unresolved()
