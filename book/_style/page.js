// What every page of the book needs: a formula that is wider than the page scrolls, and then the
// keyboard must be able to reach it.
(() => {
  const mark = () => {
    for (const formula of document.querySelectorAll('mjx-container[display="true"]')) {
      const scrolls = formula.scrollWidth > formula.clientWidth + 1;
      if (scrolls === formula.hasAttribute("tabindex")) continue;
      if (scrolls) formula.setAttribute("tabindex", "0");
      else formula.removeAttribute("tabindex");
    }
  };
  addEventListener("load", async () => {
    await window.MathJax?.startup?.promise;
    mark();
    new ResizeObserver(mark).observe(document.body);
  });
})();
