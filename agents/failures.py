"""How a decision fails inside the manager: one exception with a stable code, and what became of it.

It never leaves ``callwright.agents``: whoever asks makes it an answer with ``failure`` set.
"""

from __future__ import annotations

from callwright.domain.failure import ModelFailure


class ModelFailed(Exception):
    """A request, or a whole decision, came to nothing.

    Attributes:
        is_transient: Whether the same request may succeed in a moment.
        retry_after_s: How long the provider asked to wait, where it did.
        was_sent: False when certainly nothing reached the provider.
    """

    def __init__(
        self,
        failure: ModelFailure,
        message: str,
        *,
        is_transient: bool = False,
        retry_after_s: float | None = None,
        was_sent: bool = True,
    ) -> None:
        super().__init__(message)
        self.failure = failure
        self.message = message
        self.is_transient = is_transient
        self.retry_after_s = retry_after_s
        self.was_sent = was_sent
