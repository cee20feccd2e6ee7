"""Rounds between real processes, and whatever ends them: one sentence at every process that is left."""

import signal
from pathlib import Path

import pytest

from causal_lpm.parties import Patience, Place, TcpChannel
from tests.parties import programs
from tests.parties.processes import End, Run, free_addresses, start

LATEST = 12.0  # seconds; the tests' patience is 1.5, the package's 10


def all_lost(ends: dict[int | str, End], rank: int, parties: int = 3) -> None:
    """Every other process has ended with one sentence that names this one, and has released nothing."""
    name = "the dealer" if rank == parties else f"party {rank}"
    for other, end in ends.items():
        if other == rank:
            continue
        assert end.code == 1, (other, end)
        assert end.error.startswith(f"PartyLost: {name} has "), (other, end)
        assert len(end.error.splitlines()) == 1
        assert end.out == ""
        assert end.seconds < LATEST


@pytest.mark.parametrize("parties", [2, 4])
def test_everybody_gets_what_everybody_sends(tmp_path: Path, parties: int) -> None:
    ends = start(tmp_path, programs.ten_rounds, parties).ends()
    total = 10 * 200_000 * sum(10**rank for rank in range(parties))
    assert all(end.code == 0 and end.error == "" for end in ends.values()), ends
    assert [ends[rank].out for rank in range(parties)] == [f"{total} 11"] * parties


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.parametrize("rank", [0, 1, 3])
def test_a_process_that_is_killed_or_stopped_amid_rounds_is_missed(
    tmp_path: Path, rank: int, number: signal.Signals
) -> None:
    run = start(tmp_path, programs.rounds)
    run.wait_for("running-2")
    run.send(rank, number)
    others = {key: process for key, process in run.processes.items() if key != rank}
    lost = Run(run.folder, run.addresses, run.patience, others).ends()
    all_lost(lost, rank)
    if number == signal.SIGSTOP:  # once it goes on, it does not go on
        run.send(rank, signal.SIGCONT)
        end = run.ends()[rank]
        assert end.code == 1
        assert end.error.startswith("PartyLost: ")


@pytest.mark.parametrize("rank", [1, 3])
def test_a_late_process_is_named_and_comes_too_late(tmp_path: Path, rank: int) -> None:
    run = Run(tmp_path, free_addresses(4), Patience(start=1.5, beat=0.1, silence=1.0))
    for other in range(4):
        if other != rank:
            run.start(other, programs.dealer if other == 3 else programs.rounds)
    ends = run.ends()
    named = "the dealer" if rank == 3 else f"party {rank}"
    sentences = [end.error for end in ends.values()]
    assert all(end.code == 1 and end.error.startswith("PartyLost: ") for end in ends.values()), ends
    assert any(f"{named} has not connected" in sentence for sentence in sentences)
    run.start(rank, programs.dealer if rank == 3 else programs.rounds)
    assert "has not connected" in run.ends()[rank].error


def test_a_rank_that_is_started_twice_is_refused_and_disturbs_nobody(tmp_path: Path) -> None:
    run = start(tmp_path, programs.rounds)
    run.wait_for("running-2")
    run.start(1, programs.rounds, name="again")
    run.processes["again"].join(10)
    assert all(run.processes[rank].is_alive() for rank in range(4))
    for rank in range(4):
        run.send(rank, signal.SIGKILL)
    end = run.ends()["again"]
    assert end.code == 1
    assert end.error.startswith("Disagreement: party 1 cannot listen at ")
    assert "perhaps this rank was started twice" in end.error


def test_a_rank_that_is_started_twice_with_another_address_is_refused(tmp_path: Path) -> None:
    run = Run(tmp_path, free_addresses(4))
    for rank in (0, 2, 3):  # party 2 waits for party 1
        run.start(rank, programs.dealer if rank == 3 else programs.ten_rounds)
    addresses = run.addresses.split(",")
    other = ",".join([*addresses[:3], *free_addresses(1).split(",")])
    run.start(3, programs.dealer, "again", other)
    run.start(1, programs.ten_rounds)
    ends = run.ends()
    assert sorted(ends[key].code or 0 for key in (3, "again")) == [0, 1], ends
    refused = next(ends[key] for key in (3, "again") if ends[key].code)
    assert "give each process its own rank" in refused.error


def test_another_number_of_parties_is_said_to_all(tmp_path: Path) -> None:
    run = Run(tmp_path, free_addresses(4), Patience(start=3.0, beat=0.1, silence=1.0))
    for rank in (0, 1, 3):
        run.start(rank, programs.dealer if rank == 3 else programs.ten_rounds)
    first = ",".join([*run.addresses.split(",")[:3], free_addresses(1), free_addresses(1)])
    run.start(2, programs.ten_rounds, addresses=first)
    ends = run.ends()
    assert all(end.code == 1 and end.out == "" for end in ends.values()), ends
    assert "rank 2 was started for 4 parties and party 0 for 3" in ends[0].error
    assert "rank 2 was started for 4 parties and party 0 for 3" in ends[2].error


def test_an_error_of_one_party_ends_all_and_its_words_stay_with_it(tmp_path: Path) -> None:
    ends = start(tmp_path, {**dict.fromkeys((0, 2), programs.rounds), 1: programs.stops_at_once}).ends()
    assert "column 'age' contains NaN" in ends[1].error
    all_lost(ends, 1)
    assert not any("age" in ends[rank].error for rank in (0, 2, 3))


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        (programs.other_public, "hold different things for public (step 3)"),
        (programs.corrupted, "a message of party 1 did not arrive as it was sent"),
        (programs.other_program, "the parties do not run the same program"),
    ],
)
def test_a_difference_ends_the_run_everywhere(tmp_path: Path, program: object, sentence: str) -> None:
    ends = start(tmp_path, program).ends()  # type: ignore[arg-type]
    assert all(end.code == 1 and end.out == "" for end in ends.values()), ends
    assert all(end.error.startswith("Disagreement: ") for end in ends.values()), ends
    assert all(sentence in end.error for end in ends.values()), ends


def test_the_dealers_rank_is_no_partys() -> None:
    with pytest.raises(ValueError, match="rank 2 is the dealer's"):
        TcpChannel(Place(2, ("127.0.0.1:7000", "127.0.0.1:7001", "127.0.0.1:7002")))
