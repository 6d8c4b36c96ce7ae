"""Django's settings: one file over one Env."""

import os
from pathlib import Path

from csp.constants import NONE, SELF

from service.env import Env

ENV = Env.read(os.environ)
BASE_DIR = Path(__file__).resolve().parent

SECRET_KEY = ENV.secret_key
SECRET_KEY_FALLBACKS = list(ENV.secret_key_fallbacks)
DEBUG = False
ALLOWED_HOSTS = [ENV.host, "localhost", "127.0.0.1", "[::1]"]
PUBLIC_URL = ENV.public_url.geturl().rstrip("/")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

LOG_SIGNING_KEY = ENV.log_signing_key
CHECKPOINT_DIR = ENV.checkpoint_dir
IMAGE_DIR = ENV.home / "images"
SNAPSHOT_DIR = ENV.home / "snapshots"
DISK_RESERVE = ENV.disk_reserve
REDIS_URL = ENV.redis_url
WEBHOOK_NETWORKS = ENV.webhook_networks
WEBHOOK_PORTS = ENV.webhook_ports

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "csp",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "registry",
    "consent",
    "service",
]
AUTH_USER_MODEL = "registry.Account"

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "service.problems.ProblemMiddleware",
    "service.lengths.LengthMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
ROOT_URLCONF = "service.urls"
WSGI_APPLICATION = "service.wsgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {"default": dict(ENV.database)}
# Law 9: codes, sessions and limits live in PostgreSQL, so that signing in to withdraw needs nothing else. A cache would
# be a second place that counts, so there is none.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
SESSION_ENGINE = "registry.models.sessions"
SESSION_COOKIE_AGE = 8 * 60 * 60
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ENV.secure
SESSION_COOKIE_NAME = "__Host-session" if ENV.secure else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if ENV.secure else "csrf"
CSRF_FAILURE_VIEW = "service.problems.csrf_failure"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENV.secure else None
SECURE_HSTS_SECONDS = 31_536_000 if ENV.secure else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = ENV.secure
SECURE_REFERRER_POLICY = "same-origin"  # with "no-referrer" browsers send forms with `Origin: null`, which CSRF refuses
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "connect-src": [SELF],
        "font-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# One image and its text fields in a request (bad-inputs, rows 53 to 58); the upload handler holds the byte limit.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576
DATA_UPLOAD_MAX_NUMBER_FIELDS = 50
DATA_UPLOAD_MAX_NUMBER_FILES = 10
FILE_UPLOAD_HANDLERS = ["service.uploads.DigestingUploadHandler"]

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*"]
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 600
ACCOUNT_EMAIL_VERIFICATION = "none"  # every sign-in proves the address; there is no other way in
ACCOUNT_ADAPTER = "service.accounts.Adapter"
ACCOUNT_FORMS = {
    "request_login_code": "service.accounts.AddressForm",
    "confirm_login_code": "service.accounts.CodeForm",
}
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGIN_BY_CODE_MAX_ATTEMPTS = 10  # as service.limits.GUESSES, which counts them one by one
ACCOUNT_RATE_LIMITS = False  # service.limits has them
TRUSTED_PROXIES = ENV.trusted_proxies
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_SESSION_REMEMBER = False
LOGIN_URL = "account_request_login_code"
LOGIN_REDIRECT_URL = "/pictures"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"

EMAIL_BACKEND = ENV.email["backend"]
EMAIL_FILE_PATH = ENV.email.get("folder")
EMAIL_HOST = ENV.email.get("host", "")
EMAIL_PORT = ENV.email.get("port", 25)
EMAIL_HOST_USER = ENV.email.get("user", "")
EMAIL_HOST_PASSWORD = ENV.email.get("password", "")
EMAIL_USE_SSL = bool(ENV.email.get("ssl"))
EMAIL_USE_TLS = bool(EMAIL_HOST) and not EMAIL_USE_SSL
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = ENV.email["sender"]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]  # those that every page is translated to
USE_I18N = USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "static/"
STATIC_ROOT = ENV.home / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
FORMS_URLFIELD_ASSUME_HTTPS = True

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_PARSER_CLASSES": ["service.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "service.problems.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Consent registry",
    "DESCRIPTION": "May this face image be used, for this purpose, now?",
    "VERSION": "1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": ["service.api.description.bodies_are_required"],
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django.request": {"level": "ERROR"},  # its warnings hold paths, and paths hold people's numbers
        "httpx2": {"level": "WARNING"},  # it notes addresses, and a webhook's may hold a secret
    },
}
