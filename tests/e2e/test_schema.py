"""`cirque schema`: what editors are told is neither wider nor narrower than what cirque reads, as far as shape goes."""

import json
import os
import pathlib
import re
import subprocess
import tomllib

import jsonschema
import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("CIRQUE_BIN", ROOT / "build/release/cirque")).resolve()
CONFIGS = ROOT / "tests/configs"
SUFFIXES = (".yaml", ".json", ".toml")
SHIPPED = sorted(p for folder in ("config", "examples") for p in (ROOT / folder).iterdir() if p.suffix in SUFFIXES)
OURS = sorted(p for p in CONFIGS.iterdir() if p.suffix in SUFFIXES)
WRONG_TYPE, MISSING_KEY, UNKNOWN_KEY = "CQ1201", "CQ1202", "CQ1203"


def cirque(*arguments):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("CIRQUE_", "CONFIG_PATH"))}
    return subprocess.run([str(BIN), *map(str, arguments)], cwd=CONFIGS, env=env, capture_output=True, text=True, timeout=30)


SCHEMA = json.loads(cirque("schema").stdout)
CHECK = jsonschema.Draft202012Validator(SCHEMA)


class Yaml12(yaml.SafeLoader):
    """What yaml-language-server reads: `yes`, 010 and 1:30 are texts, which PyYAML thinks are not."""


Yaml12.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("bool", r"true|false", "tf"),
    ("null", r"~|null|", ["~", "n", ""]),
    ("int", r"-?(0|[1-9][0-9]*)", "-0123456789"),
    ("float", r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", "-0123456789"),
    ("merge", r"<<", "<"),
):
    Yaml12.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), list(first))


def parsed(text, suffix):
    if suffix == ".toml":
        return tomllib.loads(text)
    return json.loads(text) if suffix == ".json" else yaml.load(text, Yaml12)


def findings_of(path):
    return json.loads(cirque("validate", "--format", "json", path).stdout)["findings"]


def refused_for_their_shape():
    for path in OURS:
        if ".test." in path.name:
            continue
        findings = findings_of(path.name)
        is_shape = all(f["code"] in (WRONG_TYPE, MISSING_KEY, UNKNOWN_KEY) and f["file"] == path.name for f in findings)
        if findings and is_shape:
            yield path


def names(path):
    return f"{path.parent.name}/{path.name}"


def is_ours(path):
    """The schema is of the canonical language, not of the files of others that load as well."""
    return not {"proxy", "routingTable", "customer_to_placement"} & set(parsed(path.read_text(), path.suffix))


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("config", filter(is_ours, SHIPPED), ids=names)
def test_what_we_ship_fits(config):
    CHECK.validate(parsed(config.read_text(), config.suffix))


@pytest.mark.parametrize("config", SHIPPED, ids=names)
def test_the_canonical_form_fits_in_every_language(config):
    for language in ("yaml", "toml", "json"):
        CHECK.validate(parsed(cirque("adapt", config, "--to", language).stdout, f".{language}"))


def test_whatever_is_valid_fits():
    valid = [path for path in OURS if ".test." not in path.name and cirque("validate", path.name).returncode == 0]
    assert valid
    for path in filter(is_ours, valid):
        assert CHECK.is_valid(parsed(path.read_text(), path.suffix)), path.name


REFUSED = list(refused_for_their_shape())


def test_there_are_enough_of_them():
    assert len(REFUSED) >= 25


@pytest.mark.parametrize("config", REFUSED, ids=lambda p: p.name)
def test_what_has_the_wrong_shape_is_refused(config):
    assert not CHECK.is_valid(parsed(config.read_text(), config.suffix))


def subschemas(schema, path=""):
    yield path, schema
    for key, child in schema.get("properties", {}).items():
        yield from subschemas(child, f"{path}.{key}")
    if "items" in schema:
        yield from subschemas(schema["items"], f"{path}[]")


def test_every_default_fits_its_own_key():
    checked = 0
    for path, schema in subschemas(SCHEMA):
        if "default" not in schema:
            continue
        own = jsonschema.Draft202012Validator(schema | {"$defs": SCHEMA["$defs"]})
        assert own.is_valid(schema["default"]), path
        checked += 1
    assert checked > 40


def test_every_key_of_the_documentation_is_in_it_with_its_description():
    paths = {}
    for path, schema in subschemas(SCHEMA):
        paths.setdefault(path.replace("[]", "").lstrip("."), schema)  # a list comes before its items
    group, documented = None, 0
    for line in (ROOT / "docs/configuration.md").read_text().splitlines():
        if heading := re.match(r"## `(.+)`$", line):
            group = heading[1].replace("[]", "")
            assert group in paths
        elif group and (row := re.match(r"\| `(\w+)` \|", line)):
            assert paths[f"{group}.{row[1]}"]["description"]
            documented += 1
    assert documented > 100


@pytest.mark.parametrize(
    "text, fits",
    [
        ("timeouts: {drain: 1m30s}", True),
        ("timeouts: {drain: 30}", False),
        ("timeouts: {drain: 30 s}", False),
        ("timeouts: {drain: ''}", False),
        ("timeouts: {drain: 1s1m}", False),
        ("timeouts: {drain: '${DRAIN}'}", True),
        ("timeouts:", True),
        ("limits: {head_bytes: 8k}", True),
        ("limits: {head_bytes: 8192}", True),
        ("limits: {head_bytes: 8kb}", False),
        ("limits: {head_bytes: 1}", False),
        ("server: {workers: 4}", True),
        ("server: {workers: '4'}", False),
        ("server: {workers: '${N:-4}'}", True),
        ("server: {workers: 2000}", False),
        ("server: {pin_workers: yes}", False),
        ("logging: {level: warn}", True),
        ("logging: {level: warning}", False),
        ("include: conf.d", True),
        ("include: [conf.d/*.yaml, more]", True),
        ("include: {a: b}", False),
        ("listeners: []", False),
        ("listeners: [{name: web, address: '0.0.0.0:80'}]", True),
        ("listeners: [{name: web, address: 80}]", False),
        ("listeners: [{name: web, address: 0.0.0.0}]", False),
        ("routing_tables: [{name: t, keys: {a: b}, default: c}]", True),
        ("routing_tables: [{name: t, keys: {a: 1}, default: c}]", False),
        ("server: {trusted_proxies: ['10.0.0.0/8', '::1']}", True),
        ("server: {trusted_proxies: ['10.*']}", False),
    ],
)
def test_single_values(text, fits):
    assert CHECK.is_valid(yaml.load(text, Yaml12)) == fits


def test_the_verb_takes_no_file():
    assert cirque("schema", "site.yaml").returncode == 2
    assert "too many" in cirque("schema", "site.yaml").stderr
