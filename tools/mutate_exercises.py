"""Measure how many mistakes the checks of the exercises miss, by mutation testing.

Each reference solution is changed in one place at a time, in all the ways of `mutants.py`, and the
check is run on each result, a *mutant*. The check should reject it. A mutant that passes is called
a *survivor*. It is either another correct answer, for which `EXPLAINED` gives the reason, or a gap
in the check.

python tools/mutate_exercises.py                 all exercises, as `make mutants` does
python tools/mutate_exercises.py nt-xent …       only some exercises
python tools/mutate_exercises.py --seeds 60      more forms than practice and two graded ones
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from mutants import Mutant, mutants

MIN_FRACTION = 0.95
"""Fraction of the mutants that must be caught or explained."""

DEFAULT = "dim=1 is the default of normalize"
HALF_TURN = "half a batch forwards or backwards is the same index"
ROWS = "both have the same number of rows"
SYMMETRIC = "the matrix is symmetric"
PROMOTED = "float32 times half is float32"
AS_A_LIST = "a list of tensors is also accepted"
SQUARED = "a square does not depend on the sign"
SHUFFLES = (
    "candidates = torch.stack([torch.randperm(TILES, generator=generator) for _ in range({})])"
)
ANY = "any exercise"

EXPLAINED: dict[tuple[str, str], str] = {
    (ANY, "z = torch.nn.functional.normalize(z)"): DEFAULT,
    (ANY, "partner = (torch.arange(len(z)) - len(z) // 2) % len(z)"): HALF_TURN,
    (ANY, "partner = (torch.arange(len(z)) + len(z) // -2) % len(z)"): HALF_TURN,
    (ANY, "partner = torch.arange(len(z)).flip(-1)"): "a vector has one axis",
    ("draw-labels", "take = max(round(share * len(mine)), 1)"): "a maximum has no order",
    ("frozen-probe", "return torch.nn.functional.normalize(h)"): DEFAULT,
    (
        "unfrozen-backbone",
        "optimizer = torch.optim.AdamW(model.parameters(), lr=1.05)",
    ): "the learning rate is free, and the head learns at this one too",
    ("seen-test", "return (mean - x) / deviation"): "a linear probe is independent of the sign",
    (
        "seen-test",
        "return ((prepare(part[0]) @ weights).argmax(dim=1) == part[1]).float().mean()",
    ): "a tensor with one value is also accepted",
    (
        "rotation-batch",
        "copies = [torch.rot90(images, k, dims=(2, 3)) for k in (0, 1, -2, 3)]",
    ): "two quarter turns back are two forwards",
    ("patch-pair", "return pair"): AS_A_LIST,
    ("permutation-set", SHUFFLES.format(501)): "the number of candidates is free",
    ("permutation-set", SHUFFLES.format(499)): "the number of candidates is free",
    ("permutation-set", "score = torch.minimum(distance, score)"): "a minimum has no order",
    ("permutation-set", "return chosen"): AS_A_LIST,
    (
        "permutation-set",
        "score = (score + distance) * (distance > 1)",
    ): "two permutations never differ in one place",
    (
        "permutation-set",
        "score = score * distance * (distance > 0)",
    ): "the geometric mean chooses equally good sets",
    (
        "permutation-set",
        "score = score + distance + (distance > 0)",
    ): "chosen permutations still fall behind",
    ("masked-l2", "squared = (true - made) ** 2 * weight"): SQUARED,
    ("masked-l2", "count = weight.sum() * true.shape[1]"): "both have the same shape",
    ("psnr", "error = ((true - made) ** 2).mean(dim=(1, 2, 3))"): SQUARED,
    ("psnr", "return (10 * torch.log10(2 * 2 / error)).mean()"): "2 * 2 is 2 ** 2",
    ("psnr", "return (10 * torch.log10((-2) ** 2 / error)).mean()"): SQUARED,
    ("info-nce-cross-entropy", "s = s - s.max(dim=0).values"): "(M,) broadcasts over (K, M)",
    (
        "info-nce-cross-entropy",
        "s = s - s.max(dim=0, keepdim=False).values",
    ): "it broadcasts too",
    ("push-and-pull", "p[torch.arange(len(cosines)), positive] -= 1"): ROWS,
    ("push-and-pull", "s[torch.arange(len(cosines)), positive] = -torch.inf"): ROWS,
    ("cosine-similarity", "a, b = (b.float(), a.float())"): "both arguments are treated alike",
    ("cosine-similarity", "a, b = (a, b.float())"): PROMOTED,
    ("cosine-similarity", "a, b = (a.float(), b)"): PROMOTED,
    ("partner-index", "return (torch.arange(num_views) - num_views // 2) % num_views"): HALF_TURN,
    ("partner-index", "return (torch.arange(num_views) + num_views // -2) % num_views"): HALF_TURN,
    ("partner-index", "return torch.arange(num_views).flip(-1)"): "a vector has one axis",
    ("nt-xent-two-loops", "others = others + torch.exp(s[k, i] / tau)"): SYMMETRIC,
    (
        "nt-xent-two-loops",
        "total = total - torch.log(torch.exp(s[j, i] / tau) / others)",
    ): SYMMETRIC,
    ("nt-xent-two-loops", "j = (i - views // 2) % views"): HALF_TURN,
    ("nt-xent-two-loops", "j = (i + views // -2) % views"): HALF_TURN,
    ("nt-xent-two-loops", "j = i + views // 2"): "partners of the first views have larger indices",
    (
        "nt-xent",
        "z = torch.cat([second, first]).float()",
    ): "the loss does not depend on the order of the views",
    ("nt-xent", "partner = (torch.arange(len(z)) - len(first)) % len(z)"): HALF_TURN,
    ("nt-xent", "partner = (torch.arange(len(z)) + len(second)) % len(z)"): ROWS,
    ("s-minus-identity", "positive = e[partner, torch.arange(len(z))]"): SYMMETRIC,
    ("s-minus-identity", "others = e.sum(dim=0) - e.diagonal()"): SYMMETRIC,
    ("s-minus-identity", "positive = e[torch.arange(len(partner)), partner]"): ROWS,
    (
        "s-minus-identity",
        "s = (z @ z.T).masked_fill(torch.eye(len(partner), dtype=torch.bool), -torch.inf)",
    ): ROWS,
    ("loss-will-not-fall", "labels = torch.arange(len(second))"): ROWS,
    (
        "loss-will-not-fall",
        "return sum((torch.nn.functional.cross_entropy(x, labels) for x in (s.T, s))) / 2",
    ): "a sum has no order",
    (
        "loss-will-not-fall",
        "all_of_them = torch.stack([e.sum(dim=0), e.sum(dim=1)])",
    ): "a mean has no order",
}
"""Survivors that are correct answers: {(exercise, line of the mutant): reason}."""


@dataclass
class Outcome:
    """Result of the mutants of one exercise in one form.

    Attributes:
        key: The key of the exercise.
        form: The form that the seed chose.
        total: The number of mutants.
        survivors: Mutants that the check accepted.
        broken: Mutants on which the check itself raised an error, with the error.
    """

    key: str
    form: str
    total: int = 0
    survivors: list[Mutant] = field(default_factory=list)
    broken: list[tuple[Mutant, str]] = field(default_factory=list)

    def why(self, mutant: Mutant) -> str:
        """Reason why a survivor is a correct answer, or ""."""
        return EXPLAINED.get((self.key, mutant.line)) or EXPLAINED.get((ANY, mutant.line), "")


def try_mutants(key: str, seed: int | None) -> Outcome:
    """Run the check of one exercise on all mutants of its solution."""
    import torch

    from ssl_teach.exercises import exercise, judge

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    asked = exercise(key, seed)
    outcome = Outcome(key, asked.form)
    for mutant in mutants(asked.solution):
        outcome.total += 1
        space: dict[str, Any] = {"torch": torch}
        try:
            exec(mutant.source, space)
            answer = space[asked.function]
        except Exception:
            continue
        torch.manual_seed(0)
        try:
            verdict = judge(asked, answer)
        except Exception as error:
            outcome.broken.append((mutant, f"{type(error).__name__}: {error}"))
            continue
        if verdict.correct:
            outcome.survivors.append(mutant)
    return outcome


def outcomes(keys: Sequence[str] = (), seeds: int = 2, workers: int = 2) -> list[Outcome]:
    """Try the mutants of some checked exercises, or of all.

    Args:
        keys: Keys of exercises; empty for all.
        seeds: The number of graded forms to draw in addition to the practice form. Equal forms are
            tried once.
        workers: The number of processes.

    Raises:
        ValueError: If an exercise does not exist, or is not checked by code.
    """
    from ssl_teach.exercises import all_exercises

    jobs: dict[tuple[str, str, str], tuple[str, int | None]] = {}
    for seed in (None, *range(1, seeds + 1)):
        for key, each in all_exercises(seed).items():
            if each.checked and each.function:
                jobs.setdefault((key, each.form, each.solution), (key, seed))
    known = dict.fromkeys(key for key, _ in jobs.values())
    unknown = [key for key in keys if key not in known]
    if unknown:
        raise ValueError(
            f"no checked exercise is called {unknown[0]!r}; there are {', '.join(known)}"
        )
    chosen = [job for job in jobs.values() if not keys or job[0] in keys]
    chosen.sort(key=lambda job: list(known).index(job[0]))
    if workers == 1:
        return [try_mutants(*job) for job in chosen]
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(try_mutants, *zip(*chosen, strict=True)))


def report(found: Sequence[Outcome]) -> tuple[str, float]:
    """Report of all outcomes, and the fraction of mutants caught or explained."""
    lines = [f"{'exercise':28}{'mutants':>8}{'caught':>8}{'explained':>11}{'survive':>9}"]
    unexplained = 0
    for each in found:
        left = [mutant for mutant in each.survivors if not each.why(mutant)]
        known = [mutant for mutant in each.survivors if each.why(mutant)]
        caught = each.total - len(each.survivors) - len(each.broken)
        unexplained += len(left) + len(each.broken)
        numbers = f"{each.total:8}{caught:8}{len(known):11}{len(left):9}"
        lines.append(f"{each.key:28}{numbers}  {each.form}")
        lines += [f"    survives: {mutant.line}    (was: {mutant.was})" for mutant in left]
        lines += [f"    explained: {mutant.line}: {each.why(mutant)}" for mutant in known]
        lines += [f"    the check broke: {mutant.line}: {error}" for mutant, error in each.broken]
    total = sum(each.total for each in found)
    fraction = 1 - unexplained / total if total else 1.0
    lines.append(f"{total} mutants, {fraction:.1%} caught or explained")
    return "\n".join(lines), fraction


def main() -> int:
    """Try the named exercises, or all; return 1 if too many survive or a check raises an error."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("keys", nargs="*")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    found = outcomes(args.keys, args.seeds, args.workers)
    text, fraction = report(found)
    print(text)
    return int(fraction < MIN_FRACTION or any(each.broken for each in found))


if __name__ == "__main__":
    sys.exit(main())
