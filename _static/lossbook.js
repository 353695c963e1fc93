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

// The catalogue's filter: shows the losses whose names and properties have every word that was typed.
(() => {
  const words = (text) => text.toLowerCase().replace(/[_-]/g, " ");
  const setUp = () => {
    const form = document.querySelector(".lb-filter");
    if (!form) return;
    const [field, family] = [form.querySelector("#lb-find"), form.querySelector("#lb-family")];
    const entries = [...document.querySelectorAll(".lb-entry")].map((one) => ({
      section: one.closest("section"), family: one.dataset.family, words: `${one.dataset.words} ${words(one.dataset.words)}`.toLowerCase(),
    }));
    const chapters = [...new Set(entries.map((one) => one.section.parentElement))];
    const links = new Map([...document.querySelectorAll(".bd-toc-nav a, #pst-page-toc-nav a")].map((link) => [link.hash.slice(1), link.closest("li")]));
    const show = (section, shown) => {
      section.hidden = !shown;
      for (const id of [section.id, ...[...section.querySelectorAll(":scope > span[id]")].map((one) => one.id)]) {
        if (links.has(id)) links.get(id).hidden = !shown;
      }
    };
    const filter = () => {
      const wanted = words(field.value).split(/\s+/).filter(Boolean);
      let count = 0;
      for (const one of entries) {
        const shown = (!family.value || one.family === family.value) && wanted.every((word) => one.words.includes(word));
        show(one.section, shown);
        count += shown;
      }
      for (const chapter of chapters) show(chapter, entries.some((one) => one.section.parentElement === chapter && !one.section.hidden));
      form.querySelector(".lb-found").textContent = count === entries.length ? `${count} losses` : `${count} of ${entries.length} losses`;
    };
    field.value = new URLSearchParams(location.search).get("find") || "";
    field.addEventListener("input", filter);
    family.addEventListener("change", filter);
    form.addEventListener("submit", (event) => event.preventDefault());
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      field.value = "";
      filter();
    });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.closest("input, select, textarea, [contenteditable]")) return;
      event.preventDefault();
      field.focus();
    });
    // A link to a loss leads there, whatever was filtered before.
    window.addEventListener("hashchange", () => {
      if (document.getElementById(location.hash.slice(1))?.closest("section[hidden]")) {
        field.value = family.value = "";
        filter();
        document.getElementById(location.hash.slice(1)).scrollIntoView();
      }
    });
    form.hidden = false;
    filter();
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", setUp);
  else setUp();
})();
