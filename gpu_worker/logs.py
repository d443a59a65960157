"""The worker's log: one JSON object a line on stderr, with ids and codes, never data of a person."""

from __future__ import annotations

import logging
import sys

import structlog


def configure() -> None:
    """Set it up, once in each process."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
