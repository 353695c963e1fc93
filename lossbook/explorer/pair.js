// The pair scene: two points to drag, the same or different, the way downhill at each, and the loss over their distance
// or cosine.

scenes.pair = function (app) {
  const { config, state } = app;
  const plane = makeEmbeddings(app, [
    { name: "first", letter: "1", title: "first embedding" }, { name: "second", letter: "2", title: "second embedding" },
  ]);
  const { frame, losses, kinds } = plane;
  const [main] = losses;
  const kindOf = (loss) => loss.ways[0][0];
  const there = (kind) => losses.some((loss) => kindOf(loss) === kind);

  const bar = make("div", { class: "lb-views", role: "group", "aria-label": "What the two are" }, app.top);
  const buttons = [["same", 1], ["different", 0]].map(([text, value]) =>
    makeButton(bar, text, () => app.change("same", value), { "data-same": value }));

  // Where a different second point is pushed: around the first one, or around its direction.
  const zones = Object.fromEntries(["distance", "cosine"].filter(there).map((kind) =>
    [kind, svg(kind === "distance" ? "circle" : "path", { class: "lb-sector" }, plane.below)]));
  const rim = there("distance") ? svg("circle", { class: "lb-unit" }, plane.below) : null;
  const rays = there("cosine") ? [0, 1].map(() => svg("path", { class: "lb-spoke" }, plane.below)) : [];
  const origin = there("cosine") ? svg("path", { class: "lb-center lb-true" }, plane.below) : null;
  const line = svg("line", { class: "lb-link" }, plane.below);

  const chart = makeFrame(app.root, `${app.serial}-chart`, { xlabel: config.xlabel, ylabel: () => "loss" });
  Object.assign(chart, { left: frame.left, right: frame.right, bottom: 44 });
  const drawn = losses.filter((loss) => kindOf(loss) === kindOf(main));
  const other = svg("path", { class: "lb-curve lb-loss lb-faint" }, chart.plot);
  const curves = drawn.map((loss) => svg("path", { class: `lb-curve ${kinds[losses.indexOf(loss)]}` }));
  for (const curve of [...curves].reverse()) chart.plot.append(curve);
  const now = drawn.map((loss) => svg("circle", { r: 6, class: `lb-bottom ${kinds[losses.indexOf(loss)]}` }, chart.above));
  const hint = svg("text", { class: "lb-tick", "text-anchor": "end", "aria-hidden": "true" }, chart.above);
  const xs = linspace(config.xlim[0], config.xlim[1], config.samples);
  const ys = new Float64Array(xs.length);

  const readout = makeReadout(app.panel, "", ["value", "at 1", "at 2"],
    losses.map((loss, i) => ({ name: loss.name, label: loss.label, kind: kinds[i], toggle: i > 0 })), app.toggle, "loss");
  make("p", {
    class: "lb-note",
    text: "At 1, at 2: the length of the gradient there. An arrow is a fifth of it, downhill. "
      + (there("distance") ? "Embeddings of the same are pulled together; different ones are pushed apart, but only within the circle, the margin. " : "")
      + (there("cosine") ? "The cosine sees only the angle at the origin (\u00d7), not how far out the points are: its arrows turn them." : ""),
  }, app.panel);

  function drawZones() {
    for (const [kind, zone] of Object.entries(zones)) {
      const loss = plane.shown().find((one) => kindOf(one) === kind);
      const seen = loss && { ...plane.seenBy(loss), same: 0 };
      const limit = loss ? edgeOf((x) => loss.at([x], seen), ...(kind === "distance" ? [0, 1e6] : [1, -1])) : null;
      zone.style.display = limit === null ? "none" : "";
      zone.classList.toggle("lb-won", !state.same);
      if (kind === "distance") {
        rim.style.display = zone.style.display;
        const [cx, cy] = plane.pixel(state.first);
        if (limit !== null) for (const circle of [zone, rim]) setAll(circle, { cx, cy, r: limit * frame.scale() });
      } else if (limit !== null) zone.setAttribute("d", wedge(Math.atan2(state.first[1], state.first[0]), Math.acos(limit)));
    }
  }

  const text = (point) => plane.pixel(point).map((one) => one.toFixed(1)).join();
  function wedge(middle, half) {
    const far = 2 * config.reach;
    const [a, b] = [middle - half, middle + half].map((angle) => text([far * Math.cos(angle), far * Math.sin(angle)]));
    const radius = far * frame.scale();
    return `M${text([0, 0])}L${a}A${radius},${radius} 0 ${half > Math.PI / 2 ? 1 : 0} 0 ${b}Z`;
  }

  function drawChart() {
    const shown = plane.shown();
    const curve = (path, loss, seen) => path.setAttribute("d", pathOf(chart, xs, loss.fill(xs, ys, seen), (x) => loss.at([x], seen)));
    hint.textContent = `faint: if it were ${state.same ? "different" : "the same"}`;
    curve(other, main, { ...plane.seenBy(main), same: 1 - state.same });
    drawn.forEach((loss, i) => {
      const visible = shown.includes(loss);
      for (const part of [curves[i], now[i]]) part.style.display = visible ? "" : "none";
      if (!visible) return;
      curve(curves[i], loss, plane.seenBy(loss));
      const [x] = loss.variables(plane.places());
      setAll(now[i], {
        cx: chart.x(clamp(x, ...config.xlim)), cy: clamp(chart.y(plane.here(loss).value), chart.top, chart.top + chart.height),
      });
    });
  }

  const measured = () => ["distance", "cosine"].filter(there)
    .map((kind) => `${kind} ${format(measures[kind](state.first, state.second, 0)[0])}`).join(", ");

  const title = () => (state.same ? "The same" : "Different");

  function draw() {
    const [a, b] = plane.places().map(plane.pixel);
    line4(line, ...a, ...b);
    drawZones();
    rays.forEach((ray, i) => ray.setAttribute("d", `M${text([0, 0])}L${text(plane.places()[i])}`));
    if (origin) {
      const [x, y] = plane.pixel([0, 0]);
      origin.setAttribute("d", `M${x - 5},${y - 5}L${x + 5},${y + 5}M${x - 5},${y + 5}L${x + 5},${y - 5}`);
    }
    drawChart();
    plane.handles.forEach((handle, i) => handle.classList.toggle("lb-true", i === 0 || state.same === 1));
    const numbers = losses.map((loss) => {
      if (!plane.shown().includes(loss)) return null;
      const { value, gradient } = plane.here(loss);
      return [format(value), ...gradient.map((one) => format(Math.hypot(...one)))];
    });
    plane.draw(() => `${measured()}, loss ${numbers[0][0]}`);
    readout.caption.textContent = `${title()}: ${measured()}`;
    readout.update(numbers);
    for (const button of buttons) button.setAttribute("aria-pressed", String(Number(button.dataset.same) === state.same));
  }

  return {
    layout: (width) => {
      const more = 200;
      const side = plane.layout(width, more);
      chart.top = frame.total[1] - more + 24;
      chart.nameAt = chart.top - 9;
      setAll(hint, { x: side - chart.right, y: chart.nameAt });
      chart.layout(side, frame.total[1], config.xlim, config.ylim);
    },
    draw,
    actions: [["Step downhill", plane.step]],
    says: () => `${title()}: ${measured()}.` + plane.shown().map((loss) => {
      const { value, gradient } = plane.here(loss);
      return ` ${loss.label}: loss ${format(value)}, gradients ${gradient.map((one) => format(Math.hypot(...one))).join(" and ")}.`;
    }).join(""),
    samples: (name) => {
      const loss = plane.find(name);
      const x = Array.from(kindOf(loss) === "distance" ? linspace(0, 3, 301) : linspace(-1, 1, 301));
      const seen = plane.seenBy(loss);
      return { x, value: x.map((one) => loss.at([one], seen)), slope: x.map((one) => loss.slopes([one], seen)[0]) };
    },
    solution: (name) => plane.here(plane.find(name)),
  };
};
