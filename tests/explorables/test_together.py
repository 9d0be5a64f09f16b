"""Explorables in one document, as in JupyterLab, where all open notebooks share one."""

import pytest

from ..browser.test_second_engine import pages_with_explorables
from ..conftest import BUILT
from .from_book import explorables
from .page import mount

# Of each element what a stray rule is likely to change; then the rules, and what they did change.
TOUCHED = """async (others) => {
  const properties = ["display", "float", "position", "width", "height", "flex", "gap", "color",
    "background-color", "border-top", "border-radius", "padding", "margin", "opacity", "overflow",
    "font", "text-align", "vertical-align", "white-space", "cursor", "transform", "outline"];
  const elements = [...document.querySelectorAll(".ssl-explorable, .ssl-explorable *")];
  const looks = () => elements.map((element) => {
    const style = getComputedStyle(element);
    return properties.map((property) => style.getPropertyValue(property));
  });
  const before = looks();
  document.head.append(Object.assign(document.createElement("style"), { textContent: others }));
  const after = looks(), touched = elements.map((element, k) => [element,
    properties.filter((property, p) => before[k][p] !== after[k][p])]);
  return [...new Set(touched.filter(([, names]) => names.length).map(([element, names]) =>
    `${element.tagName.toLowerCase()}.${element.getAttribute("class")}: ${names.join(", ")}`))];
}"""


@pytest.fixture(scope="module")
def every(book):
    return explorables(BUILT / f"{name}.html" for name in pages_with_explorables())


def test_styles_of_one_leave_the_others_alone(browser, tmp_path, every):
    touched = []
    for name, widget in every.items():
        others = "\n".join(each._css for each in every.values() if each._css != widget._css)
        with mount(browser, tmp_path, widget) as page:
            touched += [f"{name}: {each}" for each in page.page.evaluate(TOUCHED, others)]
    assert touched == []
