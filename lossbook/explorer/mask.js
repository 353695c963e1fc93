// The mask scene: a true mask and a predicted one to paint; for each loss a panel that shows which way it pushes every pixel.

// A loss of a whole mask: its value, and its gradient by each pixel. The formula is one of the overlap I and the sum P, with
// the object's size Y as its label, or one of a single pixel's p and y, of which the loss is the mean.
function maskLoss(loss, edge) {
  const overlap = loss.variables.length > 1;
  const whole = (truth, prediction, p) => {
    const { I, P, Y } = maskSums(truth, prediction);
    const given = { ...p, Y };
    const value = loss.value([I, P], given);
    const [byOverlap, bySum] = loss.gradient([I, P], given);
    // 0 / 0: nothing is there and nothing was predicted, which is right. A power below 1 has no slope at a loss of 0 either.
    if (![value, byOverlap, bySum].every(Number.isFinite)) return { value: value || 0, gradient: truth.map(() => 0) };
    return { value, gradient: truth.map((y) => (y ? byOverlap + bySum : bySum)) };
  };
  const single = (truth, prediction, p) => {
    const given = { ...p };
    let sum = 0;
    const gradient = truth.map((y, k) => {
      given.y = y;
      sum += loss.value(prediction[k], given);
      // As torch: no slope where a pixel is exactly right, and else no division by zero.
      return prediction[k] === y ? 0 : loss.slope(clamp(prediction[k], edge, 1 - edge), given) / truth.length;
    });
    return { value: sum / truth.length, gradient };
  };
  return overlap ? whole : single;
}

function maskSums(truth, prediction) {
  let [I, P, Y] = [0, 0, 0];
  truth.forEach((y, k) => {
    I += y * prediction[k];
    P += prediction[k];
    Y += y;
  });
  return { I, P, Y };
}

scenes.mask = function (app) {
  const { config, losses, state } = app;
  const { side } = config;
  const pixels = Array.from({ length: side * side }, (_, k) => k);
  const at = new Map(losses.map((loss) => [loss, maskLoss(loss, config.edge)]));
  const here = (loss) => at.get(loss)(state.truth, state.prediction, state);
  const frame = { root: app.root, total: [0, 0] };
  let [current, focused] = [null, null]; // the pixel under the pointer or the focus: its numbers stand below the panels

  makeCases(app, [
    ...config.cases.map(([name, truth]) => [name, () => put(truth, truth.map(() => config.guess))]),
    ["perfect", () => put(state.truth, state.truth)],
    ["all wrong", () => put(state.truth, state.truth.map((y) => (y ? 1 - config.wrong : config.wrong)))],
  ]);
  function put(truth, prediction) {
    app.change("truth", truth);
    app.change("prediction", prediction);
  }

  // A panel: title, pixels, the object's outline, a frame around the present pixel, and what is said of it.
  function makeGrid(title) {
    const group = svg("g", {}, app.root);
    svg("text", { class: "lb-word lb-strong", x: 0, y: 15, text: title }, group);
    const inner = svg("g", { transform: "translate(0,24)" }, group);
    const panel = { group, inner, back: svg("rect", { class: "lb-paper", x: 0, y: 0 }, inner) };
    panel.body = svg("g", {}, inner);
    panel.lines = svg("path", { class: "lb-lines" }, inner);
    panel.outline = svg("path", { class: "lb-contour" }, inner);
    panel.cursor = svg("rect", { class: "lb-cursor" }, inner);
    panel.foot = svg("text", { class: "lb-word", x: 0 }, group);
    inner.addEventListener("pointermove", (event) => look(cellAt(panel, ...pointerAt(frame, event))));
    inner.addEventListener("pointerleave", () => look(focused));
    return panel;
  }

  // Pixels that can be painted, each with its own name for a screen reader. One of them is a stop of the Tab key.
  function makePaper(title, role, kind, keys, paint) {
    const panel = makeGrid(title);
    panel.inner.classList.add("lb-canvas");
    panel.body.setAttribute("role", "group");
    panel.body.setAttribute("aria-label", title);
    panel.cells = pixels.map((k) => {
      const cell = svg("rect", { class: `lb-cell ${kind}`, role, tabindex: k ? -1 : 0 }, panel.body);
      cell.addEventListener("focus", () => {
        for (const other of panel.cells) other.setAttribute("tabindex", other === cell ? 0 : -1);
        panel.cursor.classList.toggle("lb-focus", cell.matches(":focus-visible"));
        look(focused = k);
      });
      cell.addEventListener("blur", () => {
        panel.cursor.classList.remove("lb-focus");
        look(focused = null);
      });
      cell.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || !keys(event.key)) return;
        event.preventDefault();
        panel.cursor.classList.add("lb-focus");
        keys(event.key)(k);
      });
      return cell;
    });
    // A finger paints and does not scroll: `touch-action` means nothing to shapes inside of an SVG.
    panel.inner.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
    dragging(panel.inner, frame, (px, py) => {
      const first = cellAt(panel, px, py);
      if (first === null) return () => {};
      let last = [px, py];
      const stroke = paint(first);
      panel.cells[first].focus({ preventScroll: true });
      return (x, y) => {
        // A fast hand skips no pixel.
        const parts = Math.max(1, Math.ceil((2 * Math.hypot(x - last[0], y - last[1])) / cell));
        for (let i = 1; i <= parts; i++) {
          const k = cellAt(panel, last[0] + ((x - last[0]) * i) / parts, last[1] + ((y - last[1]) * i) / parts);
          if (k !== null) stroke(k);
        }
        last = [x, y];
      };
    });
    return panel;
  }

  let cell = 30;
  const cellAt = (panel, px, py) => {
    const [column, row] = [Math.floor((px - panel.left) / cell), Math.floor((py - panel.top) / cell)];
    return column >= 0 && column < side && row >= 0 && row < side ? row * side + column : null;
  };
  const change = (name, k, value) =>
    app.change(name, state[name].map((old, i) => (i === k ? clamp(snap(value, 0.001), 0, 1) : old)));
  const walk = (panel, step) => (k) => {
    const [column, row] = [(k % side) + step[0], Math.floor(k / side) + step[1]];
    if (column >= 0 && column < side && row >= 0 && row < side) panel().cells[row * side + column].focus();
  };

  const toggle = (k) => change("truth", k, 1 - state.truth[k]);
  const truth = makePaper("truth y", "checkbox", "lb-true-cell", (key) => ({
    " ": toggle, Enter: toggle,
    ArrowRight: walk(() => truth, [1, 0]), ArrowLeft: walk(() => truth, [-1, 0]),
    ArrowDown: walk(() => truth, [0, 1]), ArrowUp: walk(() => truth, [0, -1]),
  }[key]), (k) => {
    const value = 1 - state.truth[k];
    return (one) => change("truth", one, value);
  });
  const by = (steps) => (k) => change("prediction", k, state.prediction[k] + steps * config.step);
  const next = (step) => (k) => prediction.cells[(k + step + pixels.length) % pixels.length].focus();
  const brush = (k) => change("prediction", k, state.brush);
  const prediction = makePaper("prediction p", "slider", "lb-guess-cell", (key) => ({
    " ": brush, Enter: brush, ArrowUp: by(1), ArrowDown: by(-1), PageUp: by(5), PageDown: by(-5), Home: by(-Infinity), End: by(Infinity),
    ArrowRight: next(1), ArrowLeft: next(-1),
  }[key]), () => brush);
  for (const one of prediction.cells) {
    one.setAttribute("aria-valuemin", 0);
    one.setAttribute("aria-valuemax", 1);
  }

  // Triangles in two paths: where the loss wants p to rise, and where it wants it to fall.
  const pushes = losses.map((loss) => {
    const panel = makeGrid(`push of ${loss.label}`);
    return { ...panel, loss, panel, up: svg("path", { class: "lb-rise" }, panel.body), down: svg("path", { class: "lb-fall" }, panel.body) };
  });
  const panels = [truth, prediction, ...pushes.map((one) => one.panel)];

  app.panel.classList.add("lb-plain");
  app.panel.parentNode.append(app.panel); // after the sliders: the brush belongs near the picture
  const readout = makeReadout(app.panel, "", ["loss", "gradient inside", "outside"],
    losses.map((loss, i) => ({ name: loss.name, label: loss.label, kind: "", toggle: i > 0 })), app.toggle, "loss");
  const has = (kind) => losses.some((loss) => (loss.variables.length > 1) === kind);
  make("p", {
    class: "lb-note",
    text: (has(true) ? "A loss of the overlap pushes all pixels of the object alike, and harder the smaller the object is. " : "")
      + (has(false) ? "A loss of single pixels pushes each by its own error. " : "")
      + "\u25b2 wants a higher p, \u25bc a lower one; a larger triangle is a steeper slope. The table adds the gradient up, inside and outside of the object.",
  }, app.panel);
  make("p", {
    class: "lb-note",
    text: "Paint both masks. With the keyboard: Space switches a pixel of the truth, the arrows up and down move a probability.",
  }, app.panel);

  const near = (k) => [(k % side) * cell, Math.floor(k / side) * cell];
  const place = (k) => `row ${Math.floor(k / side) + 1}, column ${(k % side) + 1}`;

  // Both paths of one loss's triangles.
  function drawPushes({ up, down }, gradient) {
    const paths = ["", ""];
    gradient.forEach((slope, k) => {
      const size = Math.min(Math.log1p(config.sharp * Math.abs(slope)) / Math.log1p(config.sharp), 1);
      if (!(size > 0.02)) return;
      const half = 0.42 * size * cell;
      const [x, y] = near(k).map((one) => one + cell / 2);
      const tip = slope > 0 ? half : -half;
      paths[slope > 0 ? 1 : 0] += `M${(x - half).toFixed(1)},${(y - tip).toFixed(1)}h${(2 * half).toFixed(1)}L${x.toFixed(1)},${(y + tip).toFixed(1)}Z`;
    });
    up.setAttribute("d", paths[0]);
    down.setAttribute("d", paths[1]);
  }

  // Around the object, in every panel.
  function outlineOf(mask) {
    const inside = (row, column) => row >= 0 && row < side && column >= 0 && column < side && mask[row * side + column] >= 0.5;
    let d = "";
    for (let row = 0; row <= side; row++) {
      for (let column = 0; column <= side; column++) {
        if (inside(row, column) !== inside(row - 1, column)) d += `M${column * cell},${row * cell}h${cell}`;
        if (inside(row, column) !== inside(row, column - 1)) d += `M${column * cell},${row * cell}v${cell}`;
      }
    }
    return d;
  }

  // Numbers of the pixel that is looked at.
  let found = [];
  function look(k) {
    current = k;
    for (const panel of panels) {
      panel.cursor.style.display = k === null ? "none" : "";
      if (k === null) continue;
      const [x, y] = near(k);
      panel.cursor.setAttribute("x", x);
      panel.cursor.setAttribute("y", y);
    }
    truth.foot.textContent = k === null ? "" : place(k);
    prediction.foot.textContent = k === null ? "" : `p = ${format(state.prediction[k])}`;
    pushes.forEach((one, i) => { one.foot.textContent = k === null || !found[i] ? "" : `gradient ${format(found[i].gradient[k], 3)}`; });
  }

  const drawn = {};
  function draw() {
    const shown = shownLosses(app);
    found = losses.map((loss) => (shown.includes(loss) ? here(loss) : null));
    const outline = outlineOf(state.truth);
    for (const panel of panels) panel.outline.setAttribute("d", outline);
    for (const k of pixels) {
      const [y, p] = [state.truth[k], state.prediction[k]];
      if (drawn[k] === `${y} ${p}`) continue;
      drawn[k] = `${y} ${p}`;
      truth.cells[k].setAttribute("aria-checked", y >= 0.5);
      truth.cells[k].setAttribute("aria-label", `object at ${place(k)}`);
      truth.cells[k].style.fillOpacity = 0.85 * y;
      prediction.cells[k].setAttribute("aria-label", `probability at ${place(k)}${y >= 0.5 ? ", object" : ""}`);
      prediction.cells[k].setAttribute("aria-valuenow", p);
      prediction.cells[k].setAttribute("aria-valuetext", format(p));
      prediction.cells[k].style.fillOpacity = p;
    }
    pushes.forEach((one, i) => {
      one.group.style.display = found[i] ? "" : "none";
      if (found[i]) drawPushes(one, found[i].gradient);
    });
    const { I, P, Y } = maskSums(state.truth, state.prediction);
    readout.caption.textContent = `Overlap I = ${format(I)}, predicted P = ${format(P)}, object Y = ${format(Y, 0)}`;
    readout.update(found.map((one) => (one ? [format(one.value, 3), ...halves(one.gradient).map((sum) => format(sum, 3))] : null)));
    look(current);
  }
  const halves = (gradient) => [1, 0].map((y) => gradient.reduce((sum, one, k) => (state.truth[k] === y ? sum + one : sum), 0));

  // As many panels in a row as stay large enough to paint.
  function layout(width) {
    const visible = panels.slice(0, 2).concat(panels.filter((_, i) => i > 1 && shownLosses(app).includes(losses[i - 2])));
    const columns = width < 560 ? 2 : visible.length === 5 || visible.length === 6 ? 3 : Math.min(visible.length, 4);
    const gap = 16;
    cell = Math.min(40, Math.floor((width - gap * (columns - 1) - 2) / columns / side));
    const size = cell * side;
    const spare = Math.floor((width - 2 - columns * size) / Math.max(1, columns - 1));
    const step = size + Math.min(spare, 48);
    const rows = Math.ceil(visible.length / columns);
    const tall = size + 52;
    visible.forEach((panel, i) => {
      [panel.left, panel.top] = [1 + (i % columns) * step, 24 + Math.floor(i / columns) * tall];
      panel.group.setAttribute("transform", `translate(${panel.left},${panel.top - 24})`);
    });
    let lines = "";
    for (let k = 0; k <= side; k++) lines += `M0,${k * cell}h${size}M${k * cell},0v${size}`;
    for (const panel of panels) {
      panel.lines.setAttribute("d", lines);
      panel.foot.setAttribute("y", size + 24 + 18);
      for (const [name, value] of [["width", size], ["height", size]]) panel.back.setAttribute(name, value);
      for (const name of ["width", "height"]) panel.cursor.setAttribute(name, cell);
      for (const k of panel.cells ? pixels : []) {
        const [x, y] = near(k);
        for (const [name, value] of [["x", x], ["y", y], ["width", cell], ["height", cell]]) panel.cells[k].setAttribute(name, value);
      }
    }
    frame.total = [width, rows * tall];
    app.root.setAttribute("viewBox", `0 0 ${width} ${rows * tall}`);
    app.root.setAttribute("height", rows * tall);
  }

  return {
    layout,
    relayout: (name) => name === "show",
    draw,
    says: () => {
      const { I, P, Y } = maskSums(state.truth, state.prediction);
      return `The object has ${format(Y, 0)} pixels; overlap ${format(I)}, predicted ${format(P)}. ${shownLosses(app).map((loss) => {
        const { value, gradient } = here(loss);
        const [inside, outside] = halves(gradient).map((sum) => format(sum, 3));
        return `${loss.label}: loss ${format(value, 3)}, gradient ${inside} inside, ${outside} outside.`;
      }).join(" ")}`;
    },
    samples: (name) => {
      const loss = losses.find((one) => one.name === name);
      return { ...maskSums(state.truth, state.prediction), ...here(loss) };
    },
  };
};
