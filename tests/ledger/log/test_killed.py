"""A sequencer that is really killed: a process of its own, kill -9, then another one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.db import connection
from pytest_django import Settings

from ledger.log import queries
from tests.factories import log as logs
from tests.ledger.log.test_sequencing import folder_size

pytestmark = pytest.mark.django_db(transaction=True)

SEQUENCER = """
import os, pathlib, signal, sys
import django
django.setup()
from django.conf import settings
from django.db import connections
connections.databases["default"]["NAME"] = sys.argv[1]
settings.LOG_PUBLIC_DIR = pathlib.Path(sys.argv[2])
from tests.factories import log as logs

def die(reached):
    if reached == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)

logs.sequence_all(logs.manner(at_step=die))
"""


def run_sequencer(settings: Settings, *, die_at: str) -> int:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            SEQUENCER,
            str(connection.settings_dict["NAME"]),
            str(settings.LOG_PUBLIC_DIR),
            die_at,
        ],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "ledger.settings"},
        timeout=60,
        check=False,
    )
    return done.returncode


def test_a_sequencer_killed_twice_loses_nothing(settings: Settings) -> None:
    first = logs.stage(20)
    logs.sequence_all()
    second = logs.stage(300)

    assert run_sequencer(settings, die_at="checkpoint-kept") == -9
    assert run_sequencer(settings, die_at="tiles-published") == -9
    logs.sequence_all()

    indexes = queries.leaf_indexes([*first, *second])
    assert [indexes[entry_id] for entry_id in (*first, *second)] == list(range(320))
    assert folder_size(settings.LOG_PUBLIC_DIR) == 320
