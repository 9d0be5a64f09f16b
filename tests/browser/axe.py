"""axe-core, which checks a page in the browser against the rules of accessibility."""

from pathlib import Path

import axe_playwright_python

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
# Of thousands of words of code in the same colours, the first of each kind stands for all, and the
# others lose their element meanwhile: they would take most of the time.
VIOLATIONS = """async (rules) => {
  const seen = new Set(), removed = [];
  for (const word of document.querySelectorAll("pre span[class]")) {
    const kind = `${word.className} in ${word.closest("div[class]")?.className}`;
    if (seen.has(kind) && !word.firstElementChild) {
      removed.push([word, document.createTextNode(word.textContent)]);
      word.replaceWith(removed.at(-1)[1]);
    }
    seen.add(kind);
  }
  const options = { resultTypes: ["violations"], ...(rules && { runOnly: rules }) };
  const { violations } = await axe.run(document, options);
  for (const [word, text] of removed) text.replaceWith(word);
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
