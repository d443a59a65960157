"""What must stop, stops: strangers, revocations, locks, opt-outs, takedowns."""

from __future__ import annotations

import json
import time

from script.story.client import Client, expect_problem, wait_for
from script.story.stage import Stage


class Stopping(Stage):
    """Refusals, and taking back what was made."""

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
