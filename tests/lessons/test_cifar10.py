"""The larger sizes of the lessons: what they run, what they say where they cannot."""

from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
import torch

from ssl_teach.experiments import run
from ssl_teach.experiments.config import Experiment
from ssl_teach.experiments.records import Record
from ssl_teach.experiments.registry import EXPERIMENTS, TRANSFERS
from ssl_teach.lessons import cifar10
from ssl_teach.lessons.cifar10 import CELLS, SIZES, CIFAR10Run

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
TINY = Experiment("rotation", "scenes", steps=3, batch_size=8, count=400, fractions=(1.0, 0.1))


@pytest.fixture
def tiny(monkeypatch):
    """The larger experiments made so small that they run here."""
    small = {
        name: replace(TINY, task=settings.task, steps=min(settings.steps, TINY.steps))
        for name, settings in EXPERIMENTS.items()
        if name.startswith("gpu-cifar10")
    }
    source = replace(TINY, task="supervised", fractions=(1.0,))
    cells = {
        f"gpu-cifar10-{cell}": replace(
            TRANSFERS[f"gpu-cifar10-{cell}"], source=source, target=replace(source, data_seed=1),
            steps=2, rates=(1e-3,), blocks=(4,), test=50,
        )
        for cell in CELLS
    }  # fmt: skip
    monkeypatch.setattr(cifar10, "ALL_EXPERIMENTS", cifar10.ALL_EXPERIMENTS | small | cells)


def text(shown) -> str:
    return shown.data


def test_quick_runs_nothing_and_says_what_there_is(tmp_path):
    larger = CIFAR10Run("quick", ("random", "rotation"))
    assert larger.names == ()
    said = larger._repr_markdown_()
    assert '"gpu"' in said and '"full"' in said and "20,000 steps" in said
    assert "Nothing larger" in text(larger.run(out=tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_time_is_told_where_it_was_measured(monkeypatch, tmp_path):
    monkeypatch.setattr(cifar10, "RESULTS", tmp_path)
    larger = CIFAR10Run("gpu", ("random", "rotation"))
    assert larger._repr_markdown_().endswith('Not yet timed on a GPU: `"gpu"`.')
    for name, seconds in zip(larger.names, (0.0, 300.0), strict=True):
        run = {"seed": 0, "seconds": seconds, "metrics": {}}
        Record(name, {}, [run], {"gpu": "Some GPU"}).save(tmp_path / f"{name}.json")
    assert larger._repr_markdown_().endswith("5 minutes on Some GPU.")


def test_another_size_or_row_is_refused():
    with pytest.raises(ValueError, match="quick, gpu, full, not 'huge'"):
        CIFAR10Run("huge", ())
    with pytest.raises(ValueError, match="no row colouring"):
        CIFAR10Run("gpu", ("rotation", "colouring"))
    with pytest.raises(ValueError, match="no common table"):
        CIFAR10Run("gpu", ("rotation", *CELLS))


def test_without_a_gpu_a_smaller_size_is_offered_and_nothing_is_lost(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    said = text(CIFAR10Run("gpu", ("rotation",)).run(out=tmp_path))
    assert "no GPU" in said and '"quick"' in said
    assert list(tmp_path.iterdir()) == []


def test_it_runs_shows_a_table_and_is_not_run_twice(tiny, monkeypatch, tmp_path):
    larger = CIFAR10Run("gpu", ("random", "rotation"))
    table = text(larger.run(out=tmp_path, anyway=True))
    assert "`gpu-cifar10-rotation`" in table and "linear, 10%" in table
    assert (tmp_path / "gpu-cifar10-rotation.json").exists()
    monkeypatch.setattr(cifar10, "run_experiment", lambda *a, **k: pytest.fail("run again"))
    assert text(larger.run(out=tmp_path, anyway=True)) == table


def test_an_interrupted_run_goes_on(tiny, monkeypatch, tmp_path):
    larger, whole = CIFAR10Run("gpu", ("rotation",)), cifar10.run_experiment

    def stopped(*args, **kwargs):
        whole(*args, **kwargs)
        raise KeyboardInterrupt

    monkeypatch.setattr(cifar10, "run_experiment", stopped)
    with pytest.raises(KeyboardInterrupt):
        larger.run(out=tmp_path, anyway=True)
    saved = (tmp_path / "gpu-cifar10-rotation" / "run.pt").read_bytes()
    monkeypatch.setattr(cifar10, "run_experiment", whole)
    assert "`gpu-cifar10-rotation`" in text(larger.run(out=tmp_path, anyway=True))
    assert (tmp_path / "gpu-cifar10-rotation" / "run.pt").read_bytes() == saved  # nothing to add


def test_cells_of_transfer_have_one_source_that_is_taught_once(tiny, monkeypatch, tmp_path):
    taught, pretrain = [], run.pretrain
    monkeypatch.setattr(
        run,
        "pretrain",
        lambda *a, **k: taught.append(k["checkpoint"]) or pretrain(*a, **k),
    )
    table = text(CIFAR10Run("gpu", CELLS).run(out=tmp_path, anyway=True))
    assert "`gpu-cifar10-transfer-similar-much`" in table
    assert "probe 4" in table and "tune 4" in table and "scratch" in table and "n/a" not in table
    assert len(set(taught)) == 1  # a finished checkpoint has no steps left
    assert (tmp_path / "gpu-cifar10-transfer-different-little.json").exists()


def test_larger_transfers_serve_kinds_that_the_source_never_saw():
    for size in SIZES[1:]:
        cells = [TRANSFERS[f"{size}-cifar10-{cell}"] for cell in CELLS]
        assert len(cells) == 4 and len({repr(cell.source) for cell in cells}) == 1
        for cell in cells:
            same_data = cell.source.data == cell.target.data
            assert not (same_data and set(cell.source.classes) & set(cell.target.classes))
        assert cells[0].source.steps == EXPERIMENTS[f"{size}-cifar10-supervised"].steps


@pytest.mark.parametrize(
    ("where", "error", "words"),
    [
        ("run_experiment", torch.cuda.OutOfMemoryError("CUDA"), "memory is too small"),
        ("load", OSError("no network: give a copy with root"), "could not be read"),
        ("load", ValueError("the copy is damaged"), "could not be read"),
    ],
)
def test_what_the_machine_lacks_is_said(where, error, words, tiny, monkeypatch, tmp_path):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(cifar10 if where == "run_experiment" else Experiment, where, fail)
    said = text(CIFAR10Run("gpu", ("rotation",)).run(out=tmp_path, anyway=True))
    assert words in said and "quick" in said


def test_other_errors_are_not_taken_for_missing_pictures(tiny, monkeypatch, tmp_path):
    def fail(*args, **kwargs):
        raise ValueError("a checkpoint of another run")

    monkeypatch.setattr(cifar10, "run_experiment", fail)
    with pytest.raises(ValueError, match="another run"):
        CIFAR10Run("gpu", ("rotation",)).run(out=tmp_path, anyway=True)


def test_pictures_are_read_once_for_all_rows(tiny, monkeypatch, tmp_path):
    read, load = [], Experiment.load
    monkeypatch.setattr(Experiment, "load", lambda self: read.append(self) or load(self))
    CIFAR10Run("gpu", ("random", "rotation")).run(out=tmp_path, anyway=True)
    CIFAR10Run("gpu", ("random", "rotation")).run(out=tmp_path, anyway=True)
    assert len(read) == 1


def test_only_cifar10_is_looked_for_elsewhere():
    assert EXPERIMENTS["full-cifar10-simclr"].with_data_root("/data/cifar").root == "/data/cifar"
    assert EXPERIMENTS["league-scenes-simclr"].with_data_root("/data/cifar").root is None


def test_all_rows_of_a_size_share_one_budget():
    for size in SIZES[1:]:
        trained = [s for n, s in EXPERIMENTS.items() if n.startswith(f"{size}-cifar10") and s.steps]
        assert len({(s.steps, s.batch_size, s.encoder, s.lr) for s in trained}) == 1
        assert len(trained) >= 8


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_every_lesson_has_one_switch_near_its_top_and_runs_what_it_asks_for(path):
    code = [c.source for c in nbformat.read(path, 4).cells if c.cell_type == "code"]
    assert code[2].startswith(
        'SIZE = "quick"  # or "gpu", "full"\ncifar10_run = lessons.CIFAR10Run(SIZE, '
    )
    assert sum("SIZE = " in source for source in code) == 1
    assert code.count("cifar10_run.run()") == 1
