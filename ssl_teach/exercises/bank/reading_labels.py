"""Predictions and explorations of the tools page and of part I: lessons 0 to 3."""

from __future__ import annotations

import math

from ssl_teach.exercises.bank.reading import always, read
from ssl_teach.exercises.core import Exercise, Variant

TOOLS, INTRO = "00_before_the_lessons", "01_introduction"
TRANSFER, PROTOCOL = "02_transfer_learning", "03_self_supervised_learning"

SHAPES: tuple[tuple[tuple[str, tuple[int, ...], str], ...], ...] = (
    (
        (
            'rearrange(cat, "c h w -> c w h")',
            (3, 96, 96),
            "The cat mirrored at the diagonal: rows become columns.",
        ),
        (
            'rearrange(cat, "c (i h) w -> c (h i) w", i=2)',
            (3, 96, 96),
            "The upper half interleaved with the lower one, line by line: two cats shine through "
            "each other.",
        ),
        (
            'reduce(cat, "c h w -> h w", "mean")',
            (96, 96),
            "The cat in grey: the channels are missing on the right, so they are averaged.",
        ),
        (
            'rearrange([cat, 1 - cat], "two c h w -> c h (two w)")',
            (3, 96, 192),
            "Cat and negative side by side; a list is stacked along the axis named first.",
        ),
    ),
    (
        (
            'rearrange(cat, "c h w -> h w c")',
            (96, 96, 3),
            "The same cat with its channels last, as plotting libraries want it.",
        ),
        (
            'rearrange(cat, "c (h i) w -> c (i h) w", i=2)',
            (3, 96, 96),
            "Every second line on top, the lines between below: two flat cats, one above the "
            "other.",
        ),
        (
            'reduce(cat, "c (h i) (w j) -> c h w", "max", i=4, j=4)',
            (3, 24, 24),
            "A small cat, too light: each 4×4 block keeps its largest value in each channel.",
        ),
        (
            'rearrange([cat, 1 - cat], "two c h w -> c (two h) w")',
            (3, 192, 96),
            "The cat above its negative; a list is stacked along the axis named first.",
        ),
    ),
    (
        (
            'rearrange(cat, "c h w -> (c h) w")',
            (288, 96),
            "Three grey cats, one below the other: the red channel, the green one, the blue one.",
        ),
        (
            'rearrange(cat, "c h (j w) -> c h (w j)", j=2)',
            (3, 96, 96),
            "The left half interleaved with the right one, column by column.",
        ),
        (
            'reduce(cat, "c h w -> c", "mean")',
            (3,),
            "No picture any more: the mean colour, one number for each channel.",
        ),
        (
            'rearrange([cat, cat.flip(2)], "two c h w -> c h (w two)")',
            (3, 96, 192),
            "Twice as wide, with columns of the cat and of its mirror image in turn.",
        ),
    ),
)


def what_does_it_show(variant: Variant) -> Exercise:
    """Four lines of einops on a photograph."""
    lines = variant.choose("lines of einops", SHAPES)
    code = "\n".join(line for line, _, _ in lines)
    answers = "\n".join(f"{k}. {shape}. {words}" for k, (_, shape, words) in enumerate(lines, 1))
    return read(
        "what-does-it-show", TOOLS, "predict", "What does it show?", 10,
        "read an einops pattern without running it",
        "`cat` is a photograph, (3, 96, 96). Before you run them, say what each line makes of it, "
        f"and which shape comes out.\n\n```python\n{code}\n```",
        answers,
        {f"line {k}: shape and picture": 1 for k in range(1, 5)},
        (
            "`(i h)` and `(h i)` taken for the same: the name on the left changes slowly.",
            "Forgetting that names which are missing on the right are what `reduce` goes over.",
        ),
        hints=("In a bracket the last name runs fastest.",),
        form=lines[0][0],
    )  # fmt: skip


def stuck_loss(variant: Variant) -> Exercise:
    """Probabilities given to cross_entropy."""
    K = variant.choose("answers of the stuck loss", (10, 100, 2, 1000, 20))
    least = math.log(1 + (K - 1) / math.e)
    return read(
        "stuck-loss", TOOLS, "predict", "A loss that gets stuck", 10,
        "tell scores from probabilities, and compute what happens if they are confused",
        "A colleague ends the network with `scores.softmax(dim=1)`, and gives that to "
        f"`F.cross_entropy`. It trains, but the loss of {K} classes never falls below a certain "
        "number, however good the network. Which number, and why does nothing fail?",
        "The best that the network can do is 1 for the right answer and 0 for all others. The "
        "second softmax takes these as scores: "
        f"$\\mathcal L = \\log(e^1 + {K - 1}\\, e^0) - 1 = \\log(1 + {K - 1}/e)$, about "
        f"{least:.2f}. The loss starts at $\\log {K}$ as it should, falls, and gets stuck. Nothing "
        "fails, since probabilities are numbers like scores; and the gradients are small, since "
        "probabilities close to 0 and 1 hardly move.",
        {
            "sees that the softmax is taken twice": 1,
            "best case 1 and 0 as scores, with the formula": 1,
            "the number": 1,
            "why nothing fails": 1,
        },
        ("0 as the limit, as if probabilities were scores.", "log K, which is the beginning."),
        hints=(
            'The "scores" are now probabilities. Which are the best ones, and what is the '
            "cross-entropy of those?",
        ),
        discuss="In lesson 10 the same happens with cosines for a good reason. What is the mend?",
        form=f"{K} classes",
    )  # fmt: skip


def count_labels(variant: Variant) -> Exercise:
    """Labels that a method saw and did not count."""
    few, val, draws = variant.choose(
        "numbers of the label count",
        ((100, 5000, 5), (40, 2000, 10), (250, 4000, 4), (60, 1500, 8), (300, 10000, 3)),
    )
    return read(
        "count-labels", INTRO, "predict", "Count the labels", 10,
        "count the labels that a result needed, not those that it mentions",
        f'A paper reports 90% "with only {few:,} labels". Its appendix says: the learning rate, '
        "the number of steps and the strength of augmentation were chosen on "
        f"{val:,} labelled validation pictures; of {draws} draws of {few:,} labels the best is "
        "shown. How many labels did the result need? What else is wrong?",
        f"{few + val:,} for this one draw, and {draws * few + val:,} in all, since {draws} sets of "
        f"{few:,} were labelled to choose from. With {few + val:,} labels you could train on most "
        "of them. The best of several draws is not what a reader with one draw may expect; the "
        "mean with its spread is.",
        {
            "validation labels counted": 1,
            "all draws counted": 1,
            "best of several is not what to expect; mean and spread are": 1,
        },
        (
            f"{few:,}: what was trained on.",
            "Counting the draws, and not the labels that chose among settings.",
        ),
        discuss="What would an honest sentence about this result be?",
        form=f"{few} labels, {val} for validation, {draws} draws",
    )  # fmt: skip


WRONG_LABELS = read(
    "wrong-labels", INTRO, "explore", "Wrong labels", 45,
    "measure what wrong labels cost, in right ones",
    "Cheap labels are often wrong. Give a tenth, a third, half of the training pictures a label "
    "drawn at random, and train with all labels. How many *right* labels, fewer but clean, are "
    "worth as much?",
    "A good report has a curve of accuracy against the share of labels that were drawn anew, "
    "beside the curve of the lesson for clean labels, both at the same number of steps, and over "
    "several seeds. From the height of the one it reads across to the other, and gives the number "
    "of clean labels with its uncertainty. It says that a label drawn at random from ten is right "
    "by chance one time in ten, so that fewer are wrong than were drawn. And it looks at more than "
    "the end: long enough trained, the network knows wrong labels by heart too.",
    {
        "training and test kept apart: only training labels are changed": 1,
        "same steps, several seeds, spread shown": 1,
        "a number of clean labels that is worth as much, with its uncertainty": 2,
        "what the number of steps does to it, or why": 1,
    },
    (
        "Drawing wrong labels for the test too: then even a perfect network looks bad.",
        "Comparing one seed with one seed.",
    ),
    hints=(
        "`labels[wrong] = torch.randint(10, (int(wrong.sum()),))` on a copy of the training "
        "labels; then `Supervised` and `pretrain` as in the lesson.",
    ),
    discuss="Who pays for right labels: whoever trains, or whoever uses the network?",
)  # fmt: skip

FIRST_TRIES = (
    ("X-ray pictures", 2000, "two", "a network trained on ImageNet"),
    ("pictures of rock under the microscope", 3000, "three", "a network trained on ImageNet"),
    ("spectrograms of bird song", 4000, "four", "a network trained on photographs of animals"),
    ("radar pictures of sea ice", 2500, "two", "a network trained on street scenes"),
)


def first_second_third(variant: Variant) -> Exercise:
    """Different data, quite a lot of them."""
    what, count, classes, source = variant.choose("case of the first try", FIRST_TRIES)
    return read(
        "first-second-third", TRANSFER, "predict", "What would you try first?", 10,
        "plan the tries of a transfer, from cheap to dear, and say when to believe the order",
        f"You have {count:,} labelled {what} in {classes} classes, and {source}. Which cell of the "
        "table is that, and what would you try first, second and third? What would you need to "
        "know before you believe your choice?",
        "Different data, quite a lot of them: the rule says to fine-tune a larger number of "
        "layers. First, though, the two things that cost minutes: a linear classifier on every "
        "stage, and random weights with the same classifier, so that you know what the pretraining "
        "is worth. Then fine-tune from the top downwards, and from scratch. Before you believe the "
        f"order, repeat it with other draws of the labels: with {count // 5:,} validation "
        "pictures, two strategies that differ by a point cannot be told apart.",
        {
            "the cell": 1,
            "cheap tries first, with random weights as a baseline": 1,
            "fine-tuning, from the top downwards, and from scratch": 1,
            "other draws of the labels, and what the validation data can tell apart": 1,
        },
        (
            "One strategy, because the rule says so, and nothing to compare it with.",
            "Choosing by the test split.",
        ),
        form=what,
    )  # fmt: skip


OTHER_WAY_ROUND = read(
    "other-way-round", TRANSFER, "predict", "The other way round", 30,
    "reason about what a stage can have learnt from its source, then test it",
    "The lesson teaches an encoder on drawings and lets scenes be the different target. Train the "
    "source on scenes instead, and let drawings be the different target. Will the early stages "
    "transfer better or worse than in the lesson? Write your guess down, then change `source` and "
    "`target` of a cell and run `run_transfer`.",
    "A good guess names what the source can have taught. A filter that has only ever seen white "
    "strokes on black has learnt nothing of colour, of slow changes of light or of texture. A "
    "filter that has seen scenes knows edges in all directions, and a thin line is two edges; that "
    "is a reason to expect early stages to serve drawings rather well. Filters for colour find "
    "nothing in a grey picture, so part of the width is lost; that is a reason against. Whichever "
    "way it comes out, the report compares stage by stage with random weights of the same "
    "encoder, over several seeds, and says whether the guess was right, and if not, which of its "
    "reasons failed.",
    {
        "a guess with a reason, before the run": 1,
        "what each source can and cannot have taught": 1,
        "stage by stage, beside random weights, several seeds": 2,
        "the guess compared with what came out": 1,
    },
    (
        "Comparing the accuracies of the two targets with each other: they are different "
        "questions, and one may be harder.",
        "Judging the pretraining without random weights beside it.",
    ),
    hints=(
        "Scenes have colour, light and texture; drawings have none. What can a filter that has "
        "only ever seen white strokes on black not have learnt? And what can one that has seen "
        "scenes have learnt about thin lines?",
    ),
)  # fmt: skip

BUYING_STEPS = read(
    "buying-steps", PROTOCOL, "predict", "Buying steps", 20,
    "tell a lack of labels from a lack of steps",
    "With all labels, training from scratch passes rotation if it is given more steps. What about "
    "a tenth of the labels, and what about 1%? Sketch the curve of test accuracy against the "
    "number of steps, for rotation and for random weights, before you run "
    "`fine_tune(..., steps=..., fraction=...)` with a few numbers of steps. Is there a share of "
    "labels for which no number of steps will do?",
    "Steps and labels are two different things to be short of. With a tenth of the labels there "
    "are enough pictures for more steps to help, and the gap narrows. With 1% the few pictures "
    "are known by heart after a few epochs, and more steps teach little about others: there, what "
    "was learnt without labels cannot be bought with steps. The number of steps is to be chosen on "
    "validation data if the best one is reported.",
    {
        "two curves for each share of labels, sketched beforehand": 1,
        "a tenth: the gap narrows, and why": 1,
        "1%: known by heart, so steps do not help": 1,
        "steps chosen on validation data": 1,
    },
    (
        "Reading the end of one curve as its limit.",
        "Reporting the best step on the test split.",
    ),
)  # fmt: skip


def one_percent(variant: Variant) -> Exercise:
    """Validation labels that are not counted."""
    percent, fit, val = variant.choose(
        "numbers of the small share", ((1, 105, 1000), (2, 90, 500), (1, 60, 1200), (5, 200, 2500))
    )
    times = (fit + val) / fit
    return read(
        "one-percent", PROTOCOL, "predict", "Find the flaw", 10,
        "recognise choices that were made with labels which nobody counted",
        f'A colleague reports results "with {percent}% of the labels": {fit} pictures to fit, and '
        f"the full validation split of {val:,} pictures to choose penalty, stage and learning "
        "rate. What is wrong, and which way does it push the number?",
        f"The {val:,} validation pictures have labels, so that method has seen about {times:.0f} "
        f"times as many as it says, {fit + val:,} and not {fit}. Choices made with them are far "
        "better than those made with a fifth of the share would be, and the number is too good. "
        f"Somebody who has only {percent}% of the labels could not have made these choices. "
        "`draw_labels` counts validation labels inside the share.",
        {
            "validation labels are labels": 1,
            "how many were seen": 1,
            "too good, because the choices are better": 1,
        },
        (
            "Saying that the test split was misused: it was not touched.",
            "Seeing nothing wrong, since nothing was trained on these pictures.",
        ),
        form=f"{percent}%, {fit} to fit, {val} to choose",
    )  # fmt: skip


OWN_TASK = read(
    "own-task", PROTOCOL, "explore", "A task of your own", 90,
    "invent a pretext task, judge it by the protocol, and look for its shortcut",
    "Think of a question about a picture whose answer costs nothing. Write it as a `Task`, train "
    "it for as many steps as the three of the lesson, and add its row to the table. Then look for "
    "the shortcut: what is the least that one must know about a picture in order to answer?",
    "There is no single answer. A good one states the pseudo label and the loss of guessing "
    "beforehand; shows a batch with `show_pictures`; gives the pretext accuracy beside the gain of "
    "the probe over random weights of the same seed; names a candidate for a shortcut, and tests "
    "it by changing that cue alone; and does not read the test split until the end.",
    {
        "the pseudo label and the loss of guessing, stated beforehand": 1,
        "a batch looked at": 1,
        "pretext accuracy beside probe gain over random weights of the same seed": 2,
        "a candidate for a shortcut, and a test in which that cue alone is changed": 2,
        "no reading of the test split until the end": 1,
    },
    (
        "A high pretext accuracy taken for a good representation.",
        "A question whose answer is in the borders or in the file, and not in the picture.",
    ),
    discuss="Which of the tasks of this class has the largest gap between pretext and probe?",
)  # fmt: skip

BEST_OF_TEN = read(
    "best-of-ten", TOOLS, "explore", "The best of ten", 30,
    "simulate what choosing after looking does to a reported gain",
    "Ten methods are in truth equally good: 70%, standard deviation 2 points. Each is run with 3 "
    "seeds, and the best mean is reported beside the mean of a baseline, the eleventh, which is "
    "just as good. Simulate: how large is the reported gain on average? How often does it look "
    '"significant", by the interval of the paired difference?',
    "The best of ten means lies about one and a half standard errors above the truth, so nearly "
    "two points are gained by choosing alone. And the interval lies above zero several times as "
    "often as the 2.5% that one comparison alone would give. The remedy: choose on validation "
    "data, then report the chosen one on test data that took no part in the choice; or say "
    "beforehand which comparison counts.",
    {
        "a simulation that draws runs, chooses by the mean and compares with the baseline": 2,
        "the gain": 1,
        "how often significant, against 2.5%": 1,
        "a remedy": 1,
    },
    (
        "The spread of one run in place of that of a mean over 3 seeds.",
        "The baseline chosen too, or left out of the simulation.",
    ),
    hints=(
        "`runs = rng.normal(TRUTH, SD, (5000, 11, 3))`: experiments, methods, seeds.",
    ),
)  # fmt: skip

MAKERS = (
    what_does_it_show,
    stuck_loss,
    always(BEST_OF_TEN),
    count_labels,
    always(WRONG_LABELS),
    first_second_third,
    always(OTHER_WAY_ROUND),
    always(BUYING_STEPS),
    one_percent,
    always(OWN_TASK),
)
