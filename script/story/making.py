"""Ben makes a render with Ada, and a paid remix of it with Cem."""

from __future__ import annotations

import json

from script.story.casting import ADA_FEE_MINOR, CEM_FEE_MINOR, CURRENCY
from script.story.client import wait_for
from script.story.stage import Person, Stage


class Making(Stage):
    """Request, release, identification, quote, capture, transfers."""

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
