"""System checks: production refuses to start with anything that only a development machine may use.

Every `manage.py` command runs them; the web server and the tasks' worker, which run no checks of their
own, call `demand_fitness`. Other apps register theirs under the same tag. They read settings and key
files, and ask neither database nor network, so that each start pays a few milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from ledger.log import identity
from ledger.stack.environment import state_folder
from ledger.vault import providers

TAG = "countersign"
SECRET_CHARACTERS_MIN = 32
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]", "::1", ".localhost"})
# Mail that reaches nobody.
SILENT_MAIL = ("filebased", "console", "locmem", "dummy")
DEVELOPMENT_LOG_ORIGIN = "countersign.local/log"


def demand_fitness() -> None:
    """Refuse to go on in production with settings that the checks call an error. Else do nothing.

    Raises:
        ImproperlyConfigured: with each error's id, what is wrong, and what to do.
    """
    if not settings.IS_PRODUCTION:
        return
    found = checks.run_checks(tags=[TAG])
    if wrong := [str(each) for each in found if each.is_serious() and not each.is_silenced()]:
        raise ImproperlyConfigured("\n".join(["production refuses to start:", *wrong]))


def check(**_: Any) -> list[checks.CheckMessage]:
    """Return what keeps these settings from production."""
    if not settings.IS_PRODUCTION:
        return []
    return [*_of_django(), *_of_keys(), *_of_addresses(), *_of_stand_ins()]


def _error(number: int, problem: str, hint: str) -> checks.CheckMessage:
    return checks.Error(problem, hint=hint, id=f"{TAG}.E{number:03}")


def _of_django() -> Iterator[checks.CheckMessage]:
    if settings.DEBUG:
        yield _error(1, "DEBUG is on: errors show secrets to everybody.", "Unset DJANGO_DEBUG.")
    try:
        secret = str(settings.SECRET_KEY)
    except ImproperlyConfigured:
        secret = ""
    if len(secret) < SECRET_CHARACTERS_MIN or secret == _development_secret():
        yield _error(
            2,
            "SECRET_KEY is missing, short, or a development machine's.",
            f"Set DJANGO_SECRET_KEY to at least {SECRET_CHARACTERS_MIN} random characters.",
        )


def _of_keys() -> Iterator[checks.CheckMessage]:
    try:
        providers.from_settings()
    except ImproperlyConfigured as exc:
        yield _error(3, f"{exc}.", "Set VAULT_KEY to 32 random bytes in base64, and keep a copy.")
    try:
        identity.verifier()
    except (ImproperlyConfigured, OSError, ValueError) as exc:
        yield _error(
            4,
            f"The log has no key: {exc}.",
            "Put the 32-byte Ed25519 seed into KEYS_DIR/log.key of the sequencer's machine, or the "
            "published folder with its vkey under LOG_PUBLIC_DIR.",
        )


def _of_addresses() -> Iterator[checks.CheckMessage]:
    hosts = set(settings.ALLOWED_HOSTS)
    if not hosts - LOOPBACK or "*" in hosts:
        yield _error(
            5,
            "ALLOWED_HOSTS names only this machine, or every name there is.",
            "Set ALLOWED_HOSTS to the names under which the service is reached.",
        )
    service = urlsplit(settings.SERVICE_URL)
    if service.scheme != "https" or service.hostname in LOOPBACK:
        yield _error(
            6,
            "SERVICE_URL is not an https address that others reach.",
            "Set SERVICE_URL to the public https address: links in mails and manifests start with it.",
        )
    if settings.LOG_ORIGIN == DEVELOPMENT_LOG_ORIGIN:
        yield _error(
            7,
            "LOG_ORIGIN is the development log's name.",
            "Set LOG_ORIGIN to a name of your own, once: checkpoints and witnesses are bound to it.",
        )


def _of_stand_ins() -> Iterator[checks.CheckMessage]:
    if not settings.CELERY_BROKER_URL or settings.CELERY_BROKER_URL.startswith("pgmq"):
        yield _error(
            8,
            "The broker is missing, or the embedded one.",
            "Set CELERY_BROKER_URL to RabbitMQ or Redis.",
        )
    if any(f".{silent}." in settings.EMAIL_BACKEND for silent in SILENT_MAIL):
        yield _error(
            9,
            "EMAIL_BACKEND sends to nobody: whoever gives a takedown notice would hear nothing.",
            "Set EMAIL_BACKEND=django.core.mail.backends.smtp.EmailBackend, or another that sends.",
        )
    for name in ("CAMEO_WORDS_VERIFIER", "CAMEO_IDENTITY_VERIFIER"):
        if getattr(settings, name).rpartition(".")[2].startswith("Development"):
            yield _error(
                10 if name == "CAMEO_WORDS_VERIFIER" else 11,
                f"{name} is the development one, which proves nothing.",
                f"Set {name} to the dotted name of a verifier that does.",
            )


def _development_secret() -> str:
    """Return the secret that this machine made for development, or nothing."""
    try:
        return (state_folder() / "keys" / "django.secret").read_text()
    except OSError:
        return ""
