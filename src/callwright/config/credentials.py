"""The secrets: read from the environment or ``.env``, masked wherever a text leaves the desk."""

from pydantic import SecretStr

from callwright.config.kinds import KeyGroup

SECRET_NAMES = ("openai_api_key", "deribit_client_id", "deribit_client_secret")


class SecretKeys(KeyGroup):
    """Secrets; never printed, never recorded."""

    openai_api_key: SecretStr | None = None
    deribit_client_id: SecretStr | None = None
    deribit_client_secret: SecretStr | None = None

    def paper_credentials(self) -> tuple[SecretStr, SecretStr]:
        """Return what a paper server is started with and asked with: the Deribit key, or its own.

        Without a key both words are ``paper``: nobody else can reach a server on this machine.
        """
        if self.deribit_client_id is None or self.deribit_client_secret is None:
            return SecretStr("paper"), SecretStr("paper")
        return self.deribit_client_id, self.deribit_client_secret

    def redact(self, text: str) -> str:
        """Return ``text`` with every known secret masked."""
        for name in SECRET_NAMES:
            secret = getattr(self, name)
            if secret is not None and secret.get_secret_value():
                text = text.replace(secret.get_secret_value(), "[secret]")
        return text
