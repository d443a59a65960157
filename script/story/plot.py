"""The story, step by step, over the public HTTP API, the admin's own forms, and the operator's commands.

Ada, Ben and Cem enrol; a render and a paid remix are made; a stranger is refused; Ada revokes Ben while he
renders, and takes back what was made; an opt-out, a lock and a takedown stop what they should; an auditor
checks all of it offline.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from script.story import log_files
from script.story.admin import Desk
from script.story.client import Client, Problem, expect_problem, wait_for
from script.story.people import film
from script.story.runner import Runner

ROOT = Path(__file__).resolve().parent.parent.parent
RENDER_TIMEOUT_S = 240
CURRENCY = "usd"
ADA_FEE_MINOR, CEM_FEE_MINOR = 400, 650


@dataclass
class Person:
    """Somebody in the story, and what they hold."""

    name: str
    email: str
    password: str
    id: str = ""
    token: str = ""
    cameo_id: str = ""
    api: Client = field(default_factory=lambda: Client(url=""))


class Plot:
    """Everything the steps share. `run` plays them in order."""

    def __init__(self, *, url: str, out: Path, short: bool, capture: Path | None) -> None:
        self._url, self._out, self._short, self._capture = url, out, short, capture
        self._run = secrets.token_hex(3)
        self._size = {"width_px": 640, "height_px": 360} if short else {
            "width_px": 1280, "height_px": 720,
        }  # fmt: skip
        self._seconds = 3 if short else 10
        self._people: dict[str, Person] = {}
        self._staff: dict[str, Person] = {}
        self._renders: dict[str, str] = {}
        self._grant_id = ""
        self._report_id = ""

    def run(self, runner: Runner) -> None:
        """Play every step; the first that fails ends the story."""
        for name, act in (
            ("Ada, Ben, Cem and a stranger open accounts", self._sign_up),
            ("staff are appointed", self._appoint),
            ("Ada, Ben and Cem enrol: statement, challenge, capture", self._enrol),
            ("Ada sets approved, her terms, and grants Ben", self._ada_grants),
            ("Cem sets mutuals with a fee; Ben and Cem follow each other", self._cem_sets),
            ("Ada and Cem open their payee accounts", self._payees),
            ("Ben renders himself with Ada", self._render),
            ("the released file: manifest, marks, ledger", self._identify),
            ("Ben asks for a commercial remix with Cem: the quote", self._quote_remix),
            ("the remix is authorised, rendered, released, captured", self._render_remix),
            ("transfers reach Ada and Cem; the books balance", self._books),
            ("a stranger is refused, and not told why", self._stranger),
            ("Ada revokes Ben while a third render runs", self._revoke),
            ("the first render and the remix answer 451", self._gone),
            ("Ada locks her cameo: everything stops at once", self._lockdown),
            ("Ben locks a render against remix", self._remix_lock),
            ("an opt-out, filed in the admin, stops a prompt", self._opt_out),
            ("an estate's takedown withdraws a render", self._takedown),
            ("the log as static files, with proofs", self._log),
            ("the log is verified against every row", self._verify_log),
            ("an auditor exports the report and the bundle", self._report),
            ("the stand-alone verifier accepts, and rejects one changed byte", self._verify),
        ):
            runner.step(name, act)

    # People

    def _sign_up(self) -> str:
        for name in ("ada", "ben", "cem", "dov"):
            person = Person(name, f"{name}.{self._run}@example.org", secrets.token_urlsafe(15))
            made = Client(url=self._url).post(
                "accounts",
                {
                    "email": person.email,
                    "password": person.password,
                    "handle": f"{name}_{self._run}",
                    "display_name": name.capitalize(),
                    "born_on": "1990-05-17",
                },
            )
            person.id = made["id"]
            self._sign_in(person)
            self._people[name] = person
        self._write_log_ins()
        return ", ".join(f"@{name}_{self._run}" for name in self._people)

    def _sign_in(self, person: Person) -> None:
        answer = requests.post(
            f"{self._url}/api/v1/tokens", auth=(person.email, person.password), timeout=30
        )
        answer.raise_for_status()
        person.token = answer.json()["token"]
        person.api = Client(url=self._url, token=person.token)

    def _appoint(self) -> str:
        password = secrets.token_urlsafe(15)
        for role in ("administrator", "moderator", "auditor", "rights_holder"):
            email = f"{role}.{self._run}@example.org"
            self._staff[role] = Person(role, email, password)
        self._manage(
            "appoint",
            *(f"{role}:{role[:12]}_{self._run}:{each.email}" for role, each in self._staff.items()),
            APPOINT_PASSWORD=password,
        )
        for person in self._staff.values():
            self._sign_in(person)
            person.id = person.api.get("accounts/me")["id"]
        self._write_log_ins()
        return ", ".join(self._staff)

    def _write_log_ins(self) -> None:
        path = self._out / "log-ins.txt"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            for person in (*self._people.values(), *self._staff.values()):
                file.write(f"{person.name:14} {person.email:44} {person.password}\n")

    def _enrol(self) -> str:
        (self._out / "captures").mkdir(exist_ok=True)
        names = ("ada", "ben", "cem")
        with ThreadPoolExecutor(len(names)) as pool:
            states = list(pool.map(self._enrol_one, names))
        looked = f"; a moderator looked at {states.count('review')}" if "review" in states else ""
        return f"3 captures, encrypted at rest; preferences kept{looked}"

    def _enrol_one(self, name: str) -> str:
        person = self._people[name]
        session = person.api.post("enrolments")
        person.api.post(
            f"enrolments/{session['id']}/statement",
            {"agreed": True, "statement_sha256": session["statement"]["sha256"]},
        )
        clip = self._out / "captures" / f"{name}.mp4"
        if name == "ben" and self._capture:
            self._await_capture(session)
            clip.write_bytes(self._capture.read_bytes())
        else:
            film(name, session["challenge"], clip)
        done = person.api.upload(f"enrolments/{session['id']}/capture", clip, "video/mp4")
        if done["state"] == "review":  # What the checks are unsure of, a person decides.
            self._desk("moderator").fill_in(
                f"/admin/ledger/enrolment/{session['id']}/review/",
                {
                    "act": "approve",
                    "reason": "Watched it: the person, the turns and the words are there.",
                },
            )
        elif done["state"] != "verified":
            failed = [each["name"] for each in done["checks"] if each["verdict"] == "fail"]
            raise AssertionError(
                f"{name}'s recording was refused by {failed}. A recording must follow its session's own "
                "challenge: give --capture a path that does not exist yet, and you are shown it."
            )
        person.cameo_id = done["cameo_id"] or person.api.get("cameos/mine")["id"]
        person.api.put(
            f"cameos/{person.cameo_id}/preferences",
            {"pronouns": "they", "clothing": "as in the capture", "restrictions": ""},
        )
        return str(done["state"])

    def _await_capture(self, session: dict[str, Any]) -> None:
        """Show the challenge, and wait for a recording that is not there yet."""
        assert self._capture is not None  # Asked for only then.
        if self._capture.exists():
            return
        print(f"\n     Record yourself now, and save it as {self._capture} (MP4 or WebM):")
        for step in session["challenge"]["steps"]:
            words = " ".join(step["say"])
            said = f', saying "{words}"' if words else ""
            print(
                f"       {step['starts_s']:4.1f} s to {step['ends_s']:4.1f} s: face {step['pose']}{said}"
            )
        print("     You have five minutes.", flush=True)
        sizes = [-1, -2]

        def is_there() -> bool:
            assert self._capture is not None
            sizes.append(self._capture.stat().st_size if self._capture.exists() else -len(sizes))
            return sizes[-1] == sizes[-2] == sizes[-3] > 0

        wait_for("your recording", is_there, timeout_s=290, poll_s=1.0)

    # Consent

    def _ada_grants(self) -> str:
        ada, ben = self._people["ada"], self._people["ben"]
        self._set_terms(ada, ADA_FEE_MINOR)
        ada.api.put(f"cameos/{ada.cameo_id}/audience", {"audience": "approved"})
        grant = ada.api.post(
            "grants",
            {
                "cameo_id": ada.cameo_id,
                "grantee_id": ben.id,
                "purposes": ["personal", "commercial"],
                "remix_allowed": True,
            },
        )
        self._grant_id = grant["id"]
        return f"grant {grant['id'][:8]}: personal and commercial, remix allowed"

    def _cem_sets(self) -> str:
        ben, cem = self._people["ben"], self._people["cem"]
        self._set_terms(cem, CEM_FEE_MINOR)
        cem.api.put(f"cameos/{cem.cameo_id}/audience", {"audience": "mutuals"})
        ben.api.put(f"accounts/{cem.id}/follow")
        cem.api.put(f"accounts/{ben.id}/follow")
        return f"mutuals; commercial costs {CEM_FEE_MINOR} {CURRENCY} minor units a render"

    def _set_terms(self, person: Person, fee_minor: int) -> None:
        person.api.post(
            f"cameos/{person.cameo_id}/terms",
            {
                "purposes": ["personal", "commercial"],
                "remix_allowed": True,
                "seconds_max": 30,
                "fees": {"commercial": {"amount_minor": fee_minor, "currency": CURRENCY}},
            },
        )

    def _payees(self) -> str:
        for name in ("ada", "cem"):
            api = self._people[name].api

            def is_active(api: Client = api) -> bool:
                return bool(api.post("payees/me")["state"] == "active")

            wait_for("the payee account's activation", is_active, timeout_s=20)
        return "transfers active for both"

    # Renders

    def _ask(self, name: str, **wish: object) -> dict[str, Any]:
        body = {"seconds": str(self._seconds), "purpose": "personal", **self._size, **wish}
        made: dict[str, Any] = self._people["ben"].api.post("renders", body)
        self._renders[name] = made["id"]
        return made

    def _await_state(self, name: str, *states: str, by: str = "ben") -> dict[str, Any]:
        api, render_id = self._people[by].api, self._renders[name]
        stages: list[str] = []

        def look() -> dict[str, Any] | None:
            render: dict[str, Any] = api.get(f"renders/{render_id}")
            stage = render["stage"] or render["state"]
            if not stages or stages[-1] != stage:
                stages.append(stage)
            if sys.stdout.isatty():
                print(
                    f"\r\x1b[2K   … {name}: {render['state']} {stage} {render['progress']:.0%}",
                    end="",
                    flush=True,
                )
            if render["state"] in states:
                return render
            if render["state"] in ("failed", "denied", "cancelled", "withdrawn"):
                raise AssertionError(f"{name} ended {render['state']}: {render['failure_code']}")
            return None

        found: dict[str, Any] = wait_for(
            f"{name} reaching {states}", look, timeout_s=RENDER_TIMEOUT_S
        )
        found["stages"] = stages
        return found

    def _render(self) -> str:
        ada, ben = self._people["ada"], self._people["ben"]
        self._ask(
            "the first render",
            prompt="Ada and Ben on a beach at sunset, talking about the sea",
            title="By the sea",
            cast=[ada.cameo_id, ben.cameo_id],
            seed=7,
        )
        done = self._await_state("the first render", "released")
        self._download("the first render", "render.mp4")
        for person in (ada, ben):
            told = {each["kind"] for each in person.api.get("notifications")["results"]}
            if "render.released" not in told:
                raise AssertionError(f"{person.name} was not told: {told}")
        gates = self._gates("the first render")
        if gates != {"request", "dispatch", "release"}:
            raise AssertionError(f"decided only at {gates}")
        return f"{' → '.join(done['stages'])}; both co-owners told"

    def _gates(self, name: str) -> set[str]:
        explained = self._people["ben"].api.get(f"uses/{self._renders[name]}/explanation")
        return {each["gate"] for each in explained["decisions"] if each["effect"] == "permit"}

    def _download(self, name: str, file_name: str) -> None:
        target = self._out / file_name
        path = f"/api/v1/renders/{self._renders[name]}/file"
        api = self._people["ben"].api
        api.download(path, target)
        part = self._out / "part.bin"
        answer = api.download(path, part, Range="bytes=100-199")
        if answer.status_code != 206 or part.read_bytes() != target.read_bytes()[100:200]:
            raise AssertionError("the range request was not answered with that range")
        part.unlink()

    def _identify(self) -> str:
        said = json.loads(self._manage("identify", str(self._out / "render.mp4")))
        found = said["found_by"]
        if not {"manifest", "mark", "fingerprint"} <= set(found):
            raise AssertionError(f"found only by {found}")
        if said["manifest"]["state"] != "trusted" or said["use"]["state"] != "released":
            raise AssertionError(f"{said['manifest']['state']}, {said['ledger']['state']}")
        return f"found by {', '.join(found)}; the manifest is trusted, the ledger says released"

    def _quote_remix(self) -> str:
        cem = self._people["cem"]
        made = self._ask(
            "the remix",
            prompt="The same beach, now in the city at night, and Cem joins in",
            title="By the sea, with Cem",
            cast=[cem.cameo_id],
            purpose="commercial",
            parent_id=self._renders["the first render"],
            seed=8,
        )
        quote = made["quote"]
        if made["state"] != "payment_pending":
            raise AssertionError(f"the remix is {made['state']}")
        if quote["amount_minor"] != ADA_FEE_MINOR + CEM_FEE_MINOR:
            raise AssertionError(f"quoted {quote}")
        return f"{quote['amount_minor']} {quote['currency']} minor units for Ada and Cem"

    def _authorise(self, name: str) -> str:
        ben = self._people["ben"]
        licence_id = ben.api.get(f"renders/{self._renders[name]}")["quote"]["licence_id"]
        ben.api.post(f"licences/{licence_id}/authorisation", {"payment_method": "pm_card_visa"})
        return str(licence_id)

    def _render_remix(self) -> str:
        licence_id = self._authorise("the remix")
        done = self._await_state("the remix", "released")
        self._download("the remix", "remix.mp4")
        ben = self._people["ben"]
        wait_for(
            "the capture",
            lambda: ben.api.get(f"licences/{licence_id}")["state"] == "captured",
            timeout_s=30,
        )
        if [each["state"] for each in done["lineage"]] != ["released"]:
            raise AssertionError(f"the lineage is {done['lineage']}")
        return "released with its parent as ingredient; captured"

    def _books(self) -> str:
        auditor = self._staff["auditor"].api
        ada, cem = self._people["ada"], self._people["cem"]

        def payable(person: Person) -> int | None:
            found = auditor.get("books/balances", owner=person.id)["balances"]
            amounts = [each["posted_minor"] for each in found if each["code"] == "payable"]
            return sum(amounts) if amounts else None

        def look() -> bool:
            return payable(ada) == 0 and payable(cem) == 0

        wait_for("both transfers", look, timeout_s=40)
        books = auditor.get("books/balances")
        if not books["balanced"]:
            raise AssertionError(f"the books do not balance: {books}")
        kept = {
            each["code"]: -each["posted_minor"]
            for each in books["balances"]
            if each["currency"] == CURRENCY
        }
        return f"paid out to both; the platform keeps {kept['platform_revenue']}; balanced"

    # Refusals

    def _stranger(self) -> str:
        dov = self._people["dov"].api
        body = {
            "prompt": "Ada waves", "cast": [self._people["ada"].cameo_id], "seconds": "3",
            **self._size,
        }  # fmt: skip
        problem = expect_problem("consent-denied", lambda: dov.post("renders", body))
        if "ada" in json.dumps(problem.body).lower():
            raise AssertionError("the refusal names somebody")
        unseen = dov.status_of(f"/api/v1/renders/{self._renders['the first render']}")
        if unseen != 404:
            raise AssertionError(f"a stranger's look at a render is answered {unseen}")
        return "403 consent-denied; what is not theirs looks like not there"

    def _revoke(self) -> str:
        ada, ben = self._people["ada"], self._people["ben"]
        size = {"width_px": 1280, "height_px": 720, "seconds": "20"}
        self._ask(
            "the third render", prompt="Ada and Ben in a forest", purpose="commercial",
            cast=[ada.cameo_id, ben.cameo_id], **size,
        )  # fmt: skip
        licence_id = self._authorise("the third render")
        self._await_state("the third render", "rendering")
        path = f"grants/{self._grant_id}/revocation"
        preview = ada.api.get(f"{path}-preview", act="remove")
        began = time.monotonic()
        ada.api.post(path, {"act": "remove", "reason": "changed my mind"})
        answered = [self._file_status("the first render"), self._file_status("the remix")]
        if answered != [451, 451]:
            raise AssertionError(f"right after the revocation the files answer {answered}")
        cancelled = self._await_end("the third render", "cancelled")
        seconds = time.monotonic() - began
        wait_for(
            "the voiding",
            lambda: ben.api.get(f"licences/{licence_id}")["state"] == "voided",
            timeout_s=30,
        )
        if self._file_status("the third render") not in (404, 451):
            raise AssertionError("something of the third render was released")
        return (
            f"{cancelled['state']} after {seconds:.1f} s, authorisation voided; "
            f"the preview had said {preview['released']} released and {preview['descendants']} remixes"
        )

    def _await_end(self, name: str, state: str) -> dict[str, Any]:
        api, render_id = self._people["ben"].api, self._renders[name]

        def look() -> dict[str, Any] | None:
            render: dict[str, Any] = api.get(f"renders/{render_id}")
            return render if render["state"] == state else None

        found: dict[str, Any] = wait_for(f"{name} being {state}", look, timeout_s=20)
        return found

    def _file_status(self, name: str) -> int:
        return self._people["ben"].api.status_of(f"/api/v1/renders/{self._renders[name]}/file")

    def _gone(self) -> str:
        states = {
            name: self._people["ben"].api.get(f"renders/{self._renders[name]}")["state"]
            for name in ("the first render", "the remix")
        }
        if set(states.values()) != {"withdrawn"}:
            raise AssertionError(f"{states}")
        said = json.loads(self._manage("identify", str(self._out / "remix.mp4")))
        if said["use"]["state"] != "withdrawn":
            raise AssertionError(f"a downloaded copy is said to be {said['ledger']['state']}")
        return "withdrawn; a copy that was downloaded before is found, and said to be withdrawn"

    def _lockdown(self) -> str:
        ada, ben = self._people["ada"], self._people["ben"]
        ada.api.post(f"cameos/{ada.cameo_id}/lockdown", {"act": "stop"})
        body = {"prompt": "Ada", "cast": [ada.cameo_id], "seconds": "3", **self._size}
        expect_problem("consent-denied", lambda: ben.api.post("renders", body))
        audience = ada.api.get(f"cameos/{ada.cameo_id}")["audience"]
        if audience != "self":
            raise AssertionError(f"the audience is {audience}")
        return "audience self, every grant revoked, in one call"

    def _remix_lock(self) -> str:
        ben, cem = self._people["ben"], self._people["cem"]
        self._ask(
            "the fourth render", prompt="Ben reads a poem by Ione Vale in the snow",
            title="For Ione Vale", cast=[ben.cameo_id], seconds="2",
            width_px=640, height_px=360,
        )  # fmt: skip
        self._await_state("the fourth render", "released")
        parent_id = self._renders["the fourth render"]
        ben.api.post(f"uses/{parent_id}/remix-lock")
        body = {
            "prompt": "again", "cast": [ben.cameo_id], "parent_id": parent_id, "seconds": "2",
            **self._size,
        }  # fmt: skip
        expect_problem("consent-denied", lambda: ben.api.post("renders", body))
        if cem.api.status_of(f"/api/v1/renders/{parent_id}") != 404:
            raise AssertionError("Cem sees a render that Cem is not in")
        return "a remix of it is refused, to its maker too"

    def _opt_out(self) -> str:
        moderator, holder = self._staff["moderator"], self._staff["rights_holder"]
        title = f"Zorblax {self._run}"
        desk = self._desk("moderator")
        desk.add(
            "rights/rightsholder",
            {
                "account": holder.id,
                "name": f"Zorblax Pictures {self._run}",
                "contact_email": holder.email,
                "agent_name": "R. Agent",
                "authority_text": "I act for the rights holder with its written authority.",
                "authority_declared_on": "2026-01-05",
            },
        )
        desk.act(
            "rights/rightsholder",
            "verify",
            [self._only_id(desk, "rights/rightsholder", f"Pictures {self._run}")],
        )
        filing = self._desk("rights_holder")
        filing.add(
            "rights/optout",
            {
                "kind": "work",
                "title": title,
                "aliases_text": f"Captain Zorblax {self._run}",
                "scopes": ["generation", "cameo"],
                "territories_text": "",
                "starts_at_0": "2026-01-01",
                "starts_at_1": "00:00:00",
                "ends_at_0": "",
                "ends_at_1": "",
            },
        )
        opt_out_id = self._only_id(filing, "rights/optout", "")
        for action in ("mark_verified", "activate"):
            desk.act("rights/optout", action, [opt_out_id])
        ben = self._people["ben"]
        dressed_up = title.upper().replace("O", "0")
        body = {
            "prompt": f"Ben dances with {dressed_up}", "cast": [ben.cameo_id], "seconds": "2",
            **self._size,
        }  # fmt: skip
        problem = expect_problem("consent-denied", lambda: ben.api.post("renders", body))
        explained = ben.api.get(f"uses/{problem.body['render_id']}/explanation")
        codes = {each["code"] for gate in explained["decisions"] for each in gate["findings"]}
        if "opt-out" not in codes:
            raise AssertionError(f"denied by {codes}")
        return f"filed by the holder, activated by {moderator.name}; {dressed_up!r} is stopped"

    def _takedown(self) -> str:
        dov = self._people["dov"]
        entering, deciding = self._desk("moderator"), self._desk("administrator")
        entering.add(
            "rights/estate",
            {
                "claimant": dov.id,
                "person_name": f"Ione Vale {self._run}",
                "born_on": "1931-02-03",
                "died_on": "2019-11-30",
                "domicile": "US-CA",
                "basis": "executor",
                "share_bps": "10000",
                "registered_on": "",
                "proof_of_death": "Certificate 2019-4411, County of Marin",
                "cameo": "",
            },
        )
        estate_id = self._only_id(entering, "rights/estate", f"Ione Vale {self._run}")
        deciding.act("rights/estate", "verify", [estate_id])
        case = dov.api.post(
            "takedowns",
            {
                "regime": "estate",
                "target": f"{self._url}/api/v1/renders/{self._renders['the fourth render']}",
                "estate_id": estate_id,
                "statement": "It trades on her name without the estate's permission.",
                "contact_name": "Dov",
                "contact_email": dov.email,
            },
        )
        entering.act("rights/takedowncase", "hold", [case["id"]])
        held = self._file_status("the fourth render")
        deciding.fill_in(
            f"/admin/rights/takedowncase/{case['id']}/uphold/",
            {"facts": "The title names the deceased person; no licence was shown."},
        )
        after = Client(url=self._url).get(f"takedowns/{case['id']}", secret=case["secret"])
        if (held, after["state"], self._file_status("the fourth render")) != (451, "upheld", 451):
            raise AssertionError(f"held {held}, case {after['state']}")
        return f"{case['reference']}: held, upheld with reasons, 451"

    # The log and its auditors

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

    # Tools

    def _desk(self, role: str) -> Desk:
        person = self._staff[role]
        return Desk(url=self._url, email=person.email, password=person.password)

    def _only_id(self, desk: Desk, path: str, query: str) -> str:
        """Return the id of the newest row of an admin list."""
        html = desk.text(f"{path}/" + (f"?q={query}" if query else ""))
        found = re.search(rf"/admin/{path}/([0-9a-f-]{{36}})/change/", html)
        if found is None:
            raise AssertionError(f"no row of {path} is listed for {query!r}")
        return found.group(1)

    def _manage(self, *words: str, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *words],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, **environment},
        )
        if done.returncode:
            raise AssertionError(f"manage.py {words[0]} failed:\n{done.stderr[-2000:]}")
        return done.stdout


def _change_one_byte(source: Path, target: Path, name: str) -> None:
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(target, "w") as after:
        for each in before.infolist():
            data = bytearray(before.read(each))
            if each.filename == name:
                data[len(data) // 2] ^= 1
            after.writestr(each, bytes(data))


__all__ = ["Plot", "Problem"]
