"""Canaries: what the engine does that we lean on, or guard against. One that dies wants our code read again.

Each names the trap, shows the engine falling into it, and shows that our own way round does not.
"""

from __future__ import annotations

import copy
import io
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
import c2pa
import pytest

from provenance.seals import actions, conformance, engine, manifests, verification
from provenance.seals.signers import Trust
from provenance.seals.verification import SealState
from tests.factories import media, seals
from tests.factories.seals import Authorities

PROJECT_DIR = Path(__file__).resolve().parents[3]


def definition() -> dict[str, Any]:
    return manifests.definition(seals.request(), media_type="video/mp4")


def raw_seal(
    source: Path, target: Path, known: Authorities, *, said: dict[str, Any] | None = None
) -> None:
    """Sign as the engine does when nobody looks."""
    with (
        c2pa.Context.from_dict(engine.settings(trust=known.trust)) as context,
        c2pa.Builder(said or definition(), context=context) as builder,
        engine._native_signer(known.signer()) as signer,
        source.open("rb") as readable,
        target.open("w+b") as writable,
    ):
        builder.add_resource(manifests.THUMBNAIL, io.BytesIO(media.jpeg()))
        builder.sign(signer, "video/mp4", readable, writable)


class TestTrap1SourceIsDestination:
    def test_the_engine_cuts_the_file_to_nothing(
        self, clip: Path, tmp_path: Path, known: Authorities
    ) -> None:
        path = tmp_path / "clip.mp4"
        shutil.copy(clip, path)

        with (
            c2pa.Context.from_dict(engine.settings(trust=known.trust)) as context,
            c2pa.Builder(definition(), context=context) as builder,
            engine._native_signer(known.signer()) as signer,
        ):
            builder.add_resource(manifests.THUMBNAIL, io.BytesIO(media.jpeg()))
            with pytest.raises(c2pa.C2paError):
                builder.sign_file(str(path), str(path), signer)

        assert path.stat().st_size == 0


FORKING = """
import os, sys
from pathlib import Path
import c2pa
context = c2pa.Context()
from tests.factories import media, seals
from provenance.seals import actions
known = seals.authorities()
folder = Path(sys.argv[1])
clip = media.clip(folder / "clip.mp4", seconds=0.5)
def seal(name):
    return actions.seal(source=clip, target=folder / name, request=seals.request(),
                        signer=known.signer(), trust=known.trust)
seal("parent.mp4")
child = os.fork()
if child == 0:
    seal("child.mp4")
    os._exit(3 if context.is_valid else 7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


class TestTrap2Fork:
    def test_an_inherited_context_is_dead_and_ours_seals_on_both_sides(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "ledger.settings")
        script = "import django; django.setup()\n" + FORKING

        ran = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)],
            cwd=PROJECT_DIR, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

        assert ran.stdout.strip() == "7", ran.stderr
        assert (tmp_path / "child.mp4").stat().st_size > 0

    def test_contexts_in_parallel_stay_apart(self, sealed_clip: Path, known: Authorities) -> None:
        stranger = seals.make_authorities()
        answers: dict[int, set[str]] = {0: set(), 1: set()}

        def read(which: int) -> None:
            trust = (known, stranger)[which].trust
            for _ in range(10):
                answers[which].add(verification.verify(sealed_clip, trust=trust).state)

        threads = [threading.Thread(target=read, args=(which,)) for which in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert answers == {0: {SealState.TRUSTED}, 1: {SealState.VALID}}


def leaves(said: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in said.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key)


def with_nonsense(path: tuple[str, ...]) -> dict[str, Any]:
    said = copy.deepcopy(engine.settings(trust=seals.authorities().trust, merkle=True))
    part = said
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = {"no": ["such", "thing"]}
    return said


class TestTrap3Settings:
    def test_the_engine_ignores_what_it_does_not_know(self) -> None:
        said = {"version": 1, "verify": {"no_such_setting": 1}, "no_such_part": {}}

        c2pa.Context.from_dict(said).close()

    @pytest.mark.parametrize(
        "path",
        list(leaves(engine.settings(trust=seals.authorities().trust, merkle=True))),
        ids=".".join,
    )
    def test_every_setting_of_ours_is_one_that_it_knows(self, path: tuple[str, ...]) -> None:
        """A known setting of a wrong type is refused; an unknown one would pass."""
        with pytest.raises(c2pa.C2paError):
            c2pa.Context.from_dict(with_nonsense(path))

    @pytest.mark.parametrize("key", ["trust_kind", "trust_anchors"])
    def test_it_knows_the_keys_of_a_trust_list(self, key: str) -> None:
        said = engine.settings(trust=seals.authorities().trust)
        said["trust"]["anchors"][0][key] = {"no": "such"}

        with pytest.raises(c2pa.C2paError):
            c2pa.Context.from_dict(said)

    def test_the_engine_trusts_a_claim_under_a_list_for_time_stamps_and_we_do_not(
        self, sealed_clip: Path, known: Authorities
    ) -> None:
        only_for_time = Trust(claim_pem="", time_stamp_pem=known.trust.claim_pem)

        reading = engine.read(sealed_clip, trust=only_for_time)
        report = verification.verify(sealed_clip, trust=only_for_time)

        assert reading is not None
        assert reading.state == "Trusted"
        assert report.state is SealState.VALID
        assert verification.UNTRUSTED in report.problems
        assert not report.timestamp_trusted

    def test_nothing_is_fetched_to_read_a_file(self, tmp_path: Path, known: Authorities) -> None:
        asked: list[str] = []
        source, target = media.png(tmp_path / "a.png"), tmp_path / "b.png"
        said = manifests.definition(seals.request(), media_type="image/png")

        with (
            _listening(asked) as url,
            c2pa.Context.from_dict(engine.settings(trust=known.trust)) as context,
            c2pa.Builder(said, context=context) as builder,
            engine._native_signer(known.signer()) as signer,
            source.open("rb") as readable,
            target.open("w+b") as writable,
        ):
            builder.add_resource(manifests.THUMBNAIL, io.BytesIO(media.jpeg()))
            builder.set_no_embed()
            builder.set_remote_url(f"{url}/manifest.c2pa")
            builder.sign(signer, "image/png", readable, writable)
            writable.flush()
            state = verification.verify(target, trust=known.trust).state
            ours = list(asked)
            with c2pa.Context() as careless, pytest.raises(c2pa.C2paError):
                c2pa.Reader(str(target), context=careless)

        assert state in (SealState.NONE, SealState.INVALID)
        assert ours == []
        assert asked == ["/manifest.c2pa"]  # The engine's default does fetch.


@contextmanager
def _listening(asked: list[str]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # The base's own name.
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class TestTrap4TrustedIsNotIdentical:
    def test_a_box_that_is_not_hashed_may_change_and_our_hash_tells(
        self, sealed_clip: Path, tmp_path: Path, known: Authorities
    ) -> None:
        changed = tmp_path / "changed.mp4"
        changed.write_bytes(
            sealed_clip.read_bytes() + b"\x00\x00\x00\x18free" + b"not as it was!!!"
        )

        before = verification.verify(sealed_clip, trust=known.trust)
        after = verification.verify(changed, trust=known.trust)

        assert after.state is SealState.TRUSTED
        assert after.sha256 != before.sha256


class TestTrap5History:
    def test_signing_again_without_a_parent_drops_history(
        self, sealed_clip: Path, tmp_path: Path, known: Authorities
    ) -> None:
        again = tmp_path / "again.mp4"

        raw_seal(sealed_clip, again, known)

        report = verification.verify(again, trust=known.trust)
        assert report.state is SealState.TRUSTED
        assert len(report.manifest["manifests"]) == 1

    def test_opening_without_a_parent_is_found(
        self, clip: Path, tmp_path: Path, known: Authorities
    ) -> None:
        said = definition()
        said["assertions"][0]["data"]["actions"][0] = {
            "action": "c2pa.opened",
            "when": "2026-11-01T12:00:00Z",
        }

        raw_seal(clip, tmp_path / "orphan.mp4", known, said=said)

        crjson = verification.verify(tmp_path / "orphan.mp4", trust=known.trust).crjson
        rules = {finding.rule for finding in conformance.findings(crjson, timestamped=False)}
        assert "ingredients.parent-where-opened" in rules

    def test_a_remux_strips_the_manifest(
        self, sealed_clip: Path, tmp_path: Path, known: Authorities
    ) -> None:
        remuxed = tmp_path / "remuxed.mp4"

        with av.open(str(sealed_clip)) as source, av.open(str(remuxed), "w") as target:
            video = source.streams.video[0]
            copied = target.add_stream_from_template(video)
            for packet in source.demux(video):
                if packet.dts is not None:
                    packet.stream = copied
                    target.mux(packet)

        assert verification.verify(remuxed, trust=known.trust).state is SealState.NONE


class TestTrap6LargeFiles:
    def test_a_file_above_100_mb_is_sealed_in_chunks_and_read_alike_by_another_engine(
        self, clip: Path, tmp_path: Path, known: Authorities, time_stamp_url: str
    ) -> None:
        source, target = tmp_path / "large.mp4", tmp_path / "sealed.mp4"
        _enlarge(clip, source, added_bytes=engine.MERKLE_FROM_BYTES)

        sealed = actions.seal(
            source=source,
            target=target,
            request=seals.request(),
            signer=known.signer(time_stamp_url),
            trust=known.trust,
        )

        binding = sealed.report.crjson["manifests"][0]["assertions"]["c2pa.hash.bmff.v3"]
        assert binding["merkle"]
        assert seals.referee(target, known)["hard_binding"] == "match"
        with av.open(str(target)) as container:
            assert sum(1 for _frame in container.decode(video=0)) == 24


def _enlarge(source: Path, target: Path, *, added_bytes: int) -> None:
    """Copy an MP4 with its media box grown by zeros; what it plays stays the same."""
    data = source.read_bytes()
    at = data.index(b"mdat") - 4
    size = int.from_bytes(data[at : at + 4], "big")
    grown = (size + added_bytes).to_bytes(4, "big")
    with target.open("wb") as file:
        file.write(data[:at] + grown + data[at + 4 : at + size])
        file.truncate(file.tell() + added_bytes)
        file.seek(0, io.SEEK_END)
        file.write(data[at + size :])
