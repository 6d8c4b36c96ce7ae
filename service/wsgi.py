"""The web server's application. The golden vectors run here, once, before the first request."""

import logging
import os

from django.core.wsgi import get_wsgi_application

from consentkit.fingerprints import golden

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "service.settings")
application = get_wsgi_application()

try:
    golden.check()
except golden.Drifted as drift:
    # Withdrawing and asking must go on; `refuse_grants_in_doubt` answers every grant with 503 from here.
    logging.getLogger(__name__).critical("grants are refused: %s", drift)
