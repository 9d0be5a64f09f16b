"""Lesson 2: which transfer strategy to try first, by the rule of thumb."""

from __future__ import annotations

from dataclasses import dataclass

from ssl_teach.exercises.checks.harness import Answer, CheckFailed, call, describe, require
from ssl_teach.exercises.core import Exercise, Property, Variant

STRATEGIES = {
    "linear on top": "a linear classifier on the top layer, all else frozen",
    "linear on stages": "linear classifiers on different stages, all else frozen",
    "fine-tune few": "fine-tune a few of the last layers",
    "fine-tune many": "fine-tune a larger number of layers",
    "from scratch": "train the same network from random weights",
}
"""The names that an answer can give, and their meaning."""

RULE = {
    (False, False): "linear on top",
    (False, True): "linear on stages",
    (True, False): "fine-tune few",
    (True, True): "fine-tune many",
}
"""The rule of thumb: (quite a lot of data, very different data) -> strategy."""


@dataclass(frozen=True)
class Case:
    """A trained network and a new task.

    Attributes:
        words: the description.
        much: whether there are quite a lot of labels.
        different: whether the new images are very different from those of the source.
    """

    words: str
    much: bool
    different: bool


CASES: dict[tuple[bool, bool], tuple[Case, ...]] = {
    (much, different): tuple(Case(words, much, different) for words in described)
    for (much, different), described in {
        (False, False): (
            "a network that distinguishes 200 dog breeds in photographs, and photographs of five "
            "other breeds, six of each",
            "a network that reads 3,000 handwritten characters, and an alphabet of 24 new ones, "
            "five of each, also handwritten",
            "a network that classifies 400 species of birds in photographs, and eight photographs "
            "each of four rare species",
            "a network trained on the street signs of one country, and five photographs each of "
            "twelve signs that only another country has",
        ),
        (False, True): (
            "a network that classifies objects in photographs, and spectrograms of recorded "
            "sounds: ten classes of noise, five labelled spectrograms of each",
            "a network that classifies objects in photographs, and radar maps of a planet's "
            "surface: four classes of ground, six labelled patches of each",
            "a network trained on handwriting, and cells under a microscope: three classes, eight "
            "labelled images of each",
            "a network that classifies dog breeds in photographs, and plots of stock prices: two "
            "classes, ten labelled plots of each",
        ),
        (True, False): (
            "a network trained on photographs of a thousand classes of objects, and photographs of "
            "furniture: 20 classes, 2,000 labelled photographs of each",
            "a network trained on photographs from cars in one city, and 40,000 labelled "
            "photographs from cars in another city, of the same ten classes of objects",
            "a network that classifies plants in photographs, and 30,000 labelled photographs of "
            "mushrooms of 15 species",
            "a network trained on printed letters of 500 typefaces, and 25,000 labelled letters of "
            "a 501st",
        ),
        (True, True): (
            "a network trained on photographs of a thousand classes of objects, and 60,000 "
            "tomographic slices, labelled in three classes",
            "a network trained on photographs of animals, and 80,000 labelled images of stars "
            "from a telescope, in five classes",
            "a network that reads handwriting, and 50,000 labelled photographs of landscapes, in "
            "ten classes",
            "a network trained on photographs from the web, and 45,000 labelled ultrasound "
            "images, in four classes",
        ),
    }.items()
}
ORDERS = (
    ((False, True), (True, False), (False, False), (True, True)),
    ((True, True), (False, False), (True, False), (False, True)),
    ((True, False), (True, True), (False, True), (False, False)),
    ((False, False), (False, True), (True, True), (True, False)),
)
"""Orders in which the cells appear as A, B, C, D."""


def _named(answer: Answer, letter: str) -> str:
    """The strategy that the answer names, after checking that it exists."""
    name = call(answer, letter, on=f"case {letter}")
    if not isinstance(name, str):
        hint = "is there a return?" if name is None else ""
        raise CheckFailed("type", f"for case {letter} it gave {describe(name)}, not a name", hint)
    require(
        name in STRATEGIES,
        f"for case {letter} it gave {name!r}, which is not one of the five names",
    )
    return name


def _judge(answer: Answer, letter: str, case: Case) -> None:
    """Compare with the rule, and ask about the first of the two criteria that was misjudged."""
    name = _named(answer, letter)
    if name == "from scratch":
        raise CheckFailed(
            "value",
            f"for case {letter} it throws away everything that the network has learnt",
            "how much does pretraining help even on dissimilar data? Compare “from scratch” with "
            "“fine-tune all” in the table of the lesson",
        )
    much, different = next(cell for cell, strategy in RULE.items() if strategy == name)
    asks = []
    if much != case.much:
        asks.append(
            "how many numbers would it train, and how many labels are there for each class?"
        )
    if different != case.different:
        asks.append(
            "what do the late layers of this network respond to, and does it occur in the new "
            "images?"
        )
    if asks:
        raise CheckFailed("value", f"for case {letter} the rule does not say {name!r}", asks[0])


def transfer_strategy(variant: Variant) -> Exercise:
    """The cell of the 2×2 table for each of four cases."""
    order = variant.choose("order of the transfer cases", ORDERS)
    cases = {
        letter: variant.choose(f"transfer case {cell}", CASES[cell])
        for letter, cell in zip("ABCD", order, strict=True)
    }
    listed = "\n".join(f"- **{letter}**: {case.words}." for letter, case in cases.items())
    names = "\n".join(f'- `"{name}"`: {words}' for name, words in STRATEGIES.items())
    answers = ", ".join(
        f'"{letter}": "{RULE[case.much, case.different]}"' for letter, case in cases.items()
    )

    def names_all(answer: Answer) -> None:
        for letter in cases:
            _named(answer, letter)

    def asks(letter: str, case: Case) -> Property:
        return Property(
            f"has the strategy of the rule for case {letter}",
            lambda answer: _judge(answer, letter, case),
        )

    return Exercise(
        key="transfer-strategy",
        lesson="02_transfer_learning",
        type="choose",
        title="Which strategy first?",
        points=4,
        minutes=10,
        objective="find the cell of the 2×2 table for a new task and the strategy it proposes",
        statement=f"""In each of four cases there is a trained network and a new task.

{listed}

Which strategy does the rule of thumb of lesson 2 propose for each? Write \
`strategy(case)`, which takes the letter of a case and returns a name. The names:

{names}""",
        function="strategy",
        starter='''def strategy(case):
    """Name of the strategy that the rule proposes in case "A", "B", "C" or "D"."""
    return {"A": ..., "B": ..., "C": ..., "D": ...}[case]
''',
        solution=f'''def strategy(case):
    """Name of the strategy that the rule proposes in case "A", "B", "C" or "D"."""
    return {{{answers}}}[case]
''',
        hints=(
            "Ask two questions about each case: how many labels are there for each class, and how "
            "similar are the images to those that the network was trained on?",
            "Few labels can fit only few free parameters. Late layers are specific to the source.",
        ),
        properties=(
            Property("names a strategy for each case", names_all),
            *(asks(letter, case) for letter, case in cases.items()),
        ),
        mistakes=(
            "Judging similarity by the subject (animals and cells are alive) and not by how the "
            "images look.",
            "Comparing the total number of labels with the parameters trained, not the number per "
            "class.",
            "Training from scratch as soon as the images are different.",
        ),
        discuss="The rule is a starting point. What would you measure, on which labels, before you "
        "believe it for your case?",
        form="".join(
            f"{letter}: {RULE[case.much, case.different]}; " for letter, case in cases.items()
        ).rstrip("; "),
    )
