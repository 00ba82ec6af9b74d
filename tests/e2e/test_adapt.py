"""`cirque adapt`: the canonical form of every configuration that we have, from and to every language."""

import json
import os
import pathlib
import subprocess
import tomllib

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("CIRQUE_BIN", ROOT / "build/release/cirque")).resolve()
CONFIGS = ROOT / "tests/configs"
LANGUAGES = ("yaml", "toml", "json")
FILES = sorted(
    path
    for folder in ("config", "examples", "tests/configs")
    for path in (ROOT / folder).iterdir()
    if path.suffix in (".yaml", ".json", ".toml") and ".test." not in path.name
)
OURS = ("CONFIG_PATH", "WORKER_THREADS", "CIRQUE_LOG", "RUST_LOG", "CIRQUE_TEST_UNSET")


def cirque(*arguments, text=None, **environment):
    env = {k: v for k, v in os.environ.items() if k not in OURS} | environment
    return subprocess.run(
        [str(BIN), *map(str, arguments)], cwd=CONFIGS, env=env, input=text, capture_output=True, text=True, timeout=30
    )


def adapted(path, language="yaml"):
    done = cirque("adapt", path, "--to", language)
    assert done.returncode == 0, done.stderr
    return done.stdout


def saved(folder, text, language):
    path = folder / f"adapted.{language}"
    path.write_text(text)
    return path


def parsed(text, language):
    return {"yaml": yaml.safe_load, "toml": tomllib.loads, "json": json.loads}[language](text)


@pytest.mark.parametrize("config", FILES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_the_canonical_form_is_its_own(config, tmp_path):
    verdict = cirque("validate", "--elsewhere", config)  # adapt does not look at this machine either
    first = cirque("adapt", config)
    if verdict.returncode != 0:
        assert (first.returncode, first.stdout) == (1, "")
        assert first.stderr == verdict.stderr + verdict.stdout
        return
    assert first.stderr == verdict.stderr, "the same warnings"
    forms = {language: adapted(config, language) for language in LANGUAGES}
    assert forms["yaml"] == first.stdout
    for written, text in forms.items():
        path = saved(tmp_path, text, written)
        for language in LANGUAGES:
            assert adapted(path, language) == forms[language], f"{written} to {language}"
    # What others read in it is what we do.
    trees = [parsed(text, language) for language, text in forms.items()]
    assert trees[0] == trees[1] == trees[2]
    assert "services" not in trees[0] and "include" not in trees[0]


def test_some_of_them_are_valid():
    assert sum(cirque("validate", path).returncode == 0 for path in FILES) >= 15


def test_once_around_all_languages(tmp_path):
    path = ROOT / "examples/virtual-hosts.yaml"
    first = adapted(path)
    for language in ("toml", "json", "yaml"):
        path = saved(tmp_path, adapted(path, language), language)
    assert path.read_text() == first


def test_the_canonical_form_decides_as_the_original(tmp_path):
    original = ROOT / "examples/virtual-hosts.yaml"
    path = saved(tmp_path, adapted(original, "toml"), "toml")
    assert cirque("test", path).stdout == cirque("test", original).stdout == "5 passed, 0 failed\n"
    for url in ("http://shop.example.com/api/cart", "http://x.shop.example.com/basket?id=7", "http://nobody/"):
        explained = [cirque("explain", "-c", config, url) for config in (path, original)]
        assert explained[0].stdout == explained[1].stdout
        assert explained[0].returncode == explained[1].returncode


def test_includes_and_the_environment_are_gone(tmp_path):
    (tmp_path / "site.yaml").write_text("include: conf.d\ntimeouts: {drain: '${DRAIN:-90s}'}\n")
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/a.toml").write_text(
        '[[services]]\nname = "a"\nbind_address = "127.0.0.1:80"\nupstreams = ["${BACKEND}"]\n'
    )
    done = cirque("adapt", tmp_path / "site.yaml", BACKEND="10.0.0.1:80")
    assert done.returncode == 0
    tree = yaml.safe_load(done.stdout)
    checked = {"timeout": "500ms", "interval": "5s", "unhealthy_threshold": 1, "healthy_threshold": 1}
    assert tree["pools"] == [{"name": "a", "backends": ["10.0.0.1:80"], "health_check": checked}]  # as services are
    assert tree["timeouts"] == {"drain": "90s"}
    assert cirque("adapt", tmp_path / "conf.d", BACKEND="10.0.0.1:80").stdout == done.stdout.split("\ntimeouts:")[0]


def test_a_variable_that_is_meant_as_a_text_stays_one(tmp_path):
    text = "services: [{name: '$${A}', bind_address: '127.0.0.1:80', upstreams: ['127.0.0.1:81']}]\n"
    done = cirque("adapt", "-", text=text)
    assert yaml.safe_load(done.stdout)["pools"][0]["name"] == "$${A}"
    assert cirque("adapt", saved(tmp_path, done.stdout, "yaml"), A="x").stdout == done.stdout


def test_sections_have_room_between_them():
    text = adapted(ROOT / "examples/virtual-hosts.yaml")
    sections = [line for line in text.splitlines() if line and line[0] not in " -"]
    assert text.count("\n\n") == len(sections) - 1 > 3


def test_a_language_that_there_is_not():
    done = cirque("adapt", "--to", "xml", ROOT / "config/default.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert "yaml, toml or json" in done.stderr
    assert cirque("validate", "--to", "json", ROOT / "config/default.yaml").returncode == 2


def test_warnings_are_told_beside_the_form():
    done = cirque("adapt", "warn-open-metrics.yaml")
    assert done.returncode == 0 and "CQ1501" in done.stderr and "CQ1501" not in done.stdout
