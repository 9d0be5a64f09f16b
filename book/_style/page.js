// What every page of the book needs: a formula or a figure that is wider than the page scrolls, and
// then the keyboard must be able to reach it.
(() => {
  const mark = () => {
    for (const wide of document.querySelectorAll('mjx-container[display="true"], .book-figure')) {
      const scrolls = wide.scrollWidth > wide.clientWidth + 1;
      if (scrolls === wide.hasAttribute("tabindex")) continue;
      if (scrolls) wide.setAttribute("tabindex", "0");
      else wide.removeAttribute("tabindex");
    }
  };
  addEventListener("load", async () => {
    await window.MathJax?.startup?.promise;
    mark();
    new ResizeObserver(mark).observe(document.body);
  });
})();
