"""The options that say which decisions, once for all commands that take them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from callwright.errors import ConfigError

if TYPE_CHECKING:
    from callwright.domain.history import DecisionFilter

    Which: TypeAlias = DecisionFilter
else:
    # The domain is not imported for ``--help``.
    Which = Any

_FILTERS = "Which decisions"
Did = Annotated[
    list[str] | None,
    typer.Option(
        "--action", help="open, roll, close, hold: what was done.", rich_help_panel=_FILTERS
    ),
]
Proposed = Annotated[
    list[str] | None,
    typer.Option(
        "--proposed", help="open, roll, close, hold: what was asked for.", rich_help_panel=_FILTERS
    ),
]
Denied = Annotated[
    bool, typer.Option("--denied", help="Only what a gate denied.", rich_help_panel=_FILTERS)
]
Gates = Annotated[
    str | None,
    typer.Option(
        "--verdict", help="allowed, denied, not_asked: what the gates said.",
        rich_help_panel=_FILTERS,
    ),
]  # fmt: skip
Status = Annotated[
    str | None,
    typer.Option(
        "--status", help="Of its orders: filled, rejected, simulated, skipped ...",
        rich_help_panel=_FILTERS,
    ),
]  # fmt: skip
Failed = Annotated[
    bool, typer.Option("--failed", help="Only failed decisions.", rich_help_panel=_FILTERS)
]
Code = Annotated[
    str | None,
    typer.Option("--code", help="A code of a denial: ROLL_DWELL.", rich_help_panel=_FILTERS),
]
Failure = Annotated[
    str | None,
    typer.Option("--failure", help="A failure code: LLM_TIMEOUT.", rich_help_panel=_FILTERS),
]
Underlying = Annotated[
    str | None, typer.Option("--underlying", help="BTC or ETH.", rich_help_panel=_FILTERS)
]
Symbol = Annotated[
    str | None, typer.Option("--symbol", help="An option's whole name.", rich_help_panel=_FILTERS)
]
Strike = Annotated[
    str | None, typer.Option("--strike", help="In USD: 97000 or 97k.", rich_help_panel=_FILTERS)
]
Source = Annotated[
    str | None, typer.Option("--source", help="llm, rule_based, care.", rich_help_panel=_FILTERS)
]
Since = Annotated[
    str | None,
    typer.Option("--since", help="From this UTC time on: 2026-01-05.", rich_help_panel=_FILTERS),
]
Until = Annotated[
    str | None,
    typer.Option(
        "--until", help="Before this UTC time; a day without a time is included.",
        rich_help_panel=_FILTERS,
    ),
]  # fmt: skip


def filtered(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of ``decision_filter``; it takes their outcome as ``where``."""
    own = inspect.signature(command, eval_str=True).parameters.values()
    which = inspect.signature(decision_filter, eval_str=True).parameters

    def run(**given: Any) -> None:
        chosen = {name: given.pop(name) for name in which}
        command(where=decision_filter(**chosen), **given)

    parameters = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in (*own, *which.values())
        if parameter.name != "where"
    ]
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def decision_filter(
    *,
    action: Did = None,
    proposed: Proposed = None,
    denied: Denied = False,
    verdict: Gates = None,
    failed: Failed = False,
    status: Status = None,
    code: Code = None,
    failure: Failure = None,
    underlying: Underlying = None,
    symbol: Symbol = None,
    strike: Strike = None,
    source: Source = None,
    since: Since = None,
    until: Until = None,
) -> Which:
    """Return the filter that these options state.

    Raises:
        ConfigError: One of them cannot be meant.
        QueryInvalid: A strike or a time is none.
    """
    from callwright.domain.history import ACTION_WORDS, ANY_FAILURE, DecisionFilter
    from callwright.tools.memory_questions import strike_of, time_of

    names = {word: action.value for action, word in ACTION_WORDS.items()}
    found: Which = valid(
        DecisionFilter,
        action=tuple(names.get(name.lower(), name) for name in action or ()),
        proposed_action=tuple(names.get(name.lower(), name) for name in proposed or ()),
        verdict=verdict or ("denied" if denied else None),
        status=status,
        code=code,
        failure=failure or (ANY_FAILURE if failed else None),
        underlying=underlying and underlying.upper(),
        symbol=symbol and symbol.upper(),
        # Read as a model's are, so that a command that an answer names asks the same.
        strike_usd=None if strike is None else strike_of(strike),
        source=source,
        since=None if since is None else time_of("since", since, is_end=False),
        until=None if until is None else time_of("until", until, is_end=True),
    )
    return found


def valid(model: Any, **fields: Any) -> Any:
    """Return the model with these fields.

    Raises:
        ConfigError: It refuses one of them.
    """
    from pydantic import ValidationError

    try:
        return model(**fields)
    except ValidationError as exc:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in each['loc'][:1])}: {each['msg']}"
            for each in exc.errors()
        )
        raise ConfigError(f"this cannot be asked: {wrong}", remedy="see --help") from exc
