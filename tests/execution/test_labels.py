from __future__ import annotations

from callwright.domain.orders import LABEL_LENGTH_MAX
from callwright.execution.labels import is_our_label, order_label


def test_a_label_is_what_it_always_was() -> None:
    # printf 'paper|c1' | sha256sum | cut -c1-32
    assert order_label("paper", "c1", 0) == "cw-b9e11886271ae11e457811bb7fbb5dba-0"


def test_a_hundred_thousand_labels_are_unique_and_fit() -> None:
    labels = {
        order_label(account, f"cycle-{number}", leg)
        for account in ("a", "b")
        for number in range(25_000)
        for leg in (0, 1)
    }
    assert len(labels) == 100_000
    assert max(map(len, labels)) <= LABEL_LENGTH_MAX
    assert all(map(is_our_label, labels))


def test_other_labels_are_not_ours() -> None:
    assert not any(map(is_our_label, ("", "mine", "CW-1-0", " cw-1-0")))
