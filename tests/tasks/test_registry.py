"""Tasks describe themselves: their options are checked, and a changed choice is noticed."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from ssl_teach.augment import RandomResizedCrop, simclr_augmentation
from ssl_teach.encoders import ConvNet
from ssl_teach.tasks import (
    TASKS,
    Inpainting,
    Jigsaw,
    Option,
    Rotation,
    SimCLR,
    Supervised,
    Task,
    register,
)
from ssl_teach.tasks.inpainting import block_masks, centre_mask
from ssl_teach.tasks.options import describe
from ssl_teach.training import pretrain

COUNT = Option("count", int, 3, "how many", low=1, high=9)
HEIGHT = Option("height", float, None, "how high", low=0)
COLOR = Option("color", str, "red", "which colour", choices=("red", "blue"))
PARTS = Option("parts", tuple, None, "which parts", choices=("a", "b", "c"))
FLAG = Option("flag", bool, False, "whether")


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        (COUNT, "7", 7), (HEIGHT, "2", 2.0), (HEIGHT, "none", None), (COLOR, "blue", "blue"),
        (PARTS, "a, c", ("a", "c")), (PARTS, "none", None), (FLAG, "true", True),
        (FLAG, "False", False),
    ],
)  # fmt: skip
def test_an_option_reads_its_value_from_the_command_line(option, text, value):
    found = option.parse(text)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        (COUNT, 10, "count must be an integer from 1 to 9, got 10"),
        (COUNT, 2.5, "an integer"),
        (COUNT, True, "an integer"),
        (COUNT, "x", "got 'x'"),
        (COUNT, None, "an integer"),
        (HEIGHT, -1, "a number of at least 0 or none"),
        (HEIGHT, float("nan"), "a number"),
        (COLOR, "green", "one of red, blue"),
        (PARTS, ["a", "d"], "some of a, b, c"),
        (PARTS, [], "some of a, b, c"),
        (FLAG, 1, "true or false"),
    ],
)
def test_a_value_that_is_not_valid_is_refused_with_those_that_are(option, value, words):
    with pytest.raises(ValueError, match=words):
        option.check(value)
    if isinstance(value, str):
        with pytest.raises(ValueError, match=words):
            option.parse(value)


def test_options_are_completed_and_unknown_ones_are_refused():
    entry = TASKS["jigsaw"]
    assert entry.complete({"num_permutations": 5}) == {
        "num_permutations": 5, "criterion": "mean", "permutation_seed": 0, "grid": 3, "gap": None,
        "normalize_tiles": True,
    }  # fmt: skip
    with pytest.raises(ValueError, match="rotation takes no option 'gap'; it takes none"):
        TASKS["rotation"].complete({"gap": 1})


def test_no_two_tasks_share_a_name():
    with pytest.raises(ValueError, match="'rotation' is registered already"):
        register("rotation")(Rotation)


@pytest.mark.parametrize("name", TASKS)
def test_defaults_are_valid_values(name):
    for option in TASKS[name].options:
        assert option.check(option.default) == option.default
        assert option.help and "%" not in option.help


def closing_over(number):
    return lambda images, generator: images * number


class Noise(nn.Module):
    def forward(self, images):
        return images


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 2),
        (RandomResizedCrop(), RandomResizedCrop(scale=(0.3, 1.0))),
        (simclr_augmentation(3), simclr_augmentation(3, hue=0.5)),
        (simclr_augmentation(3).transforms, simclr_augmentation(3).transforms[:1]),
        (block_masks, centre_mask),
        (partial(block_masks, blocks=2), partial(block_masks, blocks=3)),
        (closing_over(1), closing_over(2)),
        (torch.zeros(3), torch.ones(3)),
        (np.float32(1), np.float32(2)),
        ({"a": [1]}, {"a": [2]}),
        (nn.Linear(2, 3), nn.Linear(2, 4)),
    ],
)
def test_a_description_tells_what_differs_and_nothing_else(one, other):
    assert describe(one) == describe(one) and describe(one) != describe(other)
    plain = (type(None), bool, int, float, str)

    def leaves(value):
        parts = value.values() if isinstance(value, dict) else value
        if isinstance(value, dict | list):
            return [leaf for part in parts for leaf in leaves(part)]
        return [value]

    assert all(isinstance(leaf, plain) for leaf in leaves(describe(one)))


class Brighten:
    """A reader's own augmentation, with what it uses kept private."""

    def __init__(self, by):
        self._by = by

    def __call__(self, images, generator):
        return (images + self._by).clamp(0, 1)

    def twice(self, images, generator):
        return self(self(images, generator), generator)


class Dim(nn.Module):
    """A reader's own augmentation as a module, whose choice `print` does not show."""

    def __init__(self, by):
        super().__init__()
        self.by = by


class Slotted:
    """A reader's own augmentation that has no dictionary."""

    __slots__ = ("by",)

    def __init__(self, by):
        self.by = by


class Kept(nn.Module):
    """A reader's own augmentation that keeps what it needs where no checkpoint looks."""

    def __init__(self, by):
        super().__init__()
        self.register_buffer("by", torch.tensor(by), persistent=False)


def changing(by):
    """A class whose objects are alike, but whose code is not."""

    class Changing:
        step = by

        def __call__(self, images, generator):
            return self.change(images)

        def change(self, images):
            return images * 2 if by == 2 else images + self.step

    return Changing


SETTINGS = {"by": 1}


def reads_settings(images, generator):
    return images * SETTINGS["by"]


FACTOR = 2


def times_factor(images, generator):
    return images * FACTOR


def calls_another(images, generator):
    return times_factor(images, generator)


def test_lambdas_and_functions_are_described_by_what_they_compute(monkeypatch):
    pairs = [
        (lambda x, g: x * 0.5, lambda x, g: x * 0.7),
        (lambda x, g: torch.sin(x), lambda x, g: torch.cos(x)),  # other names, the same code
        (lambda x, g, by=1: x * by, lambda x, g, by=2: x * by),
        (lambda x, g: [y + 1 for y in x], lambda x, g: [y + 2 for y in x]),
        (Brighten(0.1), Brighten(0.2)),
        (Brighten(0.1).twice, Brighten(0.2).twice),
        (Dim(0.1), Dim(0.2)),
        (nn.Sequential(Dim(0.1)), nn.Sequential(Dim(0.2))),
        (Slotted(0.1), Slotted(0.2)),
        (Kept(0.1), Kept(0.2)),
        (changing(1)(), changing(3)()),
        (np.ones(3), np.zeros(3)),
        (torch.ones(3).bfloat16(), torch.zeros(3).bfloat16()),
        (partial(torch.mul, other=np.ones(2)), partial(torch.mul, other=np.zeros(2))),
    ]
    for one, other in pairs:
        assert describe(one) == describe(one) and describe(one) != describe(other), one
    old = describe(reads_settings)
    monkeypatch.setitem(SETTINGS, "by", 2)
    assert describe(reads_settings) != old
    assert type(describe(np.float64(0.5))) is float  # a checkpoint with NumPy's cannot be read
    before = describe(times_factor), describe(calls_another)
    monkeypatch.setattr("tests.tasks.test_registry.FACTOR", 3)
    assert all(
        a != b for a, b in zip(before, map(describe, (times_factor, calls_another)), strict=True)
    )


def test_a_description_does_not_depend_on_addresses_or_on_training():
    def make():
        return lambda x, g: [(lambda y: y + 1)(y) for y in x]

    assert describe(make()) == describe(make())
    head = nn.Linear(2, 3)
    before = describe(head)
    nn.init.zeros_(head.weight)
    assert describe(head.eval()) == before
    turning = Brighten(0.1)
    turning.me = turning  # a circle
    assert describe(turning)["me"] == {"type": "Brighten"}


def test_the_identity_of_a_task_is_plain_and_has_its_augmentation():
    task = SimCLR((4, 8), simclr_augmentation(3, crop=0.3))
    config = task.config()
    assert config["type"] == "SimCLR" and config["temperature"] == 0.5
    assert config["augment"]["transforms"][0]["scale"] == [0.3, 1.0]
    assert "temperature=0.5" in repr(task)
    assert Jigsaw((4, 8), num_permutations=5).config()["num_permutations"] == 5
    assert Inpainting((4, 8)).config()["masks"].endswith("block_masks")


def test_a_changed_augmentation_is_noticed_on_resuming(tmp_path):
    images = torch.randint(0, 256, (16, 3, 16, 16), dtype=torch.uint8)

    def run(crop):
        encoder = ConvNet(widths=(4, 8))
        task = SimCLR(encoder.widths, simclr_augmentation(3, crop=crop))
        pretrain(
            encoder, task, images, steps=2, batch_size=8, progress=False,
            checkpoint=tmp_path / "run.pt",
        )  # fmt: skip

    run(0.5)
    run(0.5)
    with pytest.raises(ValueError, match=r"task\.augment\.transforms is .*0\.5"):
        run(0.3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("augment", "task.augment"), ("order", "the images or their order have changed"),
        ("pixel", "the images or their order have changed"), ("labels", "the labels have changed"),
    ],
)  # fmt: skip
def test_a_run_does_not_go_on_with_another_augmentation_or_data(tmp_path, change, words):
    images = torch.randint(0, 256, (16, 3, 8, 8), dtype=torch.uint8)
    labels = torch.arange(16) % 2

    def run(images, labels, augment):
        encoder = ConvNet(widths=(4, 8))
        pretrain(
            encoder, Supervised(encoder.widths, 2, augment), images, labels, steps=2,
            batch_size=8, progress=False, checkpoint=tmp_path / "run.pt",
        )  # fmt: skip

    run(images, labels, lambda x, g: x * 0.5)
    run(images, labels, lambda x, g: x * 0.5)
    other = images.clone()
    other[0, 0, 0, 0] ^= 1
    with pytest.raises(ValueError, match=words):
        run(
            {"order": images.flip(0), "pixel": other}.get(change, images),
            labels.flip(0) if change == "labels" else labels,
            (lambda x, g: x * 0.7) if change == "augment" else (lambda x, g: x * 0.5),
        )


def test_a_task_measures_nothing_of_its_own_unless_it_says_so():
    assert Task().metrics(ConvNet(), None) == {}
