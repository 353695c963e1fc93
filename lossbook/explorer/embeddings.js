// What the scenes of embeddings share: points to drag in the plane, losses of their distances or cosines, and the way
// downhill at each point.

// The distance or cosine of two points, and its derivative by either.
const measures = {
  distance: (a, b, shift) => {
    const [x, y] = [a[0] - b[0] + shift, a[1] - b[1] + shift];
    const size = Math.hypot(x, y);
    const slope = size ? [x / size, y / size] : [0, 0];
    return [size, slope, slope.map((one) => -one)];
  },
  cosine: (a, b) => {
    // The origin has no direction: torch adds this to every squared length.
    const [aa, bb] = [a, b].map(([x, y]) => x * x + y * y + 1e-12);
    const both = Math.sqrt(aa * bb);
    const cosine = (a[0] * b[0] + a[1] * b[1]) / both;
    return [cosine, a.map((x, k) => b[k] / both - (cosine * x) / aa), b.map((x, k) => a[k] / both - (cosine * x) / bb)];
  },
};

// A loss as a function of the points. `ways` says which distance or cosine each of its variables is (embeddings.py);
// `at` takes the variables themselves, as an array.
function embeddingLoss(loss, { ways, shift, labels }) {
  const seen = (state) => ({ ...state, ...Object.fromEntries(Object.entries(labels).map(([name, values]) => [name, values[state.same]])) });
  const plain = (values) => (values.length === 1 ? values[0] : values);
  const measured = (points) => ways.map(([kind, i, j]) => measures[kind](points[i], points[j], shift));
  return {
    name: loss.name, label: loss.label, parameters: loss.parameters, ways,
    at: (values, state) => loss.value(plain(values), seen(state)),
    fill: (xs, out, state) => loss.fill("value", xs, out, seen(state)),
    slopes: (values, state) => loss.gradient(plain(values), seen(state)),
    variables: (points) => measured(points).map(([value]) => value),
    value: (points, state) => loss.value(plain(measured(points).map(([value]) => value)), seen(state)),
    // By the two coordinates of each point.
    gradient: (points, state) => {
      const found = measured(points);
      const slopes = loss.gradient(plain(found.map(([value]) => value)), seen(state));
      const total = points.map(() => [0, 0]);
      ways.forEach(([, i, j], k) => [[i, found[k][1]], [j, found[k][2]]].forEach(([n, by]) => {
        if (slopes[k]) total[n] = total[n].map((one, axis) => one + slopes[k] * by[axis]);
      }));
      return total;
    },
  };
}

// Where a cost that falls from `inside` to `outside` becomes zero; null where it never does, or always is.
function edgeOf(cost, inside, outside) {
  if (!(cost(inside) > 0 && cost(outside) === 0)) return null;
  for (let i = 0; i < 60; i++) {
    const middle = 0.5 * (inside + outside);
    if (cost(middle) > 0) inside = middle;
    else outside = middle;
  }
  return outside;
}

// The plane: `points` are [{name (of the state), letter, title}].
function makeEmbeddings(app, points) {
  const { config, state } = app;
  const losses = app.losses.map((loss) => embeddingLoss(loss, config.embeddings[loss.name]));
  const kinds = losses.map((_, i) => (i === 0 ? "lb-loss" : `lb-overlay-${i}`));
  const frame = makeFrame(app.root, `${app.serial}-plane`, { xlabel: "", ylabel: () => "" });
  Object.assign(frame, { left: 30, right: 10, top: 8, scale: () => frame.width / (2 * config.reach) }); // pixels of a unit
  app.root.parentNode.parentNode.classList.add("lb-split");
  app.panel.parentNode.append(app.panel); // after the sliders, which belong beside the picture
  const below = svg("g", {}, frame.plot); // for the scene's regions, under the arrows
  const arrows = losses.map((_, i) => points.map(() => svg("path", { class: `lb-push ${kinds[i]}` })));
  for (const path of arrows.flat().reverse()) frame.plot.append(path);

  const places = () => points.map(({ name }) => state[name]);
  const pixel = ([x, y]) => [frame.x(x), frame.y(y)];
  const put = (i, place, grain = 0.01) => {
    const { name } = points[i];
    app.change(name, place.map((value, k) => clamp(snap(value, grain), ...config.state[name].limits[k])));
  };
  const handles = points.map(({ name, letter, title }, i) => {
    const [low, high] = config.state[name].limits[0];
    return makeLetter(frame, { "aria-label": title, "aria-valuemin": low, "aria-valuemax": high }, letter,
      (dx, dy) => put(i, [state[name][0] + 0.05 * dx, state[name][1] + 0.05 * dy]));
  });
  // Fingers need large targets, which overlap where points are close: the nearest is meant, and keeps its distance from
  // the finger.
  dragging(frame.above, frame, (px, py) => {
    const away = (i) => Math.hypot(pixel(places()[i])[0] - px, pixel(places()[i])[1] - py);
    const i = points.reduce((best, _, k) => (away(k) < away(best) ? k : best), 0);
    const [x, y] = pixel(places()[i]);
    handles[i].focus({ preventScroll: true });
    return (qx, qy) => {
      if (qx !== px || qy !== py) put(i, [frame.xAt(qx + x - px), frame.yAt(qy + y - py)]);
    };
  });

  const seenBy = (loss) => seenState(app, loss);
  const here = (loss) => {
    const [now, seen] = [places(), seenBy(loss)];
    return { value: loss.value(now, seen), gradient: loss.gradient(now, seen) };
  };
  const shown = () => losses.filter((loss, i) => i === 0 || state.show.includes(loss.name));

  return {
    frame, below, losses, kinds, handles, places, put, pixel, seenBy, here, shown,
    find: (name) => losses.find((loss) => loss.name === name),
    // A square plane, `more` pixels above the lower end of the picture.
    layout: (width, more) => {
      const side = Math.min(width, 410);
      app.root.style.maxWidth = `${side}px`;
      frame.bottom = 26 + more;
      const reach = [-config.reach, config.reach];
      frame.layout(side, side - frame.left - frame.right + frame.top + frame.bottom, reach, reach);
      return side;
    },
    // Arrows and handles; `says(i)` is the text of a handle.
    draw: (says) => {
      losses.forEach((loss, i) => {
        const { gradient } = shown().includes(loss) ? here(loss) : { gradient: null };
        arrows[i].forEach((path, k) => {
          if (!gradient) return path.setAttribute("d", "");
          const scale = config.step * frame.scale();
          const way = [-scale * gradient[k][0], scale * gradient[k][1]]; // y goes down on the screen
          // From the rim of the point on, and side by side, so that losses which agree are all seen.
          const [side, size, [px, py]] = [6 * (i % 2 ? (i + 1) / 2 : -i / 2), Math.hypot(...way) || 1, pixel(places()[k])];
          const [ux, uy] = way.map((one) => one / size);
          return path.setAttribute("d", arrowPath([px + 12 * ux - side * uy, py + 12 * uy + side * ux], way));
        });
      });
      handles.forEach((handle, i) => {
        const place = places()[i];
        const [px, py] = pixel(place);
        setAll(handle, { transform: `translate(${px.toFixed(1)},${py.toFixed(1)})`, "aria-valuenow": String(place[0]) });
        handle.setAttribute("aria-valuetext", `x ${format(place[0])}, y ${format(place[1])}; ${says(i)}`);
      });
    },
    // One step downhill of the first loss, by as much as its arrows show.
    step: () => {
      const { gradient } = here(losses[0]);
      const next = places().map((place, i) => place.map((x, k) => x - config.step * gradient[i][k]));
      next.forEach((place, i) => put(i, place, 0.001));
    },
  };
}
