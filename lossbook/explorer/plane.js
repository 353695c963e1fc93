// The plane scene: a feature to drag among three class directions. For each loss of cosines (or of logits, or of the way
// to a class center): the sector in which the true class wins, the way downhill, and the numbers of every class.

// What a formula may speak of, at a feature [angle in degrees, length]: the value of each name, and its derivatives by the
// feature's length and by its angle (in radians). The true class is the first in every formula.
function planeNames([angle, length], { angles, target }, center) {
  const order = [target, ...[1, 2, 3].filter((k) => k !== target)];
  const names = { n: [length, 1, 0] };
  order.forEach((k, j) => {
    const turn = (angle - angles[k - 1]) * DEGREE;
    const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
    names[`c${j + 1}`] = [cos, 0, -sin];
    names[`z${j + 1}`] = [length * cos, cos, -length * sin];
  });
  const [cos, sin] = [Math.cos(angle * DEGREE), Math.sin(angle * DEGREE)];
  const there = angles[target - 1] * DEGREE;
  names.x1 = [length * cos - center * Math.cos(there), cos, -length * sin];
  names.x2 = [length * sin - center * Math.sin(there), sin, length * cos];
  return names;
}

// A loss as a function of the feature; `state` holds angles, target and hyperparameters, `logits` are formulas of their own.
function planeLoss(loss, logits, center) {
  const { variables } = loss;
  const parts = logits.map((value) => compile({ ...loss, value, slopes: [] }));
  const valuesOf = (names) => variables.map((name) => names[name][0]);
  // An arccosine has no slope at 1. Exactly on the direction, where all ways are alike, the slope along the arc is 0.
  const inside = (name, value) => (name[0] === "c" ? clamp(value, -1 + 1e-15, 1 - 1e-15) : value);
  const at = (feature, state) => planeNames(feature, state, center);
  return {
    name: loss.name, label: loss.label, variables, parameters: loss.parameters, scored: parts.length > 0,
    value: (feature, state) => loss.value(valuesOf(at(feature, state)), state),
    // By length and by angle.
    slopes: (feature, state) => {
      const names = at(feature, state);
      const by = loss.gradient(variables.map((name) => inside(name, names[name][0])), state);
      const total = (k) => by.reduce((sum, one, i) => (names[variables[i]][k] === 0 ? sum : sum + one * names[variables[i]][k]), 0);
      return [total(1), total(2)];
    },
    // By the two coordinates.
    gradient: function (feature, state) {
      const [byLength, byAngle] = this.slopes(feature, state);
      const [cos, sin, turn] = [Math.cos(feature[0] * DEGREE), Math.sin(feature[0] * DEGREE), byAngle / feature[1]];
      return [byLength * cos - turn * sin, byLength * sin + turn * cos];
    },
    // The true class first, as in the formula.
    logits: (feature, state) => {
      const values = valuesOf(at(feature, state));
      return parts.map((part) => part.value(values, state));
    },
  };
}

// Where the true class has the largest logit: [from, to] in degrees from its direction, each within [-180, 180].
function planeSectors(loss, length, state) {
  const wins = (turn) => {
    const [first, ...others] = loss.logits([state.angles[state.target - 1] + turn, length], state);
    return first > Math.max(...others);
  };
  const edge = (out, inner) => {
    let [a, b] = [out, inner];
    for (let i = 0; i < 45; i++) {
      const middle = 0.5 * (a + b);
      if (wins(middle)) b = middle;
      else a = middle;
    }
    return b;
  };
  const found = [];
  let open = null;
  for (let turn = -180; turn <= 180; turn += 2) {
    const there = wins(turn);
    if (there && open === null) open = turn === -180 ? turn : edge(turn - 2, turn);
    if (!there && open !== null) {
      found.push([open, edge(turn, turn - 2)]);
      open = null;
    }
  }
  if (open !== null) found.push([open, 180]);
  return found;
}

scenes.plane = function (app) {
  const { config, state } = app;
  const losses = app.losses.map((loss) => planeLoss(loss, config.logits[loss.name], config.center));
  const [main] = losses;
  const seenBy = (loss) => seenState(app, loss);
  const kinds = losses.map((_, i) => (i === 0 ? "lb-loss" : `lb-overlay-${i}`));
  const scored = losses.some((loss) => loss.scored);
  const centered = losses.some((loss) => loss.variables.includes("x1"));
  app.root.parentNode.parentNode.classList.add("lb-split");
  app.panel.parentNode.append(app.panel); // after the sliders, which belong beside the picture

  const bar = make("div", { class: "lb-views", role: "group", "aria-label": "Which class is true" }, app.top);
  const buttons = [1, 2, 3].map((k) =>
    makeButton(bar, `class ${k} is true`, () => app.change("target", k), { "data-target": k }));

  // The origin lies in the middle of a square; a feature of the length `reach` lies just inside of the rim.
  const frame = { root: app.root, total: [0, 0], plot: svg("g", { "aria-hidden": "true" }, app.root), above: svg("g", {}, app.root) };
  app.root.classList.add("lb-press");
  const pixels = (angle, length) => [
    frame.middle + length * frame.scale * Math.cos(angle * DEGREE), frame.middle - length * frame.scale * Math.sin(angle * DEGREE)];
  const onRim = (angle) => pixels(angle, frame.radius / frame.scale);
  const angleAt = (px, py) => whole(Math.atan2(frame.middle - py, px - frame.middle) / DEGREE);

  const shape = (tag, names) => svg(tag, { class: names }, frame.plot);
  const disc = shape("circle", "lb-disc");
  const unit = shape("circle", "lb-unit");
  const plain = shape("path", "lb-sector");
  const won = shape("path", "lb-sector lb-won");
  const borders = shape("path", "lb-border");
  const spokes = [0, 1, 2].map(() => shape("path", "lb-spoke"));
  const centers = centered ? [0, 1, 2].map(() => shape("path", "lb-center")) : [];
  const rays = losses.map((_, i) => svg("path", { class: `lb-curve ${kinds[i]}` }));
  for (const ray of [...rays].reverse()) frame.plot.append(ray);
  const arc = shape("path", "lb-arc");
  const arm = shape("path", "lb-arm");
  const pushes = losses.map((_, i) => svg("path", { class: `lb-push ${kinds[i]}` }));
  for (const push of [...pushes].reverse()) frame.plot.append(push);
  const theta = shape("text", "lb-theta");

  const put = (angle, length) =>
    app.change("feature", [whole(angle), clamp(snap(length, 0.01), ...config.state.feature.limits[1])]);
  const turn = (k, angle) => app.change("angles", state.angles.map((old, i) => (i === k ? whole(angle) : old)));
  const handle = makeHandle(frame, { "aria-label": "feature", "aria-valuemin": 0, "aria-valuemax": 360 }, 8, (dx, dy) => {
    // Right is clockwise, up is longer; Home goes to the true class, End to its opposite.
    const home = state.angles[state.target - 1];
    if (!Number.isFinite(dx)) put(dx < 0 ? home : home + 180, state.feature[1]);
    else put(state.feature[0] - 2 * dx, state.feature[1] + dy * config.reach / 50);
  });
  const tips = [0, 1, 2].map((k) =>
    makeLetter(frame, { "aria-label": `direction of class ${k + 1}`, "aria-valuemin": 0, "aria-valuemax": 360 }, k + 1,
      (dx, dy) => turn(k, Number.isFinite(dx) ? state.angles[k] - 2 * (dx + dy) : config.state.angles.start[k])));
  // A press near a class turns it; anywhere else it takes the feature along.
  dragging(app.root, frame, (px, py) => {
    const away = ([x, y]) => Math.hypot(x - px, y - py);
    const k = [0, 1, 2].reduce((best, i) => (away(onRim(state.angles[i])) < away(onRim(state.angles[best])) ? i : best), 0);
    const meant = away(onRim(state.angles[k])) < Math.min(24, away(pixels(...state.feature)));
    (meant ? tips[k] : handle).focus({ preventScroll: true });
    if (meant) return (x, y) => turn(k, angleAt(x, y));
    return (x, y) => put(angleAt(x, y), Math.hypot(x - frame.middle, y - frame.middle) / frame.scale);
  });

  const readout = makeReadout(app.panel, "", ["value", "gradient", ...(scored ? ["sector"] : [])],
    losses.map((loss, i) => ({ name: loss.name, label: loss.label, kind: kinds[i], toggle: i > 0 })), app.toggle, "loss");
  const table = makeClasses(app.panel, [["angle", "angle"], ["cosine", "cosine"],
    ...(main.scored ? [["logit", "logit"], ["p", "probability"]] : []), ...(centered ? [["way", "distance"]] : [])]);
  make("p", {
    class: "lb-note",
    text: (main.scored ? `Shaded is the sector in which the true class wins: lightly without a margin, fully with that of ${main.label}. ` : "")
      + (config.logarithm ? "Arrows point downhill; a longer one is a steeper loss." : "Arrows are the step downhill at a learning rate of 1."),
  }, app.panel);

  const kept = new Map();
  function sectorsOf(loss) {
    if (!loss.scored) return [];
    const [length] = loss.variables.some((name) => name === "n" || name[0] === "z") ? [state.feature[1]] : [1];
    const seen = seenBy(loss);
    const key = JSON.stringify([state.angles, state.target, length, loss.parameters.map((name) => seen[name])]);
    if (!kept.has(loss.name) || kept.get(loss.name).key !== key) kept.set(loss.name, { key, found: planeSectors(loss, length, seen) });
    return kept.get(loss.name).found;
  }
  // Without a margin the nearest direction wins.
  const halves = () => {
    const home = state.angles[state.target - 1];
    const turns = state.angles.filter((_, k) => k !== state.target - 1).map((angle) => (((angle - home) % 360) + 360) % 360);
    return [(Math.max(...turns) - 360) / 2, Math.min(...turns) / 2];
  };

  const text = ([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`;
  const origin = () => text([frame.middle, frame.middle]);
  const arcTo = (angle, radius, large, sweep) => `A${radius},${radius} 0 ${large} ${sweep} ${text(pixels(angle, radius / frame.scale))}`;
  const slice = ([from, to]) => {
    const [a, b] = [from, to].map((one) => state.angles[state.target - 1] + one);
    if (to - from >= 360) return `${slice([from, from + 180])}${slice([from + 180, from + 359.99])}`;
    return `M${origin()}L${text(onRim(a))}${arcTo(b, frame.radius, to - from > 180 ? 1 : 0, 0)}Z`;
  };
  const edges = (found) => found.flat().filter((one) => Math.abs(one) < 180)
    .map((one) => `M${origin()}L${text(onRim(state.angles[state.target - 1] + one))}`).join("");

  function drawSectors(shown) {
    const nearest = halves();
    plain.setAttribute("d", main.scored ? slice(nearest) : "");
    won.setAttribute("d", main.scored ? sectorsOf(main).map(slice).join("") : "");
    losses.forEach((loss, i) => {
      const there = shown.includes(loss) && loss.scored;
      rays[i].style.display = there ? "" : "none";
      if (there) rays[i].setAttribute("d", edges(sectorsOf(loss)));
    });
    // All three borders without a margin: half way between neighbors.
    const sorted = [...state.angles].sort((a, b) => a - b);
    borders.setAttribute("d", sorted.map((angle, i) => {
      const next = i < 2 ? sorted[i + 1] : sorted[0] + 360;
      return `M${origin()}L${text(onRim(0.5 * (angle + next)))}`;
    }).join(""));
  }

  function drawClasses() {
    state.angles.forEach((angle, k) => {
      const real = state.target === k + 1;
      spokes[k].setAttribute("d", `M${origin()}L${text(onRim(angle))}`);
      spokes[k].classList.toggle("lb-true", real);
      tips[k].classList.toggle("lb-true", real);
      tips[k].setAttribute("transform", `translate(${text(onRim(angle))})`);
      tips[k].setAttribute("aria-valuenow", angle);
      tips[k].setAttribute("aria-valuetext", `${format(angle, 1)} degrees${real ? ", the true class" : ""}`);
      if (!centered) return;
      const [x, y] = pixels(angle, config.center);
      centers[k].setAttribute("d", `M${x - 6},${y - 6}L${x + 6},${y + 6}M${x - 6},${y + 6}L${x + 6},${y - 6}`);
      centers[k].classList.toggle("lb-true", real);
    });
  }

  // The signed way from the true direction to the feature, in degrees.
  const offset = (angle) => {
    const way = (((state.feature[0] - angle) % 360) + 360) % 360;
    return way > 180 ? way - 360 : way;
  };

  function drawFeature() {
    const [angle, length] = state.feature;
    const [px, py] = pixels(angle, length);
    arm.setAttribute("d", `M${origin()}L${text([px, py])}`);
    handle.setAttribute("transform", `translate(${text([px, py])})`);
    handle.setAttribute("aria-valuenow", angle);
    const home = state.angles[state.target - 1];
    const way = offset(home);
    const radius = 0.24 * frame.radius;
    arc.setAttribute("d", Math.abs(way) < 1 ? "" : `M${text(pixels(home, radius / frame.scale))}${arcTo(angle, radius, 0, way > 0 ? 0 : 1)}`);
    const [tx, ty] = pixels(home + way / 2, (radius + 18) / frame.scale);
    theta.textContent = `${format(Math.abs(way), 0)}\u00b0`;
    theta.setAttribute("x", tx.toFixed(1));
    theta.setAttribute("y", (ty + 5).toFixed(1));
    theta.style.display = Math.abs(way) < 24 ? "none" : "";
  }

  // Arrows downhill, side by side; the length may be a logarithm, because a scale of 64 makes slopes 64 times steeper.
  function drawPush(i, gradient) {
    const size = Math.hypot(...gradient);
    const length = Math.min(config.logarithm ? (frame.radius / 8) * Math.log1p(size) : frame.scale * size, frame.radius);
    pushes[i].style.display = length > 1.5 ? "" : "none";
    if (!(length > 1.5)) return;
    const [ux, uy] = [-gradient[0] / size, gradient[1] / size]; // on the screen, where y goes down
    const side = 7 * (i % 2 ? (i + 1) / 2 : -i / 2);
    const [px, py] = pixels(...state.feature);
    pushes[i].setAttribute("d", arrowPath([px - side * uy, py + side * ux], [length * ux, length * uy]));
  }

  const here = (loss) => {
    const seen = seenBy(loss);
    return { value: loss.value(state.feature, seen), gradient: loss.gradient(state.feature, seen) };
  };
  const widthOf = (loss) => sectorsOf(loss).reduce((sum, [from, to]) => sum + to - from, 0);
  const degrees = (value, digits = 0) => `${format(value, digits)}\u00b0`;

  function draw() {
    const shown = shownLosses(app).map((one) => losses.find((loss) => loss.name === one.name));
    drawSectors(shown);
    drawClasses();
    drawFeature();
    const numbers = losses.map((loss, i) => {
      if (!shown.includes(loss)) {
        pushes[i].style.display = "none";
        return null;
      }
      const { value, gradient } = here(loss);
      drawPush(i, gradient);
      const cells = [format(value), format(Math.hypot(...gradient))];
      return scored ? [...cells, loss.scored ? degrees(widthOf(loss)) : "\u2013"] : cells;
    });
    readout.update(numbers);
    const home = offset(state.angles[state.target - 1]);
    readout.caption.textContent = `At a length of ${format(state.feature[1])}, ${degrees(Math.abs(home), 1)} from class ${state.target}`;
    handle.setAttribute("aria-valuetext", `${format(Math.abs(home), 1)} degrees from class ${state.target}, length ${format(state.feature[1])}, loss ${numbers[0][0]}`);
    drawTable();
    for (const button of buttons) button.setAttribute("aria-pressed", String(Number(button.dataset.target) === state.target));
  }

  function drawTable() {
    const order = [state.target, ...[1, 2, 3].filter((k) => k !== state.target)];
    const logits = main.scored ? main.logits(state.feature, state) : [];
    const top = Math.max(...logits);
    const sum = logits.reduce((total, z) => total + Math.exp(z - top), 0);
    table.caption.textContent = main.scored ? `The classes, as ${main.label} sees them` : "The classes";
    table.update(order.map((k, j) => {
      const way = offset(state.angles[k - 1]);
      const [angle, length] = state.feature;
      const distance = Math.hypot(length * Math.cos(angle * DEGREE) - config.center * Math.cos(state.angles[k - 1] * DEGREE),
        length * Math.sin(angle * DEGREE) - config.center * Math.sin(state.angles[k - 1] * DEGREE));
      return {
        k, real: j === 0, angle: degrees(Math.abs(way)), cosine: format(Math.cos(way * DEGREE)),
        logit: j < logits.length ? format(logits[j]) : "", p: j < logits.length ? (Math.exp(logits[j] - top) / sum).toFixed(2) : "",
        way: format(distance),
      };
    }).sort((a, b) => a.k - b.k));
  }

  const find = (name) => losses.find((loss) => loss.name === name);
  return {
    layout: (width) => {
      const side = Math.min(width, 460);
      frame.total = [side, side];
      frame.middle = side / 2;
      frame.radius = side / 2 - 18;
      frame.scale = (frame.radius - 24) / config.reach;
      app.root.setAttribute("viewBox", `0 0 ${side} ${side}`);
      app.root.style.maxWidth = `${side}px`;
      for (const [circle, radius] of [[disc, frame.radius], [unit, frame.scale]]) {
        for (const [name, value] of [["cx", frame.middle], ["cy", frame.middle], ["r", radius]]) circle.setAttribute(name, value);
      }
      app.root.setAttribute("height", side);
    },
    draw,
    says: () => {
      const home = offset(state.angles[state.target - 1]);
      const texts = shownLosses(app).map((one) => {
        const loss = find(one.name);
        const { value, gradient } = here(loss);
        return ` ${loss.label}: loss ${format(value)}, gradient ${format(Math.hypot(...gradient))}`
          + `${loss.scored ? `, the true class wins in ${degrees(widthOf(loss))}` : ""}.`;
      });
      return `Class ${state.target} is true, ${format(Math.abs(home), 1)} degrees from the feature, whose length is ${format(state.feature[1])}.${texts.join("")}`;
    },
    // Around the whole circle, at the present length: the slope is by the angle in radians.
    samples: (name) => {
      const loss = find(name);
      const seen = seenBy(loss);
      const x = Array.from(linspace(0, 360, 361));
      const around = (what) => x.map((angle) => what([angle, state.feature[1]]));
      return { x, value: around((f) => loss.value(f, seen)), slope: around((f) => loss.slopes(f, seen)[1]) };
    },
    solution: (name) => {
      const loss = find(name);
      return { ...here(loss), logits: loss.logits(state.feature, seenBy(loss)), sectors: sectorsOf(loss) };
    },
  };
};
