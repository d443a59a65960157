"""Settings, from the environment, safe by default.

Development needs no variable: `COUNTERSIGN_ENV` defaults to `development` and everything lives under
`var/`. With `COUNTERSIGN_ENV=production` every secret must be given, and the checks that the web server,
the tasks' worker and `manage.py` run at start refuse development stand-ins. See docs/configuration.md.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import environ

from ledger.stack.environment import development_secret, state_folder

env = environ.Env()

BASE_DIR = Path(__file__).resolve().parent.parent
ENVIRONMENT = env.str("COUNTERSIGN_ENV", default="development")
IS_PRODUCTION = ENVIRONMENT == "production"
VAR_DIR = state_folder()

DEBUG = env.bool("DJANGO_DEBUG", default=False)
SECRET_KEY = env.str("DJANGO_SECRET_KEY", default="") or development_secret("django")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
SERVICE_URL = env.str("SERVICE_URL", default="http://127.0.0.1:8000").rstrip("/")
CSRF_TRUSTED_ORIGINS = [SERVICE_URL]

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "pgtrigger",
    "ledger",
    "rights",
    "provenance",
]

MIDDLEWARE = [
    "ledger.http.logging.RequestLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "ledger.urls"
WSGI_APPLICATION = "ledger.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# Database. DATABASE_URL always wins; without it the embedded PostgreSQL under VAR_DIR is used, whose
# address `manage.py` and the stack put into the environment before settings are read.
DATABASES = {"default": env.db_url("DATABASE_URL", default="postgres:///countersign")}
# A socket's folder stands percent-encoded where a host would, as in libpq's addresses.
DATABASES["default"]["HOST"] = unquote(DATABASES["default"]["HOST"])
DATABASES["default"]["CONN_MAX_AGE"] = 600
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"].setdefault("OPTIONS", {})["options"] = (
    "-c lock_timeout=15s -c statement_timeout=60s -c idle_in_transaction_session_timeout=60s"
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "ledger.Account"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "/admin/login/"

LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
# Without a collectstatic run WhiteNoise serves straight from the installed apps.
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = not IS_PRODUCTION

# Files. Captures live in the vault folder, which no URL reaches; media passes the one delivery door.
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(VAR_DIR / "media")},
    },
    "vault": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(VAR_DIR / "vault")},
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576
FILE_UPLOAD_MAX_MEMORY_SIZE = 1_048_576
CAPTURE_SIZE_BYTES_MAX = env.int("CAPTURE_SIZE_BYTES_MAX", default=64 * 1024 * 1024)
# Who hears the words and who knows the person; the development ones prove nothing and say so.
CAMEO_WORDS_VERIFIER = env.str(
    "CAMEO_WORDS_VERIFIER", default="ledger.cameos.verifiers.DevelopmentWords"
)
CAMEO_IDENTITY_VERIFIER = env.str(
    "CAMEO_IDENTITY_VERIFIER", default="ledger.cameos.verifiers.DevelopmentIdentity"
)
OUTPUT_SIZE_BYTES_MAX = env.int("OUTPUT_SIZE_BYTES_MAX", default=4 * 1024 * 1024 * 1024)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["ledger.accounts.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["ledger.http.parsing.Json"],
    "DEFAULT_PAGINATION_CLASS": "ledger.http.pagination.Cursor",
    "PAGE_SIZE": 50,
    "EXCEPTION_HANDLER": "ledger.http.problems.handle",
    "DEFAULT_SCHEMA_CLASS": "ledger.http.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": [
        "rest_framework.throttling.AnonRateThrottle",
        "rest_framework.throttling.UserRateThrottle",
    ],
    "DEFAULT_THROTTLE_RATES": {
        "anon": env.str("RATE_LIMIT_ANON", default="600/min"),
        "user": env.str("RATE_LIMIT_USER", default="6000/min"),
        "lookup": env.str("RATE_LIMIT_LOOKUP", default="30/min"),
        "sign-in-address": env.str("RATE_LIMIT_SIGN_IN_ADDRESS", default="60/min"),
        "sign-in-email": env.str("RATE_LIMIT_SIGN_IN_EMAIL", default="20/min"),
    },
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
REST_KNOX = {"TOKEN_TTL": None, "AUTH_HEADER_PREFIX": "Bearer", "TOKEN_PREFIX": "cs_"}
SPECTACULAR_SETTINGS = {
    "TITLE": "Countersign",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "PurposeEnum": "ledger.cameos.models.Purpose",
        "RenderStateEnum": "provenance.renders.rules.State.choices",
        "TakedownStateEnum": "rights.takedowns.models.TakedownCase.State",
    },
}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# Celery. The embedded default keeps its queues in the same PostgreSQL (kombu's pgmq transport).
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="")
CELERY_BROKER_TRANSPORT_OPTIONS = env.json("CELERY_BROKER_TRANSPORT_OPTIONS", default={})
CELERY_TASK_DEFAULT_QUEUE = "work"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 4
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False  # Its lines go through ours.
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_TIME_LIMIT = 600

# What a lower app asks of a higher one (ADR 1).
CONSENT_PROHIBITION_SOURCES = [
    "rights.optouts.queries.prohibitions",
    "rights.estates.queries.prohibitions",
    "rights.takedowns.queries.prohibitions",
]
CONSENT_LICENCE_SOURCE = "rights.licences.queries.covering"
LICENCE_PAYEE_SOURCE = "rights.settlement.queries.payable"
CONSENT_USE_OBSERVERS = [
    "provenance.renders.actions.use_changed",
    "rights.licences.actions.use_changed",
]
OUTBOX_HANDLERS = {
    "consent.tightened": "ledger.consent.tasks.recheck",
    "consent.act": "ledger.consent.tasks.carry_act",
    "licence.authorised": "provenance.renders.tasks.dispatch",
    "licence.void": "rights.settlement.tasks.void",
    "licence.capture": "rights.settlement.tasks.capture",
    "licence.refund": "rights.settlement.tasks.refund",
    "payout.transfer": "rights.settlement.tasks.send_transfer",
    "payout.reversal": "rights.settlement.tasks.reverse_transfer",
    "stripe.event": "rights.settlement.tasks.process_event",
    "render.dispatch": "provenance.renders.tasks.dispatch",
    "render.send": "provenance.renders.tasks.send",
    "render.finish": "provenance.renders.tasks.finish",
    "use.approved": "provenance.renders.tasks.finish",
    "takedown.mail": "rights.takedowns.tasks.mail",
    "report.build": "provenance.reports.tasks.build",
    "clock.renders": "provenance.renders.tasks.sweep",
    "clock.approvals": "ledger.consent.tasks.close_approvals",
    "clock.licences": "rights.settlement.tasks.lapse",
    "clock.housekeeping": "ledger.outbox.tasks.housekeep",
    "clock.destructions": "ledger.cameos.tasks.destroy_due",
}
# Topics that the relay owes by the clock: every so many seconds.
PERIODIC_TOPICS = {
    "clock.renders": 2,
    "clock.approvals": 60,
    "clock.licences": 60,
    "clock.housekeeping": 3600,
    "clock.destructions": 3600,
}

# Keys. Each is a file under VAR_DIR/keys in development, created on first use, 0600.
KEYS_DIR = Path(env.str("KEYS_DIR", default=str(VAR_DIR / "keys")))
VAULT_KEY = env.str("VAULT_KEY", default="")  # 32 bytes, base64; wraps each subject's key.
LOG_ORIGIN = env.str("LOG_ORIGIN", default="countersign.local/log")
LOG_PUBLIC_DIR = Path(env.str("LOG_PUBLIC_DIR", default=str(VAR_DIR / "log")))
LOG_SEQUENCER_PERIOD_S = env.float("LOG_SEQUENCER_PERIOD_S", default=0.2)
# Models each row of which must have been logged; `verify_log` names one that was not.
LOG_REQUIRED_MODELS = [
    "ledger.Grant",
    "ledger.Revocation",
    "ledger.Decision",
    "ledger.Approval",
    "ledger.Terms",
]
LOG_WITNESS_URLS = env.list("LOG_WITNESS_URLS", default=[])
LOG_WITNESS_VKEYS = env.list("LOG_WITNESS_VKEYS", default=[])
LOG_WITNESS_QUORUM = env.int("LOG_WITNESS_QUORUM", default=0)
LOG_WITNESS_DEADLINE_S = env.float("LOG_WITNESS_DEADLINE_S", default=1.0)

# Renders.
RENDER_BEAT_TIMEOUT_S = env.int("RENDER_BEAT_TIMEOUT_S", default=15)
RENDER_ATTEMPTS_MAX = env.int("RENDER_ATTEMPTS_MAX", default=3)
RENDER_SECONDS_MAX = env.int("RENDER_SECONDS_MAX", default=60)
RENDER_SIDE_PX_MAX = env.int("RENDER_SIDE_PX_MAX", default=1920)
RENDER_FPS = env.int("RENDER_FPS", default=24)
RENDER_BACKEND = env.str("RENDER_BACKEND", default="studio")
RENDER_STUCK_S = env.int("RENDER_STUCK_S", default=60)
MEDIA_LINK_TTL_S = env.int("MEDIA_LINK_TTL_S", default=600)
PERMIT_TTL_S = env.int("PERMIT_TTL_S", default=600)
WORKER_PUBLIC_KEYS_DIR = Path(env.str("WORKER_PUBLIC_KEYS_DIR", default=str(KEYS_DIR / "workers")))

# C2PA.
C2PA_KEYS_DIR = Path(env.str("C2PA_KEYS_DIR", default=str(KEYS_DIR / "c2pa")))
TSA_URL = env.str("TSA_URL", default="")

# Marks.
MARK_KEYS_DIR = Path(env.str("MARK_KEYS_DIR", default=str(KEYS_DIR / "marks")))
LOOKUP_SIZE_BYTES_MAX = env.int("LOOKUP_SIZE_BYTES_MAX", default=256 * 1024 * 1024)
MARK_SERVICE_NAME = env.str("MARK_SERVICE_NAME", default="Countersign")  # On the visible mark.

# Money.
STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY", default="sk_test_standin")
STRIPE_WEBHOOK_SECRET = env.str("STRIPE_WEBHOOK_SECRET", default="whsec_standin")
STRIPE_API_BASE = env.str("STRIPE_API_BASE", default="")  # Empty: Stripe itself.
PLATFORM_FEE_BPS = env.int("PLATFORM_FEE_BPS", default=1000)
QUOTE_TTL_S = env.int("QUOTE_TTL_S", default=3600)
REFUND_WINDOW_DAYS = env.int("REFUND_WINDOW_DAYS", default=14)
STRIPE_ACCOUNT = env.str("STRIPE_ACCOUNT", default="")  # Given: events of another are refused.
STRIPE_TIMEOUT_S = env.int("STRIPE_TIMEOUT_S", default=20)
STRIPE_RETRIES_MAX = env.int("STRIPE_RETRIES_MAX", default=2)

EMAIL_BACKEND = env.str("EMAIL_BACKEND", default="django.core.mail.backends.filebased.EmailBackend")
EMAIL_HOST = env.str("EMAIL_HOST", default="localhost")
EMAIL_PORT = env.int("EMAIL_PORT", default=25)
EMAIL_HOST_USER = env.str("EMAIL_HOST_USER", default="")
EMAIL_HOST_PASSWORD = env.str("EMAIL_HOST_PASSWORD", default="")
EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", default=False)
EMAIL_TIMEOUT = 15
EMAIL_FILE_PATH = str(VAR_DIR / "mail")
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="countersign@localhost")

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_PRODUCTION
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=False)
SECURE_HSTS_SECONDS = 31_536_000 if IS_PRODUCTION else 0

LOGGING_CONFIG = "ledger.http.logging.configure"
LOGGING = {"level": env.str("LOG_LEVEL", default="INFO")}
UNFOLD = {"SITE_TITLE": "Countersign", "SITE_HEADER": "Countersign"}
