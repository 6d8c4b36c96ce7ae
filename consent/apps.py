"""The consent tier as a Django app."""

from django.apps import AppConfig


class ConsentConfig(AppConfig):
    name = "consent"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register standings with the recorder, so that `registry` never imports `consent`."""
        from consent.exclusions.standings import project
        from registry.log.recorder import register

        register(project)
