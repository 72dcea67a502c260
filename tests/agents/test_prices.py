"""Prices: dated, sourced, exact, and unknown rather than zero."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callwright.agents.prices import Prices, load_prices
from callwright.config import Settings
from callwright.domain.pricing import ModelPrice
from callwright.errors import ConfigError


def a_price(**changes: Any) -> ModelPrice:
    fields: dict[str, Any] = {
        "provider": "Test",
        "as_of": date(2026, 1, 5),
        "source": "a test",
        "input": Decimal("0.40"),
        "cached_input": Decimal("0.10"),
        "output": Decimal("1.60"),
    }
    return ModelPrice(**(fields | changes))


def cost(price: ModelPrice, **changes: int | None) -> Decimal | None:
    counts: dict[str, int | None] = {
        "input_tokens": 3_500,
        "cached_tokens": 2_000,
        "cache_write_tokens": 0,
        "output_tokens": 150,
    }
    return price.cost_usd(**(counts | changes))


ENTRY = """
[models."{name}"]
provider = "Test"
as_of = 2026-01-05
source = "a test"
input = 0.30
output = 1.20
"""


def a_file(folder: Path, text: str) -> Path:
    path = folder / "prices.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_model_asked_by_default_has_a_price() -> None:
    assert load_prices().of(Settings.model_fields["llm_model_name"].default) is not None


def test_every_shipped_price_is_sourced_and_no_cache_costs_more_to_read_than_the_prompt() -> None:
    prices = load_prices()._by_name
    assert {price.provider for price in prices.values()} == {"OpenAI", "Anthropic", "Qwen"}
    for name, price in prices.items():
        assert len(price.source) > 10, name
        assert date(2026, 1, 1) <= price.as_of <= date(2026, 11, 21), name
        assert 0 < price.input < price.output, name
        assert price.cached_input is None or 0 < price.cached_input < price.input, name
        assert price.cache_write is None or price.cache_write > price.input, name


@pytest.mark.parametrize(
    ("model", "same_as"),
    [
        pytest.param("gpt-4.1-mini", "gpt-4.1-mini", id="itself"),
        pytest.param("gpt-4.1-mini-2025-04-14", "gpt-4.1-mini", id="snapshot"),
        pytest.param("claude-haiku-4-5-20251001", "claude-haiku-4-5", id="snapshot-without-dashes"),
        pytest.param("gpt-4.1-mini-2025-14-04", None, id="no-date"),
        pytest.param("gpt-4.1-mini-fast", None, id="another-tier"),
        pytest.param("openai/gpt-4.1-mini", None, id="through-a-gateway"),
        pytest.param("gpt-4.1-min", None, id="a-prefix"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_a_snapshot_costs_what_its_model_does_and_nothing_else_is_guessed(
    model: str, same_as: str | None
) -> None:
    prices = load_prices()
    assert prices.of(model) == (None if same_as is None else prices.of(same_as))


def test_a_snapshot_with_a_price_of_its_own_keeps_it() -> None:
    old = a_price(input=Decimal(5))
    prices = Prices({"m": a_price(), "m-2024-05-13": old})
    assert prices.of("m-2024-05-13") is old
    assert prices.of("m-2024-08-06") == a_price()


def test_the_users_file_wins_and_adds(tmp_path: Path) -> None:
    text = ENTRY.format(name="gpt-4.1-mini") + ENTRY.format(name="mine") + 'aliases = ["my-latest"]'
    prices = load_prices(a_file(tmp_path, text))
    for name in ("gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", "mine", "my-latest"):
        price = prices.of(name)
        assert price is not None
        assert price.input == Decimal("0.30")
    assert prices.of("gpt-4.1") == load_prices().of("gpt-4.1")


def test_a_free_model_is_stated_by_its_user(tmp_path: Path) -> None:
    text = ENTRY.format(name="mine").replace("0.30", "0").replace("1.20", "0")
    price = load_prices(a_file(tmp_path, text)).of("mine")
    assert price is not None
    assert cost(price) == 0


@pytest.mark.parametrize(
    ("text", "about"),
    [
        pytest.param("not toml at all", "not TOML", id="not-toml"),
        pytest.param("", "models", id="empty"),
        pytest.param(ENTRY + "price = 3\n", "price", id="unknown-key"),
        pytest.param('as_of = 2026-01-05\n[models."m"]\n', "as_of", id="unknown-key-on-top"),
        pytest.param(ENTRY.replace("input = 0.30\n", ""), "input", id="no-input-price"),
        pytest.param(ENTRY.replace("output = 1.20\n", ""), "output", id="no-output-price"),
        pytest.param(ENTRY.replace("as_of = 2026-01-05\n", ""), "as_of", id="no-date"),
        pytest.param(ENTRY.replace("0.30", "-0.30"), "input", id="negative"),
        pytest.param(ENTRY.replace("0.30", "nan"), "input", id="nan"),
        pytest.param(ENTRY.replace("0.30", "inf"), "input", id="infinite"),
        pytest.param(ENTRY.replace("0.30", "true"), "input", id="not-a-number"),
        pytest.param(ENTRY + "input_tokens_max = 0\n", "input_tokens_max", id="no-prompt-fits"),
        pytest.param(ENTRY + 'aliases = ["{name}"]\n', "two prices", id="a-name-twice"),
    ],
)
def test_a_wrong_price_file_is_refused_by_file_and_key(
    tmp_path: Path, text: str, about: str
) -> None:
    path = a_file(tmp_path, text.replace("{name}", "mine"))
    with pytest.raises(ConfigError, match=about) as caught:
        load_prices(path)
    assert str(path) in caught.value.message
    assert caught.value.remedy


def test_a_price_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"LLM_PRICES_FILE .*nowhere"):
        load_prices(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    ("changes", "usd"),
    [
        pytest.param({}, "0.00104", id="cached-part-is-cheaper"),
        pytest.param({"cached_tokens": 0}, "0.00164", id="nothing-cached"),
        pytest.param({"input_tokens": 0, "cached_tokens": 0, "output_tokens": 0}, "0", id="none"),
        pytest.param({"cached_tokens": 3_500}, "0.00059", id="all-cached"),
        pytest.param({"cached_tokens": 3_501}, None, id="more-cached-than-sent"),
        pytest.param({"input_tokens": None}, None, id="input-unknown"),
        pytest.param({"cached_tokens": None}, None, id="cached-unknown"),
        pytest.param({"output_tokens": None}, None, id="output-unknown"),
        pytest.param({"cache_write_tokens": None}, "0.00104", id="writes-cost-nothing-extra"),
        pytest.param({"output_tokens": -1}, None, id="negative"),
    ],
)
def test_cost_is_exact_or_unknown(changes: dict[str, int | None], usd: str | None) -> None:
    assert cost(a_price(), **changes) == (None if usd is None else Decimal(usd))


def test_cache_writes_have_their_own_price_where_the_provider_bills_them() -> None:
    price = a_price(cache_write=Decimal("0.50"))
    assert cost(price, cache_write_tokens=1_000) == Decimal("0.00114")
    assert cost(price, cache_write_tokens=None) is None
    assert cost(price, cache_write_tokens=1_501) is None


def test_without_a_cache_all_of_the_prompt_costs_the_same() -> None:
    price = a_price(cached_input=None)
    assert cost(price, cached_tokens=None) == cost(price) == Decimal("0.00164")


def test_a_prompt_longer_than_the_price_holds_for_has_no_price() -> None:
    price = a_price(input_tokens_max=3_500)
    assert cost(price) is not None
    assert cost(price, input_tokens=3_501) is None
    assert price.cost_max_usd(input_tokens_max=3_500, output_tokens_max=1) is not None
    assert price.cost_max_usd(input_tokens_max=3_501, output_tokens_max=1) is None


usd_per_million = st.decimals(0, 200, places=4)
tokens = st.integers(0, 2_000_000)


@given(
    prices=st.tuples(usd_per_million, usd_per_million, usd_per_million, usd_per_million),
    parts=st.tuples(tokens, tokens, tokens, tokens),
)
def test_no_digit_is_lost_and_a_reservation_covers_every_split(
    prices: tuple[Decimal, ...], parts: tuple[int, ...]
) -> None:
    fresh, cached, written, answered = parts
    price = a_price(
        input=prices[0], cached_input=prices[1], cache_write=prices[2], output=prices[3]
    )
    usd = cost(
        price,
        input_tokens=fresh + cached + written,
        cached_tokens=cached,
        cache_write_tokens=written,
        output_tokens=answered,
    )
    assert usd is not None
    exact = sum(Fraction(p) * n for p, n in zip(prices, parts, strict=True)) / 1_000_000
    assert Fraction(usd) == exact
    most = price.cost_max_usd(input_tokens_max=fresh + cached + written, output_tokens_max=answered)
    assert most is not None
    assert usd <= most


def test_prices_need_no_sdk() -> None:
    code = (
        "import sys; from callwright.agents.prices import load_prices; load_prices();"
        "sys.exit(bool({'agents', 'openai', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
