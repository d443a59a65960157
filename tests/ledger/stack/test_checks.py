"""Production refuses to start with what only a development machine may use."""

from __future__ import annotations

import base64
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from celery.signals import worker_init
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core import checks as django_checks
from django.core.exceptions import ImproperlyConfigured

import ledger.celery  # noqa: F401  # Its receiver of `worker_init` is tried here.
from ledger.stack import checks
from ledger.stack.environment import PROJECT_DIR
from provenance import checks as provenance_checks
from provenance.seals import keystore

PROGRAM_TIMEOUT_S = 60


def ids(check: Callable[[], list[django_checks.CheckMessage]] = checks.check) -> list[str]:
    return [str(message.id) for message in check()]


@pytest.fixture
def production(settings: Any, tmp_path: Path) -> Any:
    """Settings that production may run with."""
    keys = tmp_path / "keys"
    (keys / "marks").mkdir(parents=True)
    (keys / "log.key").write_bytes(secrets.token_bytes(32))
    permit = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    (keys / "permit.key").write_bytes(permit)
    (keys / "marks" / "1.key").write_bytes(secrets.token_bytes(64))
    settings.IS_PRODUCTION = True
    settings.DEBUG = False
    settings.SECRET_KEY = secrets.token_urlsafe(48)
    settings.VAULT_KEY = base64.b64encode(secrets.token_bytes(32)).decode()
    settings.KEYS_DIR, settings.MARK_KEYS_DIR = keys, keys / "marks"
    settings.ALLOWED_HOSTS = ["countersign.example"]
    settings.SERVICE_URL = "https://countersign.example"
    settings.LOG_ORIGIN = "countersign.example/log"
    settings.CELERY_BROKER_URL = "amqp://broker.example"
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.CAMEO_WORDS_VERIFIER = "example.verifiers.Words"
    settings.CAMEO_IDENTITY_VERIFIER = "example.verifiers.Identity"
    settings.STRIPE_API_BASE = ""
    settings.STRIPE_SECRET_KEY, settings.STRIPE_WEBHOOK_SECRET = "sk_live_1", "whsec_1"
    settings.TSA_URL = "https://tsa.example"
    settings.C2PA_KEYS_DIR = keys / "c2pa"
    return settings


class TestCheck:
    def test_lets_development_be(self, settings: Any) -> None:
        settings.DEBUG, settings.ALLOWED_HOSTS = True, ["*"]

        assert ids() == []

    @pytest.mark.usefixtures("production")
    def test_lets_production_start_with_settings_of_its_own(self) -> None:
        assert ids() == []

    @pytest.mark.parametrize(
        ("name", "value", "wanted"),
        [
            ("DEBUG", True, "E001"),
            ("SECRET_KEY", "", "E002"),
            ("SECRET_KEY", "short", "E002"),
            ("VAULT_KEY", "", "E003"),
            ("VAULT_KEY", "not base64!", "E003"),
            ("VAULT_KEY", base64.b64encode(b"short").decode(), "E003"),
            ("ALLOWED_HOSTS", [], "E005"),
            ("ALLOWED_HOSTS", ["127.0.0.1", "localhost", "[::1]"], "E005"),
            ("ALLOWED_HOSTS", ["countersign.example", "*"], "E005"),
            ("SERVICE_URL", "http://countersign.example", "E006"),
            ("SERVICE_URL", "https://127.0.0.1:8000", "E006"),
            ("LOG_ORIGIN", "countersign.local/log", "E007"),
            ("CELERY_BROKER_URL", "", "E008"),
            ("CELERY_BROKER_URL", "pgmq://queue@/countersign_queue", "E008"),
            ("EMAIL_BACKEND", "django.core.mail.backends.filebased.EmailBackend", "E009"),
            ("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend", "E009"),
            ("CAMEO_WORDS_VERIFIER", "ledger.cameos.verifiers.DevelopmentWords", "E010"),
            ("CAMEO_IDENTITY_VERIFIER", "ledger.cameos.verifiers.DevelopmentIdentity", "E011"),
        ],
    )
    def test_refuses(self, production: Any, name: str, value: object, wanted: str) -> None:
        setattr(production, name, value)

        assert ids() == [f"countersign.{wanted}"]

    def test_refuses_the_secret_that_development_made_here(
        self, production: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COUNTERSIGN_VAR", str(tmp_path))
        (tmp_path / "keys" / "django.secret").write_text(production.SECRET_KEY)

        assert ids() == ["countersign.E002"]

    def test_refuses_a_log_without_a_key(self, production: Any) -> None:
        (production.KEYS_DIR / "log.key").write_bytes(b"short")
        wrong = ids()
        (production.KEYS_DIR / "log.key").unlink()

        assert wrong == ids() == ["countersign.E004"]

    def test_takes_the_published_log_for_its_key_where_nothing_is_sequenced(
        self, production: Any
    ) -> None:
        from ledger.log import identity

        vkey = identity.verifier().encode()
        (production.KEYS_DIR / "log.key").unlink()
        production.LOG_PUBLIC_DIR.mkdir(parents=True)
        (production.LOG_PUBLIC_DIR / "vkey").write_text(vkey)

        assert ids() == []

    @pytest.mark.usefixtures("production")
    def test_says_what_to_do(self, settings: Any) -> None:
        settings.DEBUG = True

        assert checks.check()[0].hint == "Unset DJANGO_DEBUG."


class TestProvenanceCheck:
    def test_refuses_certificates_of_the_development_authority(self, production: Any) -> None:
        keystore.provide(production.C2PA_KEYS_DIR, at=datetime.now(UTC))

        assert ids(provenance_checks.check) == ["provenance.E001"]

    @pytest.mark.usefixtures("production")
    def test_refuses_no_certificate(self) -> None:
        assert ids(provenance_checks.check) == ["provenance.E003"]

    def test_refuses_missing_keys(self, production: Any) -> None:
        (production.KEYS_DIR / "permit.key").unlink()
        production.MARK_KEYS_DIR = production.KEYS_DIR / "elsewhere"

        assert ids(provenance_checks.check)[1:] == ["provenance.E004", "provenance.E005"]

    def test_lets_development_be(self, settings: Any, tmp_path: Path) -> None:
        settings.C2PA_KEYS_DIR = tmp_path

        assert ids(provenance_checks.check) == []


class TestDemandFitness:
    def test_lets_development_start(self) -> None:
        checks.demand_fitness()

    def test_names_everything_that_is_wrong_at_once(self, production: Any) -> None:
        production.DEBUG, production.STRIPE_API_BASE = True, "http://127.0.0.1:8010"

        with pytest.raises(ImproperlyConfigured) as refusal:
            checks.demand_fitness()

        for wanted in ("countersign.E001", "rights.E004", "provenance.E003"):
            assert wanted in str(refusal.value)

    def test_ends_a_worker_of_tasks(self, production: Any) -> None:
        production.DEBUG = True

        with pytest.raises(SystemExit, match=r"countersign\.E001"):
            worker_init.send(sender=None)


def _run(*command: str, var: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "COUNTERSIGN_VAR": str(var),
        "COUNTERSIGN_ENV": "production",
        "DATABASE_URL": "postgres:///none",
    }
    return subprocess.run(
        [sys.executable, *command],
        env=environment,
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        timeout=PROGRAM_TIMEOUT_S,
        check=False,
    )


class TestPrograms:
    @pytest.mark.parametrize(
        "command",
        [
            ("manage.py", "check"),
            ("-c", "import ledger.wsgi"),
            ("-m", "celery", "--app", "ledger.celery", "worker", "--pool", "solo"),
        ],
        ids=["manage", "web", "tasks"],
    )
    def test_end_at_once_in_production_as_it_comes(
        self, command: tuple[str, ...], tmp_path: Path
    ) -> None:
        done = _run(*command, var=tmp_path)

        assert done.returncode != 0
        for wanted in ("countersign.E002", "countersign.E008", "rights.E005", "provenance.E003"):
            assert wanted in done.stderr
        assert not (tmp_path / "keys").exists()  # Nothing was made for want of what is missing.
