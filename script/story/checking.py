"""An auditor checks all of it offline: the log, its proofs, the report, the bundle."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from script.story import log_files
from script.story.client import Client, wait_for
from script.story.stage import Stage


class Checking(Stage):
    """Static files, verification, report, bundle."""

    def _log(self) -> str:
        fetched = log_files.fetch(url=self._url, target=self._out / "log")
        proofs = self._out / "proofs"
        proofs.mkdir(exist_ok=True)
        explained = self._people["ben"].api.get(
            f"uses/{self._renders['the first render']}/explanation"
        )
        for decision in explained["decisions"]:
            self._people["ben"].api.download(
                f"/api/v1/log/entries/{decision['log_entry_id']}/proof",
                proofs / f"{decision['gate']}.tlog-proof",
            )
        for name in ("trust.pem", "tsa.pem"):
            Client(url=self._url).download(f"/api/v1/seals/{name}", self._out / name)
        return f"{fetched.entries} entries in {fetched.files} files; {len(explained['decisions'])} proofs"

    def _verify_log(self) -> str:
        return self._manage("verify_log").strip().splitlines()[-1]

    def _report(self) -> str:
        auditor = self._staff["auditor"].api
        asked = auditor.post("reports", {"kind": "render", "about_id": self._renders["the remix"]})
        self._report_id = asked["id"]

        def look() -> bool:
            report = auditor.get(f"reports/{self._report_id}")
            if report["state"] == "failed":
                raise AssertionError(f"the report failed: {report}")
            return bool(report["state"] == "done")

        wait_for("the report", look, timeout_s=60)
        for name in ("report.pdf", "report.csv", "report.json", "audit-bundle.zip"):
            auditor.download(f"/api/v1/reports/{self._report_id}/{name}", self._out / name)
        size = (self._out / "report.pdf").stat().st_size
        if not (self._out / "report.pdf").read_bytes().startswith(b"%PDF-"):
            raise AssertionError("report.pdf is no PDF")
        return f"report.pdf {size // 1024} KiB, CSV, JSON, audit bundle"

    def _verify(self) -> str:
        bundle = self._out / "audit-bundle.zip"
        verifier = self._out / "verify_bundle.py"
        with zipfile.ZipFile(bundle) as archive:
            verifier.write_bytes(archive.read("verify_bundle.py"))
            inside = sorted(archive.infolist(), key=lambda each: each.file_size)
        accepted = self._run_verifier(verifier, bundle)
        if accepted.returncode != 0:
            raise AssertionError(f"the verifier refused: {accepted.stdout}{accepted.stderr}")
        changed = self._out / "changed.zip"
        victim = next(each for each in inside if each.filename.startswith("entries"))
        _change_one_byte(bundle, changed, victim.filename)
        rejected = self._run_verifier(verifier, changed)
        changed.unlink()
        if rejected.returncode == 0:
            raise AssertionError("the verifier accepted a changed bundle")
        said = (rejected.stdout + rejected.stderr).strip().splitlines()[-1]
        return f"accepted; after one byte of {victim.filename}: {said}"

    def _run_verifier(self, verifier: Path, bundle: Path) -> subprocess.CompletedProcess[str]:
        vkey = (self._out / "log" / "vkey").read_text().strip()
        return subprocess.run(
            [sys.executable, "-I", str(verifier), str(bundle), "--log", vkey],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def _change_one_byte(source: Path, target: Path, name: str) -> None:
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(target, "w") as after:
        for each in before.infolist():
            data = bytearray(before.read(each))
            if each.filename == name:
                data[len(data) // 2] ^= 1
            after.writestr(each, bytes(data))
