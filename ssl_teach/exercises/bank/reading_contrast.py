"""Predictions and explorations of part III, of what came after, and of the sketch pad."""

from __future__ import annotations

import math

from ssl_teach.exercises.bank.reading import always, read
from ssl_teach.exercises.core import Exercise, Variant

CONTRAST, SIMCLR, APART = "10_contrastive_learning", "11_simclr", "11b_simclr_taken_apart"
AFTER, DEVICES, PAD = "12_what_came_after", "13_many_devices", "14_sketch_pad"


def more_candidates(variant: Variant) -> Exercise:
    """What the number of candidates does to the loss and to what it certifies."""
    times, words = variant.choose(
        "times as many candidates", ((2, "double"), (4, "take four times"), (8, "take eight times"),
                                     (16, "take sixteen times"))
    )  # fmt: skip
    shift = f"$\\log {times} \\approx {math.log(times):.2f}$"
    return read(
        "more-candidates", CONTRAST, "predict", "More candidates", 15,
        "compare losses of different numbers of candidates, and what they certify",
        f"You {words} $N$ and change nothing else. By how much does the loss at chance rise? Your "
        "encoder has learnt all that the views share, and $I(x; y)$ is far below $\\log N$: what "
        "happens to $\\mathcal L$, and to what it certifies? And if $I$ is far above $\\log N$?",
        f"Chance rises by {shift}. If $I$ is far below $\\log N$, the loss rises by about as much, "
        "and $\\log N - \\mathcal L$ stays where it was, near $I$: the extra candidates bring "
        "nothing to light. If $I$ is far above, the loss is near 0 before and after, and the "
        f"certificate grows by {shift}. So losses of runs with different $N$ must not be compared; "
        "compare $\\log N - \\mathcal L$.",
        {
            "chance": 1,
            "I far below: loss and certificate": 1,
            "I far above: loss and certificate": 1,
            "what may be compared": 1,
        },
        (
            "A higher loss taken for a worse encoder.",
            "More negatives always certify more: not where there is no more to know.",
        ),
        form=f"{times} times",
    )  # fmt: skip


BREAK_THE_BOUND = read(
    "break-the-bound", CONTRAST, "predict", "Break the bound", 20,
    "say of which pairs a bound speaks, and what learning by heart does to it",
    "Draw 64 pairs with $I = 1$ once, train `Quadratic(8)` on these same 64 pairs for 2,000 steps, "
    "and evaluate $\\log N - \\mathcal L$ on them. Then on fresh pairs. What do you expect?",
    'On the pairs that it was fitted to, it "certifies" more than the 1 nat that is there: 128 '
    "numbers are enough to learn much of 64 pairs by heart. On fresh pairs it certifies less than "
    "a score that was trained on fresh pairs, perhaps less than nothing. The bound speaks of an "
    "expectation. A training loss is not one.",
    {
        "more than 1 nat on the pairs fitted to": 1,
        "learnt by heart: numbers against pairs": 1,
        "less on fresh pairs": 1,
        "the bound holds for an expectation": 1,
    },
    (
        "Concluding that the bound is wrong.",
        "Expecting exactly 1 nat on both, since that is what is there.",
    ),
)  # fmt: skip

WHO_PREVENTS = read(
    "who-prevents-the-collapse", CONTRAST, "explore", "Who prevents the collapse?", 30,
    "find the layer that keeps representations apart",
    'Repeat the run without negatives with the default encoder, `norm="batch"`, and the default '
    "head (`head=None`). The loss falls as before. Does `differing(encoder)` fall too? Which layer "
    "keeps $h$ apart, and how can $z$ be constant nevertheless?",
    "Batch norm divides each channel by its standard deviation over the batch, so no channel can "
    "become constant: $h$ keeps its spread. The last layer of the head has no norm behind it. It "
    "can shrink its weights and grow its bias, and $z$ is the same for all. That batch norm "
    "compares images with each other, in secret, plays a part in several methods that do without "
    "negatives.",
    {
        "what falls and what does not, measured": 1,
        "batch norm keeps each channel's spread": 1,
        "the last layer: weights small, bias large": 1,
        "images are compared in secret": 1,
    },
    (
        "The loss has fallen, so the encoder has learnt.",
        "The head taken for what keeps h apart.",
    ),
    hints=("Look at h and at z separately.",),
)  # fmt: skip

PREDICT_THEN_LOOK = read(
    "three-predictions", SIMCLR, "predict", "Predict, then look", 15,
    "predict loss and accuracy where a choice is taken to its extreme",
    "(a) What is the loss at $N = 1$, for any encoder? What does the network learn? (b) You train "
    "with batches of 32 images instead of 128. Will the pretext accuracy at the end be higher or "
    "lower? And the linear probe? (c) What would $\\mathcal L$ be for a very large $\\tau$?",
    "(a) Zero: a row has $2N - 1 = 1$ way, the partner, and a softmax over one score is 1. There "
    "is no gradient, and nothing is learnt. (b) Higher: a row has 63 ways and not 255, so there "
    "are fewer views that could be mistaken for the partner. The question is easier, and that says "
    "nothing of the probe; it need not rise, and the next page measures it. (c) All scores become "
    "$s/\\tau \\approx 0$, so all ways are equally likely, and the loss is $\\log(2N - 1)$, "
    "whatever the encoder says.",
    {
        "a: zero, one way, no gradient": 2,
        "b: higher, because there are fewer ways; the probe need not follow": 2,
        "c: log(2N − 1)": 1,
    },
    (
        "a: log 2, with the view itself counted as a candidate.",
        "b: the probe concluded from the pretext accuracy.",
        "c: zero, since all scores are.",
    ),
)  # fmt: skip

NEW_TRANSFORM = read(
    "new-transform", SIMCLR, "explore", "A transform of your own", 60,
    "choose a transform for what it makes a representation forget",
    "Train on the drawings with crops alone, with brightness and contrast alone, and with both, "
    "and probe each. Then think of a transform that a drawing survives and that nobody here has "
    "tried (a turn? thicker strokes?), and say *before* you run it what the representation will no "
    "longer hold.",
    "A good report has the three probes over several seeds beside random weights; then a transform "
    "with its code, views of it that were looked at, and a sentence written beforehand: what "
    "differs between the two views can no longer help to find the partner, so the representation "
    "has no reason to hold it. Then a measurement of that very thing, not of the probe alone: of "
    "turned views, for instance, whether the angle can still be read from $h$.",
    {
        "three probes, several seeds, random weights beside": 1,
        "the transform, with views that were looked at": 1,
        "what will be lost, said before": 1,
        "that loss measured": 2,
    },
    (
        "A transform after which the drawing is another thing: a 6 that is turned is a 9.",
        "Only the probe reported, so that nobody knows what was lost.",
    ),
    discuss="Which transform would ruin the task that you have in mind?",
)  # fmt: skip

RIPE_FRUIT = read(
    "ripe-fruit", APART, "predict", "Ripe fruit", 5,
    "choose transforms by what the task needs",
    "You want to tell ripe fruit from unripe. Which transform of the table do you leave out, and "
    "which row tells you so?",
    "Whatever turns the hue or takes the colour out. In the factor table colour is all but gone "
    "from every row with *colours* or *no colour*. Changing brightness and contrast alone would be "
    "worth a try: the light differs from picture to picture, the ripeness does not.",
    {
        "no change of hue, no grey": 1,
        "the rows of the factor table": 1,
        "what may stay, and why": 1,
    },
    (
        "Leaving everything out that touches colours: the light is no mark of ripeness.",
        "The usual chain, since it wins on photographs.",
    ),
)  # fmt: skip

PROBE_ON_Z = read(
    "probe-on-z", APART, "predict", "A probe on z", 10,
    "see what a mode of batch norm does to a comparison",
    "Somebody reports that a probe on $z$ is as good as one on $h$, so that the head is of no use. "
    "Their head was in training mode while they probed. What does that do to $z$, and what to the "
    "comparison?",
    "Batch norm in the head then uses the statistics of the batch that is probed. Test pictures "
    "are normalised by one another: a picture's $z$ depends on which others came with it, which no "
    "classifier should know. Put the head into evaluation mode, and take both probes from the same "
    "frozen pass.",
    {
        "statistics of the batch that is probed": 1,
        "a picture's z depends on the others": 1,
        "evaluation mode, one frozen pass for both": 1,
    },
    (
        "Training mode means that the head was trained further: nothing was, but its statistics.",
        "No harm, since the encoder was frozen.",
    ),
)  # fmt: skip

REMOVE_POSITION = read(
    "remove-position", APART, "explore", "Which transform removes position?", 60,
    "write a transform that makes one factor useless, and measure that it is gone",
    "None of the table does. Write one that shifts the picture by up to half its width, with the "
    "border filled in, train with it and with colours, and probe for position with "
    "`evaluate.factor_probe`.",
    "A good report shows views of its transform, and $R^2$ of position beside that of the other "
    "factors, with and without the shift, over several seeds, beside random weights. If position "
    "can still be read it asks why: the last stage is a mean over places, and such a mean forgets "
    "where only if no channel knows it; borders and zero padding tell places to a convolution. It "
    "also looks at what came in: a border that is filled in by one colour marks the shift itself.",
    {
        "views looked at, each picture with a shift of its own": 1,
        "position beside other factors, with and without": 2,
        "several seeds, random weights beside": 1,
        "a reason for what is left": 1,
    },
    (
        "One shift for the whole batch: all pictures of a view move alike, and position still "
        "tells them apart.",
        "Success read from the probe of the kind.",
    ),
    hints=(
        "`torch.roll` with a shift of its own for each picture will do.",
        "A mean over places forgets where only if no channel knows it.",
    ),
)  # fmt: skip

WITHOUT_PREDICTOR = read(
    "without-the-predictor", AFTER, "predict", "Without the predictor", 30,
    "compare gradients on paper before running a network",
    "Keep the stop-gradient, and take the predictor away: `task.predictor = nn.Identity()`. "
    "Predict what happens, by comparing the gradient of the symmetric loss with that of "
    "$-\\cos(z, z')$ without any stop-gradient. Then run it.",
    "It collapses. Without $q$ the loss is $-\\tfrac12\\cos(z, \\operatorname{stop}(z')) - "
    "\\tfrac12\\cos(\\operatorname{stop}(z), z')$. The first term sends its gradient into $z$ "
    "only, the second into $z'$ only; together they are exactly half the gradient of $-\\cos(z, "
    "z')$. The stop-gradient has stopped nothing, and AdamW hardly notices a factor of one half. "
    "So the stop-gradient needs the predictor to be of any use.",
    {
        "the gradient of each term": 1,
        "together half of the gradient without any stop": 1,
        "so it collapses as without the stop": 1,
        "spread of z measured": 1,
    },
    (
        "The stop-gradient alone prevents the collapse, since it stops something.",
        "Slower, by a factor of two: AdamW divides the size of a gradient out.",
    ),
)  # fmt: skip

NOT_CENTRED = read(
    "not-centred", AFTER, "predict", "A correlation that is none", 15,
    "find the change that should make no difference, and see that it does",
    "A colleague's correlation has ones where it should, and nothing ever crashes.\n\n```python\n"
    "def correlation(first, second):  # (N, D) each\n"
    "    first, second = F.normalize(first, dim=0), F.normalize(second, dim=0)\n"
    "    return first.T @ second  # (D, D)\n```\n\nFind a change of the features that should make "
    "no difference to a correlation and makes one here. What would the loss say of features that "
    "are all constant, and different from one another?",
    "The features are not centred. What is computed is the cosine between columns, and a common "
    "offset drives all of them towards 1: after adding 10 all of the matrix is close to 1, while "
    "the true correlation has not changed. The diagonal, moreover, is satisfied by constants: a "
    "constant column agrees with itself perfectly, so $\\mathcal C_{ii} = 1$ for a feature that "
    "says nothing. Only the off-diagonal terms still object, with their small weight $\\lambda$. "
    "The test that catches it: the loss must not change when a constant is added to any feature.",
    {
        "a constant added": 1,
        "not centred: a cosine and no correlation": 1,
        "constants satisfy the diagonal": 1,
        "off-diagonal terms, or a test that catches it": 1,
    },
    (
        "Scaling, which makes no difference here either.",
        "The wrong axis: columns are what is to be correlated.",
    ),
    hints=("Add 10 to all features of both views.",),
)  # fmt: skip

LEAST_PREDICTOR = read(
    "least-predictor", AFTER, "explore", "The least predictor", 60,
    "take a part away step by step, and say what the runs do not tell apart",
    "SimSiam without its predictor collapses. What is the least predictor that prevents it? Try "
    "one linear layer, and the default without its batch norm.",
    "There is no single answer. A good report gives the spread of $z$ and k-NN on $h$ for each "
    "predictor over several seeds, beside the default, no predictor and random weights, at the "
    "same number of steps; looks at the whole curve of the spread, since a slow collapse may not "
    "have ended; and says which of the predictors its runs do not tell apart.",
    {
        "spread of z and k-NN for each": 1,
        "default, none and random weights beside": 1,
        "several seeds, the curve and not only its end": 2,
        "what the runs do not tell apart": 1,
    },
    ("The loss as a measure: it is least where all is constant.", "One seed."),
)  # fmt: skip


def gathered_ways(variant: Variant) -> Exercise:
    """Ways of the classifier with and without a gather."""
    count, batch = variant.choose(
        "processes and batch", ((8, 512), (4, 1024), (16, 512), (2, 256), (8, 4096))
    )
    ways, mine = 2 * batch - 1, 2 * batch // count - 1
    return read(
        "gathered-ways", DEVICES, "predict", "Ways with and without a gather", 10,
        "work out what a network loses that knows nothing, on many devices",
        f"{count} processes share a batch of {batch:,} pictures. How many ways has the classifier "
        "in each row, and what does a network lose that knows nothing? What would both be if "
        "nothing were gathered?",
        f"All processes together have {2 * batch:,} views, so a row has {ways:,} ways and chance "
        f"loses $\\log {ways} \\approx {math.log(ways):.1f}$. Without a gather each process has "
        f"{batch // count:,} pictures, {2 * batch // count:,} views, {mine:,} ways, and chance "
        f"loses $\\log {mine} \\approx {math.log(mine):.1f}$. The lower loss is no success: the "
        "question is easier.",
        {
            "ways and loss with a gather": 2,
            "ways and loss without": 2,
            "the lower loss is no success": 1,
        },
        (
            "Pictures counted in place of views.",
            "The view itself counted as a way.",
        ),
        form=f"{count} processes, batch of {batch}",
    )  # fmt: skip


SLOW_LINK = read(
    "slow-link", DEVICES, "explore", "A slow link", 30,
    "turn bytes into time, and weigh what fewer digits save against what they harm",
    "Your machines are joined by a link of 1 GB/s. For a ResNet-18, from which batch do the "
    "*views* take longer than 50 ms a step? Would half precision for $z$ help, and what could it "
    "harm?",
    "50 ms at 1 GB/s are 50 MB. A process sends $\\frac{W-1}{W} \\cdot 4 \\cdot 2N \\cdot D'$ "
    "bytes for the views, with $D' = 128$ numbers in $z$; with many processes that is about "
    f"1,024 bytes a picture, so the limit lies near $N = {50_000_000 // 1024:,}$. If the gradients "
    "of the views are counted too, which are twice as many bytes, it lies at a third of that. The "
    "network's size does not enter. Half precision halves the bytes and doubles the batch. It has "
    "eleven binary digits, so a cosine near 1 is known to about 0.0005; divided by a small $\\tau$ "
    "that is an error of 0.005 or more in a score, which matters only where a hard negative and a "
    "positive lie closer together than that.",
    {
        "bytes of the views, and whether their gradients are counted": 2,
        "the batch": 1,
        "half precision halves the bytes": 1,
        "what it harms: close scores, divided by τ": 1,
    },
    (
        "Parameters counted among the views.",
        "N pictures taken for N views.",
    ),
    hints=("`bytes_per_step` gives the bytes.",),
)  # fmt: skip

VIEWS_THAT_TURN = read(
    "views-that-turn", PAD, "predict", "Views that turn", 15,
    "say what a transform makes a representation ignore, and what is lost with it",
    "Suppose SimCLR's views are also turned by random multiples of 90°. Which numbers of its "
    "column under *Who ignores what* rise, and what happens to its votes? Write both down before "
    "you run it, with a reason for each.",
    "The two rows of turns rise; the quarter turn, which was hopeless before, several times over. "
    "All the other rows fall, mirroring included, and so do the votes. The question has become "
    "harder, and the budget is the same. And something is thrown away: a thing is mostly drawn the "
    "same way up, so how it stands helps to tell what it is. To ignore more is not to be better.",
    {
        "the rows of turns rise": 1,
        "the votes fall, or a reason why they need not": 1,
        "which way up a thing stands helps to tell what it is": 1,
        "the guess compared with what came out": 1,
    },
    (
        "More of what is ignored taken for a better representation, whatever it is for.",
        "Expecting the other rows to stay: the question is harder, the budget the same.",
    ),
    hints=("What does the network gain if it keeps which way up a drawing stands?",),
    discuss="For which pictures would you want turns ignored?",
)  # fmt: skip

COSINES_APART = read(
    "cosines-apart", PAD, "predict", "Cosines of two encoders", 10,
    "ask of a cosine what it is high compared with",
    '"On this drawing the nearest sketch of the random weights has a cosine of 0.92, that of '
    'SimCLR only 0.88. So random weights have found the better match." What would you ask the '
    "author for?",
    "For the cosine of an unrelated pair, by each encoder. The scale of a cosine belongs to its "
    "encoder: with random weights nearly all drawings lie within a narrow cone, and 0.92 is next "
    "to nothing above the median. Within one encoder the order of cosines means something. Between "
    "encoders compare what they are used for, here the votes.",
    {
        "the cosine of an unrelated pair, by each encoder": 1,
        "why random weights have high cosines": 1,
        "compare between encoders what they are used for": 1,
    },
    (
        "Cosines of two encoders compared with each other.",
        "Asking for more drawings: the scale is at fault, not the sample.",
    ),
    hints=("What is the cosine of two sketches that have nothing to do with each other?",),
)  # fmt: skip

MAKERS = (
    more_candidates,
    always(BREAK_THE_BOUND),
    always(WHO_PREVENTS),
    always(PREDICT_THEN_LOOK),
    always(NEW_TRANSFORM),
    always(RIPE_FRUIT),
    always(PROBE_ON_Z),
    always(REMOVE_POSITION),
    always(WITHOUT_PREDICTOR),
    always(NOT_CENTRED),
    always(LEAST_PREDICTOR),
    gathered_ways,
    always(SLOW_LINK),
    always(VIEWS_THAT_TURN),
    always(COSINES_APART),
)
