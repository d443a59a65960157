"""The admin as a person uses it: sign in, fill in the real forms, choose the real actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html.parser import HTMLParser

import requests

TIMEOUT_S = 60


class _Page(HTMLParser):
    """Collects the CSRF token, the messages and the errors of an admin page."""

    def __init__(self) -> None:
        super().__init__()
        self.token = ""
        self.errors: list[str] = []
        self._in_error = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "input" and named.get("name") == "csrfmiddlewaretoken":
            self.token = named.get("value") or self.token
        if tag == "ul" and "errorlist" in (named.get("class") or ""):
            self._in_error += 1

    def handle_endtag(self, tag: str) -> None:
        if tag == "ul" and self._in_error:
            self._in_error -= 1

    def handle_data(self, data: str) -> None:
        if self._in_error and data.strip():
            self.errors.append(data.strip())


class Desk:
    """One person signed in to the admin."""

    def __init__(self, *, url: str, email: str, password: str) -> None:
        self._url = url.rstrip("/")
        self._session = requests.Session()
        self._submit(
            "/admin/login/?next=/admin/", {"username": email, "password": password}, to="/admin/"
        )

    def add(self, path: str, fields: Mapping[str, str | Sequence[str]]) -> None:
        """Fill in the add form of `app/model` and save it."""
        self._submit(f"/admin/{path}/add/", fields, to=f"/admin/{path}/")

    def act(self, path: str, action: str, ids: Sequence[str]) -> str:
        """Choose rows of a list, run an action on them, and return the page that follows."""
        return self._submit(
            f"/admin/{path}/",
            {"action": action, "_selected_action": ids, "select_across": "0", "index": "0"},
            to="/admin/",
        )

    def fill_in(self, address: str, fields: Mapping[str, str]) -> str:
        """Fill in the form at an address and return the page that follows."""
        return self._submit(address, fields, to="/admin/")

    def text(self, path: str) -> str:
        """Return the HTML of an admin page."""
        answer = self._session.get(f"{self._url}/admin/{path}", timeout=TIMEOUT_S)
        answer.raise_for_status()
        return answer.text

    def _submit(self, address: str, fields: Mapping[str, str | Sequence[str]], *, to: str) -> str:
        form = self._session.get(self._url + address, timeout=TIMEOUT_S)
        form.raise_for_status()
        page = _Page()
        page.feed(form.text)
        answer = self._session.post(
            self._url + address,
            data={**fields, "csrfmiddlewaretoken": page.token},
            headers={"Referer": self._url + address},
            timeout=TIMEOUT_S,
        )
        answer.raise_for_status()
        after = _Page()
        after.feed(answer.text)
        if after.errors or to not in answer.url:
            raise AssertionError(f"the form at {address} was not accepted: {after.errors}")
        return answer.text
