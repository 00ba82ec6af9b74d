#!/usr/bin/env python3
"""A room may include only rooms below it. The table is the architecture; docs/architecture.md draws it."""
import pathlib
import re
import sys

FLOORS = [                       # lowest first; rooms on one floor do not know each other
    ["base"],
    ["loop"],
    ["net", "http"],
    ["tls"],
    ["h1", "h2", "h3"],
    ["observe"],
    ["route", "cache", "upstream"],
    ["proxy", "filters"],
    ["config"],
    ["control", "acme"],
    ["app"],
]
LEVEL = {room: number for number, floor in enumerate(FLOORS) for room in floor}
ONLY_PUBLIC = {"filters": {"base", "http"}}     # built-in filters prove the public API
FACE = {"app.h", "server.h", "cirque.h"}        # the public face is for those who tell a request's story
FACE_FROM = LEVEL["proxy"]


def refusal(path, included):
    """Why this file must not include that one, or None."""
    folder, name = included.split("/", 1)
    if path.parts[0] == "include":
        return None if folder == "cirque" else f"a public header must not include {folder}/"
    room = path.parts[1]
    if room not in LEVEL:
        return f"{room}/ stands on no floor; say where in tools/check_layers.py"
    if folder == "cirque":
        return f"{room}/ must not include {included}" if name in FACE and LEVEL[room] < FACE_FROM else None
    if folder == room:
        return None
    allowed = folder in ONLY_PUBLIC[room] if room in ONLY_PUBLIC else LEVEL.get(folder, len(FLOORS)) < LEVEL[room]
    return None if allowed else f"{room}/ must not include {folder}/"


def main():
    bad = []
    for path in sorted([*pathlib.Path("src").glob("*/*.[hc]*"), *pathlib.Path("include").glob("cirque/*.h")]):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            # Fakes of the tests may stand on any floor.
            if (m := re.match(r'#include "(\w+/[^"]+)"', line)) and not m[1].startswith(("fakes/", "tests/")):
                if why := refusal(path, m[1]):
                    bad.append(f"{path}:{number}: {why}")
    print("\n".join(bad) or "layers: ok")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
