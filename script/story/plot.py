"""The story, step by step, over the public HTTP API, the admin's own forms, and the operator's commands.

Ada, Ben and Cem enrol; a render and a paid remix are made; a stranger is refused; Ada revokes Ben while he
renders, and takes back what was made; an opt-out, a lock and a takedown stop what they should; an auditor
checks all of it offline.
"""

from __future__ import annotations

from script.story.casting import Casting
from script.story.checking import Checking
from script.story.making import Making
from script.story.runner import Runner
from script.story.stopping import Stopping


class Plot(Casting, Making, Stopping, Checking):
    """The order of the steps."""

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
