"""What a request to a model costs: exact decimals, and unknown wherever a part is unknown."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from callwright.domain.base import Frozen, NonNegative

_PER_TOKEN = -6
"""Prices are for a million tokens: the exponent of ten that makes them a token's."""


class ModelPrice(Frozen):
    """List prices of one model, in USD per million tokens.

    Attributes:
        as_of: The day on which the source stated them.
        source: Who states them.
        input: Prompt tokens that are neither read from nor written to the provider's cache.
        cached_input: Prompt tokens read from the cache; None where nothing is cached, so that all
            of the prompt costs ``input``.
        cache_write: Prompt tokens written to the cache; None where that costs nothing extra.
        output: Answer tokens; reasoning tokens are among them on both OpenAI wires, so they are
            never counted a second time.
        input_tokens_max: The longest prompt that costs this; a longer one has no known price.
        aliases: Further names of the same model.
    """

    provider: str
    as_of: date
    source: str
    input: NonNegative
    cached_input: NonNegative | None = None
    cache_write: NonNegative | None = None
    output: NonNegative
    input_tokens_max: Annotated[int, Field(gt=0)] | None = None
    aliases: tuple[str, ...] = ()

    def cost_usd(
        self,
        *,
        input_tokens: int | None,
        cached_tokens: int | None,
        cache_write_tokens: int | None,
        output_tokens: int | None,
    ) -> Decimal | None:
        """Return what a request cost, exactly; None when a count that it needs is not known.

        ``input_tokens`` include those read from and written to the cache, ``output_tokens``
        include reasoning, as both OpenAI wires report them (read 2026-11-21). Counts that
        contradict one another give None as well.
        """
        if input_tokens is None or output_tokens is None or not self._holds_for(input_tokens):
            return None
        cached = cached_tokens if self.cached_input is not None else 0
        written = cache_write_tokens if self.cache_write is not None else 0
        if cached is None or written is None or min(cached, written, output_tokens) < 0:
            return None
        fresh = input_tokens - cached - written
        if fresh < 0:
            return None
        million_fold = (
            fresh * self.input
            + cached * (self.cached_input or 0)
            + written * (self.cache_write or 0)
            + output_tokens * self.output
        )
        return million_fold.scaleb(_PER_TOKEN)

    def cost_max_usd(self, *, input_tokens_max: int, output_tokens_max: int) -> Decimal | None:
        """Return the most that a request of at most so many tokens costs, None if not known."""
        if not self._holds_for(input_tokens_max):
            return None
        dearest = max(self.input, self.cached_input or Decimal(0), self.cache_write or Decimal(0))
        million_fold = input_tokens_max * dearest + output_tokens_max * self.output
        return million_fold.scaleb(_PER_TOKEN)

    def _holds_for(self, input_tokens: int) -> bool:
        return self.input_tokens_max is None or input_tokens <= self.input_tokens_max


def usd_text(amount_usd: Decimal) -> str:
    """Return an amount of USD with every digit that it needs and no zero behind them."""
    return f"{amount_usd.normalize():f}"
