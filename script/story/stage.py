"""What all steps of the story share: who is in it, how they call the service, what they wait for."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from script.story.admin import Desk
from script.story.client import Client, wait_for

ROOT = Path(__file__).resolve().parent.parent.parent
RENDER_TIMEOUT_S = 240


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


class Stage:
    """The people and staff of one telling, its renders by name, and the folder that it fills."""

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

    def _authorise(self, name: str) -> str:
        ben = self._people["ben"]
        licence_id = ben.api.get(f"renders/{self._renders[name]}")["quote"]["licence_id"]
        ben.api.post(f"licences/{licence_id}/authorisation", {"payment_method": "pm_card_visa"})
        return str(licence_id)

    def _await_end(self, name: str, state: str) -> dict[str, Any]:
        api, render_id = self._people["ben"].api, self._renders[name]

        def look() -> dict[str, Any] | None:
            render: dict[str, Any] = api.get(f"renders/{render_id}")
            return render if render["state"] == state else None

        found: dict[str, Any] = wait_for(f"{name} being {state}", look, timeout_s=20)
        return found

    def _file_status(self, name: str) -> int:
        return self._people["ben"].api.status_of(f"/api/v1/renders/{self._renders[name]}/file")

    def _sign_in(self, person: Person) -> None:
        answer = requests.post(
            f"{self._url}/api/v1/tokens", auth=(person.email, person.password), timeout=30
        )
        answer.raise_for_status()
        person.token = answer.json()["token"]
        person.api = Client(url=self._url, token=person.token)

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
