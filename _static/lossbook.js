// What the theme lacks for a reader with a keyboard: a box that scrolls can be reached and scrolled.
// Asking for widths lays out the whole page, so each box is looked at when it is laid out.
(() => {
  const boxes = [".bd-article .math", ".bd-article pre", ".bd-article .pst-scrollable-table-container", ".bd-article .text_html", ".cell_output > .output"].join();
  const mark = (box) => {
    if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
    else if (box.tabIndex === 0) box.removeAttribute("tabindex");
  };
  const observer = new ResizeObserver((entries) => {
    const changed = new Set(entries.map((one) => one.target.closest(boxes)));
    changed.delete(null);  // what was taken from the page
    changed.forEach(mark);
  });
  for (const box of document.querySelectorAll(boxes)) {
    observer.observe(box);
    for (const child of box.children) observer.observe(child);
  }
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
    filter();
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", setUp);
  else setUp();
})();

// Paper is white, whatever the screen is.
(() => {
  const root = document.documentElement;
  let before;
  const paper = () => {
    before ??= root.dataset.theme;
    root.dataset.theme = "light";
  };
  const screen = () => {
    if (before) root.dataset.theme = before;
    before = undefined;
  };
  window.addEventListener("beforeprint", paper);
  window.addEventListener("afterprint", screen);
  window.matchMedia("print").addEventListener("change", ({ matches }) => (matches ? paper() : screen()));
})();

// The drawers of a phone. The theme takes the focus from the button of a drawer, and so cannot give it back when the
// drawer closes; it leaves the drawer over the place that a link in it leads to; and the menu opens at its top.
for (const side of ["primary", "secondary"]) {
  const drawer = document.getElementById(`pst-${side}-sidebar-modal`);
  const button = document.querySelector(`.${side}-toggle`);
  drawer?.addEventListener("close", () => button?.focus({ preventScroll: true }));
  drawer?.addEventListener("click", ({ target }) => {
    if (target.closest('a[href^="#"]')) drawer.close();
  });
  button?.addEventListener("click", () => requestAnimationFrame(() => {
    drawer?.querySelector(".toctree-l1.current > a")?.scrollIntoView({ block: "center" });
  }));
}
