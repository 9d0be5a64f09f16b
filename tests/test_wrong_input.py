"""What public functions say to wrong input: one sentence of ours, never another library's."""

import functools
import math

import numpy as np
import pytest
import torch

from ssl_teach.augment import crop_augmentation
from ssl_teach.data import Dataset, load
from ssl_teach.encoders import ConvNet, build_encoder
from ssl_teach.evaluation import (
    ProbeData,
    correlation_ratio,
    draw_labels,
    factor_probe,
    features,
    knn_probe,
    label_arrays,
    linear_probe,
    max_activating_patches,
    psnr,
    random_weights,
    raw_pixels,
    sharpness,
    ssim,
)
from ssl_teach.experiments.config import Experiment
from ssl_teach.experiments.records import Record, collect
from ssl_teach.lessons import show_images
from ssl_teach.losses import alignment, info_nce, nt_xent, uniformity
from ssl_teach.statistics import spread
from ssl_teach.tasks import Inpainting, Jigsaw, Rotation, SimCLR, Supervised
from ssl_teach.tasks.inpainting import HoleBatch, centre_mask, reconstruction_loss, smooth_fill
from ssl_teach.tasks.rotation import rotate
from ssl_teach.tasks.super_resolution import shrink
from ssl_teach.tasks.supervised import accuracy
from ssl_teach.training import fine_tune, pretrain

WIDTHS = (4, 8)
IMAGES = torch.randint(0, 256, (12, 3, 8, 8), generator=torch.Generator().manual_seed(0)).byte()
GREY = IMAGES[:, :1]
LABELS = torch.arange(12) % 3
X = torch.randn(12, 4, generator=torch.Generator().manual_seed(0))
HALVES = {"train": range(6), "val": range(6, 9), "test": range(9, 12)}


def encoder(channels=3):
    return ConvNet(channels, widths=WIDTHS)


def data(images=IMAGES, labels=LABELS, classes=("a", "b", "c"), splits=HALVES, **more):
    return Dataset("mine", images, labels, classes, splits=splits, **more)


def run(task=Rotation, images=IMAGES, labels=None, **options):
    given = {"steps": 1, "batch_size": 4, "progress": False} | options
    return pretrain(encoder(), task, images, labels, **given)


def supervised(classes=3):
    return Supervised(WIDTHS, classes)


def supervised_of(widths):
    return Supervised(widths, 3)


def simclr():
    return SimCLR(WIDTHS, crop_augmentation())


def probe_data(train=X, labels=LABELS, test=X, test_labels=LABELS):
    return ProbeData((train, labels), (X, LABELS), (test, test_labels))


def tune(**options):
    given = {"steps": 1, "batch_size": 4} | options
    return fine_tune(
        given.pop("encoder", None) or encoder(), given.pop("data", None) or data(), **given
    )


WRONG = {
    # images
    "floats": (lambda: features(encoder(), IMAGES.float() / 255), "uint8.*got.*float32"),
    "pixels as floats": (lambda: raw_pixels(IMAGES.float() / 255), r"uint8.*\.to\(torch\.uint8\)"),
    "floats to pretrain": (lambda: run(Rotation(WIDTHS), IMAGES / 255), "uint8"),
    "one image": (lambda: features(encoder(), IMAGES[0]), r"image\[None\]"),
    "a list": (lambda: features(encoder(), list(IMAGES)), "torch.stack"),
    "a data set": (lambda: features(encoder(), data()), "pass one part of it"),
    "no images": (lambda: features(encoder(), IMAGES[:0]), "are empty"),
    "channels last": (lambda: features(encoder(), IMAGES.permute(0, 2, 3, 1)), "permute"),
    "grey into colour": (lambda: features(encoder(), GREY), "3 channels, got 1: repeat the grey"),
    "colour into grey": (lambda: features(encoder(1), IMAGES), "1 channels, got 3: average"),
    "pretrain grey into colour": (lambda: run(Rotation(WIDTHS), GREY), "3 channels, got 1"),
    "floats into the encoder": (lambda: encoder()(GREY.float()), "3 channels, got 1"),
    "objects": (lambda: features(encoder(), np.full((2, 3, 4, 4), None)), "must be numbers"),
    "no encoder": (lambda: features(torch.nn.Linear(3, 4), IMAGES), "subclass of Encoder"),
    "batches of none": (lambda: features(encoder(), IMAGES, batch_size=0), "batch_size"),
    "features of none": (lambda: features(encoder(), IMAGES, size=0), "size.*at least 1"),
    # data sets
    "too few labels": (lambda: data(labels=LABELS[:5]), "one for each of 12 images, got 5"),
    "labels from 1": (lambda: data(labels=LABELS + 1), "got 3; subtract 1"),
    "labels beyond classes": (lambda: data(classes=("a", "b")), "2 classes, from 0 to 1, got 2"),
    "float labels": (lambda: data(labels=LABELS.float()), "integers, got float32"),
    "bool labels": (lambda: data(labels=LABELS > 1), "integers, got bool"),
    "one-hot labels": (lambda: data(labels=torch.eye(12).long()), r"shape \(N,\)"),
    "labels below -1": (lambda: data(labels=LABELS - 2), "got -2"),
    "words as labels": (lambda: data(labels=list("abcabcabcabc")), "so integers"),
    "unlabelled in train": (
        lambda: data(labels=torch.where(LABELS == 0, -1, LABELS)),
        "2 images of the split 'train' have no label; put them in a split 'unlabelled'",
    ),
    "twins of classes": (lambda: data(classes=("a", "b", "a")), "same name"),
    "split of another name": (lambda: data(splits={"valid": [0]}), "only train, val, test"),
    "a mask as split": (lambda: data(splits={"train": LABELS == 0}), r"torch\.where\(mask\)"),
    "a row twice": (lambda: data(splits={"train": [0, 0]}), "twice"),
    "a row too far": (lambda: data(splits={"train": [12]}), "from 0 to 11, got 12"),
    "a row from the end": (lambda: data().subset([-1]), "from 0 to 11, got -1"),
    "no rows": (lambda: data().subset([]), "at least one image"),
    "factors of others": (lambda: data(factors={"hue": [1.0]}), "hue for 12 images"),
    "size in words": (lambda: load("digits", size="8"), "size must be an integer"),
    "a seed too large": (lambda: load("digits", seed=20240101123456), "from 0 to 4294967295"),
    "a negative seed": (lambda: load("scenes", count=50, seed=-1), "from 0 to 4294967295"),
    "a seed in parts": (lambda: load("digits", seed=0.5), "seed must be an integer"),
    "no name": (lambda: load(3), "by its name or path, got 3"),
    # pretraining
    "no labels": (lambda: run(supervised()), "pass labels="),
    "labels from 1 to K": (lambda: run(supervised(), labels=LABELS + 1), "subtract 1"),
    "labels of floats": (lambda: run(supervised(), labels=LABELS.double()), "got float64"),
    "a missing label": (lambda: run(supervised(), labels=LABELS - 1), "leave out images without"),
    "labels of too few": (lambda: run(supervised(), labels=LABELS[:4]), "each of 12 images, got 4"),
    "one label": (lambda: run(supervised(), labels=LABELS * 0), "at least two possible answers"),
    "one class": (lambda: supervised(1), "at least two possible answers"),
    "no negatives": (lambda: run(simclr(), batch_size=1), "is only one image in a batch"),
    "a batch too large": (lambda: run(Rotation(WIDTHS), batch_size=13), "from 1 to 12, got 13"),
    "no steps": (lambda: run(Rotation(WIDTHS), steps=0), "steps must be an integer of at least 1"),
    "half a step": (lambda: run(Rotation(WIDTHS), steps=1.5), "steps must be an integer"),
    "no rate": (lambda: run(Rotation(WIDTHS), lr=0.0), "lr must be a positive number"),
    "no number as rate": (lambda: run(Rotation(WIDTHS), lr=math.nan), "lr must be a positive"),
    "negative decay": (lambda: run(Rotation(WIDTHS), weight_decay=-1), "weight_decay must be"),
    "an endless seed": (lambda: run(Rotation(WIDTHS), seed=2**40), "from 0 to 4294967295"),
    "never a checkpoint": (lambda: run(Rotation(WIDTHS), checkpoint_every=0), "checkpoint_every"),
    "one permutation": (lambda: Jigsaw(WIDTHS, num_permutations=1), "is only one permutation"),
    "nothing to learn": (lambda: Inpainting(WIDTHS, lambda_rec=0.0), "nothing to learn"),
    "a hole of nothing": (
        lambda: HoleBatch(IMAGES / 255, IMAGES / 255, torch.zeros(12, 1, 8, 8).bool()),
        "hides nothing",
    ),
    "a hole in one pixel": (
        lambda: Inpainting(WIDTHS, masks=centre_mask).make_batch(
            IMAGES[:, :, :1, :1] / 255, None, torch.Generator()
        ),
        "hides nothing",
    ),
    "a data set to train on": (lambda: run(Rotation(WIDTHS), data()), r"such as its \.unlabelled"),
    "the name of a task": (lambda: run("rotation"), "such as Rotation"),
    "a class as task": (lambda: run(Rotation), "such as Rotation"),
    "swapped": (lambda: pretrain(Rotation(WIDTHS), encoder(), IMAGES, steps=1), "encoder"),
    "a class as encoder": (lambda: pretrain(ConvNet, Rotation(WIDTHS), IMAGES, steps=1), "encoder"),
    "a head of other widths": (lambda: run(Rotation((4, 9))), r"widths \(4, 9\), this one has"),
    "an encoder as widths": (lambda: Rotation(encoder()), r"pass its \.widths"),
    "a width alone": (lambda: Rotation(256), "channels of one or more stages, got 256"),
    "a name as channels": (lambda: ConvNet("resnet18"), "channels must be an integer"),
    # fine-tuning
    "fine-tuning for no steps": (lambda: tune(steps=0), "steps"),
    "blocks that are not there": (lambda: tune(blocks=3), "blocks must be an integer from 0 to 2"),
    "no rates": (lambda: tune(rates=()), "no learning rates"),
    "unlabelled data": (lambda: tune(data=data(labels=None, classes=())), "no labels"),
    "no test split": (
        lambda: tune(data=data(splits={"train": range(6), "val": range(6, 12)})),
        "no split 'test'",
    ),
    # probes
    "no neighbours": (lambda: knn_probe(probe_data(), (5, 0)), "neighbours must be.*at least 1"),
    "too many neighbours": (lambda: knn_probe(probe_data(), (20, 50)), "12 training features"),
    "no choice": (lambda: knn_probe(probe_data(), ()), "no numbers of neighbours"),
    "no penalty": (lambda: linear_probe(probe_data(), ()), "no penalties"),
    "penalty of zero": (lambda: linear_probe(probe_data(), (0.0,)), "penalty must be a positive"),
    "probing one class": (
        lambda: probe_data(labels=LABELS * 0, test_labels=LABELS * 0).train, "never sees|only one",
    ),
    "a class never trained": (
        lambda: probe_data(labels=LABELS.clamp(max=1)), "include 2, which training never sees",
    ),
    "NaN": (lambda: probe_data(X * math.nan), "features of train contain NaN"),
    "maps": (lambda: probe_data(X[:, :, None]), r"shape \(N, D\)"),
    "other widths": (lambda: probe_data(test=X[:, :2]), "features of test are 2 wide"),
    "labels of others": (lambda: probe_data(labels=LABELS[:3]), "each of 12 images, got 3"),
    "no factors": (lambda: factor_probe(data(), raw_pixels), "has no factor 'hue'; it has none"),
    "no fraction": (lambda: draw_labels(data(), 0.0, 0), r"must lie in \(0, 1\]"),
    "a percentage": (lambda: draw_labels(data(), 10, 0), r"must lie in \(0, 1\]"),
    "too few to draw": (lambda: draw_labels(data(), 0.1, 0), "two per class are needed"),
    "labels missing": (
        lambda: label_arrays(data(labels=LABELS - 1, splits={}).subset([0, 1])),
        "1 of 2 images of 'mine' have no label",
    ),
    "a seed of words": (lambda: random_weights(encoder(), "x"), "seed must be an integer"),
    # looking inside
    "one class for η²": (lambda: correlation_ratio(X, LABELS * 0), "only one class"),
    "labels for others": (lambda: correlation_ratio(X, LABELS[:4]), "each of 12 images, got 4"),
    "no such stage": (
        lambda: max_activating_patches(encoder(), IMAGES, 3, [0]), "stage must be.*from 1 to 2",
    ),
    "no such channel": (
        lambda: max_activating_patches(encoder(), IMAGES, 1, [4]), "a channel.*from 0 to 3",
    ),
    "more patches than images": (
        lambda: max_activating_patches(encoder(), IMAGES, 1, [0], count=13), "from 1 to 12",
    ),
    "bytes as reconstruction": (lambda: psnr(IMAGES, IMAGES), "divide|convert"),
    "levels as reconstruction": (lambda: psnr(IMAGES.float(), IMAGES.float()), r"in \[0, 1\]"),
    "other sizes": (lambda: psnr(GREY / 255, IMAGES / 255), "same shape"),
    "tiny images": (lambda: ssim(IMAGES[..., :4] / 255, IMAGES[..., :4] / 255), "at least 7×7"),
    "the sharpness of nothing": (
        lambda: sharpness(IMAGES / 255, torch.zeros(12, 1, 8, 8).bool()), "no two neighbouring",
    ),
    # losses
    "one image to contrast": (lambda: nt_xent(X[:2]), "needs two images"),
    "one key": (lambda: info_nce(X[:2], X[:1], torch.zeros(2).long()), "only one key"),
    "an array of views": (lambda: nt_xent(X.numpy()), "must be a tensor.*torch.as_tensor"),
    "a temperature in words": (lambda: nt_xent(X, temperature="cold"), "τ must be a positive"),
    "indices as floats": (lambda: info_nce(X, X, LABELS.float()), "indices, so integers"),
    "indices in a list": (lambda: info_nce(X, X, LABELS.tolist()), "must be a tensor of indices"),
    "no pairs": (lambda: alignment(X[:0], X[:0]), "at least one vector"),
    # images of tasks
    "half a turn too fine": (lambda: rotate(IMAGES / 255, 0.5), "quarter_turns must be an integer"),
    "an image to shrink": (lambda: shrink(IMAGES[0] / 255), r"image\[None\]"),
    "bytes to shrink": (lambda: shrink(IMAGES), "convert bytes to floats"),
    "bytes to fill": (lambda: smooth_fill(IMAGES, GREY > 99), "convert bytes to floats"),
    "a mask of numbers": (lambda: smooth_fill(IMAGES / 255, GREY), "mask must be bool"),
    "a mask of another size": (lambda: smooth_fill(IMAGES / 255, (GREY > 99)[..., :4]), "bool"),
    "a loss of nothing": (
        lambda: reconstruction_loss(IMAGES / 255, IMAGES / 255, GREY > 255), "hides nothing",
    ),
    "no stages": (lambda: Rotation(()), "channels of one or more stages"),
    "widths in words": (lambda: supervised_of("ab"), "channels of one or more stages"),
    "a stage of nothing": (lambda: ConvNet(3, widths=(0, 4)), "a width must be.*at least 1"),
    "views of nothing": (lambda: SimCLR(WIDTHS, None), "needs an augmentation"),
    "a cold task": (lambda: SimCLR(WIDTHS, crop_augmentation(), temperature=0), "τ must be"),
    "NaN over seeds": (lambda: spread([0.5, math.nan]), "finite numbers"),
    "classes in halves": (lambda: load("sketches", classes=2.5), "their number or names"),
    "a shortcut by number": (lambda: load("scenes", count=50, shortcuts=3), "names are needed"),
    "a root by number": (lambda: load("cifar10", root=3), "root must be the path"),
    "no right answer": (
        lambda: info_nce(X, X, torch.arange(12), exclude=torch.arange(12)), "no right answer",
    ),
    "vectors too short": (lambda: nt_xent(X * 1e-30), "multiply them by a constant"),
    "vectors too long": (lambda: nt_xent(X * 1e30), "look at the step"),
    "α of nothing": (lambda: alignment(X, X, alpha=math.nan), "α must be a positive"),
    "t without end": (lambda: uniformity(X, t=math.inf), "t must be a positive number"),
    "τ of almost nothing": (lambda: nt_xent(X, temperature=1e-30), "at least 1e-6"),
    "a decoder for grey": (
        lambda: run(Inpainting(WIDTHS, channels=1)), "reads images of 1 channels, got 3",
    ),
    "weights below zero": (lambda: Inpainting(WIDTHS, lambda_rec=-1), "lambda_rec must be"),
    "nothing before the adversary": (
        lambda: Inpainting(WIDTHS, lambda_rec=0, lambda_gan=1, warmup_steps=9), "nothing to learn",
    ),
    "floats to reconstruct": (
        lambda: Inpainting(WIDTHS).reconstruction_metrics(encoder(), IMAGES / 255), "uint8",
    ),
    "one image many times": (
        lambda: run(simclr(), IMAGES[:1].repeat(12, 1, 1, 1)), "nothing to tell apart",
    ),
    "images without an up": (
        lambda: run(Rotation(WIDTHS), torch.full_like(IMAGES, 7)), "same in every rotation",
    ),
    "an augmentation that drops": (
        lambda: run(SimCLR(WIDTHS, lambda x, g: x[1:])), "one view for each image",
    ),
    "one image for batch norm": (
        lambda: run(Supervised(WIDTHS, 3), IMAGES[..., :2, :2], LABELS, batch_size=1),
        "norm='group'",
    ),
    "labels in a column": (
        lambda: accuracy(encoder(), supervised(), IMAGES, LABELS[:, None].numpy()), r"shape \(N,\)",
    ),
    "one rate": (lambda: tune(rates=1e-3), r"a sequence such as \(0.001,\)"),
    "one penalty": (lambda: linear_probe(probe_data(), 1.0), r"such as \(1.0,\)"),
    "huge features": (lambda: probe_data(X * 1e30), "too large to be squared"),
    "half a pair": (lambda: ProbeData(X, X, X), "must be a pair"),
    "classes as a number": (lambda: data(classes=3), "classes must be a sequence, got 3"),
    "no splits": (lambda: data(splits=None), "splits must be a mapping"),
    "an array to encode": (lambda: encoder()(IMAGES.numpy()), "takes a tensor"),
    "an array to compare": (lambda: psnr(IMAGES.numpy(), IMAGES / 255), "convert arrays"),
    "levels to show": (lambda: show_images(IMAGES.float()), "values up to 255"),
    # encoders and experiments
    "no channels": (lambda: build_encoder("convnet", 0), "channels must be.*at least 1"),
    "too many to freeze": (lambda: encoder().freeze(3), "from 0 to 2, got 3"),
    "negative steps": (lambda: Experiment("rotation", "digits", steps=-1), "steps must be"),
    "a rate in words": (lambda: Experiment("rotation", "digits", lr="1e-3"), "lr must be a number"),
    "no batch": (lambda: Experiment("rotation", "digits", batch_size=0), "batch_size must be"),
    "no such encoder": (lambda: Experiment("rotation", "digits", encoder="vit"), "one of convnet"),
    "fractions beyond 1": (lambda: Experiment("rotation", "digits", fractions=(2.0,)), "fraction"),
    "a seed twice": (lambda: collect(Record("x", {}), [0, 0], lambda *_: {}), "different seeds"),
    "no seeds": (lambda: collect(Record("x", {}), [], lambda *_: {}), "different seeds"),
    "half a record": (
        lambda: Experiment.from_record(Record("x", {"steps": 1})), "does not describe",
    ),
}  # fmt: skip


@pytest.mark.parametrize("call, words", WRONG.values(), ids=WRONG)
def test_wrong_input_gets_one_sentence_that_says_what_was_wrong(call, words):
    with pytest.raises((ValueError, TypeError), match=words) as error:
        call()
    assert "\n" not in str(error.value)
    assert "ssl_teach" in str(error.traceback[-1].path), "raised inside another library"


def test_arrays_and_lists_do_as_well_as_tensors():
    plain = data()
    again = data(
        IMAGES.numpy(), LABELS.tolist(), list("abc"), {k: list(v) for k, v in HALVES.items()}
    )
    assert torch.equal(again.images, plain.images) and torch.equal(again.labels, plain.labels)
    assert all(torch.equal(again.splits[k], plain.splits[k]) for k in HALVES)
    read_only = IMAGES.numpy().copy()
    read_only.flags.writeable = False
    net = encoder()
    for images in (IMAGES.numpy(), read_only, IMAGES.numpy()[::-1][::-1]):
        for found, expected in zip(features(net, images), features(net, IMAGES), strict=True):
            assert np.array_equal(found, expected)
    found = knn_probe(ProbeData((X, LABELS.tolist()), (X, LABELS), (X.numpy(), LABELS.numpy())))
    assert found == knn_probe(probe_data())


def test_labels_of_a_small_type_train_like_others():
    curves = []
    for labels in (
        LABELS,
        LABELS.to(torch.uint8),
        LABELS.numpy().astype(np.int32),
        LABELS.tolist(),
    ):
        torch.manual_seed(0)
        curves.append(run(supervised(), labels=labels, steps=3).values)
    assert all(curve == curves[0] for curve in curves)


@functools.cache
def digits():
    return load("digits", size=8)


def test_bytes_in_training_and_floats_in_a_test_are_not_taken_for_the_same():
    net = ConvNet(1)
    features(net, digits().train.images)
    with pytest.raises(ValueError, match="uint8"):
        features(net, digits().test.images.float() / 255)


def test_pixels_that_equal_have_no_noise():
    assert psnr(IMAGES / 255, IMAGES / 255) == math.inf
