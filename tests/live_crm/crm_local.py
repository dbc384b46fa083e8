"""Settings of the live CRM, read by it alone: the packaged ones, and what a private copy needs.

Mail goes to files, an administrator's session outlives the tests, and webhooks may go to this
machine: as packaged, the CRM sends them to public addresses on port 443 only. Every other check of
an address stays in force.
"""

import os
from datetime import timedelta
from pathlib import Path

from crm.settings import *  # type: ignore[import-not-found]  # noqa: F403  # in the CRM's venv
from crm.settings import INSTALLED_APPS as PACKAGED_APPS
from crm.settings import SIMPLE_JWT as PACKAGED_JWT
from django.apps import AppConfig  # type: ignore[import-not-found]

MAILERS = {
    "default": {
        "BACKEND": "django.core.mail.backends.filebased.EmailBackend",
        "OPTIONS": {"file_path": os.environ["CRM_MAIL"]},
    }
}
SIMPLE_JWT = {**PACKAGED_JWT, "ACCESS_TOKEN_LIFETIME": timedelta(days=3650)}
INSTALLED_APPS = [*PACKAGED_APPS, "crm_local.Loopback"]


class EveryPort:
    """Holds every port there is."""

    def __contains__(self, port: object) -> bool:
        return True


class Loopback(AppConfig):  # type: ignore[misc]  # Django is not in our environment
    """Lets webhooks go to 127.0.0.1, over http and on any port."""

    name = "crm_local"
    label = "crm_local"
    path = str(Path(__file__).parent)

    def ready(self) -> None:
        from webhooks import ssrf  # type: ignore[import-not-found]  # noqa: PLC0415  # needs apps

        packaged = ssrf.is_blocked
        ssrf._allowed_schemes = lambda: ("https", "http")  # noqa: SLF001
        ssrf._allowed_ports = EveryPort  # noqa: SLF001
        ssrf.is_blocked = lambda address: not address.is_loopback and packaged(address)
