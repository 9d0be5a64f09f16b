"""Inputs drawn at random: the outcome is right, or it is one of our errors; never anything else.

`FUZZ=20` draws twenty times as many as the suite does.
"""

import json
import os
import shutil
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from ssl_teach.augment import crop_augmentation
from ssl_teach.command_line import main
from ssl_teach.data import Dataset, load
from ssl_teach.data.fingerprint import changes, fingerprint
from ssl_teach.data.layout import JUNK, SUFFIXES
from ssl_teach.encoders import ConvNet
from ssl_teach.evaluation import ProbeData, features, knn_probe, linear_probe
from ssl_teach.experiments.config import Experiment
from ssl_teach.experiments.records import load_record
from ssl_teach.tasks import TASKS, Inpainting, Jigsaw, PatchPosition, Rotation, SimCLR, Supervised
from ssl_teach.training import pretrain

MORE = int(os.environ.get("FUZZ", "1"))


def examples(count):
    """Settings for so many examples; the same ones every time, unless FUZZ asks for more."""
    return settings(
        max_examples=count * MORE, deadline=None, derandomize=MORE == 1, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip


@contextmanager
def ours():
    """Let errors of this package end an example, whose last line then is in this package."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (ValueError, TypeError, FloatingPointError) as error:
        last = error.__traceback__
        while last.tb_next is not None:
            last = last.tb_next
        where = last.tb_frame.f_code.co_filename
        if "ssl_teach" not in where or "\n" in str(error) or len(str(error)) < 10:
            raise AssertionError(f"{where}: {error!r}") from error


small = st.integers(0, 6)
dtypes = st.sampled_from([np.uint8] * 5 + [np.int8, np.int32, np.float32, np.float64, np.bool_])


@st.composite
def pixels(draw):
    """Arrays that are images more often than not."""
    side = draw(st.integers(1, 9))
    shape = draw(
        st.one_of(
            st.tuples(small, st.sampled_from([1, 3]), st.just(side), st.just(side)),
            hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4),
        )
    )
    kind = draw(dtypes)
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    array = rng.integers(0, draw(st.sampled_from([1, 2, 127])), shape).astype(kind)
    if array.dtype.kind == "f" and array.size and draw(st.booleans()):
        array.flat[0] = draw(st.sampled_from([np.nan, np.inf, -1, 1e30]))
    how = draw(st.sampled_from(["array", "tensor", "list", "reversed"]))
    return {
        "array": array, "tensor": torch.from_numpy(array.copy()), "list": array.tolist(),
        "reversed": array[::-1] if array.ndim else array,
    }[how]  # fmt: skip


def numbers(low=-2, high=7, size=7):
    """Labels or rows: as a list, an array or a tensor, of some type."""
    integers = st.lists(st.integers(low, high), max_size=size)
    kinds = st.sampled_from([np.int64, np.int64, np.uint8, np.float32, np.bool_])
    return st.one_of(
        st.none(),
        integers,
        st.builds(lambda x, kind: np.array(x).astype(kind), integers, kinds),
        st.builds(lambda x, kind: torch.from_numpy(np.array(x).astype(kind)), integers, kinds),
        st.lists(st.floats(), max_size=2),
        st.text(max_size=3),
    )


names = st.sampled_from(["train", "val", "test", "unlabelled", "valid", ""])
datasets = st.fixed_dictionaries(
    {
        "images": pixels(),
        "labels": numbers(),
        "classes": st.lists(st.sampled_from("abcdef"), max_size=5),
        "splits": st.dictionaries(names, numbers(0, 5).filter(lambda x: x is not None), max_size=3),
    }
)


@examples(400)
@given(datasets)
def test_a_data_set_is_consistent_or_refused(parts):
    with ours():
        data = Dataset("drawn", **parts)
        assert data.images.dtype == torch.uint8 and data.images.ndim == 4 and len(data) > 0
        rows = torch.cat([torch.empty(0).long(), *data.splits.values()])
        assert len(rows.unique()) == len(rows) and all(0 <= r < len(data) for r in rows.tolist())
        if data.labels is not None:
            assert data.labels.dtype == torch.int64 and len(data.labels) == len(data)
            assert data.labels.min() >= -1 and data.labels.max() < len(data.classes)
            for name in {"train", "val", "test"} & set(data.splits):
                assert (data.labels[data.splits[name]] >= 0).all()
        assert changes(fingerprint(data), json.loads(json.dumps(fingerprint(data)))) == []
        repr(data)


TASK = {
    "rotation": lambda: Rotation((4, 8)),
    "simclr": lambda: SimCLR((4, 8), crop_augmentation()),
    "jigsaw": lambda: Jigsaw((4, 8), num_permutations=3, grid=2),
    "patch position": lambda: PatchPosition((4, 8), patch=2),
    "inpainting": lambda: Inpainting((4, 8)),
    "supervised": lambda: Supervised((4, 8), 3, crop_augmentation()),
}


@examples(150)
@given(
    st.sampled_from(list(TASK)), pixels(), numbers(-1, 3),
    st.fixed_dictionaries({
        "steps": st.sampled_from([1, 2, 0, -1, 1.5]),
        "batch_size": st.sampled_from([1, 2, 3, 0, "2"]),
        "lr": st.sampled_from([1e-3, 0, -1, float("nan"), 1e30]),
        "seed": st.sampled_from([0, 2**31, 2**40, -1]),
    }),
    st.sampled_from([1, 3]),
)  # fmt: skip
def test_a_training_trains_or_is_refused(task, images, labels, options, channels):
    with ours():
        encoder = ConvNet(channels, widths=(4, 8))
        curve = pretrain(encoder, TASK[task](), images, labels, progress=False, **options)
        assert len(curve) == options["steps"] and np.isfinite(curve.values["loss"]).all()
        assert curve.values["loss"][0] > 0, "a question with one answer"


matrices = st.builds(
    lambda n, d, seed, odd: np.random.default_rng(seed).normal(size=(n, d)) * odd,
    small, st.integers(0, 3), st.integers(0, 9), st.sampled_from([1, 1, 1, np.nan, 0, 1e300]),
)  # fmt: skip
parts = st.tuples(matrices, numbers(-1, 3))


@examples(150)
@given(
    parts, parts, parts,
    st.lists(st.sampled_from([1, 2, 5, 0, -1, 2.5]), max_size=3),
    st.lists(st.sampled_from([1e-2, 1.0, 0, -1, float("inf")]), max_size=2),
)  # fmt: skip
def test_probes_give_accuracies_or_are_refused(train, val, test, neighbours, penalties):
    with ours():
        data = ProbeData(train, val, test)
        found = knn_probe(data, neighbours)
        assert 0 <= found.test <= 1 and found.choice in neighbours
        found = linear_probe(data, penalties)
        assert 0 <= found.test <= 1 and found.choice in penalties


@examples(150)
@given(pixels(), st.sampled_from([1, 3]), st.sampled_from([1, 500, 0, None]))
def test_features_are_finite_or_the_images_are_refused(images, channels, batch_size):
    with ours():
        for stage in features(ConvNet(channels, widths=(4, 8)), images, batch_size=batch_size):
            assert len(stage) == len(images) and np.isfinite(stage).all()


folders = st.sampled_from(
    ["train", "Test", "valid", "test", "unlabelled", "cat", "dog", "Cat", "more", ".git", *JUNK]
)
files = st.tuples(
    st.lists(folders, max_size=3),
    st.sampled_from(["png", "png", "png", "png", "copy", "copy", "jpg", "tif", "txt", "hidden"]),
)
BROKEN = st.sampled_from([None] * 8 + ["empty", "text", "integers"])


def write(root, number, folders, kind):
    """Write a file into a folder; a "copy" has the pixels of one of three images."""
    suffix = {"copy": "png", "hidden": "png"}.get(kind, kind)
    hidden = "." if kind == "hidden" else ""
    path = root.joinpath(*folders, f"{hidden}{number}.{suffix}")
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = number % 3 if kind == "copy" else 10 + number
    shades = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), np.uint8)
    if suffix == "txt":
        path.write_text("words")
    else:
        Image.fromarray(shades).save(path)


@examples(250)
@given(st.lists(files, max_size=25), BROKEN)
def test_a_folder_is_read_whole_or_refused(tree, broken):
    root = Path(tempfile.mkdtemp())
    try:
        for number, (inside, kind) in enumerate(tree):
            write(root, number, inside, kind)
        if broken == "empty":
            (root / "empty.png").touch()
        elif broken == "text":
            (root / "text.png").write_text("words")
        elif broken == "integers":
            Image.fromarray(np.full((9, 9), 200, np.int32)).save(root / "x.tif")
        with ours():
            data = load(root, size=9)
            assert broken is None
            seen = [
                path for path in root.rglob("*")
                if path.suffix in SUFFIXES
                and not any(p[0] == "." or p in JUNK for p in path.relative_to(root).parts)
            ]  # fmt: skip
            assert sorted(data.sources) == sorted(str(p.relative_to(root)) for p in seen)
            where = {}
            for name, rows in data.splits.items():
                for image in data.images[rows]:
                    where.setdefault(image.numpy().tobytes(), set()).add(name)
            assert all(len(splits) == 1 for splits in where.values())
    finally:
        shutil.rmtree(root)


words = st.one_of(
    st.sampled_from(["1", "2", "0", "-1", "1e-3", "nan", "none", "abc", "true", "", "1,2", "²"]),
    st.integers().map(str),
    st.floats().map(str),
    st.text(max_size=4),
)
OPTIONS = [o for entry in TASKS.values() for o in entry.options] + Experiment.command_line_options()


@examples(400)
@given(st.sampled_from(OPTIONS), words)
def test_an_option_is_read_or_refused(option, text):
    with ours():
        value = option.parse(text)
        assert option.check(value) == value


FLAGS = st.sampled_from(
    ["--seed", "--lr", "--batch-size", "--weight-decay", "--encoder", "--norm", "--classes",
     "--shortcuts", "--count", "--num-permutations", "--temperature", "--gap", "--fraction"]
)  # fmt: skip


@examples(40)
@given(st.sampled_from([*TASKS, "random", "magic"]), st.lists(st.tuples(FLAGS, words), max_size=2))
def test_the_command_line_runs_or_says_what_is_wrong(task, given_options):
    out = Path(tempfile.mkdtemp())
    arguments = ["pretrain", "--task", task, "--data", "digits", "--size", "8", "--out", str(out)]
    arguments += [] if task == "random" else ["--steps", "1"]
    arguments += [f"{flag}={text}" for flag, text in [("--batch-size", "4"), *given_options]]
    try:
        status = main(arguments)
    except SystemExit as ended:
        status = ended.code
    finally:
        saved = {path.name for path in out.iterdir()}
        shutil.rmtree(out)
    assert status in (0, 2) and ("encoder.pt" in saved) == (status == 0)


RECORD = {
    "name": "x", "schema": 2, "environment": {}, "settings": {"task": "rotation", "data": "digits"},
    "runs": [{"seed": 0, "seconds": 1.0, "metrics": {"linear": 0.5}}],
}  # fmt: skip
plain = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=4,
)
PATHS = [
    ("name",), ("schema",), ("environment",), ("settings",), ("runs",), ("settings", "task"),
    ("settings", "steps"), ("settings", "options"), ("settings", "classes"),
    ("settings", "fractions"), ("settings", "lr"), ("runs", 0), ("runs", 0, "seed"),
    ("runs", 0, "metrics"), ("runs", 0, "metrics", "linear"),
]  # fmt: skip


@examples(300)
@given(st.lists(st.tuples(st.sampled_from(PATHS), plain), max_size=2))
def test_a_record_is_read_or_refused(edits):
    content = json.loads(json.dumps(RECORD))
    for path, value in edits:
        inside = content
        try:
            for key in path[:-1]:
                inside = inside[key]
            inside[path[-1]] = value
        except (TypeError, KeyError, IndexError):
            continue  # an earlier edit has removed this place
    with tempfile.TemporaryDirectory() as folder, ours():
        path = Path(folder) / "record.json"
        path.write_text(json.dumps(content))
        record = load_record(path)
        Experiment.from_record(record)


def test_the_fuzzed_errors_would_be_noticed():
    with pytest.raises(IndexError), ours():
        torch.arange(3)[5]
    with pytest.raises(AssertionError), ours():
        np.zeros(2).reshape(3)
