"""Logs: one JSON object per line on standard error, each with its request id."""

import logging
from typing import Any, Final

import orjson
import structlog

from core.clock import now

ACCESS: Final = logging.getLogger("conto.access")
SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
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
            "conto.access": {"handlers": ["bare"], "propagate": False},
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
