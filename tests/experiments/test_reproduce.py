"""Records tried again: the same, within the spread, or different, and what is not as it was."""

import math
from dataclasses import asdict, replace

import pytest
import torch

from ssl_teach import command_line
from ssl_teach.command_line import main
from ssl_teach.experiments import records, reproduce, run
from ssl_teach.experiments.config import Experiment
from ssl_teach.experiments.records import Record, book_record, load_record
from ssl_teach.experiments.registry import EXPERIMENTS, TRANSFERS
from ssl_teach.experiments.transfer import Transfer, run_transfer

TINY = Experiment(
    "simclr", "scenes", steps=2, batch_size=8, count=200, shortcuts=("background",),
    options={"transforms": ("crop", "color")},
)  # fmt: skip


@pytest.fixture(autouse=True)
def unfinished(tmp_path, monkeypatch):
    """Where interrupted commands leave what is done, apart for each test."""
    monkeypatch.setattr(command_line, "UNFINISHED", tmp_path / "unfinished")
    monkeypatch.setattr(records, "_code", lambda: "as it is")  # whoever edits while tests run
    return tmp_path / "unfinished"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with the record of a small experiment."""
    folder = tmp_path_factory.mktemp("records")
    run.record_experiment("tiny", TINY, (0, 1), progress=False).save(folder / "tiny.json")
    return folder


@pytest.fixture
def tiny(made, tmp_path, monkeypatch):
    """A copy of that folder; the book knows the experiment."""
    monkeypatch.setitem(reproduce.ALL_EXPERIMENTS, "tiny", TINY)
    reproduce.named("tiny", made).save(tmp_path / "tiny.json")
    return tmp_path


def spoil(folder, change):
    """Change the record in a folder and write it back."""
    record = reproduce.named("tiny", folder)
    change(record)
    record.save(folder / "tiny.json")


def told(folder, capsys, *more):
    """Exit status and what was printed."""
    status = main(["reproduce", "tiny", "--records", str(folder), *more])
    return status, capsys.readouterr().out


def test_a_run_comes_out_the_same_with_either_seed(tiny, capsys):
    for seed in ("0", "1"):
        status, out = told(tiny, capsys, "--seed", seed)
        assert status == 0 and out.endswith("tiny: the same to the last digit\n")
        assert f"tiny, seed {seed}\nsettings: as in the book today\n" in out
        assert "environment: the same" in out and "linear_stage_4" in out


def test_an_interrupted_run_goes_on(tiny, unfinished, capsys, monkeypatch):
    def press(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(run, "evaluate_encoder", press)
        assert main(["reproduce", "tiny", "--records", str(tiny)]) == 130
    assert (unfinished / "reproduce-tiny" / "seed0.pt").exists()
    assert told(tiny, capsys)[0] == 0
    assert not (unfinished / "reproduce-tiny").exists()


def test_a_changed_metric_is_told(tiny, capsys):
    def change(record):
        for each in record.runs:
            each["metrics"] |= {"linear": 0.9, "lost": 1.0}

    spoil(tiny, change)
    status, out = told(tiny, capsys)
    assert status == 1 and out.endswith("tiny: differs\n")
    rows = {line.split()[0]: line for line in out.splitlines() if line}
    assert (
        "0.9 " in rows["linear"] and rows["linear"].endswith("differs") and "-0." in rows["linear"]
    )
    assert rows["lost"].split()[1:] == ["1", "none", "differs"]
    assert rows["knn"].split()[-1] == "0"


def test_changed_settings_and_surroundings_are_told_and_the_stored_ones_run(
    tiny, capsys, monkeypatch
):
    monkeypatch.setitem(reproduce.ALL_EXPERIMENTS, "tiny", replace(TINY, lr=0.5, options={}))
    spoil(tiny, lambda record: record.environment.update(torch="1.0"))
    status, out = told(tiny, capsys)
    assert status == 0 and "the same to the last digit" in out
    assert "settings, recorded → now:\n" in out and "  lr: 0.003 → 0.5\n" in out
    assert "  options.transforms: ['crop', 'color'] → None\n" in out
    assert f"environment, recorded → now:\n  torch: 1.0 → {torch.__version__}\n" in out


def test_it_runs_with_as_many_threads_as_the_record(tiny, monkeypatch):
    record, seen = reproduce.named("tiny", tiny), []
    record.environment["threads"] = "3"
    monkeypatch.setattr(
        run,
        "run_experiment",
        lambda *_, **__: seen.append(torch.get_num_threads()) or record.runs[0],
    )
    before = torch.get_num_threads()
    assert "environment: the same" in reproduce.reproduce(record)[1]
    assert seen == [3] and torch.get_num_threads() == before


def fake(*values):
    runs = [{"seed": i, "seconds": 1.0, "metrics": {"m": v}} for i, v in enumerate(values)]
    return Record("fake", {}, runs, environment={})


@pytest.mark.parametrize(
    ("values", "now", "expected"),
    [
        ((0.5, 0.6, 0.7), 0.5, reproduce.SAME),
        ((0.5, 0.6, 0.7), 0.5 + 1e-9, reproduce.ROUNDED),
        ((0.5, 0.6, 0.7), 1.0, reproduce.WITHIN),  # t(0.975, 2) = 4.303, so 0.6 ± 0.497
        ((0.5, 0.6, 0.7), 1.2, reproduce.DIFFERS),
        ((0.5, 0.5, 0.5), 0.51, reproduce.DIFFERS),
        ((0.5,), 0.51, reproduce.DIFFERS),
        ((math.nan, 0.5), math.nan, reproduce.SAME),
        ((0.5, 0.6, 0.7), math.nan, reproduce.DIFFERS),
    ],
)
def test_the_verdict(values, now, expected):
    compared = reproduce.compare(fake(*values), {"seed": 0, "metrics": {"m": now}})
    assert compared["m"].verdict == reproduce.verdict(compared) == expected


def test_times_are_not_compared_and_a_new_metric_is_no_difference():
    record = fake(0.5)
    record.runs[0]["metrics"]["probe_1_seconds"] = 3.0
    run = {"seed": 0, "metrics": {"m": 0.5, "probe_1_seconds": 4.0, "more": 1.0}}
    compared = reproduce.compare(record, run)
    assert set(compared) == {"m", "more"} and compared["more"].recorded is None
    assert reproduce.verdict(compared) == reproduce.SAME


def test_a_transfer_is_run_again_as_well(tmp_path, capsys, monkeypatch):
    small = replace(TINY, task="random", options={}, steps=0, count=400)
    cell = Transfer(
        replace(small, task="supervised", steps=1), small, labels=8, steps=1, rates=(1e-3,),
        blocks=(1,), batch_size=8,
    )  # fmt: skip
    run = run_transfer(cell, 0, progress=False)
    Record("tiny", asdict(cell), [run]).save(tmp_path / "tiny.json")
    monkeypatch.setitem(reproduce.ALL_EXPERIMENTS, "tiny", replace(cell, source="imagenet"))
    status, out = told(tmp_path, capsys)
    assert status == 0 and "tiny: the same to the last digit" in out and "tune_1" in out
    assert "_seconds" not in out and "  source.steps: 1 → None\n" in out
    assert "  source: None → imagenet\n" in out


def test_bad_names_and_seeds_are_told_with_what_there_is(tiny, capsys):
    for given, expected in (
        (["tinny"], "is called 'tinny'; did you mean tiny?"),
        (["nothing-like-it"], "is called 'nothing-like-it'"),
        (["scenes-simclr"], "no record yet; make it: python -m ssl_teach experiment scenes-simclr"),
        (["tiny", "--seed", "7"], "no seed 7; it has 0, 1"),
        ([], "give the name of one record, or --check"),
        (["tiny", "--check"], "give the name of one record, or --check"),
        (["--check", "--seed", "1"], "--check runs nothing"),
        ([""], "is called ''"),
    ):
        assert main(["reproduce", *given, "--records", str(tiny)]) == 2
        error = capsys.readouterr().err
        assert expected in error and error.count("\n") == 1


def test_the_check_finds_records_out_of_date_orphaned_and_missing(tiny, capsys, monkeypatch):
    fake(0.5).save(tiny / "fake.json")
    monkeypatch.setitem(reproduce.ALL_EXPERIMENTS, "tiny", replace(TINY, steps=3))
    assert main(["reproduce", "--check", "--records", str(tiny)]) == 1
    out = capsys.readouterr().out
    assert "out of date: 1\n  tiny (steps: 2 → 3)\norphaned: 1\n  fake\nmissing: " in out
    assert "\n  scenes-simclr\n" in out
    (tiny / "fake.json").unlink()
    monkeypatch.setitem(reproduce.ALL_EXPERIMENTS, "tiny", TINY)
    assert main(["reproduce", "--check", "--records", str(tiny)]) == 0


def test_the_books_records_are_those_of_todays_experiments():
    found = reproduce.check()
    assert not found["out of date"] and not found["orphaned"]


@pytest.mark.parametrize("name", TRANSFERS)
def test_a_transfer_is_read_back_from_its_record(name, tmp_path):
    run = {"seed": 0, "seconds": 1.0, "metrics": {}}
    path = Record(name, asdict(TRANSFERS[name]), [run]).save(tmp_path / f"{name}.json")
    assert reproduce.settings_of(load_record(path)) == TRANSFERS[name]


def test_a_choice_that_is_gone_is_told():
    record = book_record("scenes-simclr")
    record.settings["magic"] = 3
    assert reproduce.changed_settings(record, EXPERIMENTS["scenes-simclr"]) == {"magic": (3, None)}
