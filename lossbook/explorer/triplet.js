// The triplet scene: an anchor, a positive and a negative to drag (and a second negative), the way downhill at each, and
// the regions around the anchor in which a negative is hard, semi-hard or easy.

scenes.triplet = function (app) {
  const { config, state } = app;
  const titles = { anchor: "anchor", positive: "positive", negative: "negative", negative2: "second negative" };
  const names = Object.keys(config.letters);
  const letters = Object.values(config.letters);
  const plane = makeEmbeddings(app, names.map((name) => ({ name, letter: config.letters[name], title: titles[name] })));
  const { frame, losses, kinds } = plane;
  const [main] = losses;
  const four = names.includes("negative2");

  const semi = svg("circle", { class: "lb-sector" }, plane.below);
  const hard = svg("circle", { class: "lb-sector lb-won" }, plane.below);
  const near = svg("circle", { class: "lb-ring-line" }, plane.below);
  const rings = losses.map((_, i) => svg("circle", { class: `lb-curve ${kinds[i]}` }));
  // Around the negative: how far away the second negative must be.
  const apart = losses.map((loss, i) => (loss.ways.length > 2 ? svg("circle", { class: `lb-curve ${kinds[i]} lb-faint` }) : null));
  for (const ring of [...rings, ...apart].reverse()) if (ring) plane.below.append(ring);
  const lines = [["anchor", "positive", "lb-spoke"], ["anchor", "negative", "lb-link"], ...(four ? [["negative", "negative2", "lb-link"]] : [])]
    .map(([from, to, kind]) => [from, to, svg("line", { class: kind }, plane.below)]);
  const words = ["hard", "semi-hard", "easy"].map((text) => svg("text", { class: "lb-tick", "text-anchor": "middle", text }, frame.plot));
  plane.handles.forEach((handle, i) => handle.classList.toggle("lb-true", i < 2));

  const readout = makeReadout(app.panel, "", ["value", ...letters.map((letter) => `at ${letter}`)],
    losses.map((loss, i) => ({ name: loss.name, label: loss.label, kind: kinds[i], toggle: i > 0 })), app.toggle, "loss");
  make("p", {
    class: "lb-note",
    text: "The positive is pulled and the negative pushed until the negative is farther from the anchor by the margin: outside of the "
      + `colored circle it costs nothing. ${four ? "The faint circle around n is the same for the second negative. " : ""}`
      + "At a, at p, at n: the length of the gradient there. An arrow is a fifth of it, downhill.",
  }, app.panel);

  // How far the negative must be from the anchor, and the second negative from the first, to cost nothing.
  const dp = () => main.variables(plane.places())[0];
  function radius(loss) {
    const [seen, near] = [plane.seenBy(loss), dp()];
    const cost = (dn) => loss.at([near, dn, 1e6].slice(0, loss.ways.length), seen);
    if (cost(near) === 0) return near;
    const found = edgeOf(cost, near, 1e6);
    return found === null ? Infinity : found;
  }
  const between = (loss) => edgeOf((dnn) => loss.at([dp(), 1e6, dnn], plane.seenBy(loss)), 0, 1e6);

  function kindOf() {
    const [near, dn] = main.variables(plane.places());
    return dn < near ? "hard" : dn < radius(main) ? "semi-hard" : "easy";
  }

  // A circle in units of the plane, or none.
  function circle(element, name, size) {
    const [cx, cy] = plane.pixel(state[name]);
    const there = Number.isFinite(size) && size > 0;
    element.style.display = there ? "" : "none";
    if (there) setAll(element, { cx, cy, r: size * frame.scale() });
  }

  // A word at this distance from the anchor, where it is in the picture and no point is near; else none.
  function write(word, size) {
    const [points, [cx, cy], r] = [plane.places().map(plane.pixel), plane.pixel(state.anchor), size * frame.scale()];
    const free = ([x, y]) => x > frame.left + 32 && x < frame.left + frame.width - 32 && y > frame.top + 12
      && y < frame.top + frame.height - 12 && points.every(([a, b]) => Math.abs(a - x) > 44 || Math.abs(b - y) > 24);
    const spot = [90, 135, 45, 180, 0, 225, 315, 270].map((angle) => [cx + r * Math.cos(angle * DEGREE), cy - r * Math.sin(angle * DEGREE)]).find(free);
    word.style.display = spot && size > 0 ? "" : "none";
    if (spot && size > 0) setAll(word, { x: spot[0], y: spot[1] + 4 });
  }

  function drawRegions() {
    const shown = plane.shown();
    const [close, far] = [dp(), radius(main)];
    for (const [element, size] of [[semi, Math.min(far, 99)], [hard, close], [near, close]]) circle(element, "anchor", size);
    losses.forEach((loss, i) => {
      const there = shown.includes(loss);
      circle(rings[i], "anchor", there ? radius(loss) : 0);
      if (apart[i]) circle(apart[i], "negative", there ? between(loss) || 0 : 0);
    });
    const room = 20 / frame.scale();
    write(words[0], close > room ? 0.6 * close : 0);
    write(words[1], far - close > room ? close + 0.5 * Math.min(far - close, 1) : 0);
    write(words[2], far + 0.7 * room);
  }

  const title = () => {
    const [close, dn, dnn] = plane.find((four ? losses.find((loss) => loss.ways.length > 2) : main).name).variables(plane.places());
    const ways = `p is at ${format(close)} from the anchor, n at ${format(dn)}`;
    return `The negative is ${kindOf()}: ${ways}${four ? `; n and n\u2082 are ${format(dnn)} apart` : ""}`;
  };
  const sizes = ({ gradient }, loss) => gradient.map((one, i) => (i > loss.ways.length ? "\u2013" : format(Math.hypot(...one))));

  function draw() {
    drawRegions();
    for (const [from, to, line] of lines) line4(line, ...plane.pixel(state[from]), ...plane.pixel(state[to]));
    const numbers = losses.map((loss) => {
      if (!plane.shown().includes(loss)) return null;
      const here = plane.here(loss);
      return [format(here.value), ...sizes(here, loss)];
    });
    const about = title();
    plane.draw(() => `${about}, loss ${numbers[0][0]}`);
    readout.caption.textContent = about;
    readout.update(numbers);
  }

  // The first positions, but for the negative, which is so far from the anchor.
  function place(far) {
    for (const name of names) app.change(name, app.defaults[name]);
    const size = far(dp(), Math.min(radius(main), 99));
    plane.put(2, state.anchor.map((x) => x + size * Math.SQRT1_2));
  }
  makeCases(app, [
    ["Hard", () => place((close) => 0.75 * close)],
    ["Semi-hard", () => place((close, far) => 0.5 * (close + far))],
    ["Easy", () => place((_, far) => far + 0.1)],
  ]);

  return {
    layout: (width) => plane.layout(width, 0),
    draw,
    actions: [["Step downhill", plane.step]],
    says: () => `${title()}.` + plane.shown().map((loss) => {
      const here = plane.here(loss);
      return ` ${loss.label}: loss ${format(here.value)}, gradients ${sizes(here, loss).slice(0, loss.ways.length + 1).join(", ")}.`;
    }).join(""),
    // Over the distance of the negative, all others as they are.
    samples: (name) => {
      const loss = plane.find(name);
      const [seen, here, x] = [plane.seenBy(loss), loss.variables(plane.places()), Array.from(linspace(0, 3, 301))];
      const at = (dn) => here.map((one, k) => (k === 1 ? dn : one));
      return { x, value: x.map((dn) => loss.at(at(dn), seen)), slope: x.map((dn) => loss.slopes(at(dn), seen)[1]) };
    },
    solution: (name) => ({ ...plane.here(plane.find(name)), kind: kindOf(), radius: radius(plane.find(name)) }),
  };
};
