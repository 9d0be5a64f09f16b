"""The command line, on small data, from pretraining to a table and a record."""

import os
import subprocess
import sys
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from PIL import Image

from ssl_teach import command_line
from ssl_teach.command_line import main
from ssl_teach.encoders import build_encoder
from ssl_teach.experiments import records, run, transfer
from ssl_teach.experiments.config import Experiment
from ssl_teach.experiments.records import all_records, load_record
from ssl_teach.experiments.registry import ALL_EXPERIMENTS, EXPERIMENTS, ablations
from ssl_teach.experiments.run import init_encoder
from ssl_teach.experiments.run_folder import RunFolder
from ssl_teach.training.checkpoint import load_encoder, save_encoder


@pytest.fixture(autouse=True)
def unfinished(tmp_path, monkeypatch):
    """Where interrupted commands leave what is done, apart for each test."""
    monkeypatch.setattr(command_line, "UNFINISHED", tmp_path / "unfinished")
    monkeypatch.setattr(records, "_code", lambda: "as it is")  # whoever edits while tests run
    return tmp_path / "unfinished"


@pytest.fixture
def folder(tmp_path):
    """Two kinds of pictures, twenty of each: bright above, or bright on the left."""
    rng = np.random.default_rng(0)
    for kind in ("above", "left"):
        (tmp_path / "mine" / kind).mkdir(parents=True)
        for i in range(20):
            pixels = rng.integers(0, 100, (16, 16, 3))
            pixels[
                (slice(0, 8), slice(None)) if kind == "above" else (slice(None), slice(0, 8))
            ] += 120
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "mine" / kind / f"{i}.png")
    return tmp_path / "mine"


@pytest.mark.parametrize("task", ["rotation", "simclr", "supervised", "random"])
def test_pretrain_then_evaluate_a_folder(task, folder, tmp_path, capsys):
    out = tmp_path / "run"
    given = ["--task", task, "--data", str(folder), "--size", "16", "--out", str(out)]
    steps = 0 if task == "random" else 4
    given += ["--steps", str(steps)] if steps else []
    assert main(["pretrain", *given, "--batch-size", "8"]) == 0
    assert {"encoder.pt", "record.json"} <= {path.name for path in out.iterdir()}
    record = load_record(out / "record.json")
    assert Experiment.from_record(record).task == task and record.settings["steps"] == steps
    assert main(["evaluate", str(out)]) == 0
    printed = capsys.readouterr().out
    assert all(row in printed for row in ("pretrained", "random weights", "raw pixels"))
    probed = load_record(out / "evaluation-1.json")
    assert probed.values("raw_pixels_linear") == [1.0]  # such pictures are easy
    assert probed.values("pretrained_knn") and probed.values("random_weights_linear_best")
    settings = Experiment.from_record(record)
    untrained = init_encoder(settings, settings.load(), seed=0).blocks[0][0].weight
    moved = not torch.equal(load_encoder(out / "encoder.pt").blocks[0][0].weight, untrained)
    assert moved == (task != "random")


def interrupted(arguments, monkeypatch):
    """Run a command that is stopped after its training, before the run is saved."""
    with monkeypatch.context() as patched:
        patched.setattr(RunFolder, "save", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert main(arguments) == 130


def test_an_interrupted_run_goes_on_from_its_checkpoint(folder, tmp_path, capsys, monkeypatch):
    given = ["pretrain", "--task", "rotation", "--data", str(folder), "--size", "16"]
    given += ["--batch-size", "8", "--steps", "4", "--out", str(tmp_path / "run")]
    interrupted(given, monkeypatch)
    assert main([*given, "--lr", "0.5"]) == 2
    assert "belongs to a different run (lr is" in capsys.readouterr().err
    assert main(given) == 0
    assert main(given) == 2 and "replace the run with --overwrite" in capsys.readouterr().err
    assert main(["evaluate", str(tmp_path / "run")]) == 0
    assert main([*given, "--lr", "0.5", "--overwrite"]) == 0
    assert load_record(tmp_path / "run" / "record.json").settings["lr"] == 0.5
    assert not list((tmp_path / "run").glob("evaluation-*"))  # of the run that was replaced


def test_a_checkpoint_of_another_temperature_is_refused(folder, tmp_path, capsys, monkeypatch):
    given = ["pretrain", "--task", "simclr", "--data", str(folder), "--size", "16"]
    given += ["--batch-size", "8", "--steps", "2", "--out", str(tmp_path / "run")]
    interrupted(given, monkeypatch)
    assert main([*given, "--temperature", "0.7"]) == 2
    assert (
        "task.temperature is 0.1 in the checkpoint and 0.7 in this run" in capsys.readouterr().err
    )


def picture(path, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), np.uint8)
    Image.fromarray(pixels).save(path)


def test_a_run_knows_its_data(folder, tmp_path, capsys):
    """Else test images of today may be training images of then, and noise is recognised."""
    run_folder = tmp_path / "run"
    given = ["pretrain", "--task", "supervised", "--data", str(folder), "--size", "16"]
    assert main([*given, "--batch-size", "8", "--steps", "2", "--out", str(run_folder)]) == 0
    evaluate = ["evaluate", str(run_folder)]
    for kind in ("above", "left"):
        picture(folder / kind / "new.png", hash(kind) % 1000)
    assert main(evaluate) == 2
    assert "2 added (above/new.png, left/new.png)" in capsys.readouterr().err
    assert not list(run_folder.glob("evaluation-*"))
    for kind in ("above", "left"):
        (folder / kind / "new.png").unlink()
    assert main(evaluate) == 0
    assert main(evaluate) == 2 and "replace it with --overwrite" in capsys.readouterr().err
    assert main([*evaluate, "--overwrite"]) == 0
    kept = (folder / "above" / "3.png").read_bytes()
    picture(folder / "above" / "3.png", 1)
    assert main([*evaluate, "--overwrite"]) == 2
    assert "1 changed (above/3.png)" in capsys.readouterr().err
    (folder / "above" / "3.png").unlink()
    assert main([*evaluate, "--overwrite"]) == 2
    assert "1 removed (above/3.png)" in capsys.readouterr().err
    (folder / "left" / "3.png").write_bytes(kept)  # now in another class
    assert main([*evaluate, "--overwrite"]) == 2
    (run_folder / "data.json").unlink()
    assert main([*evaluate, "--overwrite"]) == 2 and "pretrain again" in capsys.readouterr().err


def test_an_interrupted_run_does_not_go_on_with_other_data(folder, tmp_path, capsys, monkeypatch):
    given = ["pretrain", "--task", "rotation", "--data", str(folder), "--size", "16"]
    given += ["--batch-size", "8", "--steps", "2", "--out", str(tmp_path / "run")]
    interrupted(given, monkeypatch)
    picture(folder / "left" / "new.png", 1)
    assert main(given) == 2 and "1 added (left/new.png)" in capsys.readouterr().err


def test_a_finished_run_is_replaced_only_by_a_finished_one(folder, tmp_path, capsys, monkeypatch):
    out = tmp_path / "run"
    given = ["pretrain", "--task", "rotation", "--data", str(folder), "--size", "16"]
    given += ["--batch-size", "8", "--out", str(out)]
    assert main([*given, "--steps", "2"]) == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert main([*given, "--overwrite", "--minutes", "-1"]) == 2  # fails after the data are loaded
    interrupted([*given, "--overwrite", "--steps", "3"], monkeypatch)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert main([*given, "--overwrite", "--steps", "3"]) == 0
    assert load_record(out / "record.json").settings["steps"] == 3
    assert not out.with_name("run.unfinished").exists()
    assert main(["evaluate", str(out)]) == 0
    capsys.readouterr()


def test_a_training_that_never_began_does_not_bind_the_data(folder, tmp_path, capsys):
    given = ["pretrain", "--task", "patch_position", "--data", str(folder), "--steps", "1"]
    given += ["--batch-size", "8", "--out", str(tmp_path / "run"), "--patch", "4"]
    assert main([*given, "--size", "8"]) == 2
    assert main([*given, "--size", "32"]) == 0  # what the error advised


@pytest.mark.parametrize("text", ["[]", '{"files": [1]}', '{"files": {"a": 1}}', "[" * 99_999, "x"])
def test_a_damaged_fingerprint_is_told(folder, tmp_path, capsys, text):
    given = ["pretrain", "--task", "random", "--data", str(folder), "--size", "16"]
    assert main([*given, "--out", str(tmp_path / "run")]) == 0
    (tmp_path / "run" / "data.json").write_text(text)
    assert main(["evaluate", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "is not the fingerprint of data" in error and error.endswith("pretrain again")


def test_what_a_folder_skips_is_told(folder, tmp_path, capsys):
    (folder / "above" / "a.heic").touch()
    given = ["pretrain", "--task", "rotation", "--data", str(folder), "--size", "16"]
    given += ["--batch-size", "8", "--steps", "1", "--out", str(tmp_path / "a run")]
    assert main(given) == 0
    told = capsys.readouterr()
    assert "note: " in told.err and "1 .heic files skipped" in told.err
    assert f"evaluate '{tmp_path / 'a run'}'" in told.out  # can be pasted


def test_a_data_set_that_is_also_a_folder_asks(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    picture(tmp_path / "digits" / "a.png", 0)
    picture(tmp_path / "digits" / "b.png", 1)
    given = ["pretrain", "--task", "rotation", "--steps", "1", "--size", "8", "--batch-size", "2"]
    assert main([*given, "--data", "digits"]) == 2
    assert "--data ./digits for the folder" in capsys.readouterr().err
    assert main([*given, "--data", "builtin:digits", "--out", "numbers"]) == 0
    assert main(["evaluate", "numbers"]) == 0
    assert main([*given, "--data", "./digits", "--out", "mine"]) == 0
    assert load_record("mine/record.json").settings["batch_size"] == 2


def test_one_image_cannot_be_contrasted(tmp_path, capsys):
    picture(tmp_path / "a.png", 0)
    given = ["pretrain", "--task", "simclr", "--data", str(tmp_path), "--out", str(tmp_path / "r")]
    assert main(given) == 2 and "so no negative" in capsys.readouterr().err
    assert not (tmp_path / "r" / "encoder.pt").exists()


def test_one_class_cannot_be_supervised(folder, tmp_path, capsys):
    for file in (folder / "left").iterdir():
        file.unlink()
    given = ["pretrain", "--task", "supervised", "--data", str(folder), "--out", str(tmp_path)]
    assert main([*given, "--size", "16"]) == 2
    assert "only one class" in capsys.readouterr().err


def test_the_encoder_of_another_run_is_not_evaluated(folder, tmp_path, capsys):
    out = tmp_path / "run"
    given = ["pretrain", "--task", "rotation", "--data", str(folder), "--size", "16"]
    assert main([*given, "--batch-size", "8", "--steps", "1", "--out", str(out)]) == 0
    save_encoder(build_encoder("convnet", channels=1), out / "encoder.pt")
    assert main(["evaluate", str(out)]) == 2
    assert "encoder.pt is not the encoder of this run" in capsys.readouterr().err


def test_a_file_in_place_of_the_folder_is_told_before_training(folder, tmp_path, capsys):
    (tmp_path / "run").touch()
    given = ["pretrain", "--task", "rotation", "--data", str(folder), "--out"]
    assert main([*given, str(tmp_path / "run")]) == 2
    assert "is a file; give a folder" in capsys.readouterr().err


def test_an_interrupt_while_the_libraries_load_ends_without_a_traceback(tmp_path):
    (tmp_path / "torch.py").write_text("raise KeyboardInterrupt")  # is found before the library
    ended = subprocess.run(
        [sys.executable, "-m", "ssl_teach", "evaluate", "x"], capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path)}, check=False,
    )  # fmt: skip
    assert ended.returncode == 130 and ended.stderr == "\nstopped; nothing was done\n"


def test_every_command_shows_an_example(capsys):
    for command in ("pretrain", "evaluate", "experiment", "reproduce"):
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0
        assert f"example: python -m ssl_teach {command} " in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "Exit status: 0 on success" in capsys.readouterr().out


def test_an_interrupted_command_does_not_let_another_folder_be_overwritten(
    tiny, tmp_path, capsys, monkeypatch
):
    assert main(tiny) == 0
    elsewhere = [*tiny[:-1], str(tmp_path / "elsewhere")]
    with monkeypatch.context() as patched:
        stop_after(patched, 1)
        assert main([*elsewhere[:2], "--seeds", "5", "6", *elsewhere[-2:]]) == 130
    assert main([*tiny[:2], "--seeds", "5", "6", *tiny[-2:]]) == 2
    assert "replace them with --overwrite" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["", "~no such user/x"])
def test_paths_that_lead_nowhere_are_told(path, tmp_path, capsys):
    given = ["pretrain", "--task", "rotation", "--steps", "1", "--data"]
    with pytest.raises(SystemExit) as ended:
        main([*given, "digits", f"--out={path}"])
    assert ended.value.code == 2 and capsys.readouterr().err.count("\n") == 1
    assert main([*given[:-1], f"--data={path}"]) == 2 and capsys.readouterr().err.count("\n") == 1


def test_records_are_replaced_only_when_asked(tiny, tmp_path, capsys):
    assert main(tiny) == 0
    assert main(tiny) == 2 and "replace them with --overwrite" in capsys.readouterr().err
    assert main([*tiny, "--overwrite"]) == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["pretrain", "--task", "simclr", "--data", "sketchs"], "neither a data set nor a folder"),
        (["pretrain", "--task", "simclr", "--data", "digits", "--shortcuts", "light"], "takes no"),
        (
            ["pretrain", "--task", "jigsaw", "--data", "digits", "--temperature", "1"],
            "jigsaw does not take --temperature; it takes --num-permutations",
        ),
        (["pretrain", "--task", "rotation", "--data", "digits", "--minutes", "-1"], "positive"),
        (["pretrain", "--task", "random", "--data", "digits", "--minutes", "1"], "not trained"),
        (["evaluate", "nowhere"], "not the folder of a finished run, since record.json is missing"),
        (["pretrain", "--task", "rotation", "--data", "builtin:mine"], "no data set is called"),
        (["experiment", "league-scenes-rotatoin"], "did you mean league-scenes-rotation"),
        (["experiment", "magic-*"], "no experiment is called"),
        (["experiment"], "--list shows them"),
        (["reproduce", "scenes-simcrl"], "did you mean scenes-simclr"),
    ],
)
def test_bad_input_is_told_in_one_line(arguments, told, capsys):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and told in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--lr", "fast"], "argument --lr: lr must be a number of at least 1e-09, got 'fast'"),
        (["--batch-size", "0"], "batch_size must be an integer of at least 1, got 0"),
        (["--encoder", "alexnet"], "encoder must be one of convnet, vgg, resnet18"),
        (["--steps", "0"], "steps must be an integer of at least 1, got 0"),
        (["--steps", "many"], "steps must be an integer of at least 1, got 'many'"),
        (["--seed", "20240101123456"], "seed must be an integer from 0 to 4294967295"),
        (["--seed", "-1"], "seed must be an integer from 0 to 4294967295"),
        (["--colour", "red"], "unrecognized arguments: --colour red"),
    ],
)
def test_a_value_of_the_wrong_type_is_told_in_one_line(arguments, told, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["pretrain", "--task", "jigsaw", "--data", "digits", *arguments])
    error = capsys.readouterr().err
    assert ended.value.code == 2 and told in error and error.count("\n") == 1


def test_an_option_of_the_task_that_is_out_of_range_is_told(capsys):
    given = ["pretrain", "--task", "jigsaw", "--data", "digits", "--num-permutations", "1"]
    assert main(given) == 2
    assert "num_permutations must be an integer of at least 2, got 1" in capsys.readouterr().err


def test_a_training_that_diverges_is_told_without_a_traceback(folder, tmp_path, capsys):
    given = ["pretrain", "--task", "simclr", "--data", str(folder), "--size", "16"]
    given += ["--batch-size", "8", "--lr", "1e30", "--out", str(tmp_path / "run")]
    assert main(given) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: at step 1 ") and error.endswith("lower lr (1e+30)")


def test_an_unlabelled_folder_can_be_pretrained_on_but_not_probed(folder, tmp_path, capsys):
    flat = folder / "above"
    given = ["pretrain", "--task", "rotation", "--data", str(flat), "--size", "16"]
    given += ["--batch-size", "8", "--steps", "2", "--out", str(tmp_path / "run")]
    assert main(given) == 0
    assert main(["evaluate", str(tmp_path / "run")]) == 2
    assert "label" in capsys.readouterr().err


def test_options_reach_the_task(folder, tmp_path):
    given = ["pretrain", "--task", "jigsaw", "--data", str(folder), "--size", "24"]
    given += ["--batch-size", "8", "--steps", "2", "--out", str(tmp_path / "run")]
    assert main([*given, "--num-permutations", "7", "--criterion", "minimum"]) == 0
    options = load_record(tmp_path / "run" / "record.json").settings["options"]
    assert options["num_permutations"] == 7 and options["criterion"] == "minimum"
    assert options["grid"] == 3  # what is not given is recorded as well


def test_minutes_become_steps(folder, tmp_path):
    given = ["pretrain", "--task", "rotation", "--data", str(folder), "--size", "16"]
    given += ["--batch-size", "8", "--minutes", "0.01", "--out", str(tmp_path / "run")]
    assert main(given) == 0
    settings = load_record(tmp_path / "run" / "record.json").settings
    assert settings["steps"] >= 1 and "minutes" not in settings


def stop_after(monkeypatch, calls, function="run_experiment"):
    """Press Ctrl-C when so many calls of a function have come back."""
    real, done = getattr(run, function), []

    def pressing(*args, **kwargs):
        if len(done) == calls:
            raise KeyboardInterrupt
        done.append(real(*args, **kwargs))
        return done[-1]

    monkeypatch.setattr(run, function, pressing)
    return done


def test_minutes_go_on_with_the_steps_that_were_counted_first(
    folder, tmp_path, capsys, monkeypatch
):
    given = ["pretrain", "--task", "rotation", "--data", str(folder), "--size", "16"]
    given += ["--batch-size", "8", "--minutes", "0.01", "--out", str(tmp_path / "run")]
    monkeypatch.setattr(command_line, "steps_in", lambda *_: 7)
    save = RunFolder.save
    with monkeypatch.context() as patched:
        patched.setattr(RunFolder, "save", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert main(given) == 130
    assert "run it again to continue" in capsys.readouterr().err
    assert RunFolder.save is save and (tmp_path / "run" / "run.pt").exists()
    monkeypatch.setattr(command_line, "steps_in", lambda *_: 9)  # the machine is quicker now
    assert main(given) == 0
    assert load_record(tmp_path / "run" / "record.json").settings["steps"] == 7
    with pytest.raises(SystemExit):
        main([*given, "--steps", "7"])
    capsys.readouterr()
    assert main(given) == 2 and "holds a finished run" in capsys.readouterr().err


TINY = Experiment("rotation", "scenes", steps=3, batch_size=8, count=200, every_stage=False)


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """The book knows a small experiment; returns the command that makes its record."""
    monkeypatch.setitem(ALL_EXPERIMENTS, "tiny", TINY)
    return ["experiment", "tiny", "--seeds", "0", "1", "--out", str(tmp_path / "records")]


def test_an_interrupted_experiment_keeps_its_finished_seeds(
    tiny, tmp_path, unfinished, capsys, monkeypatch
):
    whole_run = run.run_experiment
    with monkeypatch.context() as patched:
        stop_after(patched, 1)
        assert main(tiny) == 130
    assert "run it again to continue" in capsys.readouterr().err
    assert not (tmp_path / "records").exists()
    done = stop_after(monkeypatch, 1)  # one is left to do, a second would be stopped
    assert main(tiny) == 0 and len(done) == 1
    record = all_records(tmp_path / "records")["tiny"]
    assert [run["seed"] for run in record.runs] == [0, 1]
    assert not any(unfinished.iterdir())
    monkeypatch.setattr(run, "run_experiment", whole_run)
    assert main([*tiny, "--overwrite"]) == 0
    whole = all_records(tmp_path / "records")["tiny"]
    assert [run["metrics"] for run in whole.runs] == [run["metrics"] for run in record.runs]


def count_steps(monkeypatch):
    """A list that gets, for each training from now on, the steps that it takes."""
    taken, real = [], run.pretrain

    def watched(*args, **kwargs):
        stepped = []
        curve = real(*args, **kwargs | {"after_step": stepped.append})
        taken.append(len(stepped))
        return curve

    monkeypatch.setattr(run, "pretrain", watched)
    return taken


def test_an_interrupted_seed_goes_on_from_its_checkpoint(tiny, unfinished, monkeypatch):
    with monkeypatch.context() as patched:
        stop_after(patched, 0, "evaluate_encoder")  # trained, not measured yet
        assert main(tiny) == 130
    assert (unfinished / "experiment-tiny" / "seed0.pt").exists()
    stepped = count_steps(monkeypatch)
    assert main(tiny) == 0 and stepped == [0, TINY.steps]


@pytest.mark.parametrize("change", ["settings", "code", "threads"])
def test_what_another_experiment_left_is_refused(change, tiny, unfinished, capsys, monkeypatch):
    with monkeypatch.context() as patched:
        stop_after(patched, 1)
        assert main(tiny) == 130
    if change == "settings":
        monkeypatch.setitem(ALL_EXPERIMENTS, "tiny", replace(TINY, lr=0.01))
        words = "lr is 0.003 in the folder and 0.01 in this run"
    elif change == "code":
        monkeypatch.setattr(records, "_code", lambda: "edited")
        words = "code is as it is in the folder and edited in this run"
    else:
        threads = torch.get_num_threads()
        monkeypatch.setattr(torch, "get_num_threads", lambda: threads + 1)
        words = f"threads is {threads} in the folder and {threads + 1} in this run"
    capsys.readouterr()
    assert main(tiny) == 2
    told = capsys.readouterr().err
    assert words in told and "delete that folder" in told
    assert (unfinished / "experiment-tiny" / "unfinished.json").exists()  # nothing is lost


def test_a_commit_of_the_same_code_is_no_other_experiment(tiny, monkeypatch):
    with monkeypatch.context() as patched:
        stop_after(patched, 1)
        assert main(tiny) == 130
    monkeypatch.setattr(records, "commit", lambda: "another")
    done = stop_after(monkeypatch, 1)
    assert main(tiny) == 0 and len(done) == 1


def test_of_several_experiments_those_that_are_done_are_not_done_again(
    tiny, tmp_path, unfinished, monkeypatch
):
    monkeypatch.setitem(ALL_EXPERIMENTS, "tinier", replace(TINY, steps=2))
    both = ["experiment", "tin*", *tiny[2:]]
    with monkeypatch.context() as patched:
        stop_after(patched, 3)
        assert main(both) == 130
    done = stop_after(monkeypatch, 1)
    assert main(both) == 0 and len(done) == 1
    assert [*all_records(tmp_path / "records")] == ["tinier", "tiny"]
    assert not any(unfinished.iterdir())


def test_other_seeds_keep_what_an_interrupted_command_left(tiny, unfinished, monkeypatch):
    with monkeypatch.context() as patched:
        stop_after(patched, 1)
        assert main(tiny) == 130
    assert main(["experiment", "tiny", "--seeds", "7", *tiny[-2:]]) == 0
    kept = load_record(unfinished / "experiment-tiny" / "unfinished.json")
    assert [run["seed"] for run in kept.runs] == [0]
    done = stop_after(monkeypatch, 1)
    assert main([*tiny, "--overwrite"]) == 0 and len(done) == 1


def test_a_checkpoint_that_nothing_tells_of_is_not_gone_on_with(tiny, unfinished, monkeypatch):
    with monkeypatch.context() as patched:
        stop_after(patched, 0, "evaluate_encoder")
        assert main(tiny) == 130
    (unfinished / "experiment-tiny" / "unfinished.json").unlink()
    stepped = count_steps(monkeypatch)
    assert main(tiny) == 0 and stepped == [TINY.steps, TINY.steps]


def test_an_interrupted_transfer_goes_on(tmp_path, unfinished, monkeypatch):
    monkeypatch.setitem(ALL_EXPERIMENTS, "small", transfer.Transfer(TINY, TINY, labels=5, steps=2))
    command = ["experiment", "small", "--seeds", "0", "1", "--out", str(tmp_path / "records")]
    tried = []

    def stopping(after):
        def evaluate_strategies(settings, taught, seed):
            if len(tried) == after:
                raise KeyboardInterrupt
            tried.append(seed)
            return {"seed": seed, "seconds": 1.0, "metrics": {"chosen": 0.5}, "choice": "scratch"}

        return evaluate_strategies

    monkeypatch.setattr(transfer, "evaluate_strategies", stopping(after=1))
    assert main(command) == 130
    monkeypatch.setattr(transfer, "evaluate_strategies", stopping(after=2))
    assert main(command) == 0 and tried == [0, 1]
    assert not any(unfinished.iterdir())


def test_the_books_experiments_share_budget_and_encoder():
    for name, settings in EXPERIMENTS.items():
        if name.startswith(("patches-", "protocol-", "ablation-", "mistake-", "gpu-", "full-")):
            continue  # patches are small: their budget counts pixels; others' is short, or long
        trained = settings.task not in {"random", "pixels"}
        steps = 600 if name.startswith(("league-", "photos-", "labels-")) else 1000
        assert settings.steps == (steps if trained else 0), name
        assert settings.encoder == "convnet" and settings.lr == EXPERIMENTS["scenes-simclr"].lr


def test_the_league_is_played_on_equal_terms():
    rows = {name: e for name, e in EXPERIMENTS.items() if name.startswith("league-")}
    by_data = {}
    for settings in rows.values():
        seen = (settings.batch_size, settings.data_seed, settings.size, settings.classes)
        by_data.setdefault(settings.data, set()).add(
            (*seen, settings.fractions, settings.shortcuts)
        )
    assert all(len(kinds) == 1 for kinds in by_data.values())
    assert len(by_data) == 3 and len(rows) % 3 == 0  # the same rows on each


def test_lesson_1_varies_nothing_but_the_labels():
    curve = {name: e for name, e in EXPERIMENTS.items() if name.startswith("labels-")}
    assert len(curve) == 8
    for name, settings in curve.items():
        _, data, percent = name.split("-")
        assert settings.label_share == pytest.approx(float(percent) / 100)
        all_labels = EXPERIMENTS[f"league-{data}-supervised"]
        same = {
            "label_share": 1.0,
            "fractions": all_labels.fractions,
            "factors": all_labels.factors,
        }
        assert replace(settings, **same) == all_labels, name


def test_lesson_3_differs_from_the_league_in_budget_and_fine_tuning_alone():
    rows = {
        n.removeprefix("protocol-"): e for n, e in EXPERIMENTS.items() if n.startswith("protocol-")
    }
    for name, settings in rows.items():
        told = EXPERIMENTS[f"league-{name}"]
        assert settings == replace(told, steps=settings.steps, factors=False, fine_tune_steps=150)
    assert len(rows) == 3


def test_an_ablation_changes_one_choice_and_shows_as_many_pictures():
    for data, count in {"scenes": 20, "sketches": 16, "cifar10": 12}.items():
        rows = ablations(data)
        base = rows["base"]
        assert len(rows) == count
        assert base == replace(
            EXPERIMENTS[f"league-{data}-simclr"], steps=300, every_stage=False,
            fractions=base.fractions,
        )  # fmt: skip
        for name, settings in rows.items():
            told, here = asdict(base), asdict(settings)
            changed = {key for key in here if here[key] != told[key]}
            kind = name.split("-")[0]
            assert changed == {
                "base": set(), "views": {"options"}, "head": {"options"},
                "temperature": {"options"}, "batch": {"batch_size", "steps"},
                "steps": {"steps"},
            }[kind], name  # fmt: skip
            if kind != "steps":
                assert settings.steps * settings.batch_size == base.steps * base.batch_size


def test_lesson_5_reads_about_as_many_pixels_with_labels_as_without():
    pairs, labelled = EXPERIMENTS["patches-apart"], EXPERIMENTS["patches-supervised"]
    patch = pairs.options["patch"]
    read = pairs.steps * pairs.batch_size * 2 * patch**2
    assert 0.7 < labelled.steps * labelled.batch_size * labelled.size**2 / read < 1.3
