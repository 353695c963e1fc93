// The lattice scene: probabilities of frames to drag; the lattice of all paths that read as a text, each step as thick as the
// share of the paths that take it; and which way a step downhill pushes each probability.

// All that CTC makes of frames p[t][k], of which class 0 is the blank, and a text of classes. `nodes[t][s]` is the share of the
// right paths, by probability, that are in state s in frame t; `steps` are the shares of the steps between; `paths` counts them.
function latticeOf(p, text) {
  const states = [0, ...text.flatMap((one) => [one, 0])];
  const last = p.length - 1;
  const from = states.map((one, s) => [s, s - 1, one !== 0 && one !== states[s - 2] ? s - 2 : -1].filter((other) => other >= 0));
  const beginnings = (weight) => {
    const rows = [states.map((_, s) => (s < 2 ? weight(0, s) : 0))];
    for (let t = 1; t <= last; t++) {
      rows.push(states.map((_, s) => weight(t, s) * from[s].reduce((sum, other) => sum + rows[t - 1][other], 0)));
    }
    return rows;
  };
  const ends = (row) => (row[row.length - 2] || 0) + row[row.length - 1];
  const weight = (t, s) => p[t][states[s]];
  const before = beginnings(weight);
  const total = ends(before[last]);
  const after = [states.map((_, s) => (s >= states.length - 2 ? 1 : 0))]; // what comes behind frame t
  for (let t = last; t > 0; t--) {
    const row = states.map(() => 0);
    states.forEach((_, s) => from[s].forEach((other) => { row[other] += weight(t, s) * after[0][s]; }));
    after.unshift(row);
  }
  const share = (product) => (total > 0 ? product / total : 0);
  const nodes = before.map((row, t) => row.map((one, s) => share(one * after[t][s])));
  const steps = [];
  for (let t = 1; t <= last; t++) {
    states.forEach((_, s) => from[s].forEach((other) => steps.push({
      t, from: other, to: s, share: share(before[t - 1][other] * weight(t, s) * after[t][s]),
    })));
  }
  const occupancy = p.map((row, t) => row.map((_, k) => nodes[t].reduce((sum, one, s) => (states[s] === k ? sum + one : sum), 0)));
  return {
    states, nodes, steps, occupancy, total, loss: -Math.log(total), paths: ends(beginnings(() => 1)[last]),
    gradient: p.map((row, t) => row.map((one, k) => (total > 0 ? one - occupancy[t][k] : 0))), // by the logits
  };
}

// Frames of any positive numbers as distributions.
function framesOf(numbers, classes) {
  return Array.from({ length: numbers.length / classes }, (_, t) => {
    const row = numbers.slice(t * classes, (t + 1) * classes);
    const sum = row.reduce((a, b) => a + b);
    return row.map((one) => one / sum);
  });
}

scenes.lattice = function (app) {
  const { config, state } = app;
  const { classes, frames } = config;
  const [low, high] = config.limits;
  const frame = { root: app.root, total: [0, 0] };
  const loss = app.losses[0];
  const columns = Array.from({ length: frames }, (_, t) => t + 1);
  const called = (k) => (k === 0 ? "blank" : classes[k]);
  makeCases(app, [
    ...config.texts.map((text) => [`text ${text}`, () => app.change("text", text)]),
    ...Object.entries(config.cases).map(([text, numbers]) => [text, () => app.change("probabilities", numbers)]),
  ]);

  const shares = makeCells(app.root, { title: "probabilities: drag", rows: classes, columns, range: [0, 1] });
  const pushes = makeCells(app.root, { title: "push: \u2212gradient", rows: classes, columns, range: [-1, 1], kinds: ["lb-gradient lb-drawn"] });
  pushes.group.setAttribute("aria-hidden", "true");

  // One probability moves; the others of its frame share what is left as before.
  const put = (k, value) => {
    const [row, t] = [Math.floor(k / frames), k % frames];
    const p = framesOf(state.probabilities, classes.length)[t];
    const wanted = clamp(snap(value, 0.01), low, high);
    const rest = (1 - wanted) / (1 - p[row]);
    const moved = p.map((one, i) => (i === row ? wanted : Math.max(0.001, snap(one * rest, 0.001))));
    app.change("probabilities", state.probabilities.map((one, i) => (Math.floor(i / classes.length) === t ? moved[i % classes.length] : one)));
  };
  const at = (k) => framesOf(state.probabilities, classes.length)[k % frames][Math.floor(k / frames)];
  shares.cells.forEach(({ group }, k) => {
    const given = {
      class: "lb-slot lb-handle lb-updown", tabindex: 0, role: "slider", "aria-orientation": "vertical",
      "aria-label": `probability of ${called(Math.floor(k / frames))} in frame ${(k % frames) + 1}`, "aria-valuemin": 0, "aria-valuemax": 1,
    };
    for (const [name, value] of Object.entries(given)) group.setAttribute(name, value);
    onKeys(group, (dx, dy) => put(k, at(k) + 0.05 * (dx + dy)));
  });
  dragging(shares.group, frame, (px, py) => {
    const k = shares.at(px, py);
    const begin = at(k);
    shares.cells[k].group.focus({ preventScroll: true });
    return (_, qy) => { if (qy !== py) put(k, begin + (py - qy) / shares.side); };
  });

  // The lattice: a row for each state, a column for each frame. Made anew for another text.
  const lattice = svg("g", { "aria-hidden": "true" }, app.root);
  const heading = svg("text", { class: "lb-word lb-strong" }, lattice);
  const body = svg("g", {}, lattice);
  let made = { nodes: [], steps: [] };
  const place = (t, s) => [made.left + (t + 0.5) * made.side, made.top + (s + 0.5) * made.tall];
  function build(left, top, side, tall, found) {
    body.replaceChildren();
    made = { left: left + CELL_NAMES[0], top: top + CELL_NAMES[1], side, tall };
    made.radius = Math.min(tall, side) * 0.46;
    setAll(heading, { x: left, y: top + 14 });
    columns.forEach((text, t) => svg("text", { class: "lb-word", "text-anchor": "middle", x: place(t, 0)[0], y: made.top - 6, text }, body));
    found.states.forEach((k, s) => svg("text", { class: "lb-word", "text-anchor": "middle", x: left + 8, y: place(0, s)[1] + 4, text: classes[k] }, body));
    made.steps = found.steps.map(({ t, from, to }) => {
      const [[x1, y1], [x2, y2]] = [place(t - 1, from), place(t, to)];
      return svg("path", { class: "lb-look lb-loss", d: `M${x1.toFixed(1)},${y1.toFixed(1)}L${x2.toFixed(1)},${y2.toFixed(1)}` }, body);
    });
    made.nodes = found.nodes.map((row, t) => row.map((_, s) => {
      const [cx, cy] = place(t, s);
      svg("circle", { class: "lb-disc", cx, cy, r: made.radius }, body);
      return svg("circle", { class: "lb-block lb-drawn lb-gradient", cx, cy }, body);
    }));
  }

  const readout = makeReadout(app.panel, "", ["loss", "probability", "paths"], [{ name: loss.name, label: loss.label, kind: "lb-loss" }], app.toggle, "loss");
  make("p", { class: "lb-note", text: "Every path from the upper left to one of the last two states reads as the text. A line is as thick, and a disk as large, as the share of "
    + "the right paths that comes by. A disk in full is 1." }, app.panel);
  make("p", { class: "lb-note", text: "The push is this share of a class, added over its states, minus its probability: what descent adds to the logit." }, app.panel);

  const here = () => latticeOf(framesOf(state.probabilities, classes.length), Array.from(state.text, (letter) => classes.indexOf(letter)));

  function draw() {
    const found = here();
    const p = framesOf(state.probabilities, classes.length);
    shares.cells.forEach(({ group }, k) => {
      const [row, t] = [Math.floor(k / frames), k % frames];
      const push = -found.gradient[t][row];
      shares.show(k, [p[t][row]], p[t][row].toFixed(2));
      pushes.show(k, [push], Math.abs(push) < 0.005 ? "0.00" : format(push));
      group.setAttribute("aria-valuenow", p[t][row].toFixed(3));
      group.setAttribute("aria-valuetext", `${format(p[t][row])}, share of the right paths ${format(found.occupancy[t][row])}`);
    });
    found.steps.forEach(({ share }, i) => setAll(made.steps[i], { "stroke-width": 10 * share }));
    found.nodes.forEach((row, t) => row.forEach((share, s) => setAll(made.nodes[t][s], { r: made.radius * Math.sqrt(share) })));
    heading.textContent = `paths that read as \u201c${state.text}\u201d`;
    readout.caption.textContent = `The text \u201c${state.text}\u201d`;
    readout.update([[format(found.loss, 3), format(found.total, 3), String(found.paths)]]);
  }

  // Side by side, or on a narrow page one below the other.
  function layout(width) {
    const wide = width >= 620;
    const space = wide ? width / 3 : width;
    const side = Math.min(wide ? 58 : 62, Math.floor((space - CELL_NAMES[0] - (wide ? 10 : 2)) / frames));
    const found = here();
    const cellsTall = CELL_NAMES[1] + side * classes.length;
    const tall = Math.min(side, wide ? (side * 4.2) / found.states.length : 40);
    const latticeTall = CELL_NAMES[1] + tall * found.states.length;
    const gap = 18;
    shares.place(0, 0, side);
    build(wide ? space : 0, wide ? 0 : cellsTall + gap, side, tall, found);
    pushes.place(wide ? 2 * space : 0, wide ? 0 : cellsTall + latticeTall + 2 * gap, side);
    const height = wide ? Math.max(cellsTall, latticeTall) + 6 : 2 * cellsTall + latticeTall + 2 * gap + 6;
    frame.total = [width, height];
    app.root.setAttribute("viewBox", `0 0 ${width} ${height}`);
    app.root.setAttribute("height", height);
  }

  return {
    layout,
    relayout: (name) => name === "text",
    draw,
    says: () => {
      const { loss: value, total, paths, gradient } = here();
      const steepest = gradient.flatMap((row, t) => row.map((one, k) => ({ one: -one, t, k }))).reduce((best, next) => (next.one > best.one ? next : best));
      return `Text ${state.text}: loss ${format(value, 3)}, probability ${format(total, 3)}, ${paths} paths. `
        + `The strongest push up is on ${called(steepest.k)} in frame ${steepest.t + 1}.`;
    },
    samples: here,
  };
};
