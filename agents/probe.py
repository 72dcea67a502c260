"""What a model's server says of itself; for a check of the set-up, never in a cycle."""

from __future__ import annotations

import json
import ssl

import httpx2

from callwright.agents.failures import ModelFailed
from callwright.agents.providers import NO_KEY, ManagerSettings
from callwright.agents.transport import CheckedTransport
from callwright.errors import ConfigError
from callwright.tools.fences import outside_text


async def served_models(settings: ManagerSettings, *, timeout_s: float) -> tuple[str, ...]:
    """Return the names of the models that the server lists; empty when it keeps no list.

    Raises:
        ConfigError: The endpoint or the key is refused, or nobody answers there.
    """
    endpoint = settings.endpoint()
    key = settings.api_key.get_secret_value() if settings.api_key is not None else NO_KEY
    context = ssl.create_default_context() if endpoint.is_tls else None
    try:
        async with httpx2.AsyncClient(
            transport=CheckedTransport(endpoint, context), trust_env=False, timeout=timeout_s
        ) as http:
            reply = await http.get(
                f"{endpoint.base_url}/models", headers={"authorization": f"Bearer {key}"}
            )
    except ModelFailed as exc:
        raise ConfigError(
            f"{endpoint.base_url}: {exc.message}", remedy="check LLM_BASE_URL and OPENAI_API_KEY"
        ) from exc
    try:
        listed = json.loads(reply.content)["data"]
        return tuple(outside_text(str(entry["id"]), length_max=64) for entry in listed)
    except (ValueError, KeyError, TypeError):
        return ()
