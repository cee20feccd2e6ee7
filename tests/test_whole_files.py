"""Files are whole or not there, whatever becomes of the process that writes them."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from causal_lpm import whole_files
from causal_lpm.whole_files import (
    WriteError,
    check_folder,
    clear_leftovers,
    holds_nothing,
    leftovers,
    temporary_of,
    write_new,
    write_whole,
)

KILLED = """
import importlib.util, os, sys, pathlib
spec = importlib.util.spec_from_file_location("whole_files", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.write_whole(pathlib.Path(sys.argv[2]), lambda path: (path.write_text("half"), os.kill(os.getpid(), 9)))
"""


def killed_while_writing(path: Path) -> Path:
    """What a process leaves that is killed while it writes `path`; the module needs nothing but Python."""
    command = [sys.executable, "-c", KILLED, whole_files.__file__, str(path)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    (left,) = (file for file in path.parent.iterdir() if file.name.startswith("."))
    return left


def test_a_killed_process_leaves_a_temporary_that_the_next_one_clears(tmp_path: Path) -> None:
    file = tmp_path / "manifest.json"
    left = killed_while_writing(file)
    assert not file.exists()
    assert left.read_text() == "half"
    assert holds_nothing(tmp_path, r"manifest\.json")
    assert not holds_nothing(tmp_path, r"results\.nc")
    write_whole(file, lambda path: path.write_text("whole"))
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def ended() -> int:
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    return process.pid


def test_only_temporaries_of_ended_processes_and_of_these_files_are_cleared(tmp_path: Path) -> None:
    own, dead = temporary_of(tmp_path / "0001.npz"), ended()
    here = own.name.split(".")[2].split("-")[0]
    stays = [
        own.name,  # another thread may be at it
        f".0002.{here}-{os.getppid()}-7.npz",  # a process that runs
        f".0003.00000000-{dead}-7.npz",  # of another machine, whose processes nobody here can ask for
        f".notes.{dead}.npz",
        "0004.npz",
        ".0005.npz",
    ]
    goes = [f".0006.{here}-{dead}-7.npz", f".0007.{dead}.npz", ".0008.00000000-1-7.npz"]  # the second as it was before
    for name in (*stays, *goes):
        (tmp_path / name).touch()
    os.utime(tmp_path / goes[2], (0, time.time() - 2 * 86_400))  # nobody writes for two days
    assert {path.name for path in leftovers(tmp_path, r"\d+\.npz")} == set(goes)
    clear_leftovers(tmp_path, r"\d+\.npz")
    assert {path.name for path in tmp_path.iterdir()} == set(stays)


def test_of_two_who_write_a_new_file_at_once_one_succeeds(tmp_path: Path) -> None:
    file, barrier, outcomes = tmp_path / "manifest.json", threading.Barrier(8), []

    def run(number: int) -> None:
        def write(path: Path) -> None:
            path.write_text(str(number) * 1000)
            barrier.wait(10)  # all have written, none is in its place

        try:
            write_new(file, write)
            outcomes.append(number)
        except FileExistsError:
            pass

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = outcomes
    assert file.read_text() == str(winner) * 1000
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_a_new_file_is_exclusive_also_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    write_new(tmp_path / "a", lambda path: path.write_text("first"))
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "a", lambda path: path.write_text("second"))
    assert (tmp_path / "a").read_text() == "first"


@pytest.mark.parametrize("number", [28, 27, 122])  # no space, too large, quota
def test_what_cannot_be_written_is_one_sentence_and_changes_nothing(tmp_path: Path, number: int) -> None:
    file = tmp_path / "results.nc"
    file.write_text("before")

    def write(path: Path) -> None:
        path.write_text("half")
        raise OSError(number, os.strerror(number), str(path))

    with pytest.raises(WriteError, match=rf"results\.nc could not be written: {os.strerror(number).lower()}\.$"):
        write_whole(file, write)
    assert file.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["results.nc"]
    with pytest.raises(WriteError, match="no such file or directory"):
        write_whole(tmp_path / "no" / "folder", lambda path: path.write_text("x"))
    (tmp_path / "folder").mkdir()
    with pytest.raises(WriteError, match="folder could not be written: is a directory"):
        write_whole(tmp_path / "folder", lambda path: path.write_text("x"))


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    check_folder("the folder", tmp_path / "new")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    for name, there in (("loop", "a link that leads nowhere"), ("file", "a file")):
        with pytest.raises(FileExistsError, match=f"the folder .*{name} is {there}: give another folder"):
            check_folder("the folder", tmp_path / name)
