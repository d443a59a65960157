"""Audit bundles: accepted as they are, and each kind of change named by the check that it breaks."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from pytest_django import Settings

from ledger.log import actions as log
from ledger.log import bundle, identity, queries, verify_bundle
from ledger.log.bundle import BundleTooLarge
from ledger.log.publishing import Cosigners
from ledger.log.queries import EntryNotFound, NotYetPublished
from tests.conftest import NOON
from tests.factories import log as logs
from tests.ledger.log.test_gateway import client, running_witness
from tests.ledger.log.test_witness import KEY

MANIFEST = b"a C2PA manifest"


def everything(entry_id: uuid.UUID, subject_id: uuid.UUID | None) -> bool:
    return True


def verdict(path: Path, *arguments: str) -> tuple[int, str]:
    """Run the verifier on a bundle; return its exit status and what it said."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        status = verify_bundle.main([str(path), *arguments])
    return status, said.getvalue()


def alone(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the verifier as a stranger would: in a process of its own, away from our code."""
    script = path.with_name("verifier.py")
    script.write_bytes(bundle.VERIFIER.read_bytes())
    return subprocess.run(
        [sys.executable, "-I", str(script), str(path), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=path.parent,
    )


@dataclass
class Made:
    path: Path
    summary: bundle.BundleSummary
    ids: list[uuid.UUID]

    @property
    def first(self) -> str:
        return str(self.ids[0])


@pytest.fixture
def made(request: pytest.FixtureRequest, tmp_path: Path, settings: Settings) -> Made:
    """A bundle of three entries out of thirty, cosigned, with attachments. Built once."""
    target = tmp_path / "audit-bundle.zip"
    if not BUILT:
        request.getfixturevalue("transactional_db")
        BUILT.append(build_one(target, tmp_path, settings))
        BUILT.append(target.read_bytes())
    summary, ids, data = *BUILT[0], BUILT[1]
    target.write_bytes(data)
    return Made(target, summary, ids)


BUILT: list[Any] = []


def build_one(
    target: Path, folder: Path, settings: Settings
) -> tuple[bundle.BundleSummary, list[uuid.UUID]]:
    with cosigning(folder, settings):
        logs.stage(10)
        with transaction.atomic():
            sealed = log.stage(
                type="render.sealed",
                at=NOON,
                subject_id=None,
                details={"manifest_sha256": hashlib.sha256(MANIFEST).hexdigest()},
            )
        ids = [sealed, *logs.stage(2, subject_id=uuid.uuid4())]
        logs.stage(17)
        with client(settings.LOG_WITNESS_URLS[0]) as asked:
            cosigners = Cosigners([asked], deadline_s=5)
            logs.sequence_all(logs.manner(cosigners=cosigners))
            cosigners.close()
        extra = {"c2pa/one.c2pa": MANIFEST, "certificates/one.pem": b"unknown"}
        wanted = [*ids, ids[0]]
        summary = bundle.build(entry_ids=wanted, target=target, extra=extra, may_see=everything)
        again = bundle.build(
            entry_ids=ids, target=folder / "again", extra=extra, may_see=everything
        )
        assert again == summary, "the same content did not make the same bytes"
        return summary, ids


@contextmanager
def cosigning(folder: Path, settings: Settings) -> Iterator[None]:
    with running_witness(folder, identity.signer().verifier) as (url, _):
        settings.LOG_WITNESS_URLS = [url]
        settings.LOG_WITNESS_VKEYS = [KEY.verifier.encode()]
        yield


def trusting() -> tuple[str, ...]:
    return (
        f"--log={identity.signer().verifier.encode()}",
        f"--witness={KEY.verifier.encode()}",
        "--quorum=1",
    )


class TestVerifier:
    def test_accepts_what_was_built(self, made: Made) -> None:
        done = alone(made.path, *trusting(), f"--manifest={made.summary.manifest_sha256.hex()}")

        status, said = done.returncode, done.stdout + done.stderr
        assert (status, said.splitlines()[-1]) == (0, "accepted: every check passed")
        assert "3 entries are in the tree" in said
        assert "1 of 1 known witnesses" in said
        assert "2 further files, 1 of them named by a proven record" in said

    def test_says_so_when_it_was_given_no_key(self, made: Made) -> None:
        status, said = verdict(made.path)

        assert status == 0
        assert "UNVERIFIED" in said

    def test_is_short_and_stands_alone(self) -> None:
        text = bundle.VERIFIER.read_text()

        assert len(text.splitlines()) <= 300
        assert "ledger" not in text
        assert "django" not in text

    @pytest.mark.parametrize("arguments", [("--quorum=2",), ("--quorum=1", "--witness=x+y+z")])
    def test_refuses_too_few_witnesses(self, made: Made, arguments: tuple[str, ...]) -> None:
        status, said = verdict(made.path, *arguments)

        assert (status, said.splitlines()[-1]) == (1, "REFUSED: cosignatures")

    def test_refuses_another_log_key(self, made: Made) -> None:
        status, said = verdict(
            made.path, "--log=example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
        )

        assert (status, said.splitlines()[-1]) == (1, "REFUSED: key")

    def test_refuses_a_manifest_that_the_exporter_did_not_name(self, made: Made) -> None:
        status, said = verdict(made.path, "--manifest=" + "0" * 64)

        assert (status, said.splitlines()[-1]) == (1, "REFUSED: manifest")

    @pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x05\x06" + bytes(18)])
    def test_refuses_what_is_no_bundle(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "bundle.zip"
        path.write_bytes(content)

        assert verdict(path)[0] == 1

    def test_says_that_there_is_nothing_to_check(self, tmp_path: Path) -> None:
        assert verdict(tmp_path / "none")[0] == 2

    def test_refuses_a_zip_whose_compressed_bytes_were_changed(self, made: Made) -> None:
        data = bytearray(made.path.read_bytes())
        data[200] ^= 1
        made.path.write_bytes(bytes(data))

        assert verdict(made.path)[0] == 1


def altered(
    made: Made, change: Callable[[dict[str, bytes]], None], *, is_listed: bool = True
) -> Path:
    """Change the files of a bundle; with `is_listed` its forger also mends the manifest."""
    with zipfile.ZipFile(made.path) as archive:
        files = {item.filename: archive.read(item) for item in archive.infolist()}
    change(files)
    if is_listed:
        manifest = json.loads(files["manifest.json"])
        manifest["files"] = {
            name: hashlib.sha256(data).hexdigest()
            for name, data in files.items()
            if name != "manifest.json"
        }
        files["manifest.json"] = json.dumps(manifest).encode()
    path = made.path.with_name("altered.zip")
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def flipped(name: str, place: int = -3) -> Callable[[dict[str, bytes]], None]:
    def change(files: dict[str, bytes]) -> None:
        data = bytearray(files[name])
        data[place] ^= 1
        files[name] = bytes(data)

    return change


CLASSES = (
    "README.txt",
    "verify_bundle.py",
    "log/vkey",
    "log/witnesses",
    "log/checkpoint",
    "entries/{first}.json",
    "proofs/{first}.tlog-proof",
    "records/{first}.json",
    "c2pa/one.c2pa",
    "manifest.json",
)


class TestMutation:
    @pytest.mark.parametrize("name", CLASSES)
    def test_of_one_byte_of_any_file_is_refused_by_the_manifest(
        self, made: Made, name: str
    ) -> None:
        path = altered(made, flipped(name.format(first=made.first)), is_listed=False)

        status, said = verdict(path, *trusting())

        assert status == 1
        assert "FAIL manifest: " in said
        assert name.format(first=made.first) in said

    @pytest.mark.parametrize(
        ("name", "place", "check"),
        [
            ("log/vkey", -6, "key"),
            ("log/checkpoint", 5, "checkpoint"),
            ("log/checkpoint", 60, "checkpoint"),
            ("log/checkpoint", -20, "cosignatures"),
            ("entries/{first}.json", 0, "entries"),
            ("entries/{first}.json", -4, "proofs"),
            ("proofs/{first}.tlog-proof", 30, "proofs"),
            ("proofs/{first}.tlog-proof", -5, "proofs"),
            ("proofs/{first}.tlog-proof", 2, "proofs"),
            ("records/{first}.json", 40, "records"),
            ("records/{first}.json", -10, "records"),
        ],
    )
    def test_by_a_forger_who_mends_the_manifest_is_named_by_its_own_check(
        self, made: Made, name: str, place: int, check: str
    ) -> None:
        path = altered(made, flipped(name.format(first=made.first), place))

        status, said = verdict(path, *trusting())

        assert status == 1
        assert f"FAIL {check}: " in said
        assert "ok   manifest" in said

    def test_by_taking_a_proof_away_is_refused(self, made: Made) -> None:
        path = altered(made, lambda files: files.pop(f"proofs/{made.first}.tlog-proof"))

        assert verdict(path)[1].splitlines()[-1] == "REFUSED: proofs"

    def test_by_swapping_two_records_is_refused(self, made: Made) -> None:
        one, two = (f"records/{entry_id}.json" for entry_id in made.ids[1:])

        def swap(files: dict[str, bytes]) -> None:
            files[one], files[two] = files[two], files[one]

        assert verdict(altered(made, swap))[1].splitlines()[-1] == "REFUSED: records"

    def test_by_adding_a_file_that_is_not_listed_is_refused(self, made: Made) -> None:
        path = altered(made, lambda files: files.update(more=b"x"), is_listed=False)

        assert verdict(path)[1].splitlines()[-1] == "REFUSED: manifest"

    def test_by_taking_a_listed_file_away_is_refused(self, made: Made) -> None:
        path = altered(made, lambda files: files.pop("README.txt"), is_listed=False)

        assert "README.txt is missing" in verdict(path)[1]


@pytest.mark.django_db(transaction=True)
class TestBuild:
    def test_hands_out_only_the_records_that_the_recipient_may_see(self, tmp_path: Path) -> None:
        ada, ben = uuid.uuid4(), uuid.uuid4()
        ids = [*logs.stage(subject_id=ada), *logs.stage(subject_id=ben), *logs.stage()]
        with transaction.atomic():
            ids.append(log.erase(subject_id=ben, at=NOON))
        logs.sequence_all()

        summary = bundle.build(
            entry_ids=ids,
            target=tmp_path / "bundle.zip",
            extra={},
            may_see=lambda entry_id, subject_id: subject_id in (ada, ben),
        )

        with zipfile.ZipFile(tmp_path / "bundle.zip") as archive:
            names = {name for name in archive.namelist() if name.startswith("records/")}
        assert names == {f"records/{ids[0]}.json"}
        assert (summary.records, summary.erased, summary.withheld) == (1, 1, 2)
        assert verdict(tmp_path / "bundle.zip")[0] == 0

    @pytest.mark.parametrize("is_staged", [True, False])
    def test_is_refused_for_an_entry_without_a_place(self, tmp_path: Path, is_staged: bool) -> None:
        wanted = logs.stage() if is_staged else [uuid.uuid4()]

        with pytest.raises(NotYetPublished if is_staged else EntryNotFound):
            bundle.build(
                entry_ids=wanted, target=tmp_path / "bundle.zip", extra={}, may_see=everything
            )

        assert not list(tmp_path.iterdir())

    def test_is_refused_when_it_is_too_large(self, tmp_path: Path) -> None:
        ids = [uuid.uuid4() for _ in range(bundle.ENTRIES_MAX + 1)]

        with pytest.raises(BundleTooLarge):
            bundle.build(entry_ids=ids, target=tmp_path / "a", extra={}, may_see=everything)

    @pytest.mark.parametrize(
        "path",
        ["", "/etc/passwd", "../a/b", "a/../b", "manifest.json", "entries/a", "log/vkey", "a"],
    )
    def test_refuses_a_path_that_is_not_for_further_files(self, tmp_path: Path, path: str) -> None:
        with pytest.raises(ValueError, match="path"):
            bundle.build(entry_ids=[], target=tmp_path / "a", extra={path: b""}, may_see=everything)


@pytest.mark.django_db(transaction=True)
class TestEntriesAbout:
    def test_are_found_by_row_by_subject_and_by_period(self) -> None:
        ada = uuid.uuid4()
        (about_ada,), (about_nobody,) = logs.stage(subject_id=ada), logs.stage()

        assert queries.entries_about(subject_id=ada) == (about_ada,)
        assert set(queries.entries_about(starts_at=NOON)) == {about_ada, about_nobody}
        assert queries.entries_about(ends_at=NOON) == ()
        assert queries.entries_about([uuid.uuid4()]) == ()
