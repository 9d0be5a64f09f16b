"""Evaluation, transfer: right answers pass, however written; wrong ones fail for their reason."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.model_selection import StratifiedShuffleSplit

from ssl_teach.evaluate import frozen
from ssl_teach.exercises import exercise, judge
from ssl_teach.exercises.bank.backbone import BACKBONES, unfrozen_backbone
from ssl_teach.exercises.bank.evaluation import PEEKS, seen_test
from ssl_teach.exercises.bank.introduction import DRAWS, SIZES, draw_labels
from ssl_teach.exercises.bank.self_supervised_learning import FROZEN, frozen_probe
from ssl_teach.exercises.bank.transfer_learning import CASES, RULE, STRATEGIES
from ssl_teach.exercises.grading import sandbox

from ..answers import SEEDS, Bad, assert_right, assert_wrong, solved
from ..forms import everything, in_form

# draw-labels


def split_off(form, drawn):
    """The parts of a draw of one class."""
    held = max(1, len(drawn) // 5) if form.held else 0
    return drawn[held:], drawn[:held]


def draw_by_one_order(form):
    """One order of all labels; of it the first ones of each class."""

    def draw(labels, budget, generator):
        order = torch.randperm(len(labels), generator=generator).tolist()
        train, val = [], []
        for label in sorted(set(labels.tolist())):
            mine = [place for place in order if labels[place] == label]
            parts = split_off(form, mine[: form.take(budget, len(mine))])
            train, val = train + parts[0], val + parts[1]
        return (torch.tensor(train), torch.tensor(val)) if form.held else train

    return draw


def draw_by_sorting(form):
    """Random keys, sorted within each class: numpy."""

    def draw(labels, budget, generator):
        keys = torch.rand(len(labels), generator=generator).numpy()
        y = labels.numpy()
        train, val = [], []
        for label in np.unique(y):
            mine = np.flatnonzero(y == label)
            mine = mine[np.argsort(keys[mine])][: form.take(budget, len(mine))]
            for part, parts in zip((train, val), split_off(form, mine), strict=True):
                part.append(parts)
        train, val = np.concatenate(train), np.concatenate(val)
        return (train, val) if form.held else train

    return draw


@pytest.mark.parametrize("form, asked", everything(DRAWS, draw_labels))
def test_draws_accepts(form, asked):
    assert_right(asked, draw_by_one_order(form))
    assert_right(asked, draw_by_sorting(form))


@pytest.mark.parametrize("form, asked", everything(DRAWS, draw_labels))
def test_draws_refuses(form, asked):
    right = draw_by_one_order(form)

    def changed(change):
        def draw(labels, budget, generator):
            parts = right(labels, budget, generator)
            return tuple(map(change, parts)) if form.held else change(parts)

        return draw

    def both(part):
        return (part, part[:0]) if form.held else part

    def from_all(labels, budget, generator):
        count = sum(form.take(budget, size) for size in SIZES)
        return both(torch.randperm(len(labels), generator=generator)[:count])

    def first(labels, budget, generator):
        mine = [(labels == k).nonzero().flatten() for k in range(3)]
        parts = [split_off(form, each[: form.take(budget, len(each))]) for each in mine]
        train, val = (torch.cat([each[k] for each in parts]) for k in (0, 1))
        return (train, val) if form.held else train

    def twice(labels, budget, generator):
        mine = [(labels == k).nonzero().flatten() for k in range(3)]
        drawn = [
            each[torch.randint(len(each), (form.take(budget, len(each)),), generator=generator)]
            for each in mine
        ]
        return both(torch.cat(drawn))

    def seeded(labels, budget, generator):
        torch.manual_seed(int(torch.randint(99, (1,), generator=generator)))
        return right(labels, budget, torch.default_generator)

    def unseeded(labels, budget, generator):
        return right(labels, budget, torch.Generator().manual_seed(int(np.random.randint(10**9))))

    wrong = [
        Bad(from_all, "value", "it draws"),
        Bad(first, "value", "in 60 draws"),
        Bad(twice, "value", "the same label twice"),
        Bad(seeded, "value", "torch's own source"),
        Bad(unseeded, "value", "two generators with the same seed"),
        Bad(changed(lambda part: [(place + 1) % 62 for place in list(part)]), "value", "it draws"),
        Bad(changed(lambda part: [place + 100 for place in list(part)]), "value", "no label is"),
        Bad(changed(lambda part: list(part)[1:]), "value", "it draws"),
        Bad(changed(lambda part: torch.as_tensor(part).float()), "type", "whole numbers"),
        Bad(changed(lambda part: torch.as_tensor(part)[:, None]), "shape", "places of the"),
        Bad(lambda labels, budget, generator: 3, "type" if form.held else "shape", ""),
        Bad(lambda labels, budget, generator: labels[budget:generator], "exception", "TypeError"),
    ]
    for bad in wrong:
        assert_wrong(asked, bad)


def test_draws_know_one_form_from_another():
    without, held, nested = (in_form(draw_labels, DRAWS[k]) for k in (0, 2, 3))
    assert_wrong(without, Bad(draw_by_sorting(DRAWS[2]), "type", "not a tensor"))
    assert_wrong(held, Bad(draw_by_sorting(DRAWS[0]), "type", "training, validation"))

    def not_nested(labels, budget, generator):
        torch.rand(budget, generator=generator)  # what comes first depends on the budget
        return draw_by_sorting(DRAWS[3])(labels, budget, generator)

    assert_right(without, not_nested)
    assert_wrong(nested, Bad(not_nested, "value", "are not among those drawn with 7"))

    def overlapping(labels, budget, generator):
        train, val = draw_by_sorting(DRAWS[2])(labels, budget, generator)
        return np.concatenate([train, val]), val

    assert_wrong(held, Bad(overlapping, "value", "the same label twice"))


def test_a_draw_by_a_library_passes():
    def draw(labels, share, generator):
        seed = int(torch.randint(10**6, (1,), generator=generator))
        found = []
        for label in labels.unique():
            mine = (labels == label).nonzero().flatten().numpy()
            take = max(1, round(share * len(mine)))
            split = StratifiedShuffleSplit(1, train_size=take, test_size=None, random_state=seed)
            found.extend(mine[next(split.split(mine, np.zeros(len(mine))))[0]])
        return torch.tensor(found)

    assert_right(in_form(draw_labels, DRAWS[1]), draw)


# transfer-strategy


def cells_of(asked):
    """The right names, by letter."""
    return {letter: solved(asked)(letter) for letter in "ABCD"}


@pytest.mark.parametrize("seed", SEEDS)
def test_strategies_accepts_functions_of_any_kind(seed):
    asked = exercise("transfer-strategy", seed)
    right = cells_of(asked)
    assert_right(asked, right.get)

    def by_questions(case):
        much, different = next(cell for cell, name in RULE.items() if name == right[case])
        if much:
            return "fine-tune many" if different else "fine-tune few"
        return "linear on stages" if different else "linear on top"

    assert_right(asked, by_questions)


@pytest.mark.parametrize("seed", SEEDS)
def test_strategies_refuses_and_asks_about_the_right_thing(seed):
    asked = exercise("transfer-strategy", seed)
    right = cells_of(asked)
    for letter, name in right.items():
        much, different = next(cell for cell, each in RULE.items() if each == name)
        for other, where in (
            ((not much, different), "how many labels are there for each class"),
            ((much, not different), "what do the late layers of this network answer to"),
            ((not much, not different), "how many labels are there for each class"),
        ):
            answers = right | {letter: RULE[other]}
            bad = Bad(answers.get, "value", f"for case {letter} the rule says otherwise")
            assert_wrong(asked, bad)
            said = judge(asked, answers.get).wrong
            assert where in said.where
            assert name not in f"{said} {said.where}"  # never the answer
        bad = Bad((right | {letter: "from scratch"}).get, "value", "throws away")
        assert_wrong(asked, bad)
    for bad in (
        Bad((right | {"C": "fine-tune"}).get, "value", "none of the five names"),
        Bad(lambda case: None, "type", "not a name"),
        Bad(lambda case: {"A": 1}[case], "type", "not a name"),
        Bad(lambda case: {}[case], "exception", "KeyError"),
        Bad(lambda case: "linear on top", "value", "the rule says otherwise"),
    ):
        assert_wrong(asked, bad)


def test_every_cell_and_every_strategy_has_its_place():
    assert set(RULE) == set(CASES) and set(RULE.values()) < set(STRATEGIES)
    words = [case.words for cases in CASES.values() for case in cases]
    assert len(set(words)) == len(words)
    for seed in (None, *range(12)):
        asked = exercise("transfer-strategy", seed)
        assert sorted(cells_of(asked).values()) == sorted(RULE.values())
        assert all(name in asked.statement for name in STRATEGIES)
        published = exercise("transfer-strategy").statement
        if seed is not None:  # no case of the practice form comes back
            lines = [line[6:] for line in asked.statement.splitlines() if line.startswith("- **")]
            assert len(lines) == 4 and not any(line in published for line in lines)


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


@pytest.mark.parametrize("form, asked", everything(FROZEN, frozen_probe))
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
    (eval_alone, "value", "the features want gradients"),
    (detached, "value", "the pass itself kept all"),
    (ends_in_training, "value", "an encoder that was in evaluation mode is in the other one"),
    (ends_in_evaluation, "value", "an encoder that was in training mode is in the other one"),
    (statistics_put_back, "value", "training mode gives"),
    (asks_for_no_gradient_for_ever, "value", "parameters that wanted gradients"),
    (zeroed, "value", "gradients that the encoder's parameters held"),
    (norms_alone, "value", "in evaluation mode"),
    (lambda e, x: features_of_a_copy(e, x).squeeze(), "shape", "expected (1, 6)"),
    (lambda e, x: features_of_a_copy(e, x).T, "shape", "expected (7, 6)"),
    (lambda e, x: features_of_a_copy(e, x) * 2, "value", "off by"),
    (lambda e, x: features_of_a_copy(e, x[:, 0]), "exception", "Error"),
    (lambda e, x: None, "type", "None"),
]


@pytest.mark.parametrize("take, diagnosis, words", FROZEN_WRONG)
def test_frozen_refuses(take, diagnosis, words):
    asked = exercise("frozen-probe")
    assert_wrong(asked, Bad(take, diagnosis, words))


@pytest.mark.parametrize("form, asked", everything(FROZEN[1:], frozen_probe))
def test_frozen_refuses_what_leaves_out_the_form(form, asked):
    plain = finish(FROZEN[0], features_of_a_copy)
    if form.bytes:
        assert_wrong(asked, Bad(plain, "exception", "RuntimeError"))
        assert_wrong(asked, Bad(lambda e, x: plain(e, x.float()), "value", "off by"))
    elif form.size:
        assert_wrong(asked, Bad(plain, "value", "where 4 are allowed"))
    else:
        assert_wrong(asked, Bad(plain, "value", "off by"))
    if form.unit:

        def by_batch(encoder, images):
            h = features_of_a_copy(encoder, images / 255 if form.bytes else images)
            return h / h.norm()

        assert_wrong(asked, Bad(by_batch, "value", "off by"))
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

        assert_wrong(asked, Bad(upside_down, "value", "off by"))


def test_frozen_tells_who_lets_the_package_do_it():
    def borrowed(encoder, images):
        with frozen(encoder):
            return encoder(images)

    assert_wrong(exercise("frozen-probe"), Bad(borrowed, "borrowed", "evaluate.frozen"))


def test_frozen_tells_who_compares_pictures_of_a_batch():
    def centred(encoder, images):
        h = features_of_a_copy(encoder, images)
        return h if len(images) in (6, 7) else h - h.mean(dim=0)

    words = "a picture's features change with the pictures"
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


@pytest.mark.parametrize("bug, asked", everything(tuple(BACKBONES), unfrozen_backbone))
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


@pytest.mark.parametrize("bug, asked", everything(tuple(BACKBONES), unfrozen_backbone))
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


@pytest.mark.parametrize("bug, asked", everything(tuple(PEEKS), seen_test))
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
    Bad(starter("choice"), "value", "validation data speak for the penalty"),
    Bad(starter("report"), "value", "add up to"),
    Bad(starter("statistics"), "value", "the same in four parts of 30"),
    Bad(starter("own statistics"), "value", "the same in four parts of 30"),
    Bad(val_statistics, "value", "other validation data change"),
    Bad(trains_on_val, "value", "other validation data change"),
    Bad(lambda t, v, s, p: by_nearest_mean(t, t, s, p), "value", "speak for the penalty"),
    Bad(lambda t, v, s, p: (by_nearest_mean(t, v, s, p)[0], p[0]), "value", "it chose"),
    Bad(lambda t, v, s, p: by_nearest_mean(t, v, s, p)[0], "type", "accuracy, penalty"),
    Bad(lambda t, v, s, p: by_nearest_mean(t, v, s, p)[::-1], "value", "which is none of them"),
    Bad(lambda t, v, s, p: (100 * by_a_library(t, v, s, p)[0], p[0]), "value", "no share of"),
    Bad(no_scale, "value", "other units"),
    Bad(lambda t, v, s: None, "exception", "TypeError"),
]


@pytest.mark.parametrize("bad", SEEN_WRONG)
def test_seen_refuses(bad):
    assert_wrong(exercise("seen-test"), bad)


def test_every_solution_passes_where_submissions_are_judged():
    mine = ["unfrozen-backbone", "draw-labels", "transfer-strategy", "frozen-probe", "seen-test"]
    mine += ["rotation-batch", "patch-pair", "permutation-set", "masked-l2", "psnr"]
    for seed in SEEDS:
        asked = {key: exercise(key, seed) for key in mine}
        points = {key: each.points for key, each in asked.items()}
        found = sandbox.run({key: each.solution for key, each in asked.items()}, points, seed)
        assert {key: outcome.points for key, outcome in found.items()} == points
