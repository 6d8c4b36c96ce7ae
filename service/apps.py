"""The project itself as a Django app: pages, commands, and the table that limits live in."""

from django.apps import AppConfig


class ServiceConfig(AppConfig):
    name = "service"

    def ready(self) -> None:
        """Hear of every sign-in."""
        from service.sign_in import connect

        connect()
