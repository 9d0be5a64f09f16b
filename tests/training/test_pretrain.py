"""The loop: repeatable, resumable, fair about labels, and fit for two players."""

import copy
import os
import pickle
import re
import signal
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

from ssl_teach.augment import crop_augmentation
from ssl_teach.data import load
from ssl_teach.encoders.networks import ConvNet, build_encoder
from ssl_teach.tasks.base import Batch, Task
from ssl_teach.tasks.inpainting import Inpainting
from ssl_teach.tasks.rotation import Rotation
from ssl_teach.tasks.simclr import SimCLR
from ssl_teach.tasks.supervised import Supervised
from ssl_teach.training.checkpoint import defer_interrupt, load_encoder, save_encoder, steps_of
from ssl_teach.training.loop import batch_indices, learning_rate
from ssl_teach.training.pretrain import pretrain

WIDTHS = (4, 8)


def images(count=40, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, 8, 8), generator=generator, dtype=torch.uint8)


def noise(x, generator):
    return (x + 0.1 * torch.rand(x.shape, generator=generator)).clamp(0, 1)


def fresh(seed=0):
    torch.manual_seed(seed)
    return ConvNet(widths=WIDTHS), Rotation(WIDTHS, augment=noise)


def run(encoder, task, steps=9, **options):
    return pretrain(encoder, task, images(), steps=steps, batch_size=8, progress=False, **options)


def same(a, b):
    return all(
        torch.equal(x, y)
        for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    )


def test_a_seed_gives_the_same_run_twice_and_another_seed_another():
    (e1, t1), (e2, t2), (e3, t3) = fresh(), fresh(), fresh()
    curves = [run(e1, t1, seed=5), run(e2, t2, seed=5), run(e3, t3, seed=6)]
    assert curves[0].values == curves[1].values
    assert same(e1, e2)
    assert curves[0].values != curves[2].values


def test_it_learns():
    torch.manual_seed(0)
    bright = torch.zeros(64, 3, 8, 8, dtype=torch.uint8)
    bright[:, :, :3] = 255  # light at the top tells the rotation
    encoder, task = ConvNet(widths=WIDTHS), Rotation(WIDTHS)
    curve = pretrain(encoder, task, bright, steps=120, batch_size=16, lr=1e-2, progress=False)
    assert curve.values["loss"][0] > 1.0
    assert curve.last("accuracy") > 0.95


class Interrupt(Exception):
    """Stands for a crash."""


class Crashing(Rotation):
    """Fails at a chosen step, as a power cut would."""

    _crash_at = -1

    def make_batch(self, x, labels, generator):
        self._crash_at -= 1
        if self._crash_at == 0:
            raise Interrupt
        return super().make_batch(x, labels, generator)


def test_resume_after_a_crash_continues_to_the_same_result(tmp_path):
    whole, task = fresh()
    unbroken = run(whole, task)

    torch.manual_seed(0)
    broken, failing = ConvNet(widths=WIDTHS), Crashing(WIDTHS, augment=noise)
    failing._crash_at = 7
    path = tmp_path / "run.pt"
    # the settings name the task by its class, so the crashing one must pass for the real one
    Crashing.__name__ = "Rotation"
    with pytest.raises(Interrupt):
        run(broken, failing, checkpoint=path, checkpoint_every=2)
    resumed, task = fresh(seed=99)  # other weights: all must come from the file
    curve = run(resumed, task, checkpoint=path)
    assert curve.values == unbroken.values
    assert same(resumed, whole)
    assert [p.name for p in tmp_path.iterdir()] == ["run.pt"]  # no half-written file is left


class Interrupted(Rotation):
    """Presses Ctrl-C in the middle of a step, or asks for the end as a cluster does."""

    kind = signal.SIGINT

    def make_batch(self, x, labels, generator):
        self.calls = getattr(self, "calls", 0) + 1
        if self.calls == 4:
            os.kill(os.getpid(), self.kind)
        return super().make_batch(x, labels, generator)


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_finishes_the_step_and_saves(kind, tmp_path, monkeypatch):
    before = signal.getsignal(kind)
    monkeypatch.setattr(Interrupted, "kind", kind)
    whole, task = fresh()
    unbroken = run(whole, task)
    torch.manual_seed(0)
    encoder, pressing = ConvNet(widths=WIDTHS), Interrupted(WIDTHS, augment=noise)
    Interrupted.__name__ = "Rotation"
    path = tmp_path / "run.pt"
    with pytest.raises(KeyboardInterrupt):
        run(encoder, pressing, checkpoint=path, checkpoint_every=1000)
    assert len(torch.load(path, weights_only=True)["curve"]["loss"]) == 4
    resumed, task = fresh(seed=99)
    assert run(resumed, task, checkpoint=path).values == unbroken.values
    assert signal.getsignal(kind) is before


def test_an_interrupt_after_the_last_look_is_not_lost():
    with pytest.raises(KeyboardInterrupt), defer_interrupt():
        os.kill(os.getpid(), signal.SIGINT)
    encoder, task = fresh()
    with pytest.raises(KeyboardInterrupt):
        run(encoder, task, steps=2, after_step=lambda s: s == 2 and os.kill(os.getpid(), 2))
    with pytest.raises(ZeroDivisionError), defer_interrupt():  # an error is not covered up
        os.kill(os.getpid(), signal.SIGINT)
        _ = 1 / 0


def test_a_finished_run_is_read_back_not_repeated(tmp_path):
    encoder, task = fresh()
    first = run(encoder, task, checkpoint=tmp_path / "run.pt")
    again, task = fresh(seed=1)
    assert run(again, task, checkpoint=tmp_path / "run.pt").values == first.values
    assert same(again, encoder)


def test_a_checkpoint_of_a_different_run_is_rejected(tmp_path):
    path = tmp_path / "run.pt"
    run(*fresh(), checkpoint=path)
    with pytest.raises(ValueError, match=r"lr is 0\.003 in the checkpoint and 0\.1 in this run"):
        run(*fresh(), checkpoint=path, lr=0.1)
    assert steps_of(path) == 9
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(ValueError, match="cannot be read"):
        run(*fresh(), checkpoint=path)


def test_a_checkpoint_of_other_labels_is_refused(tmp_path):
    path = tmp_path / "run.pt"
    labels = torch.arange(40) % 2

    def supervised(labels):
        torch.manual_seed(0)
        task = Supervised(WIDTHS, 2)
        options = {"steps": 2, "batch_size": 8, "progress": False, "checkpoint": path}
        return pretrain(ConvNet(widths=WIDTHS), task, images(), labels, **options)

    first = supervised(labels)
    assert supervised(labels.clone()).values == first.values
    swapped = labels.clone()
    swapped[[0, 1, 2, 3]] = labels[[1, 0, 3, 2]]
    for other in (1 - labels, labels.roll(1), swapped):
        with pytest.raises(ValueError, match=r"the labels have changed"):
            supervised(other)


class Watching(Task):
    """Notes what labels it was shown."""

    def __init__(self, uses_labels):
        super().__init__()
        self.uses_labels = uses_labels
        self.seen = []
        self.weight = nn.Parameter(torch.zeros(()))

    def make_batch(self, x, labels, generator):
        self.seen.append(labels)
        return Batch(x, x)

    def forward(self, encoder, batch):
        return (encoder(batch.images).mean() - self.weight) ** 2, {}


@pytest.mark.parametrize("uses_labels", [False, True])
def test_only_supervision_sees_labels(uses_labels):
    task = Watching(uses_labels)
    encoder, _ = fresh()
    pretrain(encoder, task, images(), torch.arange(40), steps=2, batch_size=8, progress=False)
    assert [seen is not None for seen in task.seen] == [uses_labels] * 2


class Duel(Task):
    """Two players about one number: the smallest adversarial task, with a warm-up."""

    def __init__(self):
        super().__init__()
        self.mine, self.yours = nn.Parameter(torch.zeros(())), nn.Parameter(torch.zeros(()))
        self.moves = []

    def make_batch(self, x, labels, generator):
        return Batch(x, x)

    def players(self, step):
        return ("learner",) if step < 3 else ("adversary", "learner")

    def parameters_of(self, player, encoder):
        return [self.yours] if player == "adversary" else [self.mine, *encoder.parameters()]

    def loss_of(self, player, encoder, batch, step):
        self.moves.append((step, player))
        gap = (self.mine - 1) ** 2 + (self.yours - self.mine) ** 2
        return (gap, {"gap": gap}) if player == "learner" else ((self.yours - 5) ** 2, {})


def test_the_loop_serves_two_players_in_turn():
    task, (encoder, _) = Duel(), fresh()
    before = copy.deepcopy(encoder)
    curve = run(encoder, task, steps=5, lr=0.1)
    assert task.moves == [
        (0, "learner"), (1, "learner"), (2, "learner"),
        (3, "adversary"), (3, "learner"), (4, "adversary"), (4, "learner"),
    ]  # fmt: skip
    assert set(curve.values) == {"loss", "gap", "adversary loss"}
    assert [len(series) for series in curve.values.values()] == [5, 5, 5]
    assert task.mine != 0 and task.yours != 0
    assert all(
        torch.equal(a, b) for a, b in zip(before.parameters(), encoder.parameters(), strict=True)
    )


def test_every_image_comes_once_per_epoch():
    seen = torch.cat([batch_indices(step, 40, 8, seed=3) for step in range(5)])
    assert torch.equal(seen.sort().values, torch.arange(40))
    assert not torch.equal(batch_indices(0, 40, 8, 3), batch_indices(5, 40, 8, 3))


def test_learning_rate_rises_then_falls_to_nothing():
    rates = [learning_rate(step, 100, 1.0) for step in range(100)]
    assert rates.index(max(rates)) in (4, 5)
    assert max(rates) == pytest.approx(1.0)
    assert rates[5:] == sorted(rates[5:], reverse=True)
    assert rates[-1] < 0.01


def test_bad_input_is_named():
    encoder, task = fresh()
    with pytest.raises(ValueError, match="uint8"):
        pretrain(encoder, task, torch.rand(4, 3, 8, 8), steps=1, batch_size=2)
    with pytest.raises(ValueError, match="from 1 to 40, got 64"):
        pretrain(encoder, task, images(), steps=1, batch_size=64)
    with pytest.raises(ValueError, match="labels"):
        pretrain(encoder, Supervised(WIDTHS, 2), images(), steps=1, batch_size=4)


class Exploding(Watching):
    """A loss that is no number."""

    def forward(self, encoder, batch):
        return self.weight * torch.nan, {}


def test_a_loss_that_is_no_number_stops_the_run():
    with pytest.raises(
        FloatingPointError, match="step 0 the loss is nan; no weight has been updated"
    ):
        run(fresh()[0], Exploding(False))
    encoder, task = fresh()
    with pytest.raises(FloatingPointError, match=r"at step 1 the loss is \w+; lower lr \(1e\+30\)"):
        run(encoder, task, lr=1e30)


def test_simclr_that_diverges_is_told_as_such():
    encoder = ConvNet(widths=WIDTHS)
    with pytest.raises(FloatingPointError, match=r"at step 1 .*lower lr \(1e\+30\)"):
        run(encoder, SimCLR(WIDTHS, crop_augmentation()), lr=1e30)


def test_a_checkpoint_of_a_run_that_diverged_is_to_be_deleted(tmp_path):
    path = tmp_path / "run.pt"
    with pytest.raises(FloatingPointError, match=r"lower lr \(1e\+30\), and delete .*run\.pt"):
        run(*fresh(), lr=1e30, checkpoint=path, checkpoint_every=1)


@pytest.mark.parametrize("norm", ["batch", "group"])
def test_an_encoder_is_saved_and_read_back(tmp_path, norm):
    encoder = build_encoder("convnet", channels=1, norm=norm)
    save_encoder(encoder, tmp_path / "encoder.pt")
    assert same(load_encoder(tmp_path / "encoder.pt"), encoder)


def test_an_encoder_that_could_not_be_built_again_is_not_saved(tmp_path):
    class Mine(ConvNet):
        pass

    with pytest.raises(ValueError, match="a Mine cannot be built again"):
        save_encoder(Mine(), tmp_path / "encoder.pt")
    with pytest.raises(ValueError, match=r"not what build_encoder makes \(blocks"):
        save_encoder(ConvNet(widths=WIDTHS), tmp_path / "encoder.pt")
    assert not any(tmp_path.iterdir())


def test_a_compiled_run_learns_the_same(monkeypatch):
    """The compiler itself is slow: here it hands the module back, and what it was given is seen."""
    given = []
    monkeypatch.setattr(torch, "compile", lambda model: given.append(model) or model)
    images = load("scenes", count=200).unlabelled
    curves = []
    for compiled in (False, True):
        torch.manual_seed(0)
        encoder = ConvNet()
        task = Rotation(encoder.widths)
        steps = []
        curves.append(
            pretrain(
                encoder, task, images, steps=2, batch_size=8, progress=False, compiled=compiled,
                after_step=steps.append,
            )
        )  # fmt: skip
        assert steps == [1, 2]
    assert curves[0].values == curves[1].values
    assert [type(model).__name__ for model in given] == ["Learner"]


def test_a_task_with_an_adversary_is_not_compiled():
    encoder = ConvNet()
    task = Inpainting(encoder.widths, lambda_gan=0.01, warmup_steps=0)
    images = load("scenes", count=200).unlabelled
    with pytest.raises(ValueError, match="adversary cannot be compiled"):
        pretrain(encoder, task, images, steps=2, batch_size=8, progress=False, compiled=True)


# --- checkpoints are not trusted: nothing in them is run, and what does not fit changes nothing


class Evil:
    """A pickle that makes a folder where it is opened."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def resumed(path, **options):
    """The message with which a run refuses a checkpoint, changing neither run nor file."""
    encoder, task = fresh(seed=3)
    weights, content = copy.deepcopy(encoder), path.read_bytes()
    with pytest.raises(ValueError, match=path.name) as error:
        run(encoder, task, checkpoint=path, **options)
    assert same(encoder, weights) and path.read_bytes() == content
    return str(error.value)


def test_settings_from_numpy_are_read_back(tmp_path):
    options = {"lr": np.float64(1e-3), "weight_decay": np.float32(0), "seed": np.int64(1)}
    for _ in range(2):
        run(*fresh(), checkpoint=tmp_path / "run.pt", **options)


def test_a_pickle_that_would_run_code_is_rejected(tmp_path):
    path, evil = tmp_path / "run.pt", tmp_path / "evil"
    run(*fresh(), checkpoint=path)
    hostile = torch.load(path, weights_only=True) | {"curve": Evil(evil)}
    torch.save(hostile, path)
    assert "was not written by this package; nothing in it was run" in resumed(path)
    path.write_bytes(pickle.dumps(Evil(evil)))
    assert "cannot be read" in resumed(path)
    with pytest.raises(ValueError, match="nothing in it was run"):
        load_encoder(path)
    assert not evil.exists()
    pickle.loads(path.read_bytes())  # the pickle is a true one
    assert evil.exists()


def test_a_truncated_or_compressed_checkpoint_is_rejected(tmp_path):
    path = tmp_path / "run.pt"
    run(*fresh(), checkpoint=path)
    whole = path.read_bytes()
    for end in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:end])
        assert "it is damaged" in resumed(path)
    path.write_bytes(whole)
    bomb = tmp_path / "bomb.pt"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(50_000_000))
    assert "it is damaged" in resumed(bomb)


def cut(state):
    first = next(iter(state["learner"]))
    state["learner"][first] = state["learner"][first][:1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (cut, r"blocks.*expected \(4, .*, got \(1, "),
        (lambda s: s["learner"].popitem(), "got nothing"),
        (lambda s: s.update(learner=[]), "does not fit"),
        (lambda s: s.pop("optimizers"), "'optimizers' is missing"),
        (lambda s: s["optimizers"]["learner"]["state"][0].update(exp_avg=torch.ones(3)), "exp_avg"),
        (lambda s: s["optimizers"]["learner"]["param_groups"][0]["params"].pop(), "parameters"),
        (lambda s: s.update(generators=torch.zeros(1, 3)), "does not fit"),
        (lambda s: s.update(global_generators=torch.zeros(0, 3)), "does not fit"),
        (lambda s: s["global_generators"].update(cpu=torch.zeros(1, 3)), "does not fit"),
        (lambda s: s["curve"]["loss"].pop(), "one number for each"),
        (lambda s: s["curve"].update(loss="nonsense!"), "one number for each"),
        (lambda s: s.update(seconds=float("nan")), "seconds must be .* got nan"),
        (lambda s: s.update(settings=3), "not a checkpoint of a run"),
        (lambda s: s["settings"].update(lr=torch.ones(2)), "lr is tensor"),
        (lambda s: s.update(schema=torch.ones(2)), "not 5: it is of a different version or type"),
    ],
)
def test_a_checkpoint_that_does_not_fit_changes_nothing(tmp_path, change, message):
    path = tmp_path / "run.pt"
    run(*fresh(), checkpoint=path)
    state = torch.load(path, weights_only=True)
    change(state)
    torch.save(state, path)
    assert re.search(message, resumed(path))


@pytest.mark.parametrize(
    "built",
    [
        {"name": "convnet", "channels": 10**9, "norm": "batch"},
        {"name": "convnet", "channels": -1, "norm": "batch"},
        {"name": "convnet", "channels": 1, "norm": "none"},
        {"name": "vgg", "channels": 1, "norm": "batch"},
        {"name": ["convnet"]},
        {"nonsense": 1},
        7,
    ],
)
def test_a_file_that_is_not_an_encoder_is_rejected(tmp_path, built):
    path = tmp_path / "encoder.pt"
    weights = build_encoder("convnet", channels=1).state_dict()
    torch.save({"schema": 2, "built": built, "weights": weights}, path)
    with pytest.raises(ValueError, match="not a complete encoder"):
        load_encoder(path)


def test_a_path_that_is_not_a_regular_file_is_rejected(tmp_path):
    os.mkfifo(tmp_path / "encoder.pt")
    for path in (tmp_path / "encoder.pt", tmp_path):
        with pytest.raises(ValueError, match="not a regular file"):
            load_encoder(path)
    with pytest.raises(FileNotFoundError):
        load_encoder(tmp_path / "none.pt")
