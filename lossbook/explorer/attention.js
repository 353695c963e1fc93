// The attention scene: words and image regions as directions to turn; how much each word looks at each region, what it sees
// there, and the score of image and caption that DAMSM makes of it.

// All that DAMSM makes of directions, in degrees. Each region is shared out among the words; a word looks at regions by its
// shares in them, sharper with gamma1. The score is the largest cosine of a word and what it sees, softer with a small gamma2.
function attend(words, regions, { gamma1, gamma2 }) {
  const turned = (rows) => rows[0].map((_, k) => rows.map((row) => row[k]));
  const similarity = words.map((word) => regions.map((region) => Math.cos((word - region) * DEGREE)));
  const shares = turned(turned(similarity).map((column) => sharesOf.softmax(column)));
  const attention = shares.map((row) => sharesOf.softmax(row.map((share) => gamma1 * share)));
  const contexts = attention.map((row) => [Math.cos, Math.sin].map((part) =>
    row.reduce((sum, weight, j) => sum + weight * part(regions[j] * DEGREE), 0)));
  const cosines = contexts.map(([x, y], i) => {
    const size = Math.hypot(x, y);
    return (x * Math.cos(words[i] * DEGREE) + y * Math.sin(words[i] * DEGREE)) / (size > 1e-12 ? size : 1); // opposites cancel out
  });
  const sharp = cosines.map((cosine) => gamma2 * cosine);
  return { shares, attention, contexts, cosines, weights: sharesOf.softmax(sharp), score: FUNCTIONS.logsumexp(...sharp) / gamma2 };
}

scenes.attention = function (app) {
  const { config, state } = app;
  const kinds = config.words.map((_, i) => (i === 0 ? "lb-loss" : `lb-overlay-${i}`));
  const frame = { root: app.root, total: [0, 0], plot: svg("g", { "aria-hidden": "true" }, app.root), above: svg("g", {}, app.root) };
  makeCases(app, Object.entries(config.cases).map(([text, { words, regions }]) => [text, () => {
    app.change("words", words);
    app.change("regions", regions);
  }]));

  // Regions lie on the circle of radius 1; words, of which only the direction counts, on a ring around it.
  const disc = svg("circle", { class: "lb-disc" }, frame.plot);
  const looks = config.words.map((_, i) => config.regions.map(() => svg("path", { class: `lb-look ${kinds[i]}` }, frame.plot)));
  const spokes = config.words.map(() => svg("path", { class: "lb-spoke" }, frame.plot));
  const sights = config.words.map((_, i) => svg("path", { class: `lb-push ${kinds[i]}` }, frame.plot));
  const pixels = (angle, length) => [
    frame.middle + length * frame.radius * Math.cos(angle * DEGREE), frame.middle - length * frame.radius * Math.sin(angle * DEGREE)];
  const ring = { words: () => 1 + 30 / frame.radius, regions: () => 1 };

  const turn = (name, k, angle) => app.change(name, state[name].map((old, i) => (i === k ? whole(angle) : old)));
  const handles = ["words", "regions"].flatMap((name) => config[name].map((letter, k) => ({
    name, k,
    group: makeLetter(frame, {
      class: `lb-handle lb-class ${name === "words" ? `lb-token ${kinds[k]}` : ""}`, "aria-label": `direction of ${name.slice(0, -1)} ${letter}`,
      "aria-valuemin": 0, "aria-valuemax": 360,
    }, letter, (dx, dy) => turn(name, k, Number.isFinite(dx) ? state[name][k] - 2 * (dx + dy) : config.state[name].start[k])),
  })));
  const placeOf = ({ name, k }) => pixels(state[name][k], ring[name]());
  // Handles may lie close together: the nearest one is meant.
  dragging(frame.above, frame, (px, py) => {
    const away = (handle) => Math.hypot(placeOf(handle)[0] - px, placeOf(handle)[1] - py);
    const { name, k, group } = handles.reduce((best, one) => (away(one) < away(best) ? one : best));
    const angleAt = (x, y) => Math.atan2(frame.middle - y, x - frame.middle) / DEGREE;
    const off = state[name][k] - angleAt(px, py);
    group.focus({ preventScroll: true });
    return (x, y) => turn(name, k, angleAt(x, y) + off);
  });

  const cells = makeCells(app.root, { title: "attention: each row sums to 1", rows: config.words, columns: config.regions, range: [0, 1], kinds: ["lb-drawn"] });
  cells.group.setAttribute("aria-hidden", "true");
  cells.cells.forEach(({ bars: [bar] }, k) => bar.classList.add(kinds[Math.floor(k / config.regions.length)]));
  const table = makeClasses(app.panel, [["most", "looks most at"], ["cosine", "cosine"], ["weight", "weight in the score"]], "word", config.words);
  make("p", { class: "lb-note", text: "A word looks at the regions near to it, and less at those that another word claims: each region is first shared out among the words. "
    + "Its arrow is what it sees, the mean of the regions by its attention. \u03b3\u2081 sharpens the look; the larger \u03b3\u2082, the more the best word alone makes the score." }, app.panel);

  const found = () => attend(state.words, state.regions, state);
  const most = (row) => config.regions[row.indexOf(Math.max(...row))];

  function draw() {
    const { attention, contexts, cosines, weights, score } = found();
    const origin = [frame.middle, frame.middle];
    const text = (point) => point.map((one) => one.toFixed(1)).join();
    state.words.forEach((angle, i) => {
      const from = pixels(angle, ring.words());
      spokes[i].setAttribute("d", `M${text(origin)}L${text(from)}`);
      sights[i].setAttribute("d", arrowPath(origin, [contexts[i][0] * frame.radius, -contexts[i][1] * frame.radius]));
      attention[i].forEach((weight, j) => {
        setAll(looks[i][j], { d: `M${text(from)}L${text(pixels(state.regions[j], 1))}`, "stroke-width": 7 * weight });
        cells.show(i * config.regions.length + j, [weight], weight.toFixed(2));
      });
    });
    for (const { name, k, group } of handles) {
      const angle = state[name][k];
      group.setAttribute("transform", `translate(${text(placeOf({ name, k }))})`);
      group.setAttribute("aria-valuenow", angle);
      group.setAttribute("aria-valuetext", `${format(angle, 1)} degrees${name === "words" ? `, looks most at region ${most(attention[k])}, cosine ${format(cosines[k])}` : ""}`);
    }
    table.caption.textContent = `The score of image and caption: ${format(score)}`;
    table.update(config.words.map((_, i) => ({
      real: false, most: `region ${most(attention[i])}, ${attention[i][config.regions.indexOf(most(attention[i]))].toFixed(2)}`,
      cosine: format(cosines[i]), weight: weights[i].toFixed(2),
    })));
  }

  // Side by side, or on a narrow page the circle above the cells.
  function layout(width) {
    const wide = width >= 600;
    const side = Math.min(wide ? 0.52 * width : width, 400);
    frame.middle = side / 2;
    frame.radius = side / 2 - 44;
    setAll(disc, { cx: frame.middle, cy: frame.middle, r: frame.radius });
    const space = wide ? width - side - 24 : width;
    const cell = Math.min(72, Math.floor((space - CELL_NAMES[0]) / config.regions.length));
    const tall = CELL_NAMES[1] + cell * config.words.length;
    cells.place(wide ? side + 24 : 0, wide ? (side - tall) / 2 : side + 4, cell);
    const height = wide ? side : side + 8 + tall;
    frame.total = [width, height];
    app.root.setAttribute("viewBox", `0 0 ${width} ${height}`);
    app.root.setAttribute("height", height);
  }

  return {
    layout,
    draw,
    says: () => {
      const { attention, cosines, score } = found();
      return `The score is ${format(score)}. ${config.words.map((word, i) =>
        `Word ${word} looks most at region ${most(attention[i])}, cosine ${format(cosines[i])}.`).join(" ")}`;
    },
    samples: found,
  };
};
