"""Configuration: one flat set of keys, each with its unit in the name or the description.

Sources, strongest first: command line, environment, ``.env``, ``callwright.toml``. An unknown key
in a file is an error. Percent is 0-100 here and becomes a fraction here, once; inside the desk
there are only fractions. Secrets are ``SecretStr`` and never printed.

The keys stand in ``desk``, ``numbers``, ``language_models`` and ``credentials``, by subject.
"""

from __future__ import annotations

from callwright.config.kinds import UNDERLYINGS
from callwright.config.loading import changed_settings, load_settings
from callwright.config.near_misses import near_miss_environment
from callwright.config.presets import PRESETS
from callwright.config.recorded import NOT_RECORDED
from callwright.config.settings import Settings

__all__ = [
    "NOT_RECORDED", "PRESETS", "UNDERLYINGS", "Settings", "changed_settings", "load_settings",
    "near_miss_environment",
]  # fmt: skip
