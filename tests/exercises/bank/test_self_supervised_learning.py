"""Lesson 3: right answers pass, however written; wrong ones fail for their own reason."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ssl_teach.evaluation.features import frozen
from ssl_teach.exercises import exercise, judge
from ssl_teach.exercises.bank.self_supervised_learning import (
    BACKBONE_BUGS,
    FROZEN_PROBE_FORMS,
    TEST_LEAKS,
    frozen_probe,
    seen_test,
    unfrozen_backbone,
)

from ..answers import Bad, assert_right, assert_wrong, solved
from ..forms import everything, in_form

# frozen-probe


def finish(form, take):
    """What a form asks besides, around a function that takes features."""

    def frozen_features(encoder, images):
        images = images.float() / 255 if form.bytes else images
        parts = images.split(form.size) if form.size else [images]
        h = torch.cat([take(encoder, part) for part in parts])
        if form.mirror:
            h = (h + take(encoder, images.flip(-1))) / 2
        return F.normalize(h) if form.unit else h

    return frozen_features


def features_of_a_copy(encoder, images):
    with torch.inference_mode():
        return copy.deepcopy(encoder).eval()(images).clone()


def features_with_care(encoder, images):
    modes = {each: each.training for each in encoder.modules()}
    wants = [p.requires_grad for p in encoder.parameters()]
    try:
        return encoder.requires_grad_(False).eval()(images)
    finally:
        for each, mode in modes.items():
            each.training = mode
        for p, want in zip(encoder.parameters(), wants, strict=True):
            p.requires_grad_(want)


@torch.no_grad()
def features_by_call(encoder, images):
    was = encoder.training
    state = copy.deepcopy(encoder.state_dict())
    h = torch.func.functional_call(encoder.eval(), state, (images,))
    encoder.train(was)
    return h


@pytest.mark.parametrize("form, asked", everything(FROZEN_PROBE_FORMS, frozen_probe))
def test_frozen_accepts(form, asked):
    for take in (features_of_a_copy, features_with_care, features_by_call):
        assert_right(asked, finish(form, take))


def test_frozen_accepts_arrays():
    assert_right(exercise("frozen-probe"), lambda e, x: features_of_a_copy(e, x).numpy())


def no_eval(encoder, images):
    with torch.no_grad():
        return encoder(images)


def eval_alone(encoder, images):
    was = encoder.training
    h = encoder.eval()(images)
    encoder.train(was)
    return h


def ends_in_training(encoder, images):
    with torch.no_grad():
        h = encoder.eval()(images)
    encoder.train()
    return h


def ends_in_evaluation(encoder, images):
    with torch.no_grad():
        return encoder.eval()(images)


def statistics_put_back(encoder, images):
    before, was = copy.deepcopy(encoder.state_dict()), encoder.training
    with torch.no_grad():
        h = encoder.train()(images)
    encoder.load_state_dict(before)
    encoder.train(was)
    return h


def asks_for_no_gradient_for_ever(encoder, images):
    was = encoder.training
    h = encoder.requires_grad_(False).eval()(images)
    encoder.train(was)
    return h


def detached(encoder, images):
    return eval_alone(encoder, images).detach()


def zeroed(encoder, images):
    encoder.zero_grad()
    return features_of_a_copy(encoder, images)


def norms_alone(encoder, images):
    """Holds batch norm, and forgets dropout."""
    was = encoder.training
    for each in encoder.modules():
        if isinstance(each, torch.nn.BatchNorm2d):
            each.eval()
    with torch.no_grad():
        h = encoder(images)
    encoder.train(was)
    return h


FROZEN_WRONG = [
    (no_eval, "changed input", "1.running_mean of BatchNorm2d"),
    (eval_alone, "value", "the features require gradients"),
    (detached, "value", "the pass itself kept everything"),
    (ends_in_training, "value", "an encoder that was in evaluation mode is in the other one"),
    (ends_in_evaluation, "value", "an encoder that was in training mode is in the other one"),
    (statistics_put_back, "value", "training mode gives"),
    (asks_for_no_gradient_for_ever, "value", "parameters that required gradients"),
    (zeroed, "value", "gradients that the encoder's parameters had"),
    (norms_alone, "value", "in evaluation mode"),
    (lambda e, x: features_of_a_copy(e, x).squeeze(), "shape", "expected (1, 6)"),
    (lambda e, x: features_of_a_copy(e, x).T, "shape", "expected (7, 6)"),
    (lambda e, x: features_of_a_copy(e, x) * 2, "value", "differ by"),
    (lambda e, x: features_of_a_copy(e, x[:, 0]), "exception", "Error"),
    (lambda e, x: None, "type", "None"),
]


@pytest.mark.parametrize("take, diagnosis, words", FROZEN_WRONG)
def test_frozen_refuses(take, diagnosis, words):
    asked = exercise("frozen-probe")
    assert_wrong(asked, Bad(take, diagnosis, words))


@pytest.mark.parametrize("form, asked", everything(FROZEN_PROBE_FORMS[1:], frozen_probe))
def test_frozen_refuses_what_leaves_out_the_form(form, asked):
    plain = finish(FROZEN_PROBE_FORMS[0], features_of_a_copy)
    if form.bytes:
        assert_wrong(asked, Bad(plain, "exception", "RuntimeError"))
        assert_wrong(asked, Bad(lambda e, x: plain(e, x.float()), "value", "differ by"))
    elif form.size:
        assert_wrong(asked, Bad(plain, "value", "but 4 are allowed"))
    else:
        assert_wrong(asked, Bad(plain, "value", "differ by"))
    if form.unit:

        def by_batch(encoder, images):
            h = features_of_a_copy(encoder, images / 255 if form.bytes else images)
            return h / h.norm()

        assert_wrong(asked, Bad(by_batch, "value", "differ by"))
    if form.size:
        twice = finish(form, lambda e, x: (features_of_a_copy(e, x) + features_of_a_copy(e, x)) / 2)
        assert_wrong(asked, Bad(twice, "value", "the passes took"))

        def drops_the_rest(encoder, images):
            images = images.float() / 255 if form.bytes else images
            full = len(images) // 4 * 4 or len(images)
            return torch.cat([features_of_a_copy(encoder, x) for x in images[:full].split(4)])

        assert_wrong(asked, Bad(drops_the_rest, "shape", "expected (7, 6)"))
    if form.mirror:

        def upside_down(encoder, images):
            pair = features_of_a_copy(encoder, images), features_of_a_copy(encoder, images.flip(2))
            return sum(pair) / 2

        assert_wrong(asked, Bad(upside_down, "value", "differ by"))


def test_frozen_tells_who_lets_the_package_do_it():
    def borrowed(encoder, images):
        with frozen(encoder):
            return encoder(images)

    assert_wrong(exercise("frozen-probe"), Bad(borrowed, "borrowed", "features.frozen"))


def test_frozen_tells_who_compares_pictures_of_a_batch():
    def centred(encoder, images):
        h = features_of_a_copy(encoder, images)
        return h if len(images) in (6, 7) else h - h.mean(dim=0)

    words = "an image's features change with the rest"
    assert_wrong(exercise("frozen-probe"), Bad(centred, "value", words))


# unfrozen-backbone


def fit(head, features, labels, steps):
    optimizer = torch.optim.Adam(head.parameters(), lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(head(features), labels).backward()
        optimizer.step()
    return head


def features_first(backbone, width, images, labels, steps):
    with torch.no_grad():
        features = backbone.eval()(images)
    return fit(torch.nn.Linear(width, len(labels.unique())), features, labels, steps)


def head_alone_moves(backbone, width, images, labels, steps):
    """The backbone's gradients gather, and nobody uses them."""
    backbone.eval()
    head = torch.nn.Linear(width, 3)
    optimizer = torch.optim.SGD(head.parameters(), lr=1.0)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(head(backbone(images)), labels).backward()
        optimizer.step()
    return head


def by_a_copy(backbone, width, images, labels, steps):
    return features_first(copy.deepcopy(backbone), width, images, labels, steps)


@pytest.mark.parametrize("bug, asked", everything(tuple(BACKBONE_BUGS), unfrozen_backbone))
def test_backbones_accepts(bug, asked):
    for answer in (features_first, head_alone_moves, by_a_copy, solved(asked)):
        assert_right(asked, answer)


def all_learn(backbone, width, images, labels, steps):
    head = torch.nn.Linear(width, 3)
    model = torch.nn.Sequential(backbone.eval(), head)
    fit(model, images, labels, steps)
    return head


def norm_learns(backbone, width, images, labels, steps):
    for each in backbone.modules():
        each.requires_grad_(isinstance(each, torch.nn.BatchNorm2d))
    return all_learn(backbone, width, images, labels, steps)


def put_back(backbone, width, images, labels, steps):
    before = copy.deepcopy(backbone.state_dict())
    with torch.no_grad():
        features = backbone.train()(images)
    backbone.load_state_dict(before)
    return fit(torch.nn.Linear(width, 3), features, labels, steps)


def drops_out(backbone, width, images, labels, steps):
    backbone.eval()
    backbone[3].train()
    with torch.no_grad():
        features = backbone(images)
    return fit(torch.nn.Linear(width, 3), features, labels, steps)


def moves_statistics(backbone, width, images, labels, steps):
    with torch.no_grad():
        features = backbone.train()(images)
    return fit(torch.nn.Linear(width, 3), features, labels, steps)


def head_stays(backbone, width, images, labels, steps):
    backbone.requires_grad_(False)
    head = torch.nn.Linear(width, 3).requires_grad_(False)
    return head


def no_head_step(backbone, width, images, labels, steps):
    return torch.nn.Linear(width, 3)


BACKBONES_WRONG = [
    Bad(all_learn, "changed input", "8 of 8 parameters changed"),
    Bad(norm_learns, "changed input", "4 of 8 parameters changed, first 1.weight of BatchNorm2d"),
    Bad(moves_statistics, "changed input", "6 of 6 buffers changed, first 1.running_mean"),
    Bad(put_back, "value", "parts of the backbone are in training mode"),
    Bad(drops_out, "value", "parts of the backbone are in training mode"),
    Bad(head_stays, "value", "has a loss of"),
    Bad(no_head_step, "value", "has a loss of"),
    Bad(lambda *given: features_first(*given)(torch.zeros(2, 6)), "type", "not the head"),
    Bad(lambda *given: torch.nn.Linear(5, 3), "type", "does not take features"),
    Bad(lambda *given: torch.nn.Linear(6, 10), "shape", "expected (2, 3)"),
    Bad(lambda *given: None, "type", "None"),
    Bad(lambda backbone, images, labels, steps: None, "exception", "TypeError"),
]


@pytest.mark.parametrize("bad", BACKBONES_WRONG)
def test_backbones_refuses(bad):
    assert_wrong(exercise("unfrozen-backbone"), bad)


@pytest.mark.parametrize("bug, asked", everything(tuple(BACKBONE_BUGS), unfrozen_backbone))
def test_each_bug_of_the_backbone_is_caught_as_what_it_is(bug, asked):
    space = {"torch": torch}
    exec(asked.starter, space)
    moved = "buffers changed" if bug == "no grad" else "parameters changed"
    assert_wrong(asked, Bad(space["train_head"], "changed input", moved))


def test_a_check_of_a_backbone_leaves_the_source_of_randomness_alone():
    before = torch.get_rng_state()
    judge(exercise("unfrozen-backbone"), features_first)
    assert torch.equal(before, torch.get_rng_state())


# seen-test


def by_nearest_mean(train, val, test, penalties):
    """Another classifier with a penalty: shrunk discriminant analysis."""
    (x, y), (mean, std) = train, (train[0].mean(0), train[0].std(0, correction=0))
    x = (x - mean) / std
    centres = torch.stack([x[y == k].mean(0) for k in range(3)])
    within = (x - centres[y]).T @ (x - centres[y]) / len(x)
    scores = []
    for penalty in penalties:
        weights = torch.linalg.inv(within + penalty * torch.eye(len(mean))) @ centres.T
        bias = (centres @ weights).diagonal() / 2

        def score(part, weights=weights, bias=bias):
            guess = ((part[0] - mean) / std @ weights - bias).argmax(1)
            return (guess == part[1]).double().mean().item()

        scores.append((score(val), penalty, score(test)))
    _, penalty, accuracy = max(scores, key=lambda each: each[0])
    return accuracy, penalty


def by_a_library(train, val, test, penalties):
    from sklearn.linear_model import RidgeClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    fitted = [
        make_pipeline(StandardScaler(), RidgeClassifier(alpha=p * len(train[0]))) for p in penalties
    ]
    for model in fitted:
        model.fit(*(each.numpy() for each in train))
    val_scores = [model.score(*(each.numpy() for each in val)) for model in fitted]
    best = int(np.argmax(val_scores))
    return fitted[best].score(*(each.numpy() for each in test)), penalties[best]


@pytest.mark.parametrize("bug, asked", everything(tuple(TEST_LEAKS), seen_test))
def test_seen_accepts(bug, asked):
    for answer in (by_nearest_mean, by_a_library, solved(asked)):
        assert_right(asked, answer)


def starter(bug):
    space = {"torch": torch}
    exec(in_form(seen_test, bug).starter, space)
    return space["probe"]


def no_scale(train, val, test, penalties):
    x, y = train
    targets = F.one_hot(y).float()

    def fit(p):
        return torch.linalg.solve(x.T @ x / len(x) + p * torch.eye(4), x.T @ targets / len(x))

    def score(p, part):
        return ((part[0] @ fit(p)).argmax(1) == part[1]).float().mean()

    best = max(penalties, key=lambda p: score(p, val))
    return score(best, test), best


def trains_on_val(train, val, test, penalties):
    both = tuple(torch.cat(pair) for pair in zip(train, val, strict=True))
    return by_nearest_mean(both, val, test, penalties)


def val_statistics(train, val, test, penalties):
    everything = torch.cat([train[0], val[0]])
    mean, std = everything.mean(0), everything.std(0)
    parts = (((x - mean) / std, y) for x, y in (train, val, test))
    (x, y), val, test = parts
    ones = torch.cat([x, torch.ones(len(x), 1)], 1)
    found = []
    for p in penalties:
        W = torch.linalg.solve(
            ones.T @ ones / len(x) + p * torch.eye(5), ones.T @ F.one_hot(y).float() / len(x)
        )
        found.append(
            [float(((a @ W[:4] + W[4]).argmax(1) == b).float().mean()) for a, b in (val, test)]
            + [p]
        )
    best = max(found, key=lambda each: each[0])
    return best[1], best[2]


SEEN_WRONG = [
    Bad(starter("choice"), "value", "validation data favour the penalty"),
    Bad(starter("report"), "value", "add up to"),
    Bad(starter("statistics"), "value", "the same in four parts of 30"),
    Bad(starter("own statistics"), "value", "the same in four parts of 30"),
    Bad(val_statistics, "value", "other validation data change"),
    Bad(trains_on_val, "value", "other validation data change"),
    Bad(lambda t, v, s, p: by_nearest_mean(t, t, s, p), "value", "favour the penalty"),
    Bad(lambda t, v, s, p: (by_nearest_mean(t, v, s, p)[0], p[0]), "value", "it chose"),
    Bad(lambda t, v, s, p: by_nearest_mean(t, v, s, p)[0], "type", "accuracy, penalty"),
    Bad(lambda t, v, s, p: by_nearest_mean(t, v, s, p)[::-1], "value", "which is not one of them"),
    Bad(lambda t, v, s, p: (100 * by_a_library(t, v, s, p)[0], p[0]), "value", "not a fraction of"),
    Bad(no_scale, "value", "other units"),
    Bad(lambda t, v, s: None, "exception", "TypeError"),
]


@pytest.mark.parametrize("bad", SEEN_WRONG)
def test_seen_refuses(bad):
    assert_wrong(exercise("seen-test"), bad)
