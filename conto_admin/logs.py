"""Logs: one JSON object per line on standard error, each with its request id."""

import logging
import re
from typing import Any, Final

import orjson
import structlog

from core.clock import now

ACCESS: Final = logging.getLogger("conto.access")
SECRET_ADDRESSES: Final = re.compile(r"(?i)(/(?:invitations|password/reset/key)/+)[^\s/?'\"]+")
"""Beginnings of addresses of which what follows opens something; known by themselves, for a log line may be written
before an address is resolved, and of one that is none.
"""


def without_secrets(text: str) -> str:
    """Return a text with what the addresses in it keep secret masked."""
    return SECRET_ADDRESSES.sub(r"\1***", text)


def mask(_logger: object, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Mask secrets in everything that is logged; a request itself, with all that its name holds, is left out."""
    if not isinstance(event.get("request", ""), str):
        del event["request"]
    return {name: without_secrets(one) if isinstance(one, str) else one for name, one in event.items()}


SHARED: list[Any] = [
    structlog.stdlib.ExtraAdder(),
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    mask,
]


def configure() -> None:
    """Let structlog write through Python's logging, so that libraries and we share one form."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def logging_settings(*, level: str) -> dict[str, Any]:
    """Django's LOGGING: everything from `level` on, exceptions of requests once (by the request log)."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": SHARED,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.JSONRenderer(serializer=as_json),
                ],
            }
        },
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "json"},
            "bare": {"class": "logging.StreamHandler"},
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            "conto.access": {"handlers": ["bare"], "level": level, "propagate": False},
            "django.request": {"level": "CRITICAL"},
            "django.server": {"handlers": [], "propagate": True},
        },
    }


def as_json(event: dict[str, Any], **_: object) -> str:
    return orjson.dumps(event, default=str).decode()


def access(**event: object) -> None:
    """Write the line of one finished request; structlog's processors would cost more than they add."""
    if ACCESS.isEnabledFor(logging.INFO):
        line = orjson.dumps({"event": "request_finished", "level": "info", **event, "timestamp": now()}).decode()
        # Made here, for `info` would look up who called it.
        ACCESS.handle(logging.LogRecord(ACCESS.name, logging.INFO, __file__, 0, line, None, None))
