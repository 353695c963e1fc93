// What both scenes with data share: handles for the points, the picked one, buttons that add and remove.

// `at(point)` gives pixels, `drag(i, px, py)` and `step(i, dx, dy)` new data points, `says(i)` the text of a handle.
function makePoints(app, frame, { at, drag, step, says, extra, limits }) {
  const { state } = app;
  const handles = [];
  let picked = -1; // the point used last: it lies on top, and "Remove" means it

  const move = (i, point) => app.change("data", state.data.map((old, k) => (k === i ? point : old)));
  function pick(i) {
    if (picked === i) return;
    picked = i;
    mark();
  }
  // Fingers need large targets, which overlap where points are close: the nearest point is meant, and it keeps its
  // distance from the finger, so that touching a point does not move it.
  dragging(frame.above, frame, (px, py) => {
    const distance = (i) => Math.hypot(at(i)[0] - px, at(i)[1] - py);
    const nearest = state.data.reduce((best, _, i) => (distance(i) < distance(best) ? i : best), 0);
    const [x, y] = at(nearest);
    handles[nearest].focus({ preventScroll: true });
    let still = true;
    return (qx, qy) => {
      still = still && Math.hypot(qx - px, qy - py) < 1;
      if (!still) move(nearest, drag(nearest, qx + x - px, qy + y - py));
    };
  });
  const mark = () => handles.forEach((handle, i) => handle.classList.toggle("lb-picked", i === picked));

  function draw() {
    while (handles.length > state.data.length) handles.pop().remove();
    while (handles.length < state.data.length) {
      const i = handles.length;
      const handle = makeHandle(frame, { class: "lb-handle lb-data" }, 7, (dx, dy) => move(i, step(i, dx, dy)));
      handle.addEventListener("focus", () => pick(i));
      handles.push(handle);
    }
    mark();
    handles.forEach((handle, i) => {
      const [px, py] = at(i);
      handle.setAttribute("transform", `translate(${px.toFixed(1)},${py.toFixed(1)})`);
      const { now, low, high, text } = says(i);
      const values = { label: `point ${i + 1} of ${state.data.length}`, valuemin: low, valuemax: high, valuenow: now, valuetext: text };
      for (const [name, value] of Object.entries(values)) handle.setAttribute(`aria-${name}`, value);
    });
  }

  const actions = [
    ["Add a point", () => {
      if (state.data.length >= limits[1]) return;
      app.change("data", [...state.data, extra()]);
      handles[handles.length - 1].focus();
    }],
    ["Remove the point", () => {
      if (state.data.length <= limits[0]) return;
      const gone = picked >= 0 && picked < state.data.length ? picked : state.data.length - 1;
      app.change("data", state.data.filter((_, k) => k !== gone));
      pick(Math.min(gone, state.data.length - 1));
      mark();
    }],
  ];
  return { draw, actions };
}

// Which losses are drawn: the first always, the others as switched.
const shownLosses = (app) => app.losses.filter((loss, i) => i === 0 || app.state.show.includes(loss.name));

// The state as a loss sees it: a parameter that means something else in the first loss has a slider of its own.
function seenState({ state, defaults }, loss) {
  const own = loss.parameters.map((name) => [name, `${loss.name}_${name}`]).filter(([, name]) => name in defaults);
  return own.length ? { ...state, ...Object.fromEntries(own.map(([name, slider]) => [name, state[slider]])) } : state;
}

// Solutions are kept until the data or a parameter of the loss changes.
function cached(app, solve) {
  const kept = new Map();
  return (loss) => {
    const key = JSON.stringify([app.state.data, loss.parameters.map((name) => app.state[name])]);
    if (!kept.has(loss.name) || kept.get(loss.name).key !== key) kept.set(loss.name, { key, result: solve(loss) });
    return kept.get(loss.name).result;
  };
}
