#!/usr/bin/env python3
"""Small habits of this house: a header, or a source without one, begins by saying what it is; a test
waits for a condition, never for the clock; every reason slug is one that the table explains, and the table
explains none that the code does not know."""
import pathlib
import re
import sys

SOURCES = [("include", "*.h"), ("src", "*.h"), ("src", "*.cpp"), ("bench", "*.h"), ("bench", "*.cpp"),
           ("examples", "*.cpp"), ("tests", "*.h"), ("tests", "*.cpp")]
PUBLIC = pathlib.Path("include/cirque")
SLEEP = re.compile(r"\b(?:time\.sleep|sleep_for|sleep_until|usleep|nanosleep|asyncio\.sleep)\s*\(\s*(?!0\s*\))")
# Where slugs are made: up to the end of the statement, as they are chosen there and wrapped.
REASON = re.compile(r"[rR]eason\s*=(?!=)|[sS]lugs\{|\b(?:refuse|too_large|record)\("
                    r"|\b(?:refused|reasons|failures)\.add\(")
SLUG = re.compile(r'"([a-z][a-z0-9_]*)"')
REASONS = pathlib.Path("src/observe/reasons.cpp")
KNOWN = set(re.findall(r'Reason\{\s*"([a-z0-9_]+)"', REASONS.read_text()))


def unknown_reasons(path):
    """Slugs in the code of a source that the table of reasons does not have."""
    text = path.read_text()
    for place in REASON.finditer(text):
        statement = re.compile("[^;}]*").match(text, place.end())
        for slug in SLUG.finditer(text, *statement.span()):
            if slug[1] not in KNOWN:
                number = text.count("\n", 0, slug.start()) + 1
                yield f"{path}:{number}: reason '{slug[1]}' is not in {REASONS}"


def forgotten_reasons(sources):
    """Slugs of the table that no source has."""
    there = set().union(*(SLUG.findall(path.read_text()) for path in sources if path != REASONS))
    for slug in sorted(KNOWN - there):
        yield f"{REASONS}:1: reason '{slug}' is explained, but nothing ends with it"


def says_what_it_is(path):
    lines = [line for line in path.read_text().splitlines()[:3] if line != "#pragma once"]
    headers = (path.with_suffix(".h"), PUBLIC / path.with_suffix(".h").name)
    told_elsewhere = path.suffix == ".cpp" and any(header.exists() for header in headers)
    return told_elsewhere or path.name.endswith("_test.cpp") or bool(lines) and lines[0].startswith("//")


def main():
    bad = []
    for folder, pattern in SOURCES:
        for path in sorted(pathlib.Path(folder).rglob(pattern)):
            if not says_what_it_is(path):
                bad.append(f"{path}:1: begins without a comment that says what it is")
    sources = [path for path in sorted([*pathlib.Path("src").rglob("*.cpp"), *pathlib.Path("src").rglob("*.h"),
                                        *pathlib.Path("include").rglob("*.h")]) if not path.name.endswith("_test.cpp")]
    for path in sources:
        bad.extend(unknown_reasons(path))
    bad.extend(forgotten_reasons(sources))
    tests = [*pathlib.Path("tests").rglob("*.py"), *pathlib.Path("tests").rglob("*.cpp"), *pathlib.Path("src").rglob("*_test.cpp")]
    for path in sorted(tests):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            # What polls for a condition waits between two looks, and says so on that line.
            if SLEEP.search(line) and "between two looks" not in line:
                bad.append(f"{path}:{number}: sleeps; wait for a condition instead")
    print("\n".join(bad) or "habits: ok")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
