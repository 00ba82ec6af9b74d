"""The ground that every measurement stands on: programs built, a network of its own, processes pinned,
started, found serving, and stopped again."""
import contextlib
import http.client
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCES = ROOT / "bench"
BUILD = ROOT / "build" / "bench"

PROXY_CORE = 0  # the proxy has a core for itself
OTHER_CORE = 1  # generator and origin share the other one

ORIGIN_PORT = 23001  # below the range that connections take theirs from
PROXY_PORT = 23000
WARM_MB = 1024   # more than the logs of one run
NETWORK = "CIRQUE_BENCH_NETWORK"  # the variable that says that enter_network() was here
BODIES = {"/100": 100, "/10k": 10 * 1024, "/1m": 1024 * 1024}


def build_programs():
    """Compiles origin, relay and load when their sources are newer."""
    BUILD.mkdir(parents=True, exist_ok=True)
    headers = max(path.stat().st_mtime for path in SOURCES.glob("*.h"))
    for source in SOURCES.glob("*.cpp"):
        program = BUILD / source.stem
        if program.exists() and program.stat().st_mtime > max(headers, source.stat().st_mtime):
            continue
        subprocess.run(["clang++-19", "-std=c++23", "-O2", "-Wall", "-Wextra", source, "-o", program], check=True)


def enter_network(congestion):
    """Runs this program again in a network namespace of its own, where only loopback exists: no port is
    taken, nothing else talks, and one congestion control holds for all, set on the route since nginx
    cannot choose one. Without the right to do so it goes on in the machine's own network."""
    if NETWORK in os.environ:
        return
    unshare = ["unshare", "--net"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
    commands = ["ip link set lo up"]
    if congestion != "system":
        for net in ("127.0.0.1", "127.0.0.0/8"):
            commands.append(f"ip route replace local {net} dev lo table local proto kernel scope host"
                            f" src 127.0.0.1 congctl {congestion}")
    script = " && ".join(commands)
    if subprocess.run([*unshare, "sh", "-c", script], capture_output=True).returncode != 0:
        print("note: no private network here; the machine's own, with its congestion control, is used", file=sys.stderr)
        os.environ[NETWORK] = "shared"
        return
    os.environ[NETWORK] = f"private, {congestion}"
    again = script + ' && exec "$@"'
    os.execvp("unshare", [*unshare, "sh", "-c", again, "sh", sys.executable, *sys.argv])


def raise_descriptor_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


# On a machine with a single core nothing can be pinned apart. Asked before anything is pinned.
CORES_APART = {PROXY_CORE, OTHER_CORE} <= os.sched_getaffinity(0)


def pin(core):
    if CORES_APART:
        os.sched_setaffinity(0, {core})


def on_core(core, command):
    """The command, to be run on that core alone."""
    return ["taskset", "-c", str(core), *map(str, command)] if CORES_APART else list(map(str, command))


@contextlib.contextmanager
def running(command, core, log):
    """The process of `command` on its core; it is stopped, and waited for, at the end."""
    with open(log, "wb") as output:
        process = subprocess.Popen(on_core(core, command), stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield process
    finally:
        stop(process)


def stop(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            for pid in reversed(tree_of(process.pid)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()


def tree_of(pid):
    """The process and all its descendants."""
    pids = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*"):
        with contextlib.suppress(OSError):
            for child in (task / "children").read_text().split():
                pids += tree_of(int(child))
    return pids


def body_of(path):
    """What the origin answers: see origin.cpp."""
    pattern = bytes(ord("a") + i for i in range(23))
    size = BODIES[path]
    return (pattern * (size // 23 + 1))[:size]


def wait_until_serving(port, process, log, patience=60):
    """Waits for the first right answer, then checks that every body arrives byte for byte."""
    limit = time.monotonic() + patience
    while True:
        try:
            fetch(port, "/100")
            break
        except (OSError, http.client.HTTPException) as error:
            if process.poll() is not None or time.monotonic() > limit:
                sys.exit(f"bench: no answer on port {port} ({error}); its log:\n{pathlib.Path(log).read_text()[-2000:]}")
            time.sleep(0.01)
    for path in BODIES:
        if fetch(port, path) != body_of(path):
            sys.exit(f"bench: the body of {path} is not what the origin sent")


def fetch(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise http.client.HTTPException(f"status {answer.status}")
        return body
    finally:
        connection.close()


@contextlib.contextmanager
def origin(work, *arguments, port=ORIGIN_PORT, under=()):
    """The origin, answering; with "all", at every address of the loopback interface. `under` is a tool that starts it."""
    log = work / f"origin-{port}.log"
    with running([*under, BUILD / "origin", port, *arguments], OTHER_CORE, log) as process:
        wait_until_serving(port, process, log)
        yield process


@contextlib.contextmanager
def serving(proxy, work, under=()):
    """A new process of the proxy, answering rightly; `under` is a tool that watches it."""
    folder = work / proxy.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    log = folder / "log"
    with running([*under, *proxy.command(folder, PROXY_PORT, ORIGIN_PORT)], PROXY_CORE, log) as process:
        wait_until_serving(PROXY_PORT, process, log)
        yield process


def load(*arguments):
    """Runs the load generator against the proxy and returns its figures."""
    command = [BUILD / "load", "--port", PROXY_PORT, *arguments]
    answer = subprocess.run(on_core(OTHER_CORE, command), capture_output=True, text=True)
    if answer.returncode != 0:
        sys.exit(f"bench: {' '.join(map(str, command))}\n{answer.stderr}")
    return json.loads(answer.stdout)


def warm_memory(folder):
    """In a virtual machine the first touch of a page costs a fault in the host, which the guest counts as its
    own work. Logs of a run are written to memory that was in use before."""
    warm = folder / "warm"
    with open(warm, "wb") as file:
        for _ in range(WARM_MB):
            file.write(bytes(1 << 20))
    warm.unlink()


@contextlib.contextmanager
def workplace():
    """A folder for configurations, logs and sockets; in memory, so that no disk writes disturb a run."""
    shm = pathlib.Path("/dev/shm")
    folder = (shm if os.access(shm, os.W_OK) else BUILD) / f"cirque-bench-{os.getpid()}"
    folder.mkdir()
    try:
        warm_memory(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
