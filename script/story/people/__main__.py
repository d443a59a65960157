"""`python -m script.story.people --person ada --challenge FILE.json --out FILE.mp4`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from script.story.people import PEOPLE, film


def main() -> None:
    """Read the challenge, write the recording."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--person", required=True, choices=sorted(PEOPLE))
    parser.add_argument("--challenge", required=True, type=Path, help="JSON, as the API gives it")
    parser.add_argument("--out", required=True, type=Path, help="the MP4 file to write")
    given = parser.parse_args()
    challenge = json.loads(given.challenge.read_text())
    film(given.person, challenge.get("challenge", challenge), given.out)


if __name__ == "__main__":
    main()
