"""`cirque validate` and the command line, against the real binary."""

import contextlib
import json
import os
import pathlib
import re
import resource
import socket
import subprocess
import tomllib
import urllib.parse

import pytest
import yaml
from lib.util import free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("CIRQUE_BIN", ROOT / "build/release/cirque")).resolve()
CONFIGS = ROOT / "tests/configs"
BROKEN = sorted(p for p in CONFIGS.iterdir() if p.suffix in (".yaml", ".json", ".toml") and ".test." not in p.name)
SHIPPED = sorted(
    p for folder in ("config", "examples") for p in (ROOT / folder).iterdir() if p.suffix in (".yaml", ".json", ".toml")
)

OURS = ("CONFIG_PATH", "WORKER_THREADS", "CIRQUE_LOG", "CIRQUE_STATE_DIR", "RUST_LOG", "CIRQUE_TEST_UNSET")


def cirque(*arguments, cwd=CONFIGS, text=None, preexec=None, **environment):
    env = {k: v for k, v in os.environ.items() if k not in OURS} | environment
    return subprocess.run(
        [str(BIN), *map(str, arguments)], cwd=cwd, env=env, input=text, capture_output=True, text=True, timeout=30,
        preexec_fn=preexec
    )


@pytest.mark.parametrize("config", BROKEN, ids=lambda p: p.name)
def test_what_is_wrong_is_told(config):
    done = cirque("validate", "--elsewhere", config.name)
    golden = config.with_name(config.name + ".txt")
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(done.stderr)
    assert done.stderr == golden.read_text()
    assert done.returncode == (0 if config.name.startswith("warn-") else 1)
    findings = re.findall(r"^\S+?(:\d+:\d+)?: (error|warning) CQ\d{4}: .", done.stderr, re.M)
    assert findings, "no finding"
    located = [place for place, _ in findings if place]
    assert len(located) == len(findings) or config.name in ("empty.yaml", "only-comments.yaml")


def test_there_are_enough_of_them():
    assert len(BROKEN) >= 100


def test_every_code_has_a_configuration_that_shows_it():
    codes = set(re.findall(r"^CQ\d{4}", cirque("help", "codes").stdout, re.M))
    shown = {c for p in CONFIGS.glob("*.txt") for c in re.findall(r" (CQ\d{4}): ", p.read_text())}
    # Shown by test_a_file_that_is_not_there, test_this_machine_is_looked_at, test_sticky and test_certificates.
    assert codes - shown == {"CQ1001", "CQ1510", "CQ1511", "CQ1514", "CQ1425", "CQ1515", "CQ1516",
                              "CQ1517"}


@pytest.mark.parametrize("config", SHIPPED, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_what_we_ship_is_valid(config):
    done = cirque("validate", config)
    assert done.returncode == 0, done.stderr
    text = config.read_text()
    written = tomllib.loads(text) if config.suffix == ".toml" else yaml.safe_load(text)  # JSON is YAML, too
    assert "configuration is valid (" in done.stdout
    for what in ("service", "listener"):
        if what + "s" in written:
            assert f" ({len(written[what + 's'])} {what}" in done.stdout
    assert "error" not in done.stderr


def test_this_machine_is_looked_at(tmp_path):
    """Not in the way: what is free, and a cirque of ours. In the way: others, and what is not ours to have."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        config = tmp_path / "cirque.yaml"
        config.write_text(f"""
listeners:
  - {{name: taken, address: '127.0.0.1:{port}'}}
  - {{name: foreign, address: '203.0.113.77:80'}}
  - {{name: free, address: '127.0.0.1:0'}}
virtual_hosts: [{{hosts: ['*'], routes: [{{respond: {{status: 204}}}}]}}]
metrics: {{enabled: false}}
limits: {{connections: 300}}
logging: {{output: file, path: {tmp_path}/none/a.log, access: {{output: file, path: {tmp_path}}}}}
""")
        done = cirque("validate", config, preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (500, 500)))
        told = re.findall(r":(\d+):\d+: warning (CQ\d+): (.*)", done.stderr)
        assert done.returncode == 0 and [(line, code) for line, code, _ in told] == \
            [("3", "CQ1510"), ("4", "CQ1510"), ("8", "CQ1511"), ("9", "CQ1517"), ("9", "CQ1517")]
        assert "No such file or directory" in told[3][2] and "Is a directory" in told[4][2]
        assert "Address already in use" in told[0][2] and "Cannot assign requested address" in told[1][2]
        assert cirque("validate", "--elsewhere", config).stderr == ""


def holder(address):
    """A configuration with that listener, and operators at an address of its own."""
    return {
        "listeners": [{"name": "web", "address": address}],
        "virtual_hosts": [{"hosts": ["*"], "routes": [{"respond": {"status": 204}}]}],
        "admin": {"listen": f"127.0.0.1:{free_port()}"},
        "metrics": {"listen": f"127.0.0.1:{free_port()}"},
    }


def test_the_cirque_of_another_configuration_is_in_the_way(proxy, tmp_path):
    for address in (f"127.0.0.1:{free_port()}", f"unix:{tmp_path}/web.sock"):
        config = holder(address)
        proxy(config=config)
        mine, other = tmp_path / "mine.yaml", tmp_path / "other.yaml"
        mine.write_text(yaml.safe_dump(config))
        other.write_text(yaml.safe_dump(holder(address)))
        assert cirque("validate", mine).stderr == "", "the one that is to reload it"
        done = cirque("validate", other)
        assert f"CQ1510: {address} cannot be listened on here: Address already in use, and no cirque answers at 127.0" in done.stderr
        other.write_text(yaml.safe_dump(config | {"admin": {"listen": f"127.0.0.1:{free_port()}"}}))
        assert cirque("validate", other).stderr == "", "operators move, and metrics still answer"


def test_sockets_are_looked_at(tmp_path):
    config = tmp_path / "cirque.yaml"

    def told(path):
        config.write_text(yaml.safe_dump(holder(f"unix:{path}")))
        return [line.partition("listened on here: ")[2] for line in cirque("validate", config).stderr.splitlines() if "CQ1510" in line]

    (tmp_path / "file").write_text("")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "left.sock"))
    assert told(tmp_path / "new.sock") == [] and told(tmp_path / "left.sock") == []
    assert told(tmp_path / "none" / "a.sock") == ["No such file or directory"]
    assert told(tmp_path / "file") == ["the path is taken by something else than a socket"]
    with socket.socket(socket.AF_UNIX) as full, contextlib.ExitStack() as fillers:
        full.bind(str(tmp_path / "full.sock"))
        full.listen(0)
        for _ in range(4):
            filler = fillers.enter_context(socket.socket(socket.AF_UNIX))
            filler.setblocking(False)
            filler.connect_ex(str(tmp_path / "full.sock"))
        assert told(tmp_path / "full.sock")[0].startswith("Address already in use")


def test_two_configurations_are_one_too_many():
    for line in (["validate", "empty.yaml", "-c", "no-value.yaml"], ["apply", "-c", "empty.yaml", "--config=no-value.yaml"]):
        done = cirque(*line)
        assert (done.returncode, done.stdout) == (2, "")
        assert "two configurations are named: 'empty.yaml' and 'no-value.yaml'" in done.stderr
    assert cirque("plan", "-c", "empty.yaml", "no-value.yaml").returncode == 2


def test_a_secret_is_shown_by_no_finding():
    for name, word in (("secrets-beside-mistakes.yaml", "UNSPEAKABLE"), ("secrets-that-cannot-be-read.yaml", "UNSPEAKABLE"),
                       ("secrets-in-the-file.yaml", "hunter2")):
        assert word in (CONFIGS / name).read_text()
        for form in ("text", "json", "sarif", "github"):
            done = cirque("validate", "--elsewhere", "--format", form, name)
            assert done.returncode == 1 and done.stdout + done.stderr
            shown = done.stdout + done.stderr
            # What follows a dollar, or names an anchor, is a name and no secret.
            shown = shown.replace("'${NAME UNSPEAKABLE'", "").replace("'&UNSPEAKABLE'", "")
            assert word not in shown


def test_a_variable_fills_a_text_with_whatever_it_has():
    text = """
version: "${BUILD}"
listeners: [{name: '${NAME:-web}', address: '127.0.0.1:${PORT:-8080}'}]
server: {workers: "${WORKERS:-2}"}
virtual_hosts: [{hosts: ['${HOST:-a.example}'], routes: [{pool: "${NAME:-web}"}]}]
pools: [{name: "${NAME:-web}", backends: ['127.0.0.1:3000']}]
"""
    for word in ("20261122", "true", "1e5", "v1.2"):
        done = cirque("validate", "--elsewhere", "-", text=text, BUILD=word, NAME=word, HOST="true")
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        assert yaml.safe_load(cirque("adapt", "-", text=text, BUILD=word).stdout)["version"] == word
    assert "CQ1201" in cirque("validate", "--elsewhere", "-", text=text, BUILD="1", WORKERS="many").stderr
    assert "write '7', in quotes" in cirque("validate", "--elsewhere", "-", text=text.replace('"${BUILD}"', "7")).stderr


def test_the_default_is_the_example_of_the_requirements():
    done = cirque("validate", cwd=ROOT)
    assert done.stdout == "config/default.yaml: configuration is valid (2 services)\n"


def test_the_command_lines_of_the_requirements():
    for line in (["--config", "config/production.yaml", "--validate"], ["--validate"], ["-t"], ["check"]):
        assert cirque(*line, cwd=ROOT).returncode == 0
    assert cirque("--config", "no-upstreams.yaml", "--validate").returncode == 1


def test_run_refuses_what_validate_refuses():
    for line in (["--config", "no-upstreams.yaml"], ["run", "no-upstreams.yaml"], ["--daemon", "-c", "no-upstreams.yaml"]):
        done = cirque(*line)
        assert done.returncode == 1
        assert "Service 'admin-portal' has no defined upstreams." in done.stderr


def test_the_configuration_of_the_environment():
    assert "CQ1402" in cirque("validate", CONFIG_PATH="no-upstreams.yaml").stderr
    assert cirque("validate", ROOT / "config/default.yaml", CONFIG_PATH="no-upstreams.yaml").returncode == 0


def test_no_configuration_at_all(tmp_path):
    if pathlib.Path("/etc/cirque/cirque.yaml").exists():
        pytest.skip("this machine has a configuration")
    done = cirque("validate", cwd=tmp_path)
    assert done.returncode == 1
    assert "neither config/default.yaml nor /etc/cirque/cirque.yaml exists" in done.stderr


def test_a_file_that_is_not_there(tmp_path):
    done = cirque("validate", "nowhere.yaml")
    assert done.returncode == 1
    assert done.stderr.startswith("nowhere.yaml: error CQ1001: cannot be read: No such file or directory\n")
    assert "CQ1001" in cirque("validate", tmp_path).stderr


def test_standard_input_is_a_configuration():
    text = (ROOT / "config/default.yaml").read_text()
    done = cirque("validate", "-", text=text)
    assert (done.returncode, done.stdout) == (0, "<stdin>: configuration is valid (2 services)\n")
    assert "<stdin>:1:1: error CQ1203" in cirque("validate", "-", text="zebra: 1\n" + text).stderr


def test_quiet_says_nothing_when_all_is_well():
    done = cirque("validate", "-q", ROOT / "config/default.yaml")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_environment_expands():
    text = "services: [{name: web, bind_address: '0.0.0.0:${P}', upstreams: ['${B:-127.0.0.1:1}']}]\n"
    assert cirque("validate", "-", text=text, P="8080").returncode == 0
    assert "'0.0.0.0:http' has no port" in cirque("validate", "-", text=text, P="http").stderr
    assert "environment variable P is not set" in cirque("validate", "-", text=text).stderr


@pytest.mark.parametrize(
    "line, message, hint",
    [
        (["validat"], "unknown verb 'validat'", "did you mean 'cirque validate'?"),
        (["site.yaml"], "unknown verb 'site.yaml'", "did you mean 'cirque run site.yaml'?"),
        (["--demon"], "unknown flag '--demon'", "did you mean '--daemon'?"),
        (["--workers", "x"], "--workers cannot be 'x'", "see: cirque --help"),
        (["validate", "--daemon"], "--daemon does not go with validate", "see: cirque --help"),
        (["help", "timeout.drain"], "no help on 'timeout.drain'", "did you mean 'timeouts.drain'?"),
    ],
)
def test_misuse_is_status_2_with_the_nearest(line, message, hint):
    done = cirque(*line)
    assert done.returncode == 2
    assert message in done.stderr and hint in done.stderr
    assert done.stdout == ""


def test_help_and_version_go_to_standard_output():
    for line in (["--version"], ["-V"], ["-v"], ["version"]):
        assert re.fullmatch(r"cirque \d+\.\d+\.\d+\S*\n", cirque(*line).stdout)
    for line in (["--help"], ["-h"], ["help"]):
        done = cirque(*line)
        assert done.returncode == 0 and "Examples:" in done.stdout and "cirque validate" in done.stdout
    assert "did you mean" not in cirque("help", "CQ1203").stderr
    assert cirque("help", "CQ1203").stdout.startswith("CQ1203: an unknown key\n")


def test_the_documentation_is_what_the_binary_prints():
    pages = {
        "docs/configuration.md": ["help", "config", "--markdown"],
        "docs/reasons.md": ["why", "--markdown"],
        "docs/man/cirque.8": ["help", "--man"],
        "docs/man/cirque.yaml.5": ["help", "config", "--man"],
    }
    for path, line in pages.items():
        text = cirque(*line).stdout
        if os.environ.get("UPDATE_GOLDEN"):
            (ROOT / path).write_text(text)
        assert (ROOT / path).read_text() == text, f"make it anew: cirque {' '.join(line)} > {path}"


# --- for programs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", BROKEN, ids=lambda p: p.name)
def test_every_format_tells_the_same_findings(config):
    told = re.findall(r"^(\S+?)(?::(\d+):(\d+))?: (error|warning) (CQ\d{4}): ", cirque("validate", "--elsewhere", config.name).stderr, re.M)
    wanted = [(code, severity, int(line or 0), int(column or 0)) for _, line, column, severity, code in told]
    files = [file for file, *_ in told]
    status = cirque("validate", "--elsewhere", config.name).returncode

    done = cirque("validate", "--elsewhere", "--format", "json", config.name)
    assert (done.returncode, done.stderr) == (status, "")
    findings = json.loads(done.stdout)["findings"]
    assert [(f["code"], f["severity"], f["line"], f["column"]) for f in findings] == wanted
    assert [f["file"] for f in findings] == files and all(f["message"] for f in findings)

    run = json.loads(cirque("validate", "--elsewhere", "--format", "sarif", config.name).stdout)
    assert run["version"] == "2.1.0" and len(run["runs"]) == 1
    results = run["runs"][0]["results"]
    rules = {rule["id"] for rule in run["runs"][0]["tool"]["driver"]["rules"]}
    assert [(r["ruleId"], r["level"]) for r in results] == [(code, severity) for code, severity, _, _ in wanted]
    assert {r["ruleId"] for r in results} == rules
    for result, file, (_, _, line, column) in zip(results, files, wanted):
        [place] = result["locations"]
        assert place["physicalLocation"]["artifactLocation"]["uri"] == urllib.parse.quote(os.path.normpath(file))
        region = place["physicalLocation"].get("region")
        assert region is None if line == 0 else (region["startLine"], region["startColumn"]) == (line, column)
        assert region is None or region["endColumn"] > region["startColumn"] >= 1

    lines = cirque("validate", "--elsewhere", "--format", "github", config.name).stdout.splitlines()
    assert [re.match(r"::(error|warning) file=[^,]+,line=(\d+),col=(\d+),title=(CQ\d{4})::.", line).groups() for line in lines] == \
        [(severity, str(max(line, 1)), str(max(column, 1)), code) for code, severity, line, column in wanted]


def test_a_format_that_there_is_not():
    done = cirque("validate", "--elsewhere", "--format", "xml", "empty.yaml")
    assert done.returncode == 2 and "text, json, sarif or github" in done.stderr


def test_warnings_fail_only_where_that_is_asked_for():
    warned = next(p.name for p in BROKEN if p.name.startswith("warn-"))
    assert [cirque("validate", *flags, warned).returncode for flags in ([], ["--strict"])] == [0, 2]
    broken = next(p.name for p in BROKEN if not p.name.startswith("warn-"))
    assert cirque("validate", "--strict", broken).returncode == 1
    assert cirque("validate", "--strict", SHIPPED[0]).returncode == 0


def test_names_that_need_escaping(tmp_path):
    odd = tmp_path / 'a "b", 100%: c\u00e9.yaml'
    odd.write_text("services: [{name: \"x\\ty\"}]\n")
    assert json.loads(cirque("validate", "--elsewhere", "--format", "json", odd).stdout)["findings"][0]["file"] == str(odd)
    run = json.loads(cirque("validate", "--elsewhere", "--format", "sarif", odd).stdout)
    uri = run["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert urllib.parse.unquote(uri) == str(odd) and re.fullmatch(r"[!-~]+", uri) and '"' not in uri
    first = cirque("validate", "--elsewhere", "--format", "github", odd).stdout.splitlines()[0]
    assert "%2C 100%25%3A c\u00e9.yaml,line=" in first
