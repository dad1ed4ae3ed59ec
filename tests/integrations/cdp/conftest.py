from tests.integrations.webhooks.conftest import receiver

__all__ = ["receiver"]
