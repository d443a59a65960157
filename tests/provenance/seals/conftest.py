"""What tests of seals share: keys, a clip, an authority that answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.factories import media, seals
from tests.factories.seals import Authorities


@pytest.fixture(scope="session")
def known() -> Authorities:
    return seals.authorities()


@pytest.fixture(scope="session")
def time_stamp_url(known: Authorities) -> Iterator[str]:
    with seals.time_stamping(known) as url:
        yield url


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return media.clip(tmp_path_factory.mktemp("media") / "clip.mp4")


@pytest.fixture(scope="session")
def sealed_clip(
    tmp_path_factory: pytest.TempPathFactory, clip: Path, known: Authorities, time_stamp_url: str
) -> Path:
    """A sealed clip to read from; whoever changes it takes a copy."""
    from provenance.seals import actions

    target = tmp_path_factory.mktemp("sealed") / "sealed.mp4"
    actions.seal(
        source=clip,
        target=target,
        request=seals.request(),
        signer=known.signer(time_stamp_url),
        trust=known.trust,
    )
    return target
