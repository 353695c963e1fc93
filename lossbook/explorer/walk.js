// The walk scene: the values of a random walk, learned from its errors; over all runs, their bias and their spread.
// The walks of Sutton and Barto: from the middle of five states left or right, until an end; only the right one pays, 1.

// Where the walks go; an episode is from `first[k]` to `first[k + 1]`. The coin is Marsaglia's xorshift, as in Python.
function makeWalks({ runs, episodes, seed }) {
  const [states, first] = [[], [0]];
  let bits = seed;
  for (let k = 0; k < runs * episodes; k++) {
    let state = 3;
    states.push(state);
    while (state > 0 && state < 6) {
      bits ^= bits << 13;
      bits ^= bits >>> 17;
      bits ^= bits << 5;
      state += bits < 0 ? 1 : -1;
      states.push(state);
    }
    first.push(states.length);
  }
  return { runs, episodes, states: Uint8Array.from(states), first: Int32Array.from(first) };
}

// The errors of one episode, added up for each state: the lambda-return, from the end backward, minus the value.
function addErrors(states, from, end, values, lambda, sums) {
  let back = states[end] === 6 ? 1 : 0;
  for (let i = end - 1; i >= from; i--) {
    if (i < end - 1) back = (1 - lambda) * values[states[i + 1]] + lambda * back;
    sums[states[i]] += back - values[states[i]];
  }
}

// All runs at one setting. After each number of episodes from `since` to `until`: the mean and the spread of each state's
// estimate, the estimates of one run, and the errors over all states.
function learnWalks({ runs, episodes, states, first }, { alpha, lambda_ = 0 }, run, since, until) {
  const size = until - since + 1;
  const [mean, width, one] = [0, 1, 2].map(() => new Float64Array(5 * size));
  const [values, sums] = [new Float64Array(7), new Float64Array(7)];
  for (let r = 0; r < runs; r++) {
    values.fill(0.5, 1, 6);
    for (let n = 0; n <= until; n++) {
      if (n > 0) {
        const k = r * episodes + n - 1;
        addErrors(states, first[k], first[k + 1] - 1, values, lambda_, sums);
      }
      for (let s = 1; s <= 5; s++) {
        values[s] += alpha * sums[s];
        sums[s] = 0;
      }
      const at = 5 * (n - since);
      for (let s = 0; at >= 0 && s < 5; s++) {
        const away = values[s + 1] - 0.5; // from the start: no digits are lost in squares
        mean[at + s] += away;
        width[at + s] += away * away;
        if (r === run - 1) one[at + s] = values[s + 1];
      }
    }
  }
  const errors = Object.fromEntries(["error", "bias", "spread", "run"].map((name) => [name, new Float64Array(size)]));
  for (let n = 0; n < size; n++) {
    let [bias, spread, single] = [0, 0, 0];
    for (let s = 0; s < 5; s++) {
      const i = 5 * n + s;
      const truth = (s + 1) / 6;
      const away = mean[i] / runs;
      const variance = Math.max(0, width[i] / runs - away * away);
      width[i] = Math.sqrt(variance);
      mean[i] = 0.5 + away;
      bias += (mean[i] - truth) ** 2 / 5;
      spread += variance / 5;
      single += (one[i] - truth) ** 2 / 5;
    }
    errors.error[n] = Math.sqrt(bias + spread);
    errors.bias[n] = Math.sqrt(bias);
    errors.spread[n] = Math.sqrt(spread);
    errors.run[n] = Math.sqrt(single);
  }
  return { mean, width, one, errors };
}

scenes.walk = function (app) {
  const { config, state } = app;
  const walks = makeWalks(config.walks);
  const parameters = Object.fromEntries(config.parameters.map((one) => [one.name, one]));
  const kinds = { error: "lb-total", bias: "lb-overlay-2", spread: "lb-overlay-1", run: "lb-loss lb-thin" };

  makeCases(app, Object.entries(config.cases).map(([text, values]) => [text, () => {
    for (const [name, value] of Object.entries(values)) app.change(name, value);
  }]));
  const bar = make("div", { class: "lb-views", role: "group", "aria-label": "What the errors are drawn over" }, app.top);
  const buttons = Object.entries(config.axes).map(([name, text], i) =>
    makeButton(bar, i ? text : `Error over ${text}`, () => app.change("over", name), { "data-over": name }));

  // On the left the values after n episodes, on the right (or below) the errors.
  const left = makeFrame(app.root, `${app.serial}-values`, { xlabel: "state", ylabel: () => "estimated value; rings: true", xticks: [] });
  const band = svg("path", { class: "lb-band lb-overlay-1" }, left.plot);
  const truth = svg("path", { class: "lb-spoke lb-open" }, left.plot);
  const middle = svg("path", { class: `lb-curve ${kinds.bias}` }, left.plot);
  const path = svg("path", { class: `lb-curve ${kinds.run}` }, left.plot);
  const letters = svg("g", { class: "lb-axes", "aria-hidden": "true" }, app.root);
  const places = config.letters.map((text, s) => ({
    letter: svg("text", { "text-anchor": "middle", text }, letters),
    ring: svg("circle", { r: 5, class: "lb-ring-line" }, left.plot),
    dot: svg("circle", { r: 4.5, class: "lb-dot" }, left.plot),
    x: s + 1, truth: (s + 1) / 6,
  }));

  const names = { xlabel: "", ylabel: () => "RMS error of the values" };
  const right = makeFrame(app.root, `${app.serial}-errors`, names);
  const curves = Object.fromEntries(["run", "spread", "bias", "error"].map((name) =>
    [name, svg("path", { class: `lb-curve ${kinds[name]}` }, right.plot)]));
  const field = svg("rect", { class: "lb-hit lb-press" }, right.above);
  const keep = ({ low, high, step }, value) => clamp(Number((low + Math.round((value - low) / step) * step).toFixed(6)), low, high);
  const move = (value) => app.change(state.over, keep(parameters[state.over], value));
  const handle = makeHandle(right, { class: "lb-handle lb-data lb-point" }, 8, (dx, dy) =>
    move(clamp(state[state.over] + (dx + dy) * parameters[state.over].step, parameters[state.over].low, parameters[state.over].high)));
  app.root.style.touchAction = "pan-y";
  dragging(right.above, right, () => {
    handle.focus({ preventScroll: true });
    return (px) => move(right.xAt(px));
  });

  const readout = makeReadout(app.panel, "", ["RMS"], [
    { name: "error", label: "all runs", kind: kinds.error }, { name: "bias", label: "bias, of their mean", kind: kinds.bias },
    { name: "spread", label: "spread, the band", kind: kinds.spread }, { name: "run", label: "", kind: kinds.run },
  ]);
  const runLabel = readout.kinds[3].parentNode.nextSibling;
  app.panel.parentNode.classList.add("lb-sliders-first");
  make("p", { class: "lb-note", text: `All settings see the same ${config.walks.runs} runs; every estimate starts at 0.5. Bias is how far the mean of the runs is from the truth, `
    + "spread how far the runs are from their mean: error\u00b2 = bias\u00b2 + spread\u00b2. "
    + (parameters.lambda_ ? "With a small \u03bb the spread is small, but the start values fade slowly. With \u03bb = 1 (Monte Carlo) they fade faster, and the spread is large. " : "")
    + "A large step learns fast, and then jitters." }, app.panel);

  // Estimates at the present setting, whatever n is; and the errors along the axis.
  const kept = { now: {}, along: {} };
  const remember = (slot, key, compute) => {
    if (kept[slot].key !== key) kept[slot] = { key, value: compute() };
    return kept[slot].value;
  };
  const learned = () => remember("now", `${state.alpha} ${state.lambda_} ${state.run}`, () => learnWalks(walks, state, state.run, 0, walks.episodes));
  const grids = config.grids;
  const errors = () => {
    const { over, episodes } = state;
    if (over === "episodes") return learned().errors;
    const others = Object.keys(config.axes).filter((name) => name !== over).map((name) => state[name]);
    return remember("along", `${over} ${others} ${state.run}`, () => {
      const ends = grids[over].map((x) => learnWalks(walks, { ...state, [over]: x }, state.run, episodes, episodes).errors);
      return Object.fromEntries(Object.keys(kinds).map((name) => [name, ends.map((end) => end[name][0])]));
    });
  };
  const here = () => Object.fromEntries(Object.entries(learned().errors).map(([name, row]) => [name, row[state.episodes]]));
  const at = (row) => row.subarray(5 * state.episodes, 5 * state.episodes + 5);

  function drawValues() {
    const { mean, width, one } = learned();
    const [means, widths, ones] = [mean, width, one].map(at);
    const point = (s, value) => `${left.x(s + 1).toFixed(1)},${clamp(left.y(value), -2000, 2000).toFixed(1)}`;
    const line = (values) => `M${Array.from(values, (value, s) => point(s, value)).join("L")}`;
    const lower = Array.from(means, (value, s) => point(s, value - widths[s])).reverse();
    band.setAttribute("d", `${line(means.map((value, s) => value + widths[s]))}L${lower.join("L")}Z`);
    middle.setAttribute("d", line(means));
    path.setAttribute("d", line(ones));
    places.forEach(({ dot }, s) => dot.setAttribute("cy", clamp(left.y(ones[s]), -2000, 2000).toFixed(1)));
  }

  const setting = () => `${parameters.lambda_ ? `\u03bb = ${format(state.lambda_)}, ` : ""}\u03b1 = ${format(state.alpha)}`;

  function draw() {
    drawValues();
    const rows = errors();
    for (const [name, curve] of Object.entries(curves)) curve.setAttribute("d", pathOf(right, grids[state.over], rows[name]));
    const now = here();
    const [x, y] = [right.x(state[state.over]), right.y(now.error)];
    handle.setAttribute("transform", `translate(${x.toFixed(1)},${Math.max(y, right.top).toFixed(1)})`);
    handle.classList.toggle("lb-outside", y < right.top - 1);
    handle.setAttribute("aria-valuenow", state[state.over]);
    handle.setAttribute("aria-valuetext", `${config.axes[state.over]} ${state.over === "episodes" ? state.episodes : format(state[state.over])}, error ${format(now.error)}, bias ${format(now.bias)}, spread ${format(now.spread)}`);
    readout.caption.textContent = `After ${state.episodes} episodes, ${setting()}`;
    runLabel.textContent = `run ${state.run}`;
    readout.update(Object.keys(kinds).map((name) => [format(now[name], 3)]));
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.over === state.over));
  }

  function layout(width) {
    const wide = width >= 600;
    const side = wide ? Math.round(0.42 * width) : width; // of the values
    const tall = wide ? Math.round(clamp(0.45 * width, 290, 350)) : 250;
    left.right = width - side + 14;
    left.layout(width, tall, config.xlim, config.values);
    const start = wide ? side + 20 : 0;
    const above = wide ? 0 : tall;
    Object.assign(right, { start, left: start + 42, top: above + 34, nameAt: above + 15 });
    names.xlabel = config.axes[state.over];
    const grid = grids[state.over];
    right.layout(width, above + tall, [grid[0], grid[grid.length - 1]], [0, config.top]);
    setAll(field, { x: right.left, y: right.top, width: right.width, height: right.height });
    const { low, high } = parameters[state.over];
    for (const [name, value] of [["aria-label", config.axes[state.over]], ["aria-valuemin", low], ["aria-valuemax", high]]) handle.setAttribute(name, value);
    truth.setAttribute("d", `M${places.map((one) => `${left.x(one.x).toFixed(1)},${left.y(one.truth).toFixed(1)}`).join("L")}`);
    for (const { x, letter, ring, dot, truth: value } of places) {
      setAll(letter, { x: left.x(x), y: left.top + left.height + 18 });
      setAll(ring, { cx: left.x(x), cy: left.y(value) });
      setAll(dot, { cx: left.x(x) });
    }
  }

  return {
    layout,
    relayout: (name) => name === "over",
    draw,
    actions: [["Next run", () => app.change("run", (state.run % walks.runs) + 1)]],
    says: () => {
      const now = here();
      return `After ${state.episodes} episodes with ${setting()} the error over all runs is ${format(now.error)}: bias ${format(now.bias)}, spread ${format(now.spread)}. `
        + `Run ${state.run} has ${Array.from(at(learned().one), (value, s) => `${config.letters[s]} ${format(value)}`).join(", ")}, error ${format(now.run)}.`;
    },
    samples: () => ({
      x: grids[state.over], values: Array.from(at(learned().one)), mean: Array.from(at(learned().mean)), width: Array.from(at(learned().width)),
      ...Object.fromEntries(Object.entries(errors()).map(([name, row]) => [name, Array.from(row)])),
    }),
    solution: here,
  };
};
