"""`cirque config`: what it says when there is nothing to show. What it prints of a store is tested in
src/app/config_command_test.cpp, as nothing but the library writes one yet."""

import pytest

from test_validate import cirque


@pytest.mark.parametrize("words", [("history",), ("show", "1"), ("diff", "1", "2")], ids=" ".join)
def test_a_folder_without_history_is_told_by_name(tmp_path, words):
    for place in ({"CIRQUE_STATE_DIR": str(tmp_path)}, {}):
        flags = () if place else ("--state-dir", tmp_path)
        done = cirque("config", *words, *flags, **place)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f"cirque: {tmp_path}: no history is kept there\n"
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_database_is_told_and_left_alone(tmp_path):
    store = tmp_path / "history.db"
    store.write_text("certainly not a database, and long enough to be looked at: " + "x" * 1000)
    before = store.read_bytes()
    done = cirque("config", "history", "--state-dir", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"cirque: {store}: file is not a database\n"
    assert store.read_bytes() == before


@pytest.mark.parametrize(
    "words, message, hint",
    [
        ((), "config needs to know what to do", "cirque config show N"),
        (("histroy",), "config does not know 'histroy'", "did you mean 'cirque config history'?"),
        (("show", "one"), "'one' is not the number of a version", "cirque config history lists them"),
        (("diff", "1"), "config diff takes 2 arguments", "cirque config diff A B"),
    ],
    ids=lambda p: "_".join(p) if isinstance(p, tuple) else None,
)
def test_misuse_is_status_2(words, message, hint):
    done = cirque("config", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr and hint in done.stderr
