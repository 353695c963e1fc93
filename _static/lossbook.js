// What the theme lacks for a reader with a keyboard: a box that scrolls can be reached and scrolled.
(() => {
  const boxes = ".bd-article div.math, .bd-article pre, .bd-article .pst-scrollable-table-container, .bd-article .text_html";
  const mark = () => {
    for (const box of document.querySelectorAll(boxes)) {
      if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
      else if (box.tabIndex === 0) box.removeAttribute("tabindex");
    }
  };
  // A formula within a line that is wider than the page gets a box of its own.
  const box = () => {
    for (const formula of document.querySelectorAll(".bd-article mjx-container:not([display])")) {
      formula.classList.remove("lb-wide");
      formula.removeAttribute("tabindex");
      if (formula.offsetWidth <= formula.closest("p, li, td, th, dd, dt, h1, h2, h3, div").clientWidth) continue;
      formula.classList.add("lb-wide");
      formula.tabIndex = 0;
    }
    mark();
  };
  window.addEventListener("resize", box);
  window.addEventListener("load", () => {
    mark();
    // Mathematics gets its width when it is typeset.
    const observer = new ResizeObserver(mark);
    for (const box of document.querySelectorAll(boxes)) {
      observer.observe(box);
      for (const child of box.children) observer.observe(child);
    }
    window.MathJax?.startup?.promise?.then(box);
  });
})();
