"""Names that are nearly a setting's: what was probably meant."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping

from callwright.config.settings import Settings


def nearest_key(key: str) -> str | None:
    """Return the setting that a wrong key in a file is nearest to, if it is near to one."""
    close = difflib.get_close_matches(key.lower(), Settings.model_fields, n=1, cutoff=0.6)
    return close[0] if close else None


def near_miss_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return environment names that look like a setting but are none, with the likely name."""
    known = {name.upper() for name in Settings.model_fields}
    found = {}
    for name in os.environ if environ is None else environ:
        if name.upper() in known or not re.fullmatch(r"[A-Z][A-Z0-9_]{3,}", name):
            continue
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.84)
        if close:
            found[name] = close[0]
    return found
