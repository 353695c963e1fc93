// The boxes scene: a true box and a predicted one to drag and to resize. At two corners of the predicted box each loss has
// an arrow downhill, and the box can walk that way.

// A loss of the predicted box; `names` are those of the true box's corners in the formula.
function boxLoss(loss, names) {
  const given = (truth, p) => ({ ...p, ...Object.fromEntries(names.map((name, i) => [name, truth[i]])) });
  return {
    name: loss.name, label: loss.label, parameters: loss.parameters,
    value: (box, truth, p) => loss.value(box, given(truth, p)),
    gradient: (box, truth, p) => loss.gradient(box, given(truth, p)),
  };
}

const areaOf = ([x1, y1, x2, y2]) => Math.max(x2 - x1, 0) * Math.max(y2 - y1, 0);
const centerOf = ([x1, y1, x2, y2]) => [(x1 + x2) / 2, (y1 + y2) / 2];
const overlapOf = (a, b) => [Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])];
const hullOf = (a, b) => [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3])];

// The box after one step down the slope, its sides no shorter than `least`, all of it within [0, side].
function stepBox(box, gradient, rate, least, side) {
  const next = box.map((x, i) => clamp(snap(x - rate * gradient[i], 1e-4), 0, side));
  for (const i of [0, 1]) {
    if (next[i + 2] - next[i] >= least) continue;
    const middle = clamp((next[i] + next[i + 2]) / 2, least / 2, side - least / 2);
    [next[i], next[i + 2]] = [middle - least / 2, middle + least / 2];
  }
  return next;
}

// What the losses look at, each a number from 0 to 1.
function boxFacts(box, truth) {
  const [inner, hull] = [areaOf(overlapOf(box, truth)), hullOf(box, truth)];
  const union = areaOf(box) + areaOf(truth) - inner;
  const [a, b] = [centerOf(box), centerOf(truth)];
  return {
    iou: inner / union,
    empty: 1 - union / areaOf(hull),
    apart: Math.hypot(a[0] - b[0], a[1] - b[1]) / Math.hypot(hull[2] - hull[0], hull[3] - hull[1]),
  };
}

scenes.boxes = function (app) {
  const { config, state } = app;
  const { side } = config;
  const { least } = config.state.prediction;
  const losses = app.losses.map((loss) => boxLoss(loss, config.corners));
  const kinds = losses.map((_, i) => (i === 0 ? "lb-loss" : `lb-overlay-${i}`));
  const find = (name) => losses.find((loss) => loss.name === name);
  const shown = () => losses.filter((loss, i) => i === 0 || state.show.includes(loss.name));
  const seen = (loss) => seenState(app, loss);
  const slopeOf = (loss, box = state.prediction) => loss.gradient(box, state.truth, seen(loss));
  const here = (loss) => ({ value: loss.value(state.prediction, state.truth, seen(loss)), gradient: slopeOf(loss) });

  makeCases(app, config.cases.map(([name, truth, prediction]) => [name, () => {
    app.change("truth", truth);
    app.change("prediction", prediction);
  }]));
  let buttons = [];
  if (losses.length > 1) {
    make("p", { class: "lb-note", text: "The box steps downhill by:" }, app.panel);
    const bar = make("div", { class: "lb-views", role: "group", "aria-label": "Which loss the box descends" }, app.panel);
    buttons = losses.map((loss) => makeButton(bar, loss.label, () => app.change("descend", loss.name), { "data-descend": loss.name }));
  }
  app.root.parentNode.parentNode.classList.add("lb-split");
  app.panel.parentNode.append(app.panel); // after the sliders, which belong beside the picture

  // The y axis goes down, as in an image.
  const whole = Array.from({ length: side / 2 + 1 }, (_, k) => 2 * k);
  const frame = makeFrame(app.root, app.serial, { xlabel: "x", ylabel: () => "y, downward", xticks: whole, yticks: whole });
  Object.assign(frame, { left: 34, right: 12, top: 28, bottom: 46 });
  const shape = (tag, names, parent = frame.plot) => svg(tag, { class: names }, parent);
  const hull = shape("rect", "lb-hull");
  const rects = { truth: shape("rect", "lb-frame lb-truth"), prediction: shape("rect", "lb-frame lb-guess") };
  const overlap = shape("rect", "lb-overlap");
  const after = shape("rect", "lb-frame lb-after");
  const between = shape("line", "lb-link");
  const pushes = losses.map((_, i) => [0, 2].map(() => svg("path", { class: `lb-push ${kinds[i]}` })));
  for (const pair of [...pushes].reverse()) frame.plot.append(...pair);
  const words = Object.fromEntries(["truth", "prediction"].map((name) =>
    [name, svg("text", { class: "lb-word lb-strong lb-named", "aria-hidden": "true", text: name }, frame.above)]));

  // What can be taken hold of: `move(box, dx, dy)` gives the numbers that change. The middle moves the whole box.
  const change = (name, box) => app.change(name, box.map((x) => clamp(snap(x, 0.01), 0, side)));
  function corner(i, j) {
    return ([...box], x, y) => {
      box[i] = i < 2 ? Math.min(x, box[2] - least) : Math.max(x, box[0] + least);
      box[j] = j < 2 ? Math.min(y, box[3] - least) : Math.max(y, box[1] + least);
      return box;
    };
  }
  function shift(box, x, y) {
    const [a, b] = centerOf(box);
    const dx = clamp(x - a, -box[0], side - box[2]);
    const dy = clamp(y - b, -box[1], side - box[3]);
    return box.map((one, i) => one + (i % 2 ? dy : dx));
  }
  const corners = [["x1, y1", 0, 1], ["x2, y1", 2, 1], ["x1, y2", 0, 3], ["x2, y2", 2, 3]];
  const parts = ["truth", "prediction"].flatMap((name) => [
    { name, label: `${name}: the whole box`, at: centerOf, move: shift, radius: 5 },
    ...corners.map(([text, i, j]) => ({ name, label: `${name}: corner ${text}`, at: (box) => [box[i], box[j]], move: corner(i, j), radius: 6 })),
  ]);
  for (const part of parts) {
    part.place = () => part.at(state[part.name]);
    part.put = (x, y) => change(part.name, part.move(state[part.name], clamp(x, 0, side), clamp(y, 0, side)));
    part.handle = makeHandle(frame, {
      class: `lb-handle lb-corner lb-${part.name === "truth" ? "truth" : "guess"}`, "aria-label": part.label,
      "aria-valuemin": 0, "aria-valuemax": side,
    }, part.radius, (dx, dy) => {
      const [x, y] = part.place();
      part.put(x + 0.1 * dx, y - 0.1 * dy);
    });
  }
  // The nearest handle is meant if one is near, else the box that was pressed.
  for (const rect of Object.values(rects)) rect.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
  app.root.classList.add("lb-press");
  dragging(app.root, frame, (px, py) => {
    const away = (part) => {
      const [x, y] = part.place();
      return Math.hypot(frame.x(x) - px, frame.y(y) - py);
    };
    const near = parts.reduce((best, one) => (away(one) <= away(best) ? one : best));
    const inside = ([x1, y1, x2, y2]) => px >= frame.x(x1) && px <= frame.x(x2) && py >= frame.y(y1) && py <= frame.y(y2);
    const name = ["prediction", "truth"].find((one) => inside(state[one]));
    const part = away(near) < 24 ? near : parts.find((one) => one.name === name && one.move === shift);
    if (!part) return () => {};
    part.handle.focus({ preventScroll: true });
    const [x, y] = part.place();
    return (qx, qy) => {
      if (qx !== px || qy !== py) part.put(x + frame.xAt(qx) - frame.xAt(px), y + frame.yAt(qy) - frame.yAt(py));
    };
  });

  // Downhill by the loss that was chosen. A descent is one step in each frame, each shorter than the one before, and ends
  // when the box is moved otherwise.
  let walk = 0;
  const next = (box, share) => stepBox(box, slopeOf(find(state.descend), box), share * state.rate, least, side);
  function step() {
    walk += 1;
    app.change("prediction", next(state.prediction, 1));
  }
  function descend() {
    const mine = (walk += 1);
    if (window.matchMedia("(prefers-reduced-motion: reduce)").matches) {
      let box = state.prediction;
      for (let left = config.steps; left > 0; left--) box = next(box, left / config.steps);
      app.change("prediction", box);
      return;
    }
    const turn = (left, last) => {
      if (walk !== mine || state.prediction !== last) return;
      app.change("prediction", next(last, left / config.steps));
      if (left > 1 && state.prediction !== last) {
        const now = state.prediction;
        requestAnimationFrame(() => turn(left - 1, now));
      }
    };
    turn(config.steps, state.prediction);
  }

  const readout = makeReadout(app.panel, "", ["value", "slope"],
    losses.map((loss, i) => ({ name: loss.name, label: loss.label, kind: kinds[i], toggle: i > 0 })), app.toggle, "loss");
  const facts = make("p", { class: "lb-note" }, app.panel);
  make("p", {
    class: "lb-note",
    text: "Boxes that do not touch have an IoU of 0, wherever they are: its loss has no slope there. Other losses also look at the "
      + "dashed box around both, or at the way between the centers. Arrows point downhill; a longer one is steeper (a logarithm).",
  }, app.panel);

  const put = (rect, [x1, y1, x2, y2]) => setAll(rect, {
    x: frame.x(x1), y: frame.y(y1), width: Math.max(frame.x(x2) - frame.x(x1), 0), height: Math.max(frame.y(y2) - frame.y(y1), 0),
  });

  function drawPush(i, gradient) {
    const box = state.prediction;
    [0, 2].forEach((k, j) => {
      if (!gradient) return pushes[i][j].setAttribute("d", "");
      const [dx, dy] = [-gradient[k], -gradient[k + 1]];
      const size = Math.hypot(dx, dy);
      const unit = frame.width / side;
      const length = config.longest * unit * Math.min(Math.log1p(config.sharp * size) / Math.log1p(config.sharp), 1.5);
      const [ux, uy] = size ? [dx / size, dy / size] : [0, 0];
      const apart = 5 * (i % 2 ? (i + 1) / 2 : -i / 2); // side by side, so that losses which agree are all seen
      const from = [frame.x(box[k]) + 8 * ux - apart * uy, frame.y(box[k + 1]) + 8 * uy + apart * ux];
      return pushes[i][j].setAttribute("d", arrowPath(from, [length * ux, length * uy]));
    });
  }

  function draw() {
    const { prediction, truth } = state;
    put(rects.truth, truth);
    put(rects.prediction, prediction);
    put(hull, hullOf(prediction, truth));
    put(overlap, overlapOf(prediction, truth));
    const stepped = next(prediction, 1);
    put(after, stepped);
    line4(between, ...[prediction, truth].flatMap((box) => { const [x, y] = centerOf(box); return [frame.x(x), frame.y(y)]; }));
    setAll(words.truth, { x: frame.x(truth[2]) - 12, y: Math.min(frame.y(truth[3]) + 19, frame.y(side) - 5), "text-anchor": "end" });
    setAll(words.prediction, { x: frame.x(prediction[0]) + 12, y: Math.max(frame.y(prediction[1]) - 10, frame.top + 14) });
    const numbers = losses.map((loss, i) => {
      const found = shown().includes(loss) ? here(loss) : null;
      drawPush(i, found && found.gradient);
      return found && [format(found.value, 3), format(Math.hypot(...found.gradient), 3)];
    });
    for (const part of parts) {
      const [x, y] = part.place();
      part.handle.setAttribute("transform", `translate(${frame.x(x).toFixed(1)},${frame.y(y).toFixed(1)})`);
      part.handle.setAttribute("aria-valuenow", x);
      part.handle.setAttribute("aria-valuetext", `x ${format(x)}, y ${format(y)}, loss ${numbers[0][0]}`);
    }
    const { iou, empty, apart } = boxFacts(prediction, truth);
    readout.caption.textContent = `IoU ${format(iou, 3)}`;
    readout.update(numbers);
    facts.textContent = `${Math.round(100 * empty)}% of the dashed box is empty. The centers are ${format(apart)} of its diagonal apart. `
      + `One step at η = ${format(state.rate, 1)} leads to the dotted box: its corners move by ${[0, 2].map((k) => format(Math.hypot(stepped[k] - prediction[k], stepped[k + 1] - prediction[k + 1]))).join(" and ")}.`;
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.descend === state.descend));
  }

  return {
    layout: (width) => {
      const square = Math.min(width, 460);
      app.root.style.maxWidth = `${square}px`;
      frame.layout(square, square - frame.left - frame.right + frame.top + frame.bottom, [0, side], [side, 0]);
    },
    draw,
    actions: [["Step", step], ["Descend", descend]],
    says: () => {
      const { iou } = boxFacts(state.prediction, state.truth);
      return `IoU ${format(iou, 3)}. ${shown().map((loss) => {
        const { value, gradient } = here(loss);
        return `${loss.label}: loss ${format(value, 3)}, slope ${format(Math.hypot(...gradient), 3)}.`;
      }).join(" ")}`;
    },
    samples: (name) => here(find(name)),
  };
};
