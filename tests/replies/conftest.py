"""What tests on recorded replies share.

Each module that plays cassettes says in ``FOLDER`` where they are, and gives each test the name of
its own with ``recording.played_by``.
"""

from __future__ import annotations

from typing import Any

import pytest

from recording import CASSETTES, Recording


@pytest.fixture(scope="module")
def vcr_cassette_dir(request: pytest.FixtureRequest) -> str:
    # A test that plays none is asked for a folder all the same.
    return str(CASSETTES / getattr(request.module, "FOLDER", ""))


@pytest.fixture
def recording(default_cassette_name: str) -> Recording:
    return Recording(default_cassette_name)


@pytest.fixture
def vcr_config(recording: Recording) -> dict[str, Any]:
    return {
        "match_on": ["method", "path", "same_body"],
        "before_record_request": recording.request,
        "before_record_response": recording.response,
        "decode_compressed_response": True,
        "serializer": "yaml",
    }
