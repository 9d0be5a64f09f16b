"""axe-core, the rules of accessible pages, on every page of the built book."""

from pathlib import Path

import axe_playwright_python
import pytest
from test_pages import PAGES

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
COMPLAINTS = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `${id} (${help}): ${node.target.join(" ")}`));
}"""


def complaints(page) -> list[str]:
    """What axe-core has against a page as it stands: rule, and where."""
    page.evaluate("() => window.MathJax?.startup?.promise")
    page.wait_for_function("() => document.readyState === 'complete'")
    page.evaluate(AXE)
    return page.evaluate(COMPLAINTS)


@pytest.mark.parametrize(
    ("width", "scheme"), [(1280, "light"), (360, "dark")], ids=["wide", "phone, dark"]
)
@pytest.mark.parametrize("name", [*PAGES, "search", "genindex"])
def test_no_rule_is_broken(name, width, scheme, book, visit):
    seen = visit((book / f"{name}.html").as_uri(), width=width, scheme=scheme)
    assert complaints(seen.page) == []
    seen.page.context.close()


def test_a_broken_rule_would_be_seen(tmp_path, visit):
    page = tmp_path / "page.html"
    page.write_text(
        '<!doctype html><html lang="en"><title>t</title><main><h1>t</h1><img src="data:,"></main>'
    )
    assert any("image-alt" in said for said in complaints(visit(page.as_uri()).page))
