"""Language models, optional and experimental: which, where, and what one may use and cost."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from callwright.config.kinds import KeyGroup, NonNegativeFloat, PositiveFloat


class ModelKeys(KeyGroup):
    """Language models (optional and experimental)."""

    llm_enabled: bool = False
    llm_model_name: str = "gpt-4.1-mini"
    llm_chat_model_name: str | None = Field(
        None, description="Answers questions about the desk; without it LLM_MODEL_NAME does."
    )
    llm_cheaper_model_name: str | None = Field(
        None, description="Asked instead while the budget runs low."
    )
    llm_base_url: str | None = Field(
        None, description="An OpenAI-compatible server; without it OpenAI's own."
    )
    llm_allow_private_network: bool = Field(
        False, description="Let LLM_BASE_URL be on this machine or in a private network."
    )
    llm_wire: Literal["responses", "chat"] = Field(
        "responses", description="Responses API, or chat completions for servers without it."
    )
    llm_protocol: Literal["two-call", "stepwise", "menu"] = Field(
        "two-call",
        description="For small models: stepwise shows one tool after another, menu has it choose.",
    )
    llm_recording: str | None = Field(
        None,
        description="Recorded replies to play instead of asking a model: demo, or a file.",
    )
    llm_max_decision_tokens: Annotated[int, Field(ge=1)] = Field(
        2_000, description="Output tokens of a whole decision, over all its requests."
    )
    llm_max_input_tokens: Annotated[int, Field(ge=1)] = Field(
        30_000, description="Input tokens of a whole decision, over all its requests."
    )
    llm_max_turns: Annotated[int, Field(ge=1, le=20)] = 6
    llm_max_tool_calls: Annotated[int, Field(ge=1, le=100)] = 12
    llm_max_tool_calls_per_turn: Annotated[int, Field(ge=1, le=100)] = 6
    llm_timeout_seconds: PositiveFloat = Field(
        60.0, description="Deadline of a whole decision, over all its requests and retries."
    )
    llm_chat_max_tokens: Annotated[int, Field(ge=1)] = Field(
        4_000, description="Output tokens of a whole answer, over all its requests."
    )
    llm_chat_max_input_tokens: Annotated[int, Field(ge=1)] = Field(
        120_000, description="Input tokens of a whole answer, over all its requests."
    )
    llm_chat_timeout_seconds: PositiveFloat = Field(
        120.0, description="Deadline of a whole answer, over all its requests and retries."
    )
    llm_prices_file: Path | None = Field(
        None, description="TOML with prices of models that callwright does not know, or newer ones."
    )
    llm_gate_file: Path = Field(
        Path("gate.toml"),
        description="TOML with the combinations of prompt, tools and model that may trade.",
    )
    llm_canary: bool = Field(
        True, description="Ask an approved model a few known situations before it decides."
    )
    llm_budget_cycle_usd: NonNegativeFloat = 0.05
    llm_budget_day_usd: NonNegativeFloat = 2.0
    llm_budget_month_usd: NonNegativeFloat = 20.0
