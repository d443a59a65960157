"""Run a whole Countersign on this machine: `python -m ledger.stack serve`, or `demo` for the story.

Exit status: 0 as told, 1 the story or a program failed, 2 another stack uses the same state folder.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from ledger.stack import database, programs
from ledger.stack.display import Display
from ledger.stack.environment import PROJECT_DIR, state_folder
from ledger.stack.postgres import PostgresFailed
from ledger.stack.supervisor import ProgramFailed, Supervisor, tethered

WATCH_S = 0.5


class StackRefused(RuntimeError):
    """The stack cannot start, and the message says what to do."""


def main() -> int:
    """Parse, start, serve or tell the story, stop."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, _interrupt)
    display = Display()
    try:
        with _only_one(), contextlib.ExitStack() as stack:
            return _run(arguments, display, stack)
    except StackRefused as exc:
        display.say(str(exc))
        return 2
    except (ProgramFailed, PostgresFailed, subprocess.CalledProcessError) as exc:
        display.say(f"\n{exc}\nlogs: {state_folder() / 'run'}")
        return 1
    except KeyboardInterrupt:
        display.say("\nstopped")
        return 130


def _run(arguments: argparse.Namespace, display: Display, stack: contextlib.ExitStack) -> int:
    var = state_folder()
    with display.step("database"):
        stack.enter_context(database.available())
    with display.step("tables, privileges, queues"):
        _manage("provision", "--verbosity", "0")
    with display.step("keys and certificates (development only)"):
        _manage("make_certificates")
        log_vkey = _manage("log_vkey").strip()
    at = programs.addresses(var=var)
    supervisor = stack.enter_context(
        Supervisor(folder=var / "run", working_folder=PROJECT_DIR).watching()
    )
    stack.callback(lambda: database.addresses_file().unlink(missing_ok=True))
    with display.step("witness, time-stamp authority, stand-in for Stripe"):
        witness = programs.witness(at, var=var, log_vkey=log_vkey)
        supervisor.start(witness, programs.tsa(at), programs.stripe(at, var=var))
        witness_vkey = programs.witness_vkey(at)
    environment = programs.service_environment(at, witness_vkey=witness_vkey)
    with display.step("web, sequencer, relay, tasks, gpu_worker"):
        supervisor.start(
            programs.web(at, environment),
            programs.sequencer(environment, var=var),
            programs.relay(environment, var=var),
            programs.tasks(environment, var=var),
            programs.gpu_worker(at, environment, var=var, keys=var / "keys"),
        )
    display.say(f"   ready after {display.total_s():.0f} s at http://{at['web']}")
    if arguments.what == "serve":
        return _serve(display, supervisor, at["web"])
    code = _tell_the_story(arguments, at["web"])
    display.say(f"   total {display.total_s():.0f} s")
    if arguments.serve and code == 0:
        return _serve(display, supervisor, at["web"])
    return code


def _tell_the_story(arguments: argparse.Namespace, web: str) -> int:
    command = [sys.executable, "-m", "script.story", "--url", f"http://{web}"]
    command += ["--out", str(state_folder() / "demo")]
    command += ["--capture", str(arguments.capture.resolve())] if arguments.capture else []
    command += ["--short"] if arguments.short else []
    story = subprocess.Popen(tethered(command), cwd=PROJECT_DIR)
    try:
        return story.wait()
    finally:
        if story.poll() is None:
            story.terminate()
            story.wait(10)


def _serve(display: Display, supervisor: Supervisor, web: str) -> int:
    display.say(
        f"\n   API      http://{web}/api/v1/     schema http://{web}/api/v1/schema"
        f"\n   admin    http://{web}/admin/      log    http://{web}/log/checkpoint"
        f"\n   log-ins  {state_folder() / 'demo' / 'log-ins.txt'} (written by the demo)"
        f"\n   logs     {state_folder() / 'run'}"
        "\n   Ctrl-C stops all of it."
    )
    while not supervisor.broken():
        time.sleep(WATCH_S)
    raise ProgramFailed(
        f"{supervisor.broken()} kept dying:\n{supervisor.last_words(supervisor.broken() or '')}"
    )


def _manage(*words: str) -> str:
    done = subprocess.run(
        [*programs.MANAGE, *words], capture_output=True, text=True, check=False, cwd=PROJECT_DIR
    )
    if done.returncode:
        raise ProgramFailed(f"manage.py {words[0]} failed:\n{done.stderr[-3000:]}")
    return done.stdout


@contextlib.contextmanager
def _only_one() -> Iterator[None]:
    path = state_folder() / "run" / "stack.lock"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackRefused(
                f"another Countersign runs on {state_folder()}: stop it, or set COUNTERSIGN_VAR"
            ) from None
        yield


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ledger.stack")
    commands = parser.add_subparsers(dest="what", required=True)
    commands.add_parser("serve", help="start everything and keep it running")
    demo = commands.add_parser("demo", help="start everything and play the story")
    demo.add_argument("--serve", action="store_true", help="leave it all running afterwards")
    demo.add_argument("--short", action="store_true", help="small and short renders, for CI")
    demo.add_argument("--capture", type=Path, help="your own recording, used for Ben")
    return parser.parse_args()


if __name__ == "__main__":
    if shutil.which("setpriv") is None:
        sys.exit("setpriv (Debian package util-linux) is needed")
    os.umask(0o077)
    sys.exit(main())
