"""The WSGI application that gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ledger.settings")
application = get_wsgi_application()

from ledger.stack.checks import demand_fitness  # noqa: E402  # Settings are ready only now.

demand_fitness()
