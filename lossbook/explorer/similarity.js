// The similarity scene: a small matrix of similarities to drag, true pairs on the diagonal; the softmax of its rows, and of its
// columns where a loss looks at them too; and which way a step downhill moves each similarity.

// A loss of the whole matrix, row by row. `count` is how many losses its formula sums up; without it the formula is that of one
// row, the true similarity first, and is applied to every row. Keys that there are not are infinitely unlike.
function similarityLoss(loss, size, count) {
  const none = Array(Math.max(0, loss.variables.length - size)).fill(-Infinity);
  const rows = (s) => Array.from({ length: size }, (_, i) => [...s.slice(i * size, (i + 1) * size), ...none]);
  return {
    name: loss.name, label: loss.label, whole: Boolean(count),
    value: (s, p) => (count ? loss.value(s, p) / count : rows(s).reduce((sum, row, i) => sum + lossAt(loss, row, i + 1, p), 0) / size),
    gradient: (s, p) => (count ? loss.gradient(s, p).map((one) => one / count)
      : rows(s).flatMap((row, i) => gradientAt(loss, row, i + 1, p).slice(0, size).map((one) => one / size))),
  };
}

// The negative that a step downhill pushes hardest, and its share of the push on all negatives.
function hardestNegative(gradient, size) {
  const pushes = gradient.map((one, k) => (k % (size + 1) ? Math.max(0, one) : 0));
  const k = pushes.indexOf(Math.max(...pushes));
  return { k, share: pushes[k] / pushes.reduce((a, b) => a + b) };
}

// Each row's (or column's) shares, in the order of the matrix.
function softmaxOf(s, size, scale, columns) {
  const line = (k) => s.filter((_, other) => (columns ? other % size === k % size : Math.floor(other / size) === Math.floor(k / size)));
  return s.map((one, k) => Math.exp(scale * one - FUNCTIONS.logsumexp(...line(k).map((other) => scale * other))));
}

scenes.similarity = function (app) {
  const { config, state } = app;
  const { size } = config;
  const frame = { root: app.root, total: [0, 0] };
  const losses = app.losses.map((loss) => similarityLoss(loss, size, config.counts[loss.name]));
  const [main] = losses;
  const kinds = losses.map((_, i) => (i === 0 ? "lb-gradient" : `lb-overlay-${i}`));
  const [low, high] = config.state.similarities.limits[0];
  const scale = () => (config.scale ? state[config.scale[0]] ** config.scale[1] : 1);
  const numbers = state.similarities.map((_, k) => [Math.floor(k / size), k % size]);
  const isTrue = (k) => numbers[k][0] === numbers[k][1];
  const pair = (k) => `${config.names[0]} ${numbers[k][0] + 1}, ${config.names[1]} ${numbers[k][1] + 1}`;

  makeCases(app, Object.entries(config.cases).map(([text, values]) => [text, () => app.change("similarities", values)]));
  const names = Array.from({ length: size }, (_, i) => i + 1);
  const panel = (title, range, own) => {
    const cells = makeCells(app.root, { title, rows: names, columns: names, range, kinds: own });
    cells.cells.forEach((cell, k) => cell.group.classList.toggle("lb-true", isTrue(k)));
    return cells;
  };
  const both = losses.some((loss) => loss.whole);
  const panels = [panel("similarities: drag", [low, high]), panel("softmax of rows", [0, 1]),
    ...(both ? [panel("softmax of columns", [0, 1])] : []), panel("push: \u2212gradient", [-1, 1], kinds.map((kind) => `${kind} lb-drawn`))];
  const [matrix, pushes] = [panels[0], panels[panels.length - 1]];
  for (const one of panels.slice(1)) one.group.setAttribute("aria-hidden", "true");

  const put = (k, value) => app.change("similarities", state.similarities.map((s, i) => (i === k ? clamp(snap(value, 0.05), low, high) : s)));
  matrix.cells.forEach(({ group }, k) => {
    const given = {
      class: `lb-slot lb-handle lb-updown${isTrue(k) ? " lb-true" : ""}`, tabindex: 0, role: "slider", "aria-orientation": "vertical",
      "aria-label": `similarity of ${pair(k)}${isTrue(k) ? ", a true pair" : ""}`, "aria-valuemin": low, "aria-valuemax": high,
    };
    for (const [name, value] of Object.entries(given)) group.setAttribute(name, value);
    onKeys(group, (dx, dy) => put(k, state.similarities[k] + 0.05 * (dx + dy)));
  });
  // A finger moves the value by its way, so that touching a cell does not change it.
  dragging(matrix.group, frame, (px, py) => {
    const k = matrix.at(px, py);
    const from = state.similarities[k];
    matrix.cells[k].group.focus({ preventScroll: true });
    return (_, qy) => put(k, from + ((py - qy) / matrix.side) * (high - low));
  });

  const readout = makeReadout(app.panel, "", ["loss", "largest slope", "its share of the push"],
    losses.map((loss, i) => ({ name: loss.name, label: loss.label, kind: kinds[i], toggle: i > 0 })), app.toggle, "bars");
  const { symbol } = config.parameters.find(({ name }) => config.scale && name === config.scale[0]) || {};
  make("p", { class: "lb-note", text: `Rows: ${config.names[0]}, columns: ${config.names[1]}. A step downhill raises a similarity whose bar points up and lowers the others.`
    + (symbol ? ` As ${symbol} ${config.scale[1] < 0 ? `falls, the pushes grow like 1/${symbol}` : "grows, so do the pushes"} and gather on the hardest negative.` : "") }, app.panel);

  // A logarithm, for a small temperature makes slopes a hundred times steeper.
  const height = (push) => (Math.sign(push) * Math.log1p(10 * Math.abs(push))) / Math.log1p(10 * config.steepest);
  const brief = (value) => (Math.abs(value) < 0.005 ? "0.00" : format(value, Math.abs(value) < 10 ? 2 : 1));
  const percent = (share) => (Number.isNaN(share) ? "\u2013" : `${(100 * share).toFixed(0)}\u00a0%`);

  function draw() {
    const s = state.similarities;
    const shown = shownLosses(app).map((one) => one.name);
    const found = losses.map((loss) => (shown.includes(loss.name) ? loss.gradient(s, state) : null));
    const softmaxes = [false, ...(both ? [true] : [])].map((columns) => softmaxOf(s, size, scale(), columns));
    app.root.classList.toggle("lb-many", shown.length > 3);
    s.forEach((one, k) => {
      matrix.show(k, [one], format(one));
      softmaxes.forEach((shares, i) => panels[1 + i].show(k, [shares[k]], shares[k].toFixed(2)));
      pushes.show(k, found.map((gradient) => gradient && height(-gradient[k])), shown.length > 1 ? "" : brief(-found[0][k]));
      const { group } = matrix.cells[k];
      group.setAttribute("aria-valuenow", one);
      group.setAttribute("aria-valuetext", `${format(one)}, softmax ${softmaxes.map((shares) => shares[k].toFixed(2)).join(" and ")}, gradient ${format(found[0][k])}`);
    });
    readout.caption.textContent = `The hardest negative: ${pair(hardestNegative(found[0], size).k)}`;
    readout.update(losses.map((loss, i) => found[i] && [
      format(loss.value(s, state), 3), format(Math.max(...found[i].map(Math.abs))), percent(hardestNegative(found[i], size).share)]));
  }

  // In one row, or on a narrow page in two.
  function layout(width) {
    const lines = width >= 560 ? [panels] : panels.length === 3 ? [panels.slice(0, 1), panels.slice(1)] : [[matrix, pushes], panels.slice(1, 3)];
    let top = 0;
    for (const line of lines) {
      const space = width / line.length;
      const side = Math.min(84, Math.floor((space - CELL_NAMES[0] - (line.length > 1 ? 14 : 0)) / size));
      line.forEach((one, i) => one.place(i * space, top, side));
      top += CELL_NAMES[1] + size * side + 14;
    }
    frame.total = [width, top];
    app.root.setAttribute("viewBox", `0 0 ${width} ${top}`);
    app.root.setAttribute("height", top);
  }

  return {
    layout,
    draw,
    says: () => shownLosses(app).map(({ name }) => {
      const loss = losses.find((one) => one.name === name);
      const { k, share } = hardestNegative(loss.gradient(state.similarities, state), size);
      return `${loss.label}: loss ${format(loss.value(state.similarities, state), 3)}. ${Number.isNaN(share) ? "No negative is pushed."
        : `The hardest negative, ${pair(k)}, takes ${percent(share)} of the push on negatives.`}`;
    }).join(" "),
    samples: (name) => {
      const loss = losses.find((one) => one.name === name);
      const gradient = loss.gradient(state.similarities, state);
      return {
        value: loss.value(state.similarities, state), gradient, hardest: hardestNegative(gradient, size),
        rows: softmaxOf(state.similarities, size, scale(), false), columns: softmaxOf(state.similarities, size, scale(), true),
      };
    },
  };
};
