"""The embedded broker: kombu's pgmq transport in a database of its own.

The service and the worker share only this database, as a role that can reach nothing else. Production
sets `CELERY_BROKER_URL` to RabbitMQ or Redis and none of this is used.
"""

from __future__ import annotations

import json

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

VISIBILITY_TIMEOUT_S = 3600  # Longer than the longest render.


def transport_options(url: str) -> str:
    """Return Celery's `broker_transport_options` for a broker address, as JSON for the environment."""
    if not url.startswith("pgmq://"):
        return "{}"
    return json.dumps(
        {
            # As libpq's words: pgmq's own reader of addresses leaves a socket's folder encoded.
            "conn_string": _conninfo(url),
            "init_extension": False,
            "polling_interval": 0.1,
            "wait_time_seconds": 0,
            "visibility_timeout": VISIBILITY_TIMEOUT_S,
        }
    )


def install(url: str) -> None:
    """Put the queue's tables and functions into the broker's database, once."""
    if not url.startswith("pgmq://"):
        return
    from pgmq.install import install_pgmq_from_sql  # Only the embedded broker needs it.

    with psycopg.connect(_conninfo(url)) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(1)")
        if connection.execute("SELECT to_regnamespace('pgmq') IS NULL").fetchone() == (True,):
            install_pgmq_from_sql(conn=connection)


def _conninfo(url: str) -> str:
    """Return a pgmq address as libpq's `key=value` words."""
    words = conninfo_to_dict(url.replace("pgmq://", "postgresql://", 1))
    return make_conninfo("", **words)
