"""What tests on recorded replies share; each module says where its cassettes are and their name."""

from __future__ import annotations

from typing import Any

import pytest

from recording import Recording


@pytest.fixture
def name() -> str:
    """Return the cassette's name; each module gives its own."""
    raise NotImplementedError


@pytest.fixture
def default_cassette_name(name: str) -> str:
    return name


@pytest.fixture
def recording(name: str) -> Recording:
    return Recording(name)


@pytest.fixture
def vcr_config(recording: Recording) -> dict[str, Any]:
    return {
        "match_on": ["method", "path", "same_body"],
        "before_record_request": recording.request,
        "before_record_response": recording.response,
        "decode_compressed_response": True,
        "serializer": "yaml",
    }
