"""People open accounts and enrol; Ada and Cem say what may be done with them."""

from __future__ import annotations

import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from script.story.client import Client, wait_for
from script.story.people import film
from script.story.stage import Person, Stage

CURRENCY = "usd"
ADA_FEE_MINOR, CEM_FEE_MINOR = 400, 650


class Casting(Stage):
    """Accounts, staff, enrolment, grants, terms, payees."""

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
