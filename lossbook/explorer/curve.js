// The curve scene: a loss and its gradient over the residual, a point to drag with its tangent, other losses to compare.

scenes.curve = function (app) {
  const { config, losses, state } = app;
  const [main, ...others] = losses;
  // What the reader calls it, as on the axis: "residual r = ŷ − y", "forecast ŷ".
  const variable = config.xlabel.split(" = ")[0].split(" ").pop();
  const xs = linspace(config.xlim[0], config.xlim[1], config.samples);
  const step = ticks(0, (config.xlim[1] - config.xlim[0]) / 50, 1)[1] || 0.1;
  const views = { both: "Loss and gradient", loss: "Loss", gradient: "Gradient" };

  const bar = make("div", { class: "lb-views", role: "group", "aria-label": "What to draw" }, app.top);
  const buttons = Object.entries(views).map(([view, text]) =>
    makeButton(bar, text, () => app.change("view", view), { "data-view": view }));

  const frame = makeFrame(app.root, app.serial, {
    xlabel: config.xlabel,
    ylabel: () => ({ both: "loss and gradient", loss: "loss", gradient: "gradient" })[state.view],
  });
  app.root.classList.add("lb-press");

  // Every curve keeps its own samples: `x`, `value`, `slope` are what is drawn, before any rounding to pixels.
  const kinds = ["lb-loss", ...others.map((_, i) => `lb-overlay-${i + 1}`)];
  const curves = losses.map((loss, i) => ({
    loss, kind: kinds[i], value: new Float64Array(xs.length), slope: new Float64Array(xs.length), key: null,
    paths: { value: svg("path", {}), slope: svg("path", {}) },
  }));
  for (const curve of [...curves].reverse()) {
    curve.paths.value.setAttribute("class", `lb-curve ${curve.kind}`);
    curve.paths.slope.setAttribute("class", `lb-curve ${curve.kind === "lb-loss" ? "lb-gradient" : curve.kind}`);
    frame.plot.append(curve.paths.slope, curve.paths.value);
  }
  const drop = svg("line", { class: "lb-drop" }, frame.plot);
  const tangent = svg("line", { class: "lb-tangent" }, frame.plot);
  const twin = svg("circle", { class: "lb-twin", r: 5 }, frame.plot);

  const put = (value) => app.change("point", clamp(snap(value, step / 10), ...config.xlim));
  const handle = makeHandle(frame, {
    "aria-label": `point on the curve, ${config.xlabel}`,
    "aria-valuemin": config.xlim[0], "aria-valuemax": config.xlim[1],
  }, 8, (dx, dy) => put(state.point + (dx + dy) * step));
  handle.classList.add("lb-point");
  // A press anywhere in the picture takes the point along.
  dragging(app.root, frame, () => {
    handle.focus({ preventScroll: true });
    return (px) => put(frame.xAt(px));
  });

  const rows = losses.map((loss, i) => ({ name: loss.name, label: loss.label, kind: kinds[i], toggle: i > 0 }));
  rows[0].also = { kind: "lb-gradient", label: "its gradient" };
  const readout = makeReadout(app.panel, "", ["loss", "gradient"], rows, app.toggle);

  // Only curves whose parameters changed are computed again; only shown ones get a path.
  function drawCurve(curve, shown) {
    const { loss, paths } = curve;
    const needs = {
      value: shown && state.view !== "gradient",
      slope: shown && (state.view === "gradient" || (loss === main && state.view === "both")),
    };
    const key = loss.parameters.map((name) => state[name]).join();
    if (curve.key !== key) {
      loss.fill("value", xs, curve.value, state);
      loss.fill("slope", xs, curve.slope, state);
      curve.key = key;
      curve.drawn = {};
    }
    const place = `${frame.total} ${frame.ylim}`;
    for (const kind of ["value", "slope"]) {
      paths[kind].style.display = needs[kind] ? "" : "none";
      if (!needs[kind] || curve.drawn[kind] === place) continue;
      paths[kind].setAttribute("d", pathOf(frame, xs, curve[kind], (x) => loss[kind](x, state)));
      curve.drawn[kind] = place;
    }
  }

  function drawPoint() {
    const x = state.point;
    const [value, slope] = [main.value(x, state), main.slope(x, state)];
    const onGradient = state.view === "gradient";
    const [px, py] = [frame.x(x), frame.y(onGradient ? slope : value)];
    handle.setAttribute("transform", `translate(${px.toFixed(1)},${clamp(py, frame.top, frame.top + frame.height).toFixed(1)})`);
    handle.classList.toggle("lb-outside", py < frame.top - 1);
    handle.classList.toggle("lb-on-gradient", onGradient);
    handle.setAttribute("aria-valuenow", x);
    handle.setAttribute("aria-valuetext", `${variable} ${format(x)}, loss ${format(value)}, slope ${format(slope)}`);

    // The tangent keeps its length on the screen, whatever its slope.
    const tilt = slope * (frame.height / (frame.ylim[1] - frame.ylim[0])) / (frame.width / (frame.xlim[1] - frame.xlim[0]));
    const run = 80 / Math.hypot(1, tilt);
    tangent.style.display = onGradient || kinkAt(main, x, state) ? "none" : "";
    line4(tangent, px - run, py + run * tilt, px + run, py - run * tilt);
    const twinShown = state.view === "both";
    const sy = frame.y(slope);
    twin.style.display = drop.style.display = twinShown ? "" : "none";
    twin.setAttribute("cx", px.toFixed(1));
    twin.setAttribute("cy", sy.toFixed(1));
    line4(drop, px, py, px, sy);
  }

  function draw() {
    const shown = (loss) => loss === main || state.show.includes(loss.name);
    for (const curve of curves) drawCurve(curve, shown(curve.loss));
    drawPoint();
    const x = state.point;
    const kink = kinkAt(main, x, state);
    readout.caption.textContent = `At ${variable} = ${format(x)}${kink ? `: a kink, ${kink}` : ""}`;
    // The first row shows how its curve is drawn: solid for the loss, dashed for the gradient.
    readout.kinds[0].setAttribute("class", `lb-curve ${state.view === "gradient" ? "lb-gradient" : "lb-loss"}`);
    readout.update(losses.map((loss) =>
      shown(loss) ? [format(loss.value(x, state), 3), format(loss.slope(x, state), 3)] : null));
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.view === state.view));
    readout.also.style.display = state.view === "both" ? "" : "none";
  }

  return {
    layout: (width) => frame.layout(width, Math.round(clamp(width * 0.55, 270, 400)), config.xlim, config.ylim[state.view]),
    relayout: (name) => name === "view",
    draw,
    says: () => {
      const x = state.point;
      const rest = losses.slice(1).filter((loss) => state.show.includes(loss.name))
        .map((loss) => ` ${loss.label}: ${format(loss.value(x, state))}, slope ${format(loss.slope(x, state))}.`);
      const kink = kinkAt(main, x, state);
      const slope = kink ? `there is a kink: ${kink}` : `the slope is ${format(main.slope(x, state))}`;
      return `At ${variable} = ${format(x)} the loss is ${format(main.value(x, state))} and ${slope}.${rest.join("")}`;
    },
    samples: (name) => {
      const { value, slope } = curves.find((curve) => curve.loss.name === name);
      return { x: Array.from(xs), value: Array.from(value), slope: Array.from(slope) };
    },
  };
};

// "the slope jumps from -1.00 to 1.00" where it does: such a point has no tangent.
function kinkAt(loss, x, p) {
  const sides = (near) => [loss.slope(x - near, p), loss.slope(x + near, p)];
  const [[before, after], [left, right]] = [sides(1e-7), sides(1e-9)];
  // A jump stays as it is from nearby; a steep slope does not.
  const jump = Math.abs(after - before) > 1e-3 && Math.abs(right - left) > 0.5 * Math.abs(after - before);
  return jump ? `the slope jumps from ${format(before)} to ${format(after)}` : null;
}
