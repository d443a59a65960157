"""The stand-in's state: one SQLite file, one transaction for each request, nothing lost on kill -9."""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS objects_by_kind ON objects (kind, sequence);
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, status INTEGER NOT NULL,
    body TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS deliveries (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    body TEXT NOT NULL, due_at REAL NOT NULL, tries INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS faults (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL, times INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, body TEXT NOT NULL);
"""
KEYS_KEPT_FOR_S = 24 * 3600


@dataclass(frozen=True)
class Answer:
    """A kept answer, and the fingerprint of the request that it answered."""

    fingerprint: str
    status: int
    body: str


class Store:
    """All state. Use it inside `transaction()`; threads take turns."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(SCHEMA)
        self._lock = threading.RLock()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep all of what the body does, or nothing."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def add(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        self._connection.execute(
            "INSERT INTO objects (id, kind, body) VALUES (?, ?, ?)",
            (body["id"], kind, json.dumps(body)),
        )
        return body

    def save(self, body: dict[str, Any]) -> dict[str, Any]:
        self._connection.execute(
            "UPDATE objects SET body = ? WHERE id = ?", (json.dumps(body), body["id"])
        )
        return body

    def get(self, identity: str, kind: str | None = None) -> dict[str, Any] | None:
        row = self._connection.execute(
            "SELECT body, kind FROM objects WHERE id = ?", (identity,)
        ).fetchone()
        if row is None or (kind is not None and row[1] != kind):
            return None
        return dict(json.loads(row[0]))

    def newest_first(self, kind: str) -> Iterator[dict[str, Any]]:
        rows = self._connection.execute(
            "SELECT body FROM objects WHERE kind = ? ORDER BY sequence DESC", (kind,)
        ).fetchall()
        return (json.loads(body) for (body,) in rows)

    def answer(self, key: str, *, at: float) -> Answer | None:
        self._connection.execute("DELETE FROM answers WHERE at < ?", (at - KEYS_KEPT_FOR_S,))
        row = self._connection.execute(
            "SELECT fingerprint, status, body FROM answers WHERE key = ?", (key,)
        ).fetchone()
        return Answer(*row) if row else None

    def keep_answer(self, key: str, answer: Answer, *, at: float) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?)",
            (key, answer.fingerprint, answer.status, answer.body, at),
        )

    def owe_delivery(self, body: str, *, due_at: float) -> None:
        self._connection.execute(
            "INSERT INTO deliveries (body, due_at) VALUES (?, ?)", (body, due_at)
        )

    def due_deliveries(self, *, at: float, limit: int) -> list[tuple[int, str, int]]:
        return self._connection.execute(
            "SELECT sequence, body, tries FROM deliveries WHERE due_at <= ? ORDER BY due_at LIMIT ?",
            (at, limit),
        ).fetchall()

    def count_deliveries(self) -> int:
        return int(self._connection.execute("SELECT count(*) FROM deliveries").fetchone()[0])

    def delivered(self, sequence: int) -> None:
        self._connection.execute("DELETE FROM deliveries WHERE sequence = ?", (sequence,))

    def postpone_delivery(self, sequence: int, *, due_at: float) -> None:
        self._connection.execute(
            "UPDATE deliveries SET due_at = ?, tries = tries + 1 WHERE sequence = ?",
            (due_at, sequence),
        )

    def add_fault(self, body: dict[str, Any], *, times: int) -> None:
        self._connection.execute(
            "INSERT INTO faults (body, times) VALUES (?, ?)", (json.dumps(body), times)
        )

    def faults(self) -> list[tuple[int, dict[str, Any]]]:
        rows = self._connection.execute("SELECT sequence, body FROM faults ORDER BY sequence")
        return [(sequence, json.loads(body)) for sequence, body in rows.fetchall()]

    def spend_fault(self, sequence: int) -> None:
        self._connection.execute(
            "UPDATE faults SET times = times - 1 WHERE sequence = ?", (sequence,)
        )
        self._connection.execute("DELETE FROM faults WHERE times <= 0")

    def clear_faults(self) -> None:
        self._connection.execute("DELETE FROM faults")

    def setting(self, name: str, default: Any) -> Any:
        row = self._connection.execute(
            "SELECT body FROM settings WHERE name = ?", (name,)
        ).fetchone()
        return json.loads(row[0]) if row else default

    def set_setting(self, name: str, value: Any) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, json.dumps(value))
        )


def new_id(prefix: str) -> str:
    """Return a fresh id as Stripe's look: a prefix and 24 random characters."""
    return f"{prefix}_{secrets.token_hex(12)}"
