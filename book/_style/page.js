// What every page of the book needs: a formula or a figure that is wider than the page scrolls. Then
// the keyboard must be able to reach it, and a figure must look as if it went on.
(() => {
  const ends = ({ currentTarget: figure }) => {
    figure.toggleAttribute("data-before", figure.scrollLeft > 1);
    figure.toggleAttribute("data-after", figure.scrollLeft + figure.clientWidth < figure.scrollWidth - 1);
  };
  const hint = () => {
    const words = document.createElement("span");
    words.className = "book-goes-on";
    words.setAttribute("aria-hidden", "true"); // who does not see the figure has its words
    words.textContent = "wider than the screen: swipe ↔";
    return words;
  };
  const mark = () => {
    for (const wide of document.querySelectorAll('mjx-container[display="true"], .book-figure')) {
      const scrolls = wide.scrollWidth > wide.clientWidth + 1, figure = wide.matches(".book-figure");
      if (scrolls && figure) ends({ currentTarget: wide });
      if (scrolls === wide.hasAttribute("tabindex")) continue;
      if (scrolls) wide.setAttribute("tabindex", "0");
      else wide.removeAttribute("tabindex");
      if (!figure) continue;
      if (scrolls) wide.after(hint());
      else wide.nextElementSibling.remove();
      wide[scrolls ? "addEventListener" : "removeEventListener"]("scroll", ends, { passive: true });
    }
  };
  addEventListener("load", async () => {
    await window.MathJax?.startup?.promise;
    mark();
    new ResizeObserver(mark).observe(document.body);
  });
})();
