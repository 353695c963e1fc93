// What every scene shares: the state and who hears of it, sliders, buttons, the live text, the link in the address bar.

// The scenes by name: each file adds its own. A scene takes the app (see start.js) and returns what it can do:
// layout(width), draw(), says() for the live text, samples(loss) for the hook; if it needs them also
// relayout(name), actions [[text, action], ...], solution(loss) and hook {...}, more for `element.lossbook`.
const scenes = {};

const later = (wait, action) => {
  let timer = null;
  const run = (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...values), wait);
  };
  run.cancel = () => clearTimeout(timer);
  return run;
};

// A range input with its symbol, meaning, bounds and value. The input's own step is "any", because a default such as 4.685
// need not lie on the slider's grid; stepping is done here.
function makeSlider(parent, id, parameter, onInput) {
  const { symbol, meaning, low, high, step } = parameter;
  const write = (value, places = 0) => minus(value.toFixed(clamp(Math.max(places, decimalsOf(value)), 0, 4)));
  const row = make("div", { class: "lb-slider" }, parent);
  const label = make("label", { for: id }, row);
  make("span", { class: "lb-symbol", text: symbol }, label);
  make("span", { class: "lb-meaning", text: meaning }, label);
  const output = make("output", { for: id, class: "lb-value" }, row);
  const input = make("input", { id, type: "range", min: low, max: high, step: "any", title: "double-click: back to the default" }, row);
  const bounds = make("div", { class: "lb-bounds", "aria-hidden": "true" }, row);
  make("span", { text: write(low) }, bounds);
  make("span", { text: write(high) }, bounds);

  const onGrid = (k) => clamp(Number((low + k * step).toFixed(6)), low, high);
  const rounded = (value) => {
    if (value <= low || value >= high) return clamp(value, low, high);
    if (Math.abs(value - parameter.default) < step / 2 && Math.abs(value - parameter.default) < (high - low) / 150) return parameter.default;
    return onGrid(Math.round((value - low) / step));
  };
  input.addEventListener("input", () => onInput(rounded(Number(input.value))));
  input.addEventListener("dblclick", () => onInput(parameter.default));
  let current = parameter.default;
  input.addEventListener("keydown", (event) => {
    const k = (current - low) / step;
    const next = {
      ArrowRight: () => onGrid(Math.floor(k + 1e-6) + 1), ArrowUp: () => onGrid(Math.floor(k + 1e-6) + 1),
      ArrowLeft: () => onGrid(Math.ceil(k - 1e-6) - 1), ArrowDown: () => onGrid(Math.ceil(k - 1e-6) - 1),
      PageUp: () => onGrid(Math.round(k + 10)), PageDown: () => onGrid(Math.round(k - 10)),
      Home: () => low, End: () => high,
    }[event.key];
    if (!next || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    onInput(next());
  });
  return {
    update: (value) => {
      current = value;
      if (Number(input.value) !== value) input.value = value;
      output.textContent = write(value, decimalsOf(step));
      input.setAttribute("aria-valuetext", `${parameter.name} ${write(value)}`);
      input.style.setProperty("--lb-fill", `${(100 * clamp((value - low) / (high - low), 0, 1)).toFixed(1)}%`);
    },
  };
}

function makeButton(parent, text, onClick, attributes) {
  const button = make("button", { type: "button", text, ...attributes }, parent);
  button.addEventListener("click", onClick);
  return button;
}

// Buttons above the picture that set up a case worth looking at: [[text, action], ...].
function makeCases(app, cases) {
  const bar = make("div", { class: "lb-cases", role: "group", "aria-label": "Cases" }, app.top);
  for (const [text, action] of cases) makeButton(bar, text, action);
}

// A short piece of a curve, or a small bar, as the legend shows it.
function swatch(parent, kind, drawn) {
  const root = svg("svg", { class: "lb-swatch", viewBox: "0 0 34 12", width: 34, height: 12, "aria-hidden": "true" }, parent);
  if (drawn === "bars") svg("rect", { x: 8, y: 0.75, width: 18, height: 10.5, class: `lb-block lb-drawn ${kind}` }, root);
  else svg("line", { x1: 1, x2: 33, y1: 6, y2: 6, class: `lb-curve ${kind}` }, root);
  return root.firstChild;
}

// The table under a picture: one row per loss (its name switches an overlay), one column per number. `first` heads the names.
function makeReadout(parent, caption, columns, rows, onToggle, first = "curve") {
  const table = make("table", { class: columns.length > 4 ? "lb-readout lb-many" : "lb-readout" }, parent);
  const head = make("caption", { text: caption }, table);
  const top = make("tr", {}, make("thead", {}, table));
  for (const column of [first, ...columns]) make("th", { scope: "col", text: column }, top);
  const body = make("tbody", {}, table);
  let also = null;
  const lines = rows.map((row) => {
    const tr = make("tr", {}, body);
    const name = make("th", { scope: "row" }, tr);
    const holder = row.toggle ? makeButton(name, "", () => onToggle(row.name), { class: "lb-toggle", "data-show": row.name }) : make("span", { class: "lb-fixed" }, name);
    const drawn = swatch(holder, row.kind, first);
    make("span", { text: row.label }, holder);
    const cells = columns.map(() => make("td", {}, tr));
    if (row.also) {
      also = make("tr", {}, body);
      const second = make("span", { class: "lb-fixed" }, make("td", { colspan: columns.length + 1 }, also));
      swatch(second, row.also.kind);
      make("span", { text: row.also.label }, second);
    }
    return { tr, holder, cells, row, drawn };
  });
  return {
    caption: head,
    also,
    kinds: lines.map((one) => one.drawn),
    // values: one array of texts per row; null where the row is switched off.
    update: (values) => lines.forEach((one, i) => {
      const shown = values[i];
      if (one.row.toggle) one.holder.setAttribute("aria-pressed", String(shown !== null));
      one.tr.classList.toggle("lb-off", shown === null);
      one.cells.forEach((cell, k) => {
        const text = shown === null ? "\u2013" : shown[k];
        if (cell.textContent !== text) cell.textContent = text;
      });
    }),
  };
}

// The table of the three classes, or of something else: columns are [key, title], rows objects with these keys.
function makeClasses(parent, columns, what = "class", names = [1, 2, 3]) {
  const table = make("table", { class: "lb-readout lb-classes" }, parent);
  const caption = make("caption", {}, table);
  const top = make("tr", {}, make("thead", {}, table));
  for (const title of [what, ...columns.map((one) => one[1])]) make("th", { scope: "col", text: title }, top);
  const body = make("tbody", {}, table);
  const rows = names.map((k) => {
    const row = make("tr", {}, body);
    const name = make("th", { scope: "row" }, row);
    return { row, name, cells: columns.map(() => make("td", {}, row)), k };
  });
  return {
    caption,
    update: (values) => rows.forEach(({ row, name, cells, k }, i) => {
      name.textContent = `${k}${values[i].real ? ", true" : ""}`;
      row.classList.toggle("lb-true", values[i].real);
      columns.forEach(([key], j) => { if (cells[j].textContent !== values[i][key]) cells[j].textContent = values[i][key]; });
    }),
  };
}

// Something to focus and move: `step(dx, dy)` is what a key asks for. Pointers are the scene's, see `dragging`.
function makeHandle(frame, attributes, radius, step) {
  const group = svg("g", { class: "lb-handle", tabindex: 0, role: "slider", ...attributes }, frame.above);
  svg("circle", { class: "lb-hit", r: 23 }, group);
  svg("circle", { class: "lb-ring", r: radius + 5 }, group);
  svg("circle", { class: "lb-dot", r: radius }, group);
  onKeys(group, step);
  return group;
}

// One that says which it is.
function makeLetter(frame, attributes, letter, step) {
  const handle = makeHandle(frame, { class: "lb-handle lb-class", ...attributes }, 11, step);
  svg("text", { "text-anchor": "middle", dy: "0.35em", "aria-hidden": "true", text: letter }, handle);
  return handle;
}

// What the keys of a slider ask for, as steps to the right and up.
function onKeys(element, step) {
  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const wish = {
      ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1], PageUp: [0, 10], PageDown: [0, -10],
      Home: [-Infinity, 0], End: [Infinity, 0],
    }[event.key];
    if (!wish) return;
    event.preventDefault();
    step(...wish);
  });
}

// Where a pointer is, in SVG pixels.
function pointerAt(frame, event) {
  const box = frame.root.getBoundingClientRect();
  const scale = frame.total[0] / box.width;
  return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
}

// Pointer drags on `target`, in SVG pixels; the pointer is captured, so a fast hand does not lose the point.
// `start(px, py)` says what is dragged: a function `place(px, py)`.
function dragging(target, frame, start) {
  let place = null;
  const pixels = (event) => pointerAt(frame, event);
  // A finger on a handle drags it, up and down too: `touch-action` means nothing to shapes inside of an SVG.
  target.addEventListener("touchstart", (event) => {
    if (event.target.closest(".lb-handle")) event.preventDefault();
  }, { passive: false });
  target.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    event.preventDefault();
    target.setPointerCapture(event.pointerId);
    place = start(...pixels(event));
    place(...pixels(event));
  });
  target.addEventListener("pointermove", (event) => {
    if (target.hasPointerCapture(event.pointerId)) place(...pixels(event));
  });
}

// The state in the address, so that a teacher can link to one picture: ?huber.delta=2&huber.r=1.3&huber.show=mse#huber.
// Only what differs from the default is written; what does not read as a valid value is ignored.

// A value of each kind from its text (see scene.py); undefined where it cannot be one.
const within = (value, [low, high]) => value >= low && value <= high;
const numbersIn = (text) => text.split("_").map((part) => (part.trim() === "" ? NaN : Number(part)));
const readers = {
  number: (text, { low, high }) => {
    const value = text.trim() === "" ? NaN : Number(text);
    return within(value, [low, high]) ? value : undefined;
  },
  choice: (text, { values }) => values.find((value) => String(value) === text),
  some: (text, { values }) => {
    const names = text === "none" ? [] : text.split(".");
    return names.every((name) => values.includes(name)) ? names : undefined;
  },
  vector: (text, { limits, total }) => {
    const numbers = numbersIn(text);
    if (numbers.length !== limits.length || !numbers.every((value, i) => within(value, limits[i]))) return undefined;
    const sum = numbers.reduce((a, b) => a + b);
    return total === undefined || Math.abs(sum - total) <= 1e-6 * Math.abs(total) ? numbers : undefined;
  },
  cells: (text, { start, levels }) => {
    const brief = text.length === start.length && /^[0-9a-z]*$/.test(text);
    const numbers = brief ? Array.from(text, (one) => parseInt(one, 36) / levels) : numbersIn(text);
    const fits = numbers.length === start.length && numbers.every((value) => within(value, [0, 1]) && (levels > 1 || value % 1 === 0));
    return fits ? numbers : undefined;
  },
  box: (text, { limits, least }) => {
    const [x1, y1, x2, y2] = numbersIn(text);
    const fits = numbersIn(text).length === 4 && [x1, y1, x2, y2].every((value) => within(value, limits));
    return fits && x1 + least <= x2 + 1e-9 && y1 + least <= y2 + 1e-9 ? [x1, y1, x2, y2] : undefined;
  },
  points: (text, { limits, least, most }) => {
    const [numbers, width] = [numbersIn(text), limits.length];
    if (numbers.length % width || numbers.length < least * width || numbers.length > most * width) return undefined;
    if (!numbers.every((value, i) => within(value, limits[i % width]))) return undefined;
    return width === 1 ? numbers : numbers.filter((_, i) => i % 2 === 0).map((x, i) => [x, numbers[2 * i + 1]]);
  },
};

// Cells on the levels have one base-36 digit each.
const digitsOf = (value, levels) => {
  const steps = value.map((one) => Math.round(one * levels));
  return steps.every((one, i) => one / levels === value[i]) ? steps.map((one) => one.toString(36)).join("") : null;
};

// The address of a static page as the link. On a page of its own, to be shown within another site, the link to copy
// leads to the explorer in its chapter (`data-home`); elsewhere `data-embed` is the address of that page of its own.
function pageLink(config, defaults, specs, element) {
  const prefix = `${config.id}.`;
  const parse = (name, text) => readers[specs[name].kind](text, specs[name]);
  const write = (name, value) => (specs[name].kind === "cells" && digitsOf(value, specs[name].levels))
    || (Array.isArray(value) ? value.flat().join(specs[name].kind === "some" ? "." : "_") || "none" : String(value));
  const keyOf = (name) => specs[name].key || name;
  const { home = "", embed } = element.dataset;

  // The state in another address.
  function at(address, state, hash) {
    const url = new URL(address, window.location.href);
    for (const key of [...url.searchParams.keys()]) if (key.startsWith(prefix)) url.searchParams.delete(key);
    for (const name of Object.keys(defaults)) {
      const text = write(name, state[name]);
      if (text !== write(name, defaults[name])) url.searchParams.set(prefix + keyOf(name), text);
    }
    url.hash = hash;
    return url.href;
  }
  return {
    start: () => {
      const found = {};
      const query = new URLSearchParams(window.location.search);
      for (const name of Object.keys(defaults)) {
        const text = query.get(prefix + keyOf(name));
        const value = text === null ? undefined : parse(name, text);
        if (value !== undefined) found[name] = value;
      }
      return found;
    },
    url: (state) => at(home || window.location.href, state, config.id),
    embed: embed && ((state) => at(embed, state, "")),
    save: (state) => {
      try {
        window.history.replaceState(window.history.state, "", at(window.location.href, state, config.id));
      } catch (error) {
        // A page that may not change its address (some sandboxes) still has its "Copy link".
      }
    },
  };
}

async function putOnClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch (error) {
    // No clipboard on an insecure page: the old way.
    const area = make("textarea", { style: "position:fixed;opacity:0", "aria-hidden": "true" }, document.body);
    area.value = text;
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
