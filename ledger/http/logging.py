"""Structured logs: one JSON object a line on stderr, ids only, never a name, address or prompt."""

from __future__ import annotations

import logging
import logging.config
import time
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse

logger = structlog.get_logger("countersign.request")
_PROCESSORS: list[Any] = []


def configure(config: dict[str, Any]) -> None:
    """Configure the standard library's logging and structlog. Called by Django with LOGGING."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "json": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        structlog.processors.format_exc_info,
                        structlog.processors.JSONRenderer(),
                    ],
                    "foreign_pre_chain": [*shared, structlog.stdlib.add_logger_name],
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
            "root": {"handlers": ["stderr"], "level": config["level"]},
            "loggers": {
                "django.request": {"level": "ERROR"},
                "django.server": {"level": "WARNING"},
                "stripe": {"level": "WARNING"},
                "urllib3": {"level": "WARNING"},
                "psycopg.pool": {"level": "ERROR"},
                "pgmq": {"level": "WARNING"},
            },
        }
    )
    # The same list at each call: loggers keep the one that they first used.
    _PROCESSORS[:] = [
        structlog.stdlib.filter_by_level,
        *shared,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ]
    structlog.configure(
        processors=_PROCESSORS,
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


class RequestLogMiddleware:
    """Log each request as route, status and time, never its address's values or its body.

    The response carries `Request-Id`, which is also in each log line of that request.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = uuid.uuid4().hex
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started = time.monotonic()
        try:
            response = self.get_response(request)
            match = request.resolver_match
            logger.info(
                "request",
                method=request.method,
                route=match.route if match else None,
                status=response.status_code,
                seconds=round(time.monotonic() - started, 4),
            )
        finally:
            structlog.contextvars.clear_contextvars()
        response["Request-Id"] = request_id
        return response
