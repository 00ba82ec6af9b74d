#!/usr/bin/env python3
"""Every requirement that docs/acceptance.tsv claims to hold names tests, and each of those tests exists.

A line is: id, TAB, tests with commas between them. A test is tests/e2e/test_x.py::test_name or
unit:"test case name"; lines that begin with # and empty lines say nothing.
"""
import ast
import functools
import pathlib
import re
import sys

TABLE = pathlib.Path("docs/acceptance.tsv")
TEST = re.compile(r'\s*(?:unit:"((?:[^"\\]|\\.)*)"|([^\s,":]+\.py)::([\w:]+)(?:\[[^\]]*\])?)\s*(?:,|$)')


@functools.cache
def unit_cases():
    """The names of all doctest cases; a name may be written as adjacent string literals."""
    names = set()
    for path in pathlib.Path("src").glob("**/*_test.cpp"):
        for case in re.finditer(r'\bTEST_CASE(?:_FIXTURE|_TEMPLATE)?\(\s*(?:\w+\s*,\s*)?((?:"(?:[^"\\]|\\.)*"\s*)+)', path.read_text()):
            names.add("".join(re.findall(r'"((?:[^"\\]|\\.)*)"', case[1])))
    return names


@functools.cache
def python_tests(path):
    """The tests of a file, as test_name or Class::test_name; None when there is no such file."""
    if not pathlib.Path(path).is_file():
        return None
    found = set()
    for node in ast.parse(pathlib.Path(path).read_text()).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found.update(f"{node.name}::{inner.name}" for inner in node.body
                         if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef)))
    return found


def complaints(tests):
    at = 0
    while at < len(tests):
        m = TEST.match(tests, at)
        if not m:
            yield f"cannot read {tests[at:]!r}; a test is PATH.py::test_name or unit:\"name\""
            return
        at = m.end()
        case, path, name = m.groups()
        if case is not None and case not in unit_cases():
            yield f'no TEST_CASE("{case}")'
        elif path is not None and python_tests(path) is None:
            yield f"no file {path}"
        elif path is not None and name not in python_tests(path):
            yield f"no {name} in {path}"


def main():
    if not TABLE.is_file():
        sys.exit(f"{TABLE}: missing")
    bad, seen = [], {}
    for number, line in enumerate(TABLE.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, tests = line.partition("\t")
        if not tests.strip():
            bad.append(f"{TABLE}:{number}: {name}: names no test")
        if name in seen:
            bad.append(f"{TABLE}:{number}: {name}: is on line {seen[name]} already")
        seen[name] = number
        bad += [f"{TABLE}:{number}: {name}: {why}" for why in complaints(tests)]
    print("\n".join(bad) or f"acceptance: ok ({len(seen)} requirements)")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
