"""Certificates and keys that a configuration names are looked over with it."""
import contextlib
import datetime
import os
import pty
import re
import select
import subprocess

import pytest
from lib import pki
from lib.proxy import BINARY, cirque
from lib.util import PATIENCE, eventually

FILE = """\
listeners: [{name: web, address: '127.0.0.1:8080'}]
virtual_hosts: [{hosts: ['*'], routes: [{respond: {status: 200}}]}]
certificates:
  - name: example
    certificate: site.pem
    key: site.key
    hosts: [%s]
"""
DOMAINS = """\
[proxy]
listen_addr = "127.0.0.1:8443"
management_api_addr = "127.0.0.1:8081"
[[virtual_hosts]]
domain = "a.example"
enabled_backends_tag = "a"
tls_enabled = true
[virtual_hosts.certificate_source]
type = "file"
cert_path = "site.pem"
key_path = "site.key"
[[backends]]
id = "b"
address = "127.0.0.1:3001"
tags = ["a"]
"""
ALWAYS = [(5, "CQ1509")]  # TLS is not served yet


@pytest.fixture
def site(tmp_path):
    """site(key=..., certificate=..., hosts=...): the verdict on a configuration with these files."""
    mine = pki.make_key()
    files = {"site.key": pki.key_pem(mine), "site.pem": pki.certificate_pem(mine, "a.example", "*.b.example", "any.c.example", "10.0.0.1", "fd00::1")}

    def check(key=None, certificate=None, hosts="a.example", text=None, mode=0o600):
        for name, content in {**files, **({"site.key": key} if key is not None else {}),
                              **({"site.pem": certificate} if certificate is not None else {})}.items():
            (tmp_path / name).write_bytes(content)
            (tmp_path / name).chmod(mode)
        path = tmp_path / ("c.toml" if text else "c.yaml")
        path.write_text(text or FILE % hosts)
        return cirque("validate", "--elsewhere", path)
    check.key, check.folder = mine, tmp_path
    return check


def findings(done):
    return [(int(line), code) for line, code in re.findall(r"^\S+?:(\d+):\d+: \w+ (CQ\d+)", done.stderr, re.M)]


def test_a_certificate_and_its_key(site):
    done = site(hosts="a.example, A.Example, '*.b.example', c.b.example, 10.0.0.1, '[fd00::1]'")
    assert (done.returncode, findings(done)) == (0, ALWAYS)


def test_a_key_of_another_kind(site):
    key = pki.make_key("rsa")
    assert findings(site(key=pki.key_pem(key), certificate=pki.certificate_pem(key, "a.example"))) == ALWAYS


def test_one_file_may_have_both(site):
    both = pki.key_pem(site.key) + pki.certificate_pem(site.key, "a.example")
    assert findings(site(key=both, certificate=both)) == ALWAYS


def test_the_servers_own_comes_first(site):
    other = pki.certificate_pem(pki.make_key(), "ca.example")
    own = pki.certificate_pem(site.key, "a.example")
    assert findings(site(certificate=own + other)) == ALWAYS
    done = site(certificate=other + own)
    assert done.returncode == 1 and (6, "CQ1425") in findings(done) and (7, "CQ1516") in findings(done)
    assert "the key in 'site.key' is not that of the first certificate in 'site.pem'" in done.stderr


@pytest.mark.parametrize("name, line, code", [("site.pem", 5, "CQ1423"), ("site.key", 6, "CQ1424")])
@pytest.mark.parametrize("spoil, what", [
    (lambda path: path.unlink(), "cannot be read: No such file or directory"),
    (lambda path: (path.unlink(), path.mkdir()), "cannot be read: Is a directory"),
    (lambda path: path.write_text("hello\n"), "there is no "),
    (lambda path: path.write_text(""), "there is no "),
    (lambda path: path.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "there is no "),
    (lambda path: path.write_text(path.read_text()[:-40]), "there is no "),
    (lambda path: path.write_bytes(b"x" * 300_000), "is too large for a "),
    (lambda path: (path.unlink(), os.mkfifo(path, 0o600)), "there is no "),
])
def test_a_file_that_cannot_be_used(site, name, line, code, spoil, what):
    site()
    spoil(site.folder / name)
    done = cirque("validate", "--elsewhere", site.folder / "c.yaml")
    assert done.returncode == 1 and findings(done) == sorted(ALWAYS + [(line, code)]), done.stderr
    assert what in done.stderr and f": {name}\n" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_file_that_may_not_be_read(site):
    site()
    for part in (site.folder, site.folder.parent, site.folder.parent.parent, site.folder.parent.parent.parent):
        part.chmod(part.stat().st_mode | 0o055)
    (site.folder / "c.yaml").chmod(0o644)
    done = subprocess.run([BINARY, "validate", "--elsewhere", site.folder / "c.yaml"], capture_output=True, text=True,
                          timeout=PATIENCE, user="nobody")
    assert sorted(findings(done)) == [(5, "CQ1423"), (5, "CQ1509"), (6, "CQ1424")], done.stderr
    assert done.stderr.count("Permission denied") == 2


def test_nobody_is_asked_for_a_passphrase(site):
    done = site(key=pki.key_pem(site.key, b"secret"))
    assert done.returncode == 1 and (6, "CQ1424") in findings(done)
    assert "the key in 'site.key' is encrypted" in done.stderr


@pytest.mark.parametrize("name", ["site.pem", "site.key"])
def test_not_even_at_a_terminal(site, name):
    """libcrypto asks there of itself, also for a certificate that says that it is encrypted."""
    site()
    encrypted = site.key.private_bytes(pki.PEM, pki.TRADITIONAL, pki.passphrase(b"secret")).decode()
    (site.folder / name).write_text(encrypted.replace("EC PRIVATE KEY", "CERTIFICATE") if name == "site.pem" else encrypted)
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(BINARY, [str(BINARY), "validate", "--elsewhere", str(site.folder / "c.yaml")])
    told = b""
    with contextlib.suppress(OSError):  # its end, for a terminal
        while select.select([terminal], [], [], PATIENCE)[0] and (piece := os.read(terminal, 4096)):
            told += piece
    os.close(terminal)  # who still asks is hung up on
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1, told
    assert b"pass phrase" not in told and (b"CQ1423" if name == "site.pem" else b"CQ1424") in told


@pytest.mark.parametrize("rest", ["-----BEGIN CERTIFICATE-----\nMIIB", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_chain_that_is_broken(site, rest):
    own = pki.certificate_pem(site.key, "a.example")
    assert findings(site(certificate=own + b"\nsome words\n" + pki.certificate_pem(site.key, "ca.example"))) == ALWAYS
    done = site(certificate=own + rest.encode())
    assert done.returncode == 1 and sorted(findings(done)) == [(5, "CQ1423"), *ALWAYS]
    assert "what follows the first certificate in 'site.pem' is broken" in done.stderr


def test_a_key_that_stands_where_its_path_should_is_not_shown(site):
    site()
    secret = pki.key_pem(site.key).decode().splitlines()[1]
    for what in ("key", "certificate"):
        text = (FILE % "a.example").replace(f"{what}: site.{'key' if what == 'key' else 'pem'}", f"{what}: '${{TLS_SECRET}}'")
        (site.folder / "c.yaml").write_text(text)
        value = secret if what == "key" else "-----BEGIN PRIVATE KEY----- " + secret
        done = subprocess.run([BINARY, "validate", "--elsewhere", site.folder / "c.yaml"], capture_output=True, text=True,
                              timeout=PATIENCE, env={**os.environ, "TLS_SECRET": value})
        assert done.returncode == 1 and secret not in done.stderr + done.stdout and "cannot be read" in done.stderr


def test_a_key_of_another_certificate(site):
    done = site(key=pki.key_pem(pki.make_key()))
    assert done.returncode == 1 and findings(done) == [*ALWAYS, (6, "CQ1425")]


def test_a_key_that_everybody_may_read(site):
    done = site(mode=0o644)
    assert done.returncode == 0 and findings(done) == [*ALWAYS, (6, "CQ1514")]


@pytest.mark.parametrize("begins, ends, what", [(-30, -1, "expired on"), (10, 20, "is not valid before")])
def test_a_certificate_whose_time_it_is_not(site, begins, ends, what):
    done = site(certificate=pki.certificate_pem(site.key, "a.example", begins=begins, ends=ends))
    assert done.returncode == 0 and sorted(findings(done)) == [*ALWAYS, (5, "CQ1515")], done.stderr
    day = datetime.datetime.utcnow() + (ends if ends < 0 else begins) * pki.DAY
    assert f"the certificate in 'site.pem' {what} {day:%Y-%m-%d}" in done.stderr
    strict = cirque("validate", "--elsewhere", "--strict", site.folder / "c.yaml")
    assert strict.returncode == 2


@pytest.mark.parametrize("host", ["b.example", "x.a.example", "'*.a.example'", "c.d.b.example", "10.0.0.2", "test", "'*.c.example'",
                                  ".example", "'[fd00::2]'"])
def test_a_certificate_for_others(site, host):
    """`test` is its common name, which nobody looks at any more."""
    done = site(hosts=f"a.example, {host}")
    assert done.returncode == 0 and findings(done) == [*ALWAYS, (7, "CQ1516")], done.stderr
    name = host.strip("'")
    assert f"the certificate in 'site.pem' is not for {name}" in done.stderr


def test_two_of_one_name(site):
    site()
    path = site.folder / "c.yaml"
    text = path.read_text()
    path.write_text(text + text.partition("certificates:\n")[2])
    done = cirque("validate", "--elsewhere", path)
    assert done.returncode == 1 and (8, "CQ1409") in findings(done)
    assert "two certificates are called 'example'; the first is" in done.stderr


def test_files_of_domains_have_them_too(site):
    """tls_enabled is refused until TLS is there; what is wrong with its files is told with it."""
    done = site(text=DOMAINS)
    assert findings(done) == [(7, "CQ1417")]
    (site.folder / "site.pem").unlink()
    done = cirque("validate", "--elsewhere", site.folder / "c.toml")
    assert findings(done) == [(7, "CQ1417"), (10, "CQ1423")]
    assert "Domain a.example has tls_enabled=true but certificate file does not exist: site.pem" in done.stderr
    done = site(text=DOMAINS, certificate=pki.certificate_pem(site.key, "b.example", begins=-3, ends=-1))
    assert sorted(findings(done)) == [(5, "CQ1516"), (7, "CQ1417"), (10, "CQ1515")]


def test_paths_are_those_of_the_main_file_in_the_canonical_form(site):
    """Each starts at the folder of the file that it stands in, and that is one file now."""
    site()
    (site.folder / "conf.d/keys").mkdir(parents=True)
    for name in ("site.pem", "site.key"):
        (site.folder / name).replace(site.folder / "conf.d" / name)
    (site.folder / "conf.d/keys/sticky").write_text("a key that is long enough\n")
    (site.folder / "conf.d/keys/sticky").chmod(0o600)
    main = "\n".join((FILE % "a.example").splitlines()[:2]).replace("{respond: {status: 200}}", "{pool: p}")
    (site.folder / "main.yaml").write_text(f"include: conf.d/tls.yaml\n{main}\n")
    (site.folder / "conf.d/tls.yaml").write_text(
        "pools: [{name: p, backends: ['10.0.0.1:80', '10.0.0.2:80'], sticky: {cookie: c, keys: ['file:keys/sticky']}}]\n" +
        "\n".join((FILE % "a.example").splitlines()[2:]) + "\n")
    adapted = cirque("adapt", site.folder / "main.yaml")
    assert adapted.returncode == 0, adapted.stderr
    for path in ("certificate: conf.d/site.pem", "key: conf.d/site.key", "file:conf.d/keys/sticky"):
        assert path in adapted.stdout
    (site.folder / "adapted.yaml").write_text(adapted.stdout)
    assert cirque("validate", "--elsewhere", site.folder / "adapted.yaml").returncode == 0
    assert cirque("adapt", site.folder / "adapted.yaml").stdout == adapted.stdout


def test_a_renewed_certificate_is_noticed(site, proxy, tmp_path):
    """The files are watched with the configuration; a bad one leaves the old configuration as it is."""
    site()
    pair = {"name": "example", "certificate": str(tmp_path / "site.pem"), "key": str(tmp_path / "site.key")}
    front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}], server={"watch_config": True},
                  virtual_hosts=[{"hosts": ["*"], "routes": [{"respond": {"status": 200}}]}], certificates=[pair])
    fresh = tmp_path / "fresh.pem"
    fresh.write_bytes(pki.certificate_pem(pki.make_key(), "a.example"))
    fresh.replace(tmp_path / "site.pem")
    front.tells("CQ1425", "the new configuration is not used")
    fresh.write_bytes(pki.certificate_pem(site.key, "a.example"))
    fresh.replace(tmp_path / "site.pem")
    eventually(lambda: front.metric("config_reloads_total", result="success") == 1)


def test_no_key_is_in_what_is_told_or_kept(site, proxy, tmp_path):
    site()
    secret = pki.key_pem(site.key).decode().splitlines()[1]
    pair = {"name": "example", "certificate": str(tmp_path / "site.pem"), "key": str(tmp_path / "site.key")}
    front = proxy({}, listeners=[{"name": "web", "address": "127.0.0.1:0"}],
                  server={"state_dir": str(tmp_path / "state")},
                  virtual_hosts=[{"hosts": ["*"], "routes": [{"respond": {"status": 200}}]}], certificates=[pair])
    assert front.reload(front.config)
    told = front.admin("/debug/config")[1] + cirque("adapt", front.config_path).stdout + front.stderr
    assert "BEGIN" not in told and secret not in told
    for file in (tmp_path / "state").iterdir():
        assert secret.encode() not in file.read_bytes()
