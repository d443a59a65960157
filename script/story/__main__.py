"""Play the story against a running Countersign: `python -m script.story --url URL --out FOLDER`.

Exit status 0 only if every step came out as told; `summary.json` says how each did, either way.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from script.story.plot import Plot
from script.story.runner import Runner, StepFailed


def main() -> int:
    """Run the plot and write the summary."""
    parser = argparse.ArgumentParser(prog="python -m script.story")
    parser.add_argument("--url", required=True, help="where the service answers")
    parser.add_argument("--out", type=Path, required=True, help="what the story leaves behind")
    parser.add_argument("--capture", type=Path, help="your own recording, used for Ben")
    parser.add_argument("--short", action="store_true", help="small and short renders")
    arguments = parser.parse_args()
    out: Path = arguments.out.resolve()
    for old in ("log", "proofs", "captures"):
        shutil.rmtree(out / old, ignore_errors=True)
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    runner = Runner()
    try:
        plot = Plot(url=arguments.url, out=out, short=arguments.short, capture=arguments.capture)
        plot.run(runner)
    except StepFailed:
        return 1
    finally:
        runner.write(out / "summary.json")
    summary = runner.summary()
    print(f"   the story took {summary['seconds']:.0f} s; see {out}")
    return 0 if summary["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
