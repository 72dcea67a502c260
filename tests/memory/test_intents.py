from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from builders import NOW, an_intent
from callwright.domain.orders import IntentStatus
from callwright.errors import StorageError


def test_an_intent_comes_back_exactly_after_a_restart(home: Any) -> None:
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


def test_a_label_is_written_once(home: Any) -> None:
    home.intents.add(an_intent())
    with pytest.raises(StorageError, match="never sent twice"):
        home.intents.add(an_intent(amount_coin=Decimal("0.2")))
    assert home.intents.get("cw-test-0").amount_coin == Decimal("0.1")


def test_an_update_needs_an_intent(home: Any) -> None:
    with pytest.raises(StorageError, match="no intent"):
        home.intents.update(an_intent())


@pytest.mark.parametrize("status", list(IntentStatus))
def test_unresolved_are_pending_and_unknown_oldest_first(home: Any, status: IntentStatus) -> None:
    home.intents.add(an_intent(label="cw-b-0"))
    home.intents.add(an_intent(label="cw-a-0"))
    assert [i.label for i in home.intents.unresolved()] == ["cw-b-0", "cw-a-0"]
    home.intents.update(an_intent(label="cw-b-0", status=status))
    labels = [i.label for i in home.intents.unresolved()]
    assert labels == (["cw-b-0", "cw-a-0"] if status.is_unresolved else ["cw-a-0"])


def test_a_row_that_we_did_not_write_is_named(home: Any) -> None:
    home.intents.add(an_intent())
    home.db.write("intents", "UPDATE intents SET amount_coin = 'NaN'")
    with pytest.raises(StorageError, match="cw-test-0"):
        home.intents.unresolved()


def test_memory_follows_its_own_writes_and_says_what_the_disk_says(home: Any) -> None:
    home.intents.unresolved()
    first, second = an_intent(label="cw-a-0"), an_intent(label="cw-b-0")
    filled = first.model_copy(
        update={"status": IntentStatus.FILLED, "filled_coin": Decimal("0.1"), "order_id": "7"}
    )
    home.intents.add(first)
    home.intents.add(second)
    home.intents.update(filled)
    assert home.intents.unresolved() == (second,)
    assert home.intents.get("cw-a-0") == filled
    # Back to unknown: it is the older one again.
    doubtful = filled.model_copy(update={"status": IntentStatus.UNKNOWN})
    home.intents.update(doubtful)
    assert home.intents.unresolved() == (doubtful, second)
    again = home.reopen()
    assert again.intents.unresolved() == (doubtful, second)
    again.close()


def test_a_write_that_failed_is_not_remembered(home: Any) -> None:
    home.intents.add(an_intent())
    home.db.rows("PRAGMA query_only = ON")
    with pytest.raises(StorageError, match="readonly"):
        home.intents.update(an_intent(status=IntentStatus.FILLED))
    with pytest.raises(StorageError, match="readonly"):
        home.intents.add(an_intent(label="cw-other-0"))
    home.db.rows("PRAGMA query_only = OFF")
    assert home.intents.unresolved() == (an_intent(),)
    assert home.intents.get("cw-test-0") == an_intent()
    assert home.intents.get("cw-other-0") is None
