"""Predictions and explorations of part II: lessons 4 to 9."""

from __future__ import annotations

import math

from ssl_teach.exercises.bank.reading import always, read
from ssl_teach.exercises.core import Exercise, Variant

ROTATION, PATCHES, JIGSAW = "04_rotation", "05_patch_position", "06_jigsaw"
INPAINTING, SUPER, LEAGUE = "07_inpainting", "08_super_resolution", "09_tied_to_the_task"

LEFT_OR_RIGHT = read(
    "left-or-right", ROTATION, "predict", "Left or right?", 15,
    "decide whether a free question has an answer, from how the pictures came about",
    "Take another free question: *was this picture mirrored?* A batch holds each picture twice, as "
    "it is and with left and right exchanged, and $y \\in \\{0, 1\\}$. What is the loss of "
    "guessing? Before you run anything, write down the accuracy that you expect on our scenes, and "
    "for which kinds the question has an answer.",
    "Guessing costs $\\log 2$, and that is where the loss stays: half of the answers are right. "
    "Our scenes mirror each object by the toss of a coin, and nothing in the landscape has a left "
    "and a right. So no picture has an answer, although a boat or a mug is plainly not symmetric. "
    "Whether a pretext task makes sense is decided by how the pictures came about, not by what a "
    "single one looks like.",
    {
        "log 2": 1,
        "an accuracy of one half, before the run": 1,
        "why: objects are mirrored by chance already": 1,
        "no kind has an answer, symmetric or not": 1,
    },
    (
        "Expecting success on kinds that are not symmetric.",
        "Expecting photographs to behave like these scenes: text, clocks and cars have a side.",
    ),
    discuss="In which pictures of your own would this question have an answer?",
)  # fmt: skip

EIGHT_TURNS = read(
    "eight-turns", ROTATION, "predict", "Eight turns", 10,
    "find the cue that answers a question without the object",
    "Somebody finds four classes too easy, and makes eight: multiples of 45°, the odd ones by "
    "bilinear interpolation, with black in the corners. Which of the eight will be told apart "
    "first, and by what?",
    "The odd multiples have black corners and blurred edges, the even ones do not. That halves the "
    "question without a look at the object. What is left is a question with four answers within "
    "each half, and a ball still has none.",
    {
        "odd from even": 1,
        "by the corners": 1,
        "by the blur of interpolation": 1,
        "what is left: four answers within each half": 1,
    },
    (
        "Only the corners: with a round frame the blur would still tell.",
        "Calling it harmless: while the loss falls by a cue like this, the object is not needed.",
    ),
    hints=("Which cue separates the odd multiples from the even ones, whatever is shown?",),
    discuss="Could the even turns be blurred as well, so that nothing tells them apart?",
)  # fmt: skip

MEND_WITHOUT_REDRAWING = read(
    "mend-without-redrawing", ROTATION, "explore", "Mend it without redrawing", 60,
    "take a shortcut away by an augmentation, and find out whether it is gone",
    "Suppose that the level scenes are all you have. `Rotation` takes `augment`, a random "
    "transform that is applied to each picture before it is turned. Find one that makes the "
    "horizon useless and leaves the object. Candidates: small crops, grey pictures, strong jitter "
    "of the brightness. How do you notice success?",
    "A good report names what each candidate should take away, and measures two things for each: "
    "whether balls, which have no upright, are still answered (as long as they are, a shortcut is "
    "left), and the probe beside the unchanged task, several seeds. It may well find that the cue "
    "survives, since a sliver of sky and a sliver of ground suffice, and that a crop small enough "
    "to lose the horizon loses the object too. A result of that kind, shown, is a good answer.",
    {
        "what each candidate should take away, said beforehand": 1,
        "answers on balls, or another test of the cue alone": 2,
        "the probe, several seeds, beside the unchanged task": 1,
        "a conclusion that the numbers bear": 1,
    },
    (
        "Taking a lower pretext accuracy for success: a ruined picture lowers it too.",
        "Turning off the horizon in the drawing program, which was to stay.",
    ),
    hints=("`answers(...)` on balls: as long as these are answered, a shortcut is left.",),
)  # fmt: skip

OTHER_PATCH = read(
    "other-patch", PATCHES, "predict", "The other patch", 15,
    "say what an exchange of one input must do to the accuracy, and use it as a test",
    "The last experiment of the lesson exchanged the *centre* patch. Exchange the neighbour "
    "instead: keep the centre of picture $i$, and give it the neighbour of picture $i + 1$, which "
    "was cut at another place, with the label of picture $i$. Which accuracy do you expect, and "
    "does it depend on how well the network was trained?",
    "One eighth, for every network. The place was drawn for each picture by itself, so neither the "
    "centre patch nor a neighbour from elsewhere knows anything of it. If you had measured more, "
    "you would have found a leak in the way the pairs are cut. It is worth a test.",
    {
        "one eighth": 1,
        "for every network": 1,
        "why: the label is independent of both patches": 1,
        "what a higher number would mean": 1,
    },
    (
        "Expecting it to stay above chance as for the exchanged centre: there the neighbour, which "
        "the label belongs to, was kept.",
        "Expecting less than one eighth.",
    ),
)  # fmt: skip

PAIRS_APART = read(
    "pairs-apart", PATCHES, "predict", "Question and answer apart", 15,
    "trace a batch by hand, and read a loss that sits at the level of guessing",
    'A colleague tidies up `make_batch`, and writes `rearrange(pairs, "b pair c h w -> (pair b) c '
    'h w")`: first all centres, then all neighbours. `forward` stays as it is: it takes rows 1 and '
    "2, 3 and 4, and so on for pairs. Nothing fails. What does the curve look like, and why?",
    "In the new order, rows 1 and 2 are the centres of pictures 1 and 2. So half of the pairs are "
    "two centres, the other half two neighbours, each of two different pictures, and the labels "
    "belong to others. For the first half there is nothing to learn; for the second, the labels of "
    "the wrong pictures. The loss falls to $\\log 8$ and stays. A loss that sits exactly at the "
    "level of guessing seldom means that a task is hard; mostly, question and answer have come "
    "apart.",
    {
        "which patches are paired now": 1,
        "that the labels belong to other pictures": 1,
        "the curve: log 8": 1,
        "what to conclude from such a curve": 1,
    },
    (
        "Expecting an error: all shapes are right.",
        "Expecting a slower training, and waiting for it.",
    ),
    hints=("Write down which patches `forward` puts side by side for N = 4.",),
)  # fmt: skip

GRID_WANDERS = read(
    "grid-wanders", PATCHES, "explore", "Let the grid wander", 60,
    "change one thing at a time in a task that has several sizes",
    "In pictures of 64 pixels the grid with its gaps just fits. Scenes of 96 pixels leave 32 "
    "pixels of room, and `patch_pairs` puts the grid anywhere. Predict what that does to the "
    "accuracy from one patch alone. Then train and see, and probe. Do you get a better encoder, or "
    "only a harder question?",
    "The prediction: where the grid may lie anywhere, the place of a patch in the picture says "
    "less of its number, so the accuracy from a single patch should fall towards chance. It need "
    "not reach it, since an outline that bulges to the left still tells a side. A good report "
    "shows the four bars before and after, the pretext accuracy, and the probe at every stage over "
    "several seeds; and it separates the two changes, for the objects have grown with the picture "
    "and the patches have not.",
    {
        "a prediction with a reason": 1,
        "accuracy from one patch alone, before and after": 1,
        "probe over several seeds": 1,
        "room and size of the objects changed one at a time": 1,
    },
    (
        "Comparing 64 and 96 pixels and giving the wandering the credit for both changes.",
        "Calling a lower pretext accuracy a failure.",
    ),
    hints=("`patch=24` on 96 pixels is the old task with finer patches, and leaves no room.",),
)  # fmt: skip


def two_by_two(variant: Variant) -> Exercise:
    """Every permutation a class."""
    tiles, grid = variant.choose("tiles of the small jigsaw", ((4, "2×2"), (5, "1×5"), (3, "1×3")))
    count = math.factorial(tiles)
    return read(
        "two-by-two", JIGSAW, "predict", "Two by two" if tiles == 4 else "A few tiles", 15,
        "weigh how many classes there are against how much they differ",
        f"With {grid} tiles there are only ${tiles}! = {count}$ permutations, so every one can "
        "have a class, and tiles are larger. What is the loss of guessing? Is the pretext accuracy "
        "going to be higher or lower than that of nine tiles with $P = 50$, and why might it not "
        "be what you think?",
        f"Guessing costs $\\log {count} \\approx {math.log(count):.2f}$. In a set that holds every "
        "permutation there are pairs at distance 2: the classes differ in one exchange. With nine "
        "tiles a network may leave two doubtful tiles aside, since the other seven decide; with "
        f"all {count} classes of {tiles} tiles it may not. On the other side stand larger tiles, "
        "which show more. Both effects are there, so the answer is a run.",
        {
            "the loss of guessing": 1,
            "classes that differ in one exchange": 1,
            "doubtful tiles can be left aside with nine, not here": 1,
            "an effect the other way, so run it": 1,
        },
        (
            "Fewer classes, so easier, and no more.",
            "Distance 1: two permutations cannot differ in one place alone.",
        ),
        hints=("How far apart are two of them at least? Think of two tiles of sky.",),
        form=grid,
    )  # fmt: skip


def shuffled_features(variant: Variant) -> Exercise:
    """A function of the nine representations that forgets their order."""
    what, name = variant.choose(
        "what forgets the order", (("mean", "mean"), ("largest of each feature", "maximum"),
                                   ("sum", "sum"))
    )  # fmt: skip
    P = variant.choose("number of permutations", (50, 30, 100, 200))
    return read(
        "order-of-representations", JIGSAW, "predict", "The order of the representations", 10,
        "recognise what a network is blind to, from its symmetry",
        f"Somebody takes the *{what}* of the nine representations in `Jigsaw.forward`, instead of "
        f"laying them side by side. There are $P = {P}$ permutations. What will the loss be after "
        "training?",
        f"$\\log {P} \\approx {math.log(P):.2f}$, for ever. The {name} does not change when the "
        "tiles are shuffled, so the head is shown the same for every permutation. The network may "
        "not be blind to the very thing that it is asked for.",
        {"log P": 1, "the same for every order of the tiles": 1, "so no training can help": 1},
        (
            "A little worse than side by side: there is no way at all.",
            "Thinking that the encoder could mark the tiles: it sees each tile alone.",
        ),
        form=f"{name}, P = {P}",
    )  # fmt: skip


MEAN_OR_MINIMUM = read(
    "mean-or-minimum", JIGSAW, "explore", "The mean or the minimum", 60,
    "find out whether a choice makes a difference, and say so with its spread",
    'Train with `criterion="minimum"` and with `criterion="mean"`, $P = 50$ and $P = 500$. Where '
    "does the stricter criterion make a difference: to the pretext accuracy, or to the probe? Use "
    "at least three seeds before you say so.",
    "A good report draws the two histograms of distances first, for each P: if two sets hardly "
    "differ, no difference is to be expected. It gives the four pretext accuracies and the four "
    "probes over at least three seeds, as paired differences with intervals, and says for each "
    "whether these seeds tell the two apart. A pair of near classes costs pretext accuracy in that "
    "pair alone, so a small effect there and none in the probe would be no surprise.",
    {
        "histograms of distances, and what they lead one to expect": 1,
        "pretext accuracy and probe, for both P": 1,
        "at least three seeds, paired, with intervals": 2,
        "no claim beyond the intervals": 1,
    },
    (
        "One seed each.",
        "Other training seeds for the two criteria, so that nothing is paired.",
    ),
    hints=("Draw the histogram of distances first.",),
)  # fmt: skip


def larger_hole(variant: Variant) -> Exercise:
    """Another share of each side."""
    share, larger = variant.choose(
        "side of the hole", (("three quarters", True), ("a quarter", False), ("an eighth", False))
    )
    answer = (
        "Both get worse: the middle of the hole is farther from anything known, more answers are "
        "possible there, and the mean of more answers is softer."
        if larger
        else "Both get better: every missing pixel is closer to something known, fewer answers are "
        "possible there, and the mean of few answers is sharper. The extreme is a hole that its "
        "border fills: then little is to be learnt."
    )
    return read(
        "larger-hole", INPAINTING, "predict", "A larger hole" if larger else "A smaller hole", 10,
        "say what the size of the hole does to squared error and to sharpness, and why",
        "`centre_mask` takes half of each side. What happens to the L2 *per missing pixel* if the "
        f"hole takes {share} of each side? And to the sharpness of the fill by squared error?",
        answer,
        {
            "L2 per missing pixel": 1,
            "sharpness": 1,
            "distance to what is known, and number of possible answers": 1,
        },
        (
            "The same L2, since it is counted per pixel.",
            "Squared error and sharpness taken for opposites.",
        ),
        form=f"{share} of each side",
    )  # fmt: skip


SLOPE_CUT = read(
    "slope-cut", INPAINTING, "predict", "A slope cut off", 10,
    "tell holding weights still from cutting a gradient",
    "A colleague writes the learner's move as\n\n```python\nwith torch.no_grad():\n"
    "    adversarial = generator_loss(self.discriminator(pictures))\n```\n\n"
    '"since $D$ must not change". The fills stay soft, whatever $\\lambda_{\\text{gan}}$ is. Why?',
    "`no_grad` cuts the slope off altogether, the learner's as well. $D$'s weights are to be held "
    "still, but the slope has to pass *through* $D$ to the picture. That is what `still` does: no "
    "gradient gathers in the weights, and it flows on to the input.",
    {
        "no slope reaches the learner": 1,
        "through D, not into D": 1,
        "what to write instead": 1,
    },
    (
        "Blaming the weight: zero times any weight is zero.",
        "Detaching the pictures: that cuts at the other end, with the same effect.",
    ),
)  # fmt: skip

WHICH_HOLES = read(
    "which-holes", INPAINTING, "explore", "Which holes?", 60,
    "compare two ways of making a question by what they teach",
    "Train once with `masks=centre_mask` alone and once with `masks=block_masks` alone, and probe "
    "both. Which encoder is better, and with which holes is the adversary's effect on sharpness "
    "larger?",
    "A good report first compares the L2 of the fills with that of the smooth rule, for both kinds "
    "of holes: where the smooth rule does nearly as well, the border answers the question, and "
    "little understanding is asked for. Then the probe at every stage for both, with random "
    "weights beside, over several seeds; and sharpness relative to the truth, within the holes, "
    "with and without the adversary. It says that the two L2 are of different holes and must not "
    "be compared with each other.",
    {
        "smooth rule as a baseline for both kinds of holes": 1,
        "probes over several seeds, random weights beside": 2,
        "sharpness within the holes, with and without the adversary": 1,
        "no comparison of the L2 of different holes": 1,
    },
    (
        "The lower L2 taken for the better encoder.",
        "Sharpness measured over the whole picture, most of which was given.",
    ),
    hints=("A hole of four pixels can be filled from its border.",),
)  # fmt: skip

HALF_AND_HALF = read(
    "half-and-half", SUPER, "predict", "Half and half", 15,
    "reason about squared error by its convexity",
    "Average the pictures of `pixels` and of `content + GAN`. Will the PSNR of the average lie "
    "between those of the two, or outside?",
    "It is never below what the mean of the two squared errors gives, picture by picture: a square "
    "is convex, so the error of a mean is at most the mean of the errors. It may even lie above "
    "both, where the two err in different directions. Averaging blurs, and squared error rewards "
    "it, up to the point where the better of the two is better alone.",
    {
        "not below what the mean of the errors gives": 1,
        "convexity, or an equivalent reason": 1,
        "may lie above both, and when": 1,
        "what it says of PSNR": 1,
    },
    (
        "Halfway between, as if decibels were averaged.",
        "Always above both.",
    ),
    discuss="Why do averages of several networks win contests that are scored in PSNR?",
)  # fmt: skip

RESHAPE = read(
    "reshape-for-shuffle", SUPER, "predict", "A skip that hides a fault", 15,
    "see what a skip connection can hide, and compare with the baseline",
    "A colleague finds `PixelShuffle` mysterious, and writes `x.reshape(B, C, 2 * h, 2 * w)` on "
    "the map of $4C$ channels instead. All shapes are right, nothing fails, and the pictures of "
    "the trained network look quite like bicubic's. What has happened, and why does it not look "
    "worse?",
    "`reshape` keeps the order of the numbers in memory: first all places of channel 1, then all "
    "of channel 2. So the top quarter of the large map is filled from the whole of the first small "
    "one, and neighbours in the large map come from places far apart. The decoder can no longer "
    "put detail where it belongs. What it can do is to say little, and then the sum is bicubic's "
    "picture. A skip connection that carries a good answer hides a broken branch.",
    {
        "which numbers stand beside each other": 1,
        "detail cannot be put in its place": 1,
        "the branch says little, and the skip carries the picture": 1,
        "compare with the baseline": 1,
    },
    (
        "The pictures must look scrambled: training has long turned the branch down.",
        "The same thing as PixelShuffle, since all numbers are there.",
    ),
    hints=("Try it on a map of four channels that hold 1, 2, 3 and 4.",),
)  # fmt: skip

DEEPER_JUDGE = read(
    "deeper-judge", SUPER, "explore", "A deeper judge", 45,
    "change what likeness is measured in, and look at what it cannot see",
    "Set `content_stage=1`, and write down first what will happen to sharpness and to PSNR. Look "
    "at the flat parts of the cat.",
    "The reasoning: the second stage looks at the picture through two layers with stride two, so "
    "some patterns of a few pixels change its features hardly at all. Nobody forbids them to the "
    "generator, except the adversary. So a fine pattern may appear where the picture is flat, "
    "sharpness may rise for it, and PSNR has no reason to. A good report shows an enlarged flat "
    "part, gives PSNR, SSIM and sharpness for both stages over several seeds, and says which of "
    "the three would have warned.",
    {
        "a prediction for both, beforehand": 1,
        "a flat part shown enlarged": 1,
        "three measures for both stages": 1,
        "why such a pattern costs the content loss little": 2,
    },
    (
        "Sharper taken for better.",
        "Judging by a picture shrunk for the screen, in which fine patterns vanish.",
    ),
    hints=("Some patterns of a few pixels change the second stage's features hardly at all.",),
)  # fmt: skip

SHORTCUT_LEFT_IN = read(
    "shortcut-left-in", LEAGUE, "predict", "A shortcut left in", 20,
    "say which question a cue answers, and which it does not touch",
    "The scenes of the table have no horizon that stands upright. Which rows change if it does "
    '(`shortcuts=("background", "horizon")`), and which stay? Write your guess down for each task '
    "before you run two of them.",
    "Rotation falls: the horizon answers its question, so the object is no longer needed. Tasks "
    "that ask about places within a picture are touched less. Inpainting finds an easier "
    "background, and its question is the same.",
    {
        "rotation falls, and why": 1,
        "a guess with a reason for each other task": 2,
        "two of them run, and compared with the guess": 1,
    },
    (
        "A higher pretext accuracy taken for a better row.",
        "One guess for all tasks.",
    ),
)  # fmt: skip

EQUAL_TIME = read(
    "equal-time", LEAGUE, "predict", "Equal time", 10,
    "say what a comparison held equal, and which sentence it allows",
    "A colleague gives each method one minute instead of the same number of images, and reports: "
    '"at equal time, patch position wins". What did the colleague keep equal, and what not? Is the '
    "comparison worthless?",
    "Time was kept equal, and it is a fair thing to keep equal for someone who pays for time. But "
    "a minute is another budget on every machine, so nobody can repeat it: state the steps that "
    "fitted. And the images seen differ by a large factor, so a sentence about *images* cannot be "
    "drawn from it. Say which resource is held fixed, and give the others beside.",
    {
        "time equal, images not": 1,
        "a minute cannot be repeated; steps can": 1,
        "fair for a sentence about time, not for one about images": 1,
    },
    ("Worthless, because images must be equal.", "Fine, because time is what counts."),
)  # fmt: skip

WHICH_STAGE = read(
    "which-stage", LEAGUE, "explore", "Which stage keeps what?", 30,
    "trace a factor through the stages of an encoder",
    "The factor table looks at the last stage alone. Take the features of each stage with "
    "`evaluate.features(encoder, images)`, and run `factor_probe` on every one, for rotation and "
    "for random weights. Where does rotation lose the background?",
    "A good report is a table or a figure with a line for each factor, stage by stage, for "
    "rotation and for random weights of the same seed, over several seeds. It looks for the stage "
    "at which the line of the background falls below that of random weights, and does not blame "
    "the training for what random weights lose as well, by their pooling alone. It says how many "
    "features each stage was given, since that alone moves the numbers.",
    {
        "all stages, all factors": 1,
        "random weights of the same seed beside": 1,
        "where the background goes, judged against random weights": 2,
        "features for each stage stated": 1,
    },
    (
        "Every fall from stage to stage taken for forgetting.",
        "Only the factor that one was looking for.",
    ),
    hints=("`factor_probe(scenes, lambda images: features(encoder, images)[stage])`.",),
)  # fmt: skip

MAKERS = (
    always(LEFT_OR_RIGHT),
    always(EIGHT_TURNS),
    always(MEND_WITHOUT_REDRAWING),
    always(OTHER_PATCH),
    always(PAIRS_APART),
    always(GRID_WANDERS),
    two_by_two,
    shuffled_features,
    always(MEAN_OR_MINIMUM),
    larger_hole,
    always(SLOPE_CUT),
    always(WHICH_HOLES),
    always(HALF_AND_HALF),
    always(RESHAPE),
    always(DEEPER_JUDGE),
    always(SHORTCUT_LEFT_IN),
    always(EQUAL_TIME),
    always(WHICH_STAGE),
)
