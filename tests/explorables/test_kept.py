"""What each task keeps, in a real browser: spreads and differences as Python takes them."""

import numpy as np
import pytest
from scipy import stats

from ssl_teach.experiments.records import Record, difference
from ssl_teach.explorables.kept import Factor, WhatIsKept
from ssl_teach.statistics import spread

from .page import mount

TASKS = ("raw pixels", "random weights", "rotation", "inpainting")
FACTORS = ("class", "position", "background")
COLOURS = {"class": (250, 0, 0), "position": (0, 250, 0), "background": (0, 0, 250)}


def numbers(seed=0, seeds=3):
    """Some numbers for each stage, task and factor; pixels know no position at stage 1."""
    draw = np.random.default_rng(seed)
    values = {
        stage: {
            task: {factor: draw.uniform(0, 1, seeds).round(4).tolist() for factor in FACTORS}
            for task in TASKS
        }
        for stage in ("stage 1", "last stage")
    }
    del values["stage 1"]["raw pixels"]["position"]
    return values


def factors():
    return {
        name: Factor(
            np.full((3, 4, 4, 3), COLOURS[name], np.uint8) + np.uint8(k),
            f"which {name} it has",
            "accuracy" if name == "class" else "R²",
        )
        for k, name in enumerate(FACTORS)
    }


def build(values=None, **more):
    options = {
        "baselines": ["random weights", "raw pixels"],
        "why": {("rotation", "background"): "It tells nothing of which way is up."},
        "task": "rotation",
        "versus": "inpainting",
        "factor": "position",
    } | more
    return WhatIsKept(values or numbers(), factors(), **options)


def read(text):
    """Mean and half interval of "0.79 ± 0.04", with signs as the page writes them."""
    return tuple(float(part) for part in text.replace("−", "-").split(" ± "))


def ranking(page):
    """Task, mean and half interval, and what stands against the baseline, row by row."""
    rows = page.page.locator(".ssl-kept-table").first.locator("tbody tr").all()
    return [
        (row.locator("button").inner_text().lstrip("●○"), *row.locator("td").all_inner_texts()[1:])
        for row in rows
    ]


def profile(page):
    """Factor, difference and verdict, row by row."""
    rows = page.page.locator(".ssl-kept-profile tbody tr").all()
    return [
        (row.locator("button").inner_text(), *row.locator("td").last.inner_text().split("\n"))
        for row in rows
    ]


def selected(page):
    return page.page.locator('.ssl-kept-grid [aria-selected="true"]')


@pytest.fixture(scope="module")
def module(browser, tmp_path_factory):
    with mount(browser, tmp_path_factory.mktemp("kept"), build()) as page:
        yield page.page


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 6, 9, 10, 29, 100])
def test_the_quantile_is_students(module, degrees):
    found = module.evaluate("(df) => window.module.tQuantile(df)", degrees)
    assert found == pytest.approx(stats.t.ppf(0.975, degrees), abs=1e-9)


@pytest.mark.parametrize("seeds", [2, 3, 4, 7])
def test_intervals_and_differences_are_those_of_the_records(module, seeds):
    draw = np.random.default_rng(seeds)
    for _ in range(5):
        ours, theirs = draw.uniform(0, 1, (2, seeds))
        runs = [
            [{"seed": s, "seconds": 1, "metrics": {"linear": float(x)}} for s, x in enumerate(each)]
            for each in (ours, theirs)
        ]
        expected = difference(Record("a", {}, runs[0]), Record("b", {}, runs[1]))
        found = module.evaluate(
            "([a, b]) => window.module.differenceOf(a, b)", [ours.tolist(), theirs.tolist()]
        )
        assert found["mean"] == pytest.approx(expected.mean, abs=1e-9)
        assert found["half"] == pytest.approx(expected.high - expected.mean, abs=1e-9)
        words = {"better": "more", "worse": "less"}
        verdict = expected.verdict()
        assert found["verdict"] == words.get(verdict, "not significant")
        alone = module.evaluate("(a) => window.module.spreadOf(a)", ours.tolist())
        known = spread(ours)
        assert alone["mean"] == pytest.approx(known.mean, abs=1e-9)
        assert alone["half"] == pytest.approx(known.high - known.mean, abs=1e-9)


def test_one_seed_has_no_interval(module):
    found = module.evaluate("() => window.module.differenceOf([0.5], [0.2])")
    assert found["verdict"] == "one seed"
    assert found["mean"] == pytest.approx(0.3)


def test_words_on_every_shade_are_read(module):
    """Black or white has a contrast of 4.5 on any colour: WCAG's least for text."""
    for colour in np.random.default_rng(0).integers(0, 256, (200, 3)).tolist():
        channels = np.array(colour) / 255
        linear = np.where(
            channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
        )
        light = linear @ [0.2126, 0.7152, 0.0722]
        ink = module.evaluate("(rgb) => window.module.inkOn(rgb)", colour)
        contrast = 1.05 / (light + 0.05) if ink == "#fff" else (light + 0.05) / 0.05
        assert contrast >= 4.5


def test_it_begins_with_all_that_it_tells(browser, tmp_path):
    values = numbers()
    with mount(browser, tmp_path, build()) as page:
        assert selected(page).count() == 1
        mean = np.mean(values["last stage"]["rotation"]["position"])
        assert float(selected(page).inner_text()) == pytest.approx(mean, abs=0.00501)
        cells = page.page.locator(".ssl-kept-grid td[role]").all_inner_texts()
        expected = [
            np.mean(values["last stage"][task][factor]) for task in TASKS for factor in FACTORS
        ]
        assert [float(cell) for cell in cells] == pytest.approx(expected, abs=0.00501)
        assert page.page.locator(".ssl-notice").count() == 0


def test_a_factor_orders_the_tasks_against_the_baselines(browser, tmp_path):
    values = numbers()["last stage"]
    with mount(browser, tmp_path, build()) as page:
        for factor in FACTORS:
            page.page.locator(".ssl-kept-grid thead th").filter(has_text=factor).click()
            page.settle()
            assert page.get("factor") == factor
            mean = {task: np.mean(values[task][factor]) for task in TASKS}
            rows = ranking(page)
            assert [row[0] for row in rows] == sorted(TASKS, key=mean.get, reverse=True)
            for task, told, against in rows:
                known = spread(values[task][factor])
                assert read(told) == pytest.approx(
                    (known.mean, known.high - known.mean), abs=0.00501
                )
                if task == "random weights":
                    assert against == "–"
                    continue
                apart = spread(np.subtract(values[task][factor], values["random weights"][factor]))
                number, verdict = against.split(", ")
                assert read(number) == pytest.approx(
                    (apart.mean, apart.high - apart.mean), abs=0.00501
                )
                words = {"better": "more", "worse": "less"}
                assert verdict == words.get(apart.verdict(), "not significant")


def test_marks_lie_where_the_numbers_say(browser, tmp_path):
    values = numbers()["last stage"]
    with mount(browser, tmp_path, build()) as page:
        row = page.page.locator(".ssl-kept-table").first.locator("tr").filter(has_text="rotation")
        left = row.locator(".ssl-kept-seed").evaluate_all(
            "(dots) => dots.map((dot) => parseFloat(dot.style.left) / 100)"
        )
        assert left == pytest.approx(values["rotation"]["position"], abs=1e-4)
        dashed = row.locator(".ssl-kept-dashed").evaluate("(e) => parseFloat(e.style.left) / 100")
        assert dashed == pytest.approx(np.mean(values["random weights"]["position"]), abs=1e-4)
        dotted = row.locator(".ssl-kept-dotted").evaluate("(e) => parseFloat(e.style.left) / 100")
        assert dotted == pytest.approx(np.mean(values["raw pixels"]["position"]), abs=1e-4)


def test_two_tasks_are_compared_factor_by_factor(browser, tmp_path):
    values = numbers()["last stage"]
    for factor in FACTORS:  # one clear, one hidden by its seeds
        values["rotation"][factor] = [0.8, 0.82, 0.81]
    values["inpainting"] |= {"class": [0.2, 0.21, 0.22], "position": [0.5, 0.95, 0.9]}
    values["inpainting"]["background"] = [0.9, 0.91, 0.93]
    with mount(browser, tmp_path, build({"last stage": values})) as page:
        rows = profile(page)
        assert [row[0] for row in rows] == list(FACTORS)
        assert [row[2] for row in rows] == ["more", "not significant", "less"]
        for factor, told, _ in rows:
            apart = spread(np.subtract(values["rotation"][factor], values["inpainting"][factor]))
            assert read(told) == pytest.approx((apart.mean, apart.high - apart.mean), abs=0.00501)
        page.page.get_by_label("compare ● rotation with ○").select_option("raw pixels")
        page.settle()
        assert page.get("versus") == "raw pixels"
        apart = np.mean(values["rotation"]["class"]) - np.mean(values["raw pixels"]["class"])
        assert read(profile(page)[0][1])[0] == pytest.approx(apart, abs=0.00501)


def test_cells_by_mouse_and_by_keyboard(browser, tmp_path):
    with mount(browser, tmp_path, build()) as page:
        page.page.locator(".ssl-kept-grid tbody tr").nth(3).locator("td").first.click()
        page.settle()
        assert (page.get("task"), page.get("factor")) == ("inpainting", "class")
        assert page.get("versus") == "rotation"  # they changed places
        page.page.locator('[tabindex="0"]').first.focus()
        for key, task, factor in [
            ("ArrowRight", "inpainting", "position"), ("ArrowUp", "rotation", "position"),
            ("ArrowLeft", "rotation", "class"), ("ArrowLeft", "rotation", "background"),
            ("ArrowDown", "inpainting", "background"), ("ArrowDown", "raw pixels", "background"),
        ]:  # fmt: skip
            page.page.keyboard.press(key)
            page.settle()
            assert (page.get("task"), page.get("factor")) == (task, factor)
            assert page.text("[aria-live]").startswith(f"{task}, {factor}, last stage: ")
            focused = page.page.evaluate("() => document.activeElement.ariaSelected")
            assert focused == "true"
        assert page.page.locator('.ssl-kept-grid [tabindex="0"]').count() == 1


def test_rows_of_the_lists_are_buttons_that_keep_the_focus(browser, tmp_path):
    with mount(browser, tmp_path, build()) as page:
        page.page.get_by_role("button", name="random weights").click()
        page.settle()
        assert page.get("task") == "random weights"
        assert "random weights" in page.page.evaluate("document.activeElement.textContent")
        page.page.get_by_role("button", name="class").focus()
        page.page.keyboard.press("Enter")
        page.settle()
        assert page.get("factor") == "class"
        assert page.page.evaluate("document.activeElement.textContent") == "class"


def test_the_factor_is_shown_and_the_task_explained(browser, tmp_path):
    with mount(browser, tmp_path, build(factor="background")) as page:
        assert "which background it has" in page.text(".ssl-kept-side:last-child p")
        pixel = page.page.evaluate(
            """() => [...document.querySelectorAll(".ssl-kept-strip canvas")].map((canvas) =>
            [...canvas.getContext("2d").getImageData(1, 1, 1, 1).data].slice(0, 3))"""
        )
        assert pixel == [[2, 2, 252]] * 3
        assert page.page.get_by_text("It tells nothing of which way is up.").is_visible()
        page.set("factor", "class")
        assert not page.page.get_by_text("It tells nothing of which way is up.").is_visible()
        words = page.page.locator(".ssl-kept-strip").get_attribute("aria-label")
        assert "drawn 3 times" in words


def test_stages_change_the_numbers_and_gaps_read_na(browser, tmp_path):
    values = numbers()
    with mount(browser, tmp_path, build()) as page:
        page.page.get_by_role("radio", name="stage 1").check()
        page.settle()
        assert page.get("stage") == "stage 1"
        mean = np.mean(values["stage 1"]["rotation"]["position"])
        assert float(selected(page).inner_text()) == pytest.approx(mean, abs=0.00501)
        assert ranking(page)[-1] == ("raw pixels", "n/a", "–")
        assert page.page.locator(".ssl-kept-dotted").count() == 0
        page.set("task", "raw pixels")
        assert "no number" in page.text("[aria-live]")
        assert profile(page)[1][1] == "–"


def test_one_stage_needs_no_choice_and_negative_numbers_fit(browser, tmp_path):
    values = {"last stage": numbers()["last stage"]}
    values["last stage"]["rotation"]["position"] = [-0.2, -0.1, -0.3]
    with mount(browser, tmp_path, build(values)) as page:
        assert page.page.get_by_role("radio").count() == 0
        assert selected(page).inner_text() == "−0.20"
        ends = page.page.locator(".ssl-kept-ends span").all_inner_texts()
        assert ends[:2] == ["−0.30", "1"]
        assert ranking(page)[-1][0] == "rotation"


def test_names_from_python_that_are_unknown_fall_back(browser, tmp_path):
    with mount(browser, tmp_path, build()) as page:
        for name in ("stage", "task", "versus", "factor"):
            page.set(name, "nobody")
        assert selected(page).count() == 1


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 704, 1280])
def test_both_themes_and_a_phone(browser, tmp_path, width, theme):
    with mount(browser, tmp_path, build(), width=width, theme=theme, touch=width == 360) as page:
        assert page.overflow() <= 0
        assert page.page.locator(".ssl-explorable").get_attribute("data-theme") == theme
        edges = page.page.locator(".ssl-kept-part").evaluate_all(
            "(parts) => parts.map((part) => part.scrollWidth - part.clientWidth)"
        )
        assert max(edges) <= 1  # no part runs into its neighbour


def test_clean_up_leaves_nothing(browser, tmp_path):
    with mount(browser, tmp_path, build()) as page:
        page.take_back()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"values": {}}, "empty"),
        ({"values": {"last": {"a": {}}}}, "no task has a number"),
        ({"values": {"last": {"a": {"tilt": [0.1]}}}}, "no factor is called 'tilt'"),
        ({"values": {"last": {"a": {"class": [0.1, float("nan")]}}}}, "finite numbers"),
        ({"values": {"last": {"a": {"class": []}}}}, "finite numbers"),
        (
            {"values": {"last": {"a": {"class": [0.1], "position": [0.1, 0.2]}}}},
            r"same seeds, got \[1, 2\]",
        ),
        ({"factors": {}}, "empty"),
        ({"factors": {"class": Factor(np.zeros((2, 4, 4)), "what")}}, "uint8"),
        ({"baselines": ["nobody"]}, "no task is called 'nobody'"),
        ({"why": {("a", "tilt"): "words"}}, "no factor is called 'tilt'"),
        ({"stage": "first"}, "no stage is called 'first'; there are last"),
        ({"versus": "nobody"}, "no task"),
    ],
)
def test_bad_input_is_named(change, words):
    given = {"values": {"last": {"a": {"class": [0.1]}}}, "factors": factors()} | change
    with pytest.raises(ValueError, match=words):
        WhatIsKept(given.pop("values"), given.pop("factors"), **given)


def test_it_says_what_it_shows_and_where_it_begins():
    widget = build()
    assert repr(widget) == "WhatIsKept(4 tasks, class, position, background)"
    assert (widget.stage, widget.task, widget.versus) == ("last stage", "rotation", "inpainting")
    plain = WhatIsKept(numbers(), factors())
    assert (plain.task, plain.versus, plain.factor) == ("inpainting", "raw pixels", "class")
    widget.set_state({"factor": "class", "stage": "stage 1"})
    assert (widget.factor, widget.stage) == ("class", "stage 1")
