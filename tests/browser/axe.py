"""axe-core, which checks a page in the browser against the rules of accessibility."""

from pathlib import Path

import axe_playwright_python

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
VIOLATIONS = """async (rules) => {
  const options = { resultTypes: ["violations"], ...(rules && { runOnly: rules }) };
  const { violations } = await axe.run(document, options);
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `${id} (${help}): ${node.target.join(" ")}`));
}"""


def violations(page, rules: list[str] | None = None) -> list[str]:
    """Violations in a page as it is now, each with its rule and its place.

    Args:
        page: The page in the browser.
        rules: The only rules to check, which is faster; None checks all.
    """
    page.evaluate("() => window.MathJax?.startup?.promise")
    page.wait_for_function("() => document.readyState === 'complete'")
    page.evaluate(AXE)
    return page.evaluate(VIOLATIONS, rules)
