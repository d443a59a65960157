"""Who says that the words were spoken, and who the person is: pluggable, and named in settings.

Both are called outside of any transaction, and may go over the network. The development ones say in
their result that they proved nothing; `manage.py check --deploy` refuses them in production.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from ledger.cameos.checks import VOICE_SURE, Check, Verdict

DEVELOPMENT = "development"


class WordsVerifier(Protocol):
    """Hears whether the asked words were spoken."""

    def hear(
        self,
        recording: Path,
        *,
        words: Sequence[str],
        starts_s: float,
        ends_s: float,
        voiced_share: float,
    ) -> Check:
        """Return the check `words`. Unsure, not an error, where it cannot be told.

        Raises:
            CaptureCheckUnavailable: the verifier cannot answer now.
        """


class IdentityVerifier(Protocol):
    """Finds out whether the person in the recording is who the account says."""

    def identify(self, *, account_id: UUID, recording: Path) -> Check:
        """Return the check `identity`. Unsure, not an error, where it cannot be told.

        Raises:
            CaptureCheckUnavailable: the verifier cannot answer now.
        """


class DevelopmentWords:
    """Knows only whether somebody spoke, and says so."""

    def hear(
        self,
        recording: Path,
        *,
        words: Sequence[str],
        starts_s: float,
        ends_s: float,
        voiced_share: float,
    ) -> Check:
        verdict = Verdict.PASS if voiced_share >= VOICE_SURE else Verdict.UNSURE
        detail = "voice activity only; the words themselves were not checked"
        return Check("words", verdict, by=DEVELOPMENT, detail=detail, measured=voiced_share)


class DevelopmentIdentity:
    """Believes everybody, and says so."""

    def identify(self, *, account_id: UUID, recording: Path) -> Check:
        detail = "nobody's identity was checked"
        return Check("identity", Verdict.PASS, by=DEVELOPMENT, detail=detail)


def words_verifier() -> WordsVerifier:
    """Return the one that `CAMEO_WORDS_VERIFIER` names."""
    made: WordsVerifier = import_string(settings.CAMEO_WORDS_VERIFIER)()
    return made


def identity_verifier() -> IdentityVerifier:
    """Return the one that `CAMEO_IDENTITY_VERIFIER` names."""
    made: IdentityVerifier = import_string(settings.CAMEO_IDENTITY_VERIFIER)()
    return made
