"""Lockboard's settings. Production is the default; the demo and the tests switch on what
they need through the environment. `docs/settings.md` lists every variable.

A value NAME may come from a file instead: NAME_FILE=/run/secrets/name.
"""

from pathlib import Path
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.FileAwareEnv()

# --- who we are -----------------------------------------------------------------------

SECRET_KEY = env.str("SECRET_KEY")
#: Keys of the encrypted columns, `kid:base64,kid:base64`: the first encrypts, all decrypt.
#: Kept apart from SECRET_KEY, which may be changed without losing a provider's secret.
FIELD_KEYS = env.list("FIELD_KEYS")
#: Key of the index by which equal digits of access codes are found. Not one of FIELD_KEYS: those
#: are changed now and then, this one cannot be without writing every code's index anew.
PIN_INDEX_KEY = env.str("PIN_INDEX_KEY")
DEBUG = False
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS")
#: Where people reach us; links in mails and the address providers send a browser back to.
LOCKBOARD_ORIGIN = env.str("LOCKBOARD_ORIGIN").rstrip("/")
#: True only where no TLS can be had: the demo on loopback, the tests.
LOCKBOARD_PLAIN_HTTP = env.bool("LOCKBOARD_PLAIN_HTTP", default=False)
CSRF_TRUSTED_ORIGINS = [LOCKBOARD_ORIGIN]

# --- what it is made of -----------------------------------------------------------------

INSTALLED_APPS = [
    "config.apps.ConfigConfig",
    "access.apps.AccessConfig",
    "locks.apps.LocksConfig",
    "accounts.apps.AccountsConfig",
    "audit.apps.AuditConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "django.forms",  # its widgets' templates, for config.forms.Renderer
    "allauth",
    "allauth.account",
    "csp",
    "django_htmx",
    "template_partials",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "config.middleware.security_headers",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "config.middleware.htmx_manners",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.idle_sessions",
    "accounts.middleware.actor",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "config.middleware.page_for_wrong_method",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
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
                "config.context.chrome",
            ],
            "builtins": ["django.templatetags.static", "config.templatetags.lockboard"],
        },
    },
]
FORM_RENDERER = "config.forms.Renderer"

# --- PostgreSQL: the only truth ---------------------------------------------------------

DATABASES = {"default": env.db("DATABASE_URL")}
DATABASES["default"] |= {
    "ENGINE": "django.db.backends.postgresql",
    "CONN_MAX_AGE": 0,  # the pool keeps them
    "CONN_HEALTH_CHECKS": True,
    "OPTIONS": DATABASES["default"].get("OPTIONS", {})
    | {
        "pool": {
            "min_size": env.int("DATABASE_POOL_MIN", default=2),
            "max_size": env.int("DATABASE_POOL_MAX", default=24),
            "timeout": 5,
        },
        "connect_timeout": 3,
        # Planning a tile's query takes the database longer than answering it: plan once per
        # connection (a third less time from click to call, docs/benchmarks.md).
        "server_side_binding": True,
        "prepare_threshold": 2,
        # A stuck query must not hold a click: it fails, and the click says so.
        "options": "-c lock_timeout=3000 -c statement_timeout=15000"
        " -c idle_in_transaction_session_timeout=30000",
    },
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Throttles and replay guards must survive a flush of Valkey and be shared by all processes.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "django_cache",
    }
}

# --- Valkey/Redis: hints only -------------------------------------------------------------

REDIS_URL = env.str("REDIS_URL")
#: Names of channels and queues begin with this, so that several installations can share one.
REDIS_PREFIX = env.str("REDIS_PREFIX", default="lockboard")

# --- people signing in --------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "accounts.adapter.InvitedOnly"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"  # only invited people have an account
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_PRESERVE_USERNAME_CASING = False
ACCOUNT_FORMS = {
    "login": "accounts.entrance.SignInForm",
    "change_password": "accounts.entrance.PasswordForm",
    "reset_password": "accounts.entrance.ForgottenForm",
    "reset_password_from_key": "accounts.entrance.NewPasswordForm",
    "reauthenticate": "accounts.entrance.ItIsMeForm",
}
# Tight per person, loose per address: a whole front desk shares one.
ACCOUNT_RATE_LIMITS = {"login_failed": "60/m/ip,5/5m/key", "login": "120/m/ip"}

_PREFIX = "" if LOCKBOARD_PLAIN_HTTP else "__Host-"
# Browsers send a cookie to every port of a host: two copies side by side need two names.
_SUFFIX = f"-{urlsplit(LOCKBOARD_ORIGIN).port}" if LOCKBOARD_PLAIN_HTTP else ""
SESSION_COOKIE_NAME = f"{_PREFIX}sid{_SUFFIX}"
CSRF_COOKIE_NAME = f"{_PREFIX}csrf{_SUFFIX}"
#: A guest's browser: which link it came by, and that it proved itself (access.guests).
GUEST_LINK_COOKIE_NAME = f"{_PREFIX}stay{_SUFFIX}"
GUEST_DEVICE_COOKIE_NAME = f"{_PREFIX}stay-device{_SUFFIX}"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not LOCKBOARD_PLAIN_HTTP
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_IDLE_SECONDS = env.int("LOCKBOARD_SESSION_IDLE_SECONDS", default=30 * 60)
SESSION_COOKIE_AGE = env.int("LOCKBOARD_SESSION_SECONDS", default=12 * 3600)
SESSION_EXPIRE_AT_BROWSER_CLOSE = True

# --- the browser's side ---------------------------------------------------------------------

SECURE_SSL_REDIRECT = not LOCKBOARD_PLAIN_HTTP
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$"]  # health checks come from inside
SECURE_HSTS_SECONDS = 0 if LOCKBOARD_PLAIN_HTTP else 63_072_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not LOCKBOARD_PLAIN_HTTP
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
#: How many proxies of ours stand in front; only then is X-Forwarded-* believed.
TRUSTED_PROXIES = env.int("LOCKBOARD_TRUSTED_PROXIES", default=0)
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "font-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
    }
}

DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(BASE_DIR / "staticfiles")))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- words and times ------------------------------------------------------------------------

LANGUAGE_CODE = "en-gb"
USE_I18N = True
#: What guests are written to in, and their page is shown in. Staff read English: no middleware
#: looks at what a browser would like, and guests' texts are made in a language by name.
LANGUAGES = [
    ("en", "English"),
    ("nl", "Dutch"),
    ("de", "German"),
    ("fr", "French"),
    ("es", "Spanish"),
    ("pt", "Portuguese"),
]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"

# --- mail -------------------------------------------------------------------------------------

EMAIL_CONFIG = env.email("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
#: Where the demo keeps the mails it does not send; empty where mail is sent.
DEMO_MAIL_FOLDER = env.str("LOCKBOARD_DEMO_MAIL", default="")
if DEMO_MAIL_FOLDER:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = DEMO_MAIL_FOLDER
DEFAULT_FROM_EMAIL = env.str("LOCKBOARD_MAIL_FROM", default="Lockboard <lockboard@localhost>")

# --- providers --------------------------------------------------------------------------------

#: Hosts our drivers may talk to. An administrator widens it here, never in a form.
PROVIDER_HOSTS = [
    "*.my-clay.com",
    "*.saltoks.com",
    "connect.getseam.com",
    *env.list("LOCKBOARD_PROVIDER_HOSTS", default=[]),
]
#: The simulated clouds, for sandbox workspaces; empty where there is no sandbox.
SANDBOX_URL = env.str("LOCKBOARD_SANDBOX_URL", default="").rstrip("/")
#: The interactive client that Salto issued to this installation.
SALTO_KS_CLIENT_ID = env.str("SALTO_KS_CLIENT_ID", default="")
SALTO_KS_CLIENT_SECRET = env.str("SALTO_KS_CLIENT_SECRET", default="")

#: What one connected account is asked at most; three quarters of it by polls. None: what suits
#: its provider (accounts.turns).
PROVIDER_REQUESTS_PER_SECOND = env.float("LOCKBOARD_PROVIDER_REQUESTS_PER_SECOND", default=None)

#: How often a calendar of a booking site is read, give or take a tenth.
RESERVATIONS_EVERY_SECONDS = env.int("LOCKBOARD_RESERVATIONS_EVERY_SECONDS", default=900)

#: How long after a click a command may still be sent (reliability: 5 to 15 s).
ATTEMPT_DEADLINE_SECONDS = env.int("LOCKBOARD_ATTEMPT_DEADLINE_SECONDS", default=10)

# --- logs: to the terminal, one line each, without secrets --------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"redact": {"()": "config.logs.Redact"}},
    "formatters": {"line": {"()": "config.logs.OneLine"}},
    "handlers": {
        "terminal": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["redact"],
        }
    },
    # At DEBUG it writes down every path and query, and some of them are secrets.
    "loggers": {"urllib3": {"level": "INFO"}},
    "root": {"handlers": ["terminal"], "level": env.str("LOCKBOARD_LOG_LEVEL", default="WARNING")},
}
