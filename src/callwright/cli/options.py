"""Options that several commands share, and what turns them into settings."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from callwright.config import Settings

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="TOML file; without it callwright.toml, if there is one."
    ),
]
Home = Annotated[
    Path | None,
    typer.Option(
        "--home",
        metavar="DIR",
        help="Folder of database and paper account (CALLWRIGHT_HOME); records go to its logs/ "
        "unless --log-dir or LOG_DIR says otherwise.",
    ),
]
LogDir = Annotated[
    Path | None,
    typer.Option("--log-dir", metavar="DIR", help="Flight recorder's JSONL files (LOG_DIR)."),
]
Market = Annotated[
    str | None,
    typer.Option(
        "--market",
        metavar="SPEC",
        help="Paper market: synthetic[:SEED], synthetic:crash[-SEED], "
        "synthetic:negative-premium[-SEED] or recorded:DIR.",
    ),
]
Step = Annotated[
    str | None,
    typer.Option(
        "--step",
        metavar="DURATION",
        help="How far a synthetic market moves between cycles: 60s, 15m, 6h, 1d.",
    ),
]
Venue = Annotated[
    Literal["paper", "deribit-testnet"] | None,
    typer.Option(help="Exchange: the embedded paper exchange, or Deribit testnet."),
]
PaperUrl = Annotated[
    str | None,
    typer.Option(
        "--paper-url",
        metavar="URL",
        help="A running callwright paper serve to trade on, instead of the embedded exchange.",
    ),
]
Model = Annotated[str | None, typer.Option(metavar="NAME", help="In place of LLM_MODEL_NAME.")]
Html = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write the report as a page, too.")
]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output on stdout.")]


def settings_of(
    *,
    config: Path | None = None,
    home: Path | None = None,
    log_dir: Path | None = None,
    **overrides: Any,
) -> Settings:
    """Return the settings with the command line's values on top.

    No recording is read: whoever halts a desk must be able to, whatever LLM_RECORDING names.
    """
    import os

    from callwright.config import load_settings, near_miss_environment

    for name, meant in sorted(near_miss_environment().items()):
        print(f"callwright: {name} is no setting and has no effect; {meant}?", file=sys.stderr)
    if home is not None and log_dir is None and "LOG_DIR" not in os.environ:
        # Two homes must not write into one flight recorder.
        log_dir = home / "logs"
    return load_settings(config_file=config, callwright_home=home, log_dir=log_dir, **overrides)


def asking_settings_of(
    *, is_recorded: bool = False, llm_model_name: str | None = None, **options: Any
) -> Settings:
    """Return the settings of a command that may ask a model, or play recorded replies of one.

    Args:
        is_recorded: Recorded replies of a model are played: of LLM_RECORDING, or the demo's.
        llm_model_name: From the command line.
        options: As ``settings_of`` takes them.

    Raises:
        ConfigError: LLM_RECORDING names no recording, or one that is damaged; or a model is named
            on the command line, and another one's replies would be played.
    """
    from callwright.errors import ConfigError
    from callwright.playing import with_recording
    from callwright.recordings import DEMO

    settings = settings_of(llm_model_name=llm_model_name, **options)
    if is_recorded and settings.llm_recording is None:
        settings = settings.model_copy(update={"llm_recording": DEMO})
    if llm_model_name is not None and settings.llm_recording is not None:
        raise ConfigError(
            f"--model {llm_model_name} would not be asked: LLM_RECORDING={settings.llm_recording} "
            "plays the recorded replies of one model",
            remedy="leave --model out, or unset LLM_RECORDING",
        )
    return with_recording(settings)
