"""Settings, all of them from the environment; ``.env.example`` explains each variable."""

import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import environ
from django.utils.translation import gettext_lazy as _

from config.schedule import SCHEDULE
from config.secret_files import secret_from_file

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
if (BASE_DIR / ".env").is_file():
    env.read_env(str(BASE_DIR / ".env"))

VAR_DIR = (BASE_DIR / env.str("HILO_VAR", default="var")).resolve()
VAR_DIR.mkdir(parents=True, exist_ok=True)

DEBUG = env.bool("HILO_DEBUG", default=False)
SECRET_KEY = env.str("HILO_SECRET_KEY", default="") or secret_from_file(VAR_DIR / "secret_key")
# Newest first: the first encrypts, all of them decrypt, so that a key can be rotated.
FIELD_ENCRYPTION_KEYS: list[str] = env.list("HILO_FIELD_KEYS", default=[]) or [secret_from_file(VAR_DIR / "field_key")]
ALLOWED_HOSTS: list[str] = env.list("HILO_ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
# The address under which providers and customers reach this installation, without a final slash.
PUBLIC_URL = env.str("HILO_PUBLIC_URL", default=f"http://127.0.0.1:{env.int('PORT', default=8000)}")
CSRF_TRUSTED_ORIGINS: list[str] = env.list("HILO_CSRF_TRUSTED_ORIGINS", default=[PUBLIC_URL])
# Hosts and networks of private addresses that outgoing HTTP may reach all the same (the demo's simulator, an intranet CRM).
OUTGOING_HTTP_ALLOW: list[str] = env.list("HILO_OUTGOING_HTTP_ALLOW", default=["127.0.0.1", "localhost"] if DEBUG else [])
# The installation's own apps at systems that are signed in to by OAuth; a connection may name its own instead.
OAUTH_CLIENTS: dict[str, dict[str, str]] = {
    kind: {"client_id": client_id, "client_secret": env.str(f"HILO_{kind.upper()}_CLIENT_SECRET", default="")}
    for kind in ("salesforce", "hubspot", "google")
    if (client_id := env.str(f"HILO_{kind.upper()}_CLIENT_ID", default=""))
}

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_htmx",
    "django_prometheus",
    "phonenumber_field",
    "simple_history",
    "csp",
    "accounts",
    "contacts",
    "consent",
    "inbox",
    "integrations",
    "config",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "config.request_logging.RequestLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "config.security_headers.SecurityHeadersMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "accounts.languages.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "accounts.unstorable_forms.UnstorableFormsMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "contacts.masking_answers.MaskingMiddleware",
    "accounts.middleware.AccountScopeMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
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
                "csp.context_processors.nonce",
                "accounts.context.account",
            ],
            "builtins": ["django.templatetags.i18n", "django.templatetags.static", "accounts.templatetags.interface"],
        },
    }
]


def database() -> dict[str, Any]:
    """The one database. Without ``DATABASE_URL`` the embedded PostgreSQL is started."""
    if url := env.str("DATABASE_URL", default=""):
        connection = dict(env.db_url_config(url))
    else:
        from config.embedded import postgres_connection

        connection = dict(postgres_connection())
    # libpq takes a socket's folder percent-encoded in the place of the host; django-environ leaves it so.
    connection["HOST"] = unquote(connection["HOST"])
    connection["ENGINE"] = "accounts.database"
    connection["TEST"] = {"NAME": env.str("HILO_TEST_DATABASE", default="hilo_test")}
    options: dict[str, Any] = dict(connection.get("OPTIONS", {}))
    # Owners run migrations; everything else runs under a role that owns nothing, so that row-level security binds it.
    if not COMMAND_RUNS_AS_OWNER:
        options["assume_role"] = APP_ROLE
        options["pool"] = {"min_size": 1, "max_size": env.int("HILO_DB_POOL", default=10), "timeout": 15}
    connection["OPTIONS"] = options
    return connection


APP_ROLE = env.str("HILO_DB_ROLE", default="hilo_app")
OWNER_COMMANDS = {"migrate", "makemigrations", "test", "flush", "sqlmigrate", "showmigrations", "dbshell"}
COMMAND_RUNS_AS_OWNER = env.bool("HILO_DB_OWNER", default=len(sys.argv) > 1 and sys.argv[1] in OWNER_COMMANDS)
DATABASES = {"default": database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

if not (REDIS_URL := env.str("REDIS_URL", default="")):
    from config.embedded import redis_url

    REDIS_URL = redis_url()
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL, "KEY_PREFIX": "hilo"}}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "hilo-live"},
    }
}

CELERY_BROKER_URL = REDIS_URL
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
# A task that a killed worker held is taken again: every task is safe to run twice.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# A broker that is down costs whoever asks for a task two seconds at most; the sweepers ask again.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 300,
    "socket_connect_timeout": 2,
    "socket_timeout": 5,
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = SCHEDULE
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "beat-schedule")

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "accounts.login.LoginAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_PREVENT_ENUMERATION = True
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Hilo"
# Passkeys need HTTPS except on the machine itself.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = PUBLIC_URL.startswith("http://")

SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_URL.startswith("https://")
BEHIND_PROXY = env.bool("HILO_BEHIND_PROXY", default=False)
# Sign-in attempts are counted by the caller's address, which behind a proxy is the last that X-Forwarded-For names.
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if BEHIND_PROXY else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
# With https in HILO_PUBLIC_URL browsers are told to come by https only, for 30 days after each visit.
SECURE_HSTS_SECONDS = 30 * 24 * 3600 if PUBLIC_URL.startswith("https://") else 0
# Who may read /metrics: the bearer of this token; without one, the machine itself.
METRICS_TOKEN = env.str("HILO_METRICS_TOKEN", default="")
PROMETHEUS_EXPORT_MIGRATIONS = False
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:", "blob:"],
        "media-src": ["'self'", "blob:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "frame-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "manifest-src": ["'self'"],
    }
}

LANGUAGE_CODE = "es"
LANGUAGES = [("es", _("Spanish")), ("en", _("English"))]
# The customer portal speaks one language more; its catalog holds what the portal says and nothing else (config.catalogs).
PORTAL_LANGUAGES = [("es", "Español"), ("en", "English"), ("pt", "Português")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Filled by collectstatic; without it WhiteNoise serves the sources. It warns about a folder that is not there.
STATIC_ROOT = VAR_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 60
MEDIA_ROOT = VAR_DIR / "media"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
if bucket := env.str("HILO_S3_BUCKET", default=""):
    STORAGES["default"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {  # type: ignore[dict-item]
            "bucket_name": bucket,
            "endpoint_url": env.str("HILO_S3_ENDPOINT", default="") or None,
            "region_name": env.str("HILO_S3_REGION", default="") or None,
        },
    }
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
# One message's attachment; larger ones are refused with a clear answer.
ATTACHMENT_MAX_BYTES = 25 * 1024 * 1024
# One file to import: a million people with ten columns are about 150 MB.
IMPORT_MAX_BYTES = 512 * 1024 * 1024
# Scheduled exports to a folder go below this one, each account's into its own; empty: into buckets only.
ETL_DIR = env.str("HILO_ETL_DIR", default="")

EMAIL_CONFIG = env.email_url("HILO_EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = env.str("HILO_FROM_EMAIL", default="Hilo <hilo@localhost>")

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.api.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.api.permissions.HasAbility"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["accounts.api.parsing.StorableJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "accounts.api.pagination.NewestFirst",
    "DEFAULT_FILTER_BACKENDS": [],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["accounts.api.throttling.TokenThrottle"],
    "DEFAULT_THROTTLE_RATES": {"token": env.str("HILO_API_RATE", default="1200/min")},
    "EXCEPTION_HANDLER": "accounts.api.errors.handle",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Hilo",
    "DESCRIPTION": "Contacts, conversations, messages and channels of one account.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "OAS_VERSION": "3.1.0",  # the first with webhooks
    "WEBHOOKS": "integrations.webhooks.description.WEBHOOKS",
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "accounts.api.description.add_refusals"],
    "ENUM_NAME_OVERRIDES": {
        "ChannelKindEnum": "accounts.models.ChannelKind",
        "IdentifierKindEnum": "contacts.models.IdentifierKind",
        "ConversationStatusEnum": "inbox.models.ConversationStatus",
        "MessageStatusEnum": "inbox.models.MessageStatus",
        "RightsRequestKindEnum": "consent.models.RightsRequest.Kind",
    },
    "GET_LIB_DOC_EXCLUDES": "accounts.api.description.doc_excludes",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "displayOperationId": False},
}
PHONENUMBER_DB_FORMAT = "E164"
SILENCED_SYSTEM_CHECKS: list[str] = []

LOGGING_CONFIG = "config.structured_logs.configure"
LOGGING = {"level": env.str("HILO_LOG_LEVEL", default="INFO"), "json": env.bool("HILO_LOG_JSON", default=not sys.stderr.isatty())}

# Background deduplication (contacts.deduplication): what the engine may take of the memory, and where it puts the rest.
DEDUPLICATION_MEMORY = env.str("HILO_DEDUPLICATION_MEMORY", default="2GB")
DEDUPLICATION_SPILL = VAR_DIR / "deduplication"
