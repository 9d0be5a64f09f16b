"""Every task runs from its name alone, and its record tells what it cost and gave."""

from dataclasses import replace

import pytest
import torch

from ssl_teach.augment import crop_augmentation
from ssl_teach.evaluation import draw_labels, factor_probe
from ssl_teach.experiments.config import Experiment
from ssl_teach.experiments.run import (
    build_task,
    init_encoder,
    record_experiment,
    run_experiment,
    train_experiment,
    training_data,
)
from ssl_teach.tasks import TASKS
from ssl_teach.tasks.inpainting import Inpainting
from ssl_teach.tasks.rotation import Rotation
from ssl_teach.tasks.super_resolution import SuperResolution
from ssl_teach.tasks.supervised import Supervised
from ssl_teach.training import fine_tune

SMALL = Experiment(
    "rotation", "scenes", steps=2, batch_size=8, count=250, shortcuts=("background",)
)
OPTIONS = {
    "patch_position": {"patch": 8},
    "jigsaw": {"num_permutations": 5},
    "inpainting": {"masks": "centre", "lambda_gan": 0.1, "warmup_steps": 1},
    "super_resolution": {"content_steps": 1, "lambda_gan": 0.1, "warmup_steps": 1},
}
PASSES = {
    "rotation": 4, "patch_position": 2, "jigsaw": 9, "simclr": 2, "wrong_loss": 2, "supervised": 1,
    "inpainting": 1, "super_resolution": 1,
}  # fmt: skip


def test_an_experiment_tells_what_differs_from_the_defaults_and_cuts_what_is_long():
    told = repr(Experiment("rotation", "sketches", 10, classes=tuple("abcdef"), lr=1e-3))
    assert told == (
        "Experiment(task='rotation', data='sketches', steps=10, lr=0.001, "
        "classes=('a', 'b', 'c', 'd', ...))"
    )


@pytest.mark.parametrize("task", TASKS)
def test_every_task_runs_by_name_and_tells_its_passes(task):
    settings = replace(SMALL, task=task, options=OPTIONS.get(task, {}))
    metrics = run_experiment(settings, 0, progress=False)["metrics"]
    assert metrics["images_seen"] == 16
    passes = metrics["passes"] / 16
    assert passes == PASSES.get(task, passes) and passes >= 1
    assert 0 <= metrics["linear"] <= 1
    assert ("discriminator_auc" in metrics) == (task in {"inpainting", "super_resolution"})


def test_simclrs_transforms_and_head_are_options_and_z_is_probed_beside_h():
    settings = replace(SMALL, task="simclr", factors=True, every_stage=False)
    metrics = run_experiment(settings, 0, progress=False)["metrics"]
    assert {"linear", "linear_z", "factor_color", "factor_color_z"} <= set(metrics)
    assert "linear_best" not in metrics and "linear_stage_1" not in metrics

    none = run_experiment(replace(settings, options={"head": "none"}), 0, progress=False)["metrics"]
    assert none["linear_z"] == none["linear"]  # without a head z is h
    data = settings.load()
    encoder = init_encoder(settings, data, 0)
    chosen = replace(settings, options={"transforms": ["blur", "crop"], "head": "linear"})
    task = build_task(chosen, encoder, data, 0)
    assert [type(t).__name__ for t in task.augment.transforms] == [
        "RandomResizedCrop", "GaussianBlur",
    ]  # fmt: skip
    assert isinstance(task.head, torch.nn.Linear)
    for options, said in (
        ({"head": "tall"}, "head must be one of mlp, linear, none, got 'tall'"),
        ({"transforms": ["magic"]}, "transforms must be some of crop"),
        ({"temperature": "hot"}, "temperature must be a number of at least 0.001, got 'hot'"),
        ({"mistake": "none"}, "simclr takes no option 'mistake'; it takes temperature"),
    ):
        with pytest.raises(ValueError, match=said):
            replace(settings, options=options)


def test_pixels_of_the_low_resolution_are_counted_as_they_are():
    settings = replace(SMALL, task="super_resolution")
    assert run_experiment(settings, 0, progress=False)["metrics"]["megapixels"] == pytest.approx(
        16 * 64 / 1e6
    )


def test_fewer_labels_stand_beside_all_of_them():
    settings = replace(SMALL, task="random", fractions=(1.0, 0.5))
    metrics = run_experiment(settings, 0, progress=False)["metrics"]
    assert {"linear", "linear@50%", "knn@50%"} <= set(metrics)
    pixels = replace(settings, task="pixels")
    assert len(record_experiment("x", pixels, (0, 1), progress=False).runs) == 2  # labels are drawn
    assert (
        len(record_experiment("x", replace(pixels, fractions=(1.0,)), (0, 1), progress=False).runs)
        == 1
    )


def test_fine_tuning_is_recorded_for_each_share_and_starts_from_the_encoder():
    settings = replace(SMALL, task="random", fractions=(1.0, 0.5), fine_tune_steps=3)
    data = settings.load()
    metrics = run_experiment(settings, 0, progress=False)["metrics"]
    encoder = init_encoder(settings, data, 0)
    for fraction, end in ((1.0, ""), (0.5, "@50%")):
        again = fine_tune(
            encoder, data, steps=3, fraction=fraction, augment=crop_augmentation(), seed=0
        )
        assert metrics[f"fine_tune{end}"] == again.test
    probed = run_experiment(replace(settings, fine_tune_steps=0), 0, progress=False)["metrics"]
    assert not any(name.startswith("fine_tune") for name in probed)
    assert {name: metrics[name] for name in probed} == probed  # the probes saw the frozen encoder


def test_pixels_have_nothing_to_fine_tune():
    with pytest.raises(ValueError, match="no weights to fine-tune"):
        run_experiment(replace(SMALL, task="pixels", fine_tune_steps=1), 0, progress=False)


def test_no_probe_where_none_is_asked_for():
    settings = replace(SMALL, task="random", fractions=())
    assert run_experiment(settings, 0, progress=False)["metrics"] == {}


def test_factors_are_read_from_features_that_hold_them():
    data = SMALL.load()

    def told(images):  # the truth itself, as features
        rows = [int((data.images == x).flatten(1).all(dim=1).nonzero()[0]) for x in images]
        f = {name: values[rows].double() for name, values in data.factors.items()}
        angles = [2 * torch.pi * f[name] for name in ("hue", "sky", "ground")]
        columns = [g(a) for a in angles for g in (torch.cos, torch.sin)]
        return torch.stack([*columns, f["x"], f["y"], f["scale"]], dim=1).numpy()

    assert all(r2 > 0.99 for r2 in factor_probe(data, told).values())
    noise = factor_probe(data, lambda images: torch.randn(len(images), 3).numpy())
    assert all(r2 < 0.2 for r2 in noise.values())


def test_options_that_are_none_are_named():
    with pytest.raises(ValueError, match="takes no option 'colour'"):
        run_experiment(replace(SMALL, options={"colour": 1}), 0, progress=False)
    with pytest.raises(ValueError, match="one of blocks, centre, got 'round'"):
        run_experiment(
            replace(SMALL, task="inpainting", options={"masks": "round"}), 0, progress=False
        )


def test_the_adversary_of_holes_is_unbounded_and_that_of_whole_pictures_bounded():
    holes, whole = Inpainting((4, 8), lambda_gan=1.0), SuperResolution((4, 8), lambda_gan=1.0)
    names = [[n for n, _ in task.discriminator.named_parameters()] for task in (holes, whole)]
    assert not any("parametrizations" in name for name in names[0])
    assert any("parametrizations" in name for name in names[1])


def images_in(part):
    return {image.numpy().tobytes() for image in part}


def test_supervised_training_sees_its_share_of_the_labels_and_no_more():
    settings = replace(SMALL, task="supervised", label_share=0.3, batch_size=64)
    data, task = settings.load(), Supervised((4, 8), 10)
    budget = [draw_labels(data, 0.3, seed) for seed in (0, 1)]
    images, labels, batch_size = training_data(settings, data, task, 0)
    assert images_in(images) == images_in(budget[0][0].images)  # as a probe's training labels
    assert images_in(images) != images_in(budget[1][0].images)  # another seed draws others
    assert not images_in(images) & images_in(budget[0][1].images)  # validation is held back
    assert not images_in(images) & images_in(data.test.images)
    pool = len(data.train) + len(data.val)
    assert len(images) + len(budget[0][1]) == pytest.approx(0.3 * pool, abs=10)  # rounded by class
    truth = {
        image.numpy().tobytes(): int(k) for image, k in zip(data.images, data.labels, strict=True)
    }
    assert [truth[image.numpy().tobytes()] for image in images] == labels.tolist()
    assert batch_size == len(images) < 64


def test_a_step_draws_all_labelled_pictures_where_these_are_few():
    settings = replace(SMALL, task="supervised", label_share=0.3, batch_size=64, fractions=())
    few = run_experiment(settings, 0, progress=False)["metrics"]
    drawn = len(training_data(settings, settings.load(), Supervised((4, 8), 10), 0)[0])
    assert few["images_seen"] == few["passes"] == settings.steps * drawn
    full = run_experiment(replace(settings, label_share=1.0), 0, progress=False)["metrics"]
    assert full["images_seen"] == settings.steps * 64


def test_tasks_without_labels_see_all_pictures_and_refuse_a_share_of_labels():
    data = SMALL.load()
    images, labels, batch_size = training_data(SMALL, data, Rotation((4, 8)), 0)
    assert len(images) == len(data.unlabelled) and labels is None and batch_size == 8
    for task in ("rotation", "random", "pixels"):
        with pytest.raises(ValueError, match=f"{task} is trained without labels"):
            replace(SMALL, task=task, label_share=0.5)
    with pytest.raises(ValueError, match="two per class"):
        train_experiment(
            replace(SMALL, task="supervised", label_share=0.01), data, 0, progress=False
        )
