"""Settings: safe by default; what differs per install comes from the environment (`conto_admin/env.py`)."""

import logging

from csp.constants import NONE, SELF

from conto_admin import embedded, env, logs

BASE_DIR = embedded.ROOT
STATE_DIR = embedded.STATE

# The demo (and the test suite) may use plain HTTP and made-up secrets; `conto_admin/checks.py` refuses both elsewhere.
DEMO = env.flag("CONTO_DEMO")
DEBUG = env.flag("DEBUG")
SECRET_KEY = env.secret("SECRET_KEY") or "not set"
CONTO_KEY_PEPPER = env.secret("CONTO_KEY_PEPPER")
CONTO_KEKS = env.keys("CONTO_KEKS")
CONTO_KEK_CURRENT = env.text("CONTO_KEK_CURRENT") or next(iter(CONTO_KEKS), "")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS") or (["localhost", "127.0.0.1", "[::1]"] if DEMO else [])
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
NAMESPACE = env.text("CONTO_NAMESPACE", "conto")  # of cache keys and queues, where several installs share one Valkey
PUBLIC_URL = env.text("PUBLIC_URL", "http://localhost:8000" if DEMO else "").rstrip("/")
TRUSTED_PROXIES = env.number("TRUSTED_PROXIES", 0)  # how many stand in front and append to X-Forwarded-For

INSTALLED_APPS = [
    "conto_admin",
    "core",
    "audit",
    "people",
    "agents",
    "policies",
    "spend",
    "approvals",
    "insight",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "django_filters",
    "django_htmx",
    "django_structlog",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    "template_partials.apps.SimpleAppConfig",
]

MIDDLEWARE = [
    "conto_admin.middleware.Doors",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "conto_admin.middleware.RequestLog",
    "conto_admin.middleware.OnePolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "people.permissions.CurrentMember",
    "conto_admin.middleware.KnowsPayments",
    "core.http.PageErrors",
]
# A look at what renews itself passes the same without what serves files and completes addresses.
LOOK_MIDDLEWARE = [
    name
    for name in MIDDLEWARE
    if name
    not in {
        "conto_admin.middleware.Doors",
        "whitenoise.middleware.WhiteNoiseMiddleware",
        "django.middleware.common.CommonMiddleware",
    }
]
# What begins so passes these only (`Doors`).
API_PATHS = ("/api/", "/healthz", "/readyz")
API_MIDDLEWARE = [
    "conto_admin.middleware.ApiRequestLog",
    "django.middleware.security.SecurityMiddleware",
    "conto_admin.middleware.ApiProblems",
    "conto_admin.limits.RateHeaders",
]
# A session that carries a form is small; the API reads its bodies itself (`conto_admin/api_render.py`).
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576

ROOT_URLCONF = "conto_admin.urls"
WSGI_APPLICATION = "conto_admin.wsgi.application"
ASGI_APPLICATION = "conto_admin.asgi.application"
APPEND_SLASH = True

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "template_partials.loader.Loader",
                    [
                        (
                            "django.template.loaders.cached.Loader",
                            [
                                "django.template.loaders.filesystem.Loader",
                                "django.template.loaders.app_directories.Loader",
                            ],
                        )
                    ],
                )
            ],
            "builtins": ["template_partials.templatetags.partials"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# Data -----------------------------------------------------------------------------------------------------------------

# A connection lives as long as its process: a new one per request costs a factor of six, and a health check a round
# trip. One that the server closed answers 503, "send the same request again", once.
DATABASES = {
    "default": {
        **env.database(env.database_url()),
        "CONN_MAX_AGE": None,
        "ATOMIC_REQUESTS": False,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

PART_WAIT_SECONDS = 0.2
"""A page is rendered anew rather than waited for."""
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": env.cache_url(),
        "KEY_PREFIX": NAMESPACE,
    },
    # Parts of pages as they were rendered, sealed for the other processes.
    "shared-parts": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": env.cache_url(),
        "KEY_PREFIX": NAMESPACE,
        "OPTIONS": {
            "serializer": "insight.views.kept.Sealer",
            "socket_timeout": PART_WAIT_SECONDS,
            "socket_connect_timeout": PART_WAIT_SECONDS,
        },
    },
}

# People ---------------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "people.Person"
AUTHENTICATION_BACKENDS = ["people.authentication.Backend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "people.authentication.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_USER_MODEL_EMAIL_FIELD = "email"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_CHANGE_EMAIL = False
ACCOUNT_MAX_EMAIL_ADDRESSES = 1  # should a page for them ever be routed: one of allauth's is not (`urls.py`)
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Conto: "
MFA_ADAPTER = "people.authentication.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_ISSUER = "Conto"
MFA_ALLOW_UNVERIFIED_EMAIL = True  # nobody verifies addresses here: members come by a link that an admin hands over
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = DEMO

SESSION_ENGINE = "conto_admin.sessions"
SESSION_COOKIE_AGE = 12 * 3600  # a working day
SESSION_COOKIE_NAME = "conto_session" if DEMO else "__Host-conto_session"
CSRF_COOKIE_NAME = "conto_csrf" if DEMO else "__Host-conto_csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEMO
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "conto_admin.views.csrf_failure"
SECURE_SSL_REDIRECT = not DEMO
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_HSTS_SECONDS = 0 if DEMO else 365 * 86_400
SECURE_HSTS_INCLUDE_SUBDOMAINS = False  # other services of the same domain are not this one's to decide about
X_FRAME_OPTIONS = "DENY"

vars().update(env.mail(env.text("EMAIL_URL", "consolemail://")))
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.text("DEFAULT_FROM_EMAIL", "conto@localhost")

# Pages ----------------------------------------------------------------------------------------------------------------

STATIC_URL = "/static/"
# The demo serves files from where they lie; elsewhere `manage.py collectstatic` puts them here.
STATIC_ROOT = None if DEMO else env.text("STATIC_ROOT") or str(BASE_DIR / "staticfiles")
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEMO
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEMO

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "img-src": [SELF, "data:"],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

LANGUAGE_CODE = "en"
USE_I18N = False
TIME_ZONE = "UTC"
USE_TZ = True

# API ------------------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    # Each view names its own; a name here would be imported while it is still importing this framework.
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": ["conto_admin.limits.KeyRate"],
    "DEFAULT_RENDERER_CLASSES": ["conto_admin.api_render.JsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["conto_admin.api_render.JsonParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "conto_admin.api_render.FirstRenderer",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "conto_admin.api_errors.handle",
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
    "URL_FORMAT_OVERRIDE": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

# Calls of one key, and failures to authenticate from one address, in a minute; 0 is no limit. The counters are in the
# Valkey of the cache: a request waits so long for them at most, and then passes.
RATE_PER_MINUTE = env.number("CONTO_RATE_PER_MINUTE", 600)
FAILURES_PER_MINUTE = env.number("CONTO_FAILURES_PER_MINUTE", 60)
RATE_URL = env.cache_url()
RATE_WAIT_SECONDS = 0.02

# For views in apps below `people`, which cannot name it themselves.
ORGANIZATION_AUTHENTICATION = "people.authentication.OrganizationAuthentication"

SPECTACULAR_SETTINGS = {
    "TITLE": "Conto",
    "DESCRIPTION": "Ask before money moves: authorize, pay only while `may_pay`, record what was really spent.",
    "VERSION": "v1",
    "OAS_VERSION": "3.1.1",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "AuthorizationStatus": "conto_admin.openapi.AUTHORIZATION_STATUSES",
        "ChangeKind": "conto_admin.openapi.CHANGE_KINDS",
        "ChangeStatus": "conto_admin.openapi.CHANGE_STATUSES",
        "CredentialKind": "agents.models.CREDENTIAL_KINDS",
        "KeyStatus": "conto_admin.openapi.KEY_STATUSES",
        "Outcome": "conto_admin.openapi.OUTCOMES",
        "Rail": "agents.models.RAILS",
        "RecordKind": "conto_admin.openapi.RECORD_KINDS",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "conto_admin.openapi.complete",
    ],
}

# Lint -----------------------------------------------------------------------------------------------------------------

# What was asked for belongs to an app above policies, which therefore cannot import it (policies/services/findings.py).
LINT_LOOKS_BACK = "approvals.selectors.unmet.unmet_rules"
# Likewise how many payments a policy had a say in of late (policies/views/list.py).
POLICY_USES = "insight.selectors.uses.payments_by_policy"

# Saved filters --------------------------------------------------------------------------------------------------------

# By the route of a list: the form that reads its address. Lists belong to all apps, what members keep to people, which
# cannot import them (people/views/filters.py).
FILTERED_LISTS = {
    "agents:credentials": "agents.forms.CredentialFilterForm",
    "agents:keys": "agents.forms.KeyFilterForm",
    "approvals:authorizations": "approvals.forms.FilterForm",
    "approvals:changes": "approvals.forms.listing.ChangeFilterForm",
    "audit:log": "audit.forms.FilterForm",
    "insight:analytics": "insight.forms.AnalyticsForm",
    "insight:budgets": "insight.forms.BudgetsForm",
    "insight:decisions": "insight.forms.AnalyticsForm",
    "insight:flagged": "insight.forms.FlaggedForm",
    "insight:fleet": "agents.forms.AgentFilterForm",
    "insight:payments": "insight.forms.AnalyticsForm",
    "insight:review_times": "insight.forms.AnalyticsForm",
    "people:keys": "people.forms.KeyFilterForm",
    "people:members": "people.forms.MemberFilterForm",
    "policies:list": "policies.forms.listing.PolicyFilterForm",
    "policies:versions": "policies.forms.listing.VersionFilterForm",
    "spend:counterparties": "spend.forms.CounterpartyFilterForm",
    "spend:pegs": "spend.forms.PegFilterForm",
}

# Agents ---------------------------------------------------------------------------------------------------------------

# What a label brings belongs to policies, which are above agents (agents/services/changes.py).
LABELS_LOOSEN = "policies.services.labels.loosened_by_labels"

# Audit log ------------------------------------------------------------------------------------------------------------

# By kind of subject: what it is called is up to apps above audit, which cannot import them (audit/selectors/naming.py).
SUBJECT_NAMES = {
    "agent": "policies.selectors.names.agent_names",
    "authorization": "approvals.selectors.names.authorization_names",
    "counterparty": "spend.selectors.counterparties.names_by_public_id",
    "person": "policies.selectors.names.person_names",
    "policy": "policies.selectors.policy_names",
}

# Worker ---------------------------------------------------------------------------------------------------------------

CELERY_BROKER_URL = env.broker_url()
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A task whose worker died is seen again after five minutes at most; by itself kombu looks only every hundred seconds.
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {"visibility_timeout": 300, "unacked_restore_interval": 5, "unacked_restore_throttle": 1}
    if "redis" in CELERY_BROKER_URL.partition(":")[0]
    else {}
)
CELERY_TASK_DEFAULT_QUEUE = NAMESPACE
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_TIME_LIMIT = 300
CELERY_TIMEZONE = TIME_ZONE
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1

# Logs -----------------------------------------------------------------------------------------------------------------

DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG  # one line per request, at its end
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = False
DJANGO_STRUCTLOG_TRUST_UPSTREAM_CORRELATION_ID = False
DJANGO_STRUCTLOG_USER_ID_FIELD = None
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False

logs.configure()
LOGGING = logs.logging_settings(level=env.text("LOG_LEVEL", "INFO"))

# History: the seed that signs the audit log's checkpoints, and the public keys whose older checkpoints still count.
CONTO_AUDIT_SIGNING_KEY = env.secret("CONTO_AUDIT_SIGNING_KEY")
CONTO_AUDIT_FORMER_KEYS = env.words("CONTO_AUDIT_FORMER_KEYS")
