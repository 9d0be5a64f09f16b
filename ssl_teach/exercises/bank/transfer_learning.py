"""Exercise on transfer: which strategy to try first, by the rule of thumb of lesson 2."""

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
"""What an answer may name, and in words."""

RULE = {
    (False, False): "linear on top",
    (False, True): "linear on stages",
    (True, False): "fine-tune few",
    (True, True): "fine-tune many",
}
"""What the rule says, by (quite a lot of data, very different data)."""


@dataclass(frozen=True)
class Case:
    """Somebody who has a trained network and a new task.

    Attributes:
        words: the description.
        much: whether there are quite a lot of labels.
        different: whether the new pictures are very different from those of the source.
    """

    words: str
    much: bool
    different: bool


CASES: dict[tuple[bool, bool], tuple[Case, ...]] = {
    (much, different): tuple(Case(words, much, different) for words in described)
    for (much, different), described in {
        (False, False): (
            "a network that tells 200 breeds of dogs apart in photographs, and photographs of five "
            "further breeds, six of each",
            "a network that reads 3,000 handwritten characters, and an alphabet of 24 new ones, "
            "five of each, written by hand as well",
            "a network that names 400 kinds of birds in photographs, and four rare kinds, of which "
            "there are eight photographs each",
            "a network trained on the street signs of one country, and the twelve signs that "
            "another country has besides, five photographs of each",
        ),
        (False, True): (
            "a network that names things in photographs, and recordings of sound, drawn as "
            "spectrograms: ten kinds of noise, five labelled spectrograms of each",
            "a network that names things in photographs, and maps of a planet's surface made by "
            "radar: four kinds of ground, six labelled patches of each",
            "a network trained on handwriting, and cells under a microscope: three kinds, eight "
            "labelled pictures of each",
            "a network that names breeds of dogs in photographs, and plots of stock prices: two "
            "kinds, ten labelled plots of each",
        ),
        (True, False): (
            "a network trained on photographs of a thousand kinds of things, and photographs of "
            "furniture: 20 kinds, 2,000 labelled photographs of each",
            "a network trained on photographs from cars in one city, and 40,000 labelled "
            "photographs from cars in another city, of the same ten kinds of things",
            "a network that names plants in photographs, and 30,000 labelled photographs of "
            "mushrooms of 15 kinds",
            "a network trained on printed letters of 500 typefaces, and 25,000 labelled letters of "
            "a 501st",
        ),
        (True, True): (
            "a network trained on photographs of a thousand kinds of things, and 60,000 slices of "
            "tomography, labelled in three classes",
            "a network trained on photographs of animals, and 80,000 labelled pictures of stars "
            "from a telescope, in five classes",
            "a network that reads handwriting, and 50,000 labelled photographs of landscapes, of "
            "ten kinds",
            "a network trained on photographs from the web, and 45,000 labelled ultrasound "
            "pictures, in four classes",
        ),
    }.items()
}
ORDERS = (
    ((False, True), (True, False), (False, False), (True, True)),
    ((True, True), (False, False), (True, False), (False, True)),
    ((True, False), (True, True), (False, True), (False, False)),
    ((False, False), (False, True), (True, True), (True, False)),
)
"""In which order the cells appear as A, B, C, D."""


def _named(answer: Answer, letter: str) -> str:
    """The strategy that the answer names, if it is one."""
    name = call(answer, letter, on=f"case {letter}")
    if not isinstance(name, str):
        hint = "is there a return?" if name is None else ""
        raise CheckFailed("type", f"for case {letter} it gave {describe(name)}, not a name", hint)
    require(
        name in STRATEGIES,
        f"for case {letter} it gave {name!r}, which is none of the five names",
    )
    return name


def _judge(answer: Answer, letter: str, case: Case) -> None:
    """Compare with the rule, and ask about what was taken otherwise."""
    name = _named(answer, letter)
    if name == "from scratch":
        raise CheckFailed(
            "value",
            f"for case {letter} it throws away all that the network has learnt",
            "what is the start worth, even far from home? Step through “from scratch” beside "
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
            "what do the late layers of this network answer to, and is that to be seen in the new "
            "pictures?"
        )
    if asks:
        raise CheckFailed(
            "value", f"for case {letter} the rule says otherwise than {name!r}", asks[0]
        )


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
        objective="find a new task's place in the 2×2 table, and the strategy that it proposes",
        statement=f"""Four people have a trained network and a new task.

{listed}

Which strategy does the rule of thumb of lesson 2 propose to each? Write \
`strategy(case)`: the letter of a case goes in, a name comes out. The names:

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
            "Ask two questions of each case: how many labels for each class, and how like are the "
            "pictures to those that the network was trained on?",
            "Few labels bear few free parameters. Late layers are about the source.",
        ),
        properties=(
            Property("names a strategy for each case", names_all),
            *(asks(letter, case) for letter, case in cases.items()),
        ),
        mistakes=(
            "Judging likeness by the subject (animals and cells are alive) and not by what the "
            "pictures look like.",
            "Counting labels in all, and not for each class, against what is trained.",
            "From scratch as soon as the pictures are different.",
        ),
        discuss="The rule is a beginning. What would you measure, on which labels, before you "
        "believe it for your case?",
        form="".join(
            f"{letter}: {RULE[case.much, case.different]}; " for letter, case in cases.items()
        ).rstrip("; "),
    )
