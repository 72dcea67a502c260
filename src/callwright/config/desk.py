"""Where and how the desk runs: exchange, market, mode, folders."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from callwright.config.kinds import (
    UNDERLYINGS,
    CoinAmounts,
    CoinNames,
    KeyGroup,
    NonNegativeFloat,
)


class DeskKeys(KeyGroup):
    """Where and how it runs."""

    venue: Literal["paper", "deribit-testnet"] = Field(
        "paper", description="Exchange: paper is the embedded one."
    )
    paper_url: str | None = Field(
        None,
        description="Where a `callwright paper serve` answers; without it it is embedded.",
    )
    market: str = Field(
        "synthetic:7",
        description="Market of the paper exchange: synthetic[:SEED] or recorded:DIR.",
    )
    step: str = Field(
        "6h",
        pattern=r"^\d+(\.\d+)?[smhd]$",
        description="How far a synthetic market moves between cycles: 60s, 15m, 6h or 1d.",
    )
    underlyings: CoinNames = UNDERLYINGS  # type: ignore[assignment]
    paper_deposit: CoinAmounts = Field(
        {"BTC": Decimal(1), "ETH": Decimal(10)},
        description="Coin that a new paper account starts with.",
    )
    account_name: str = Field(
        "paper",
        pattern=r"^[a-z0-9][a-z0-9-]{0,31}$",
        description="Part of order labels: lower-case letters, digits and dashes.",
    )
    mode: Literal["research", "production"] = Field(
        "research",
        description="Preset of scanner and rate limits; production is stricter, and lets only an "
        "approved model decide.",
    )
    dry_run: bool = Field(True, description="Decide and record, but send nothing.")
    loop_interval_sec: NonNegativeFloat = Field(60.0, description="Seconds between cycles.")
    callwright_home: Path = Field(Path("var"), description="Folder of database and paper account.")
    log_dir: Path = Field(Path("logs"), description="Folder of the flight recorder's JSONL files.")
    snapshots_kept: Annotated[int, Field(ge=0)] = Field(
        1_440,
        description="Newest snapshots kept for what-if, some 40 kB each; 0 stores none.",
    )
    deribit_base_url: str = Field(
        "https://test.deribit.com/api/v2",
        description="Deribit endpoint: testnet or loopback only.",
    )

    def step_length(self) -> timedelta:
        """Return how far a synthetic market moves between cycles."""
        unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[self.step[-1]]
        try:
            return timedelta(**{unit: float(self.step[:-1])})
        except OverflowError:
            raise ValueError("STEP is too long") from None

    @property
    def is_embedded(self) -> bool:
        """Whether the exchange runs in this process, on a market of ours."""
        return self.venue == "paper" and self.paper_url is None
