// One explorer: its parts on the page, its state, and the hook for tests and curious readers.

let serial = 0;

// `link` is the address of a static page or the model of a live widget: {start() -> values, save(state), url?}.
function mount(element, config, makeLink) {
  const losses = config.losses.map(compile);
  const specs = {};
  for (const { name, low, high, choices, default: start } of config.parameters) {
    specs[name] = choices ? { kind: "choice", start, values: choices } : { kind: "number", start, low, high };
  }
  Object.assign(specs, config.state);
  const defaults = Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, spec.start]));
  const state = { ...defaults };
  const link = makeLink(config, defaults, specs);
  Object.assign(state, link.start());

  element.replaceChildren();
  element.classList.add("lb-ready");
  const app = { config, losses, state, defaults, specs, serial: `lb${(serial += 1)}` };
  app.top = make("div", { class: "lb-top" }, element);
  app.root = svg("svg", { role: "group", "aria-label": config.describe, class: "lb-plot" }, make("div", { class: "lb-stage" }, element));
  const below = make("div", { class: "lb-below" }, element);
  app.panel = make("div", { class: "lb-panel" }, below);
  const sliders = make("div", { class: "lb-sliders" }, below);
  const actions = make("div", { class: "lb-actions" }, element);
  const live = make("p", { class: "lb-live", "aria-live": "polite" }, element);

  const frames = [];
  const announce = later(500, () => { live.textContent = scene.says(); });
  const save = later(250, () => link.save(state));

  // Every change goes through here: state, picture, then (later) the live text and the address.
  function change(name, value, silent) {
    if (JSON.stringify(state[name]) === JSON.stringify(value)) return;
    const begin = performance.now();
    state[name] = value;
    if (scene.relayout && scene.relayout(name)) scene.layout(width());
    draw();
    frames.push(performance.now() - begin);
    if (frames.length > 1000) frames.shift();
    if (silent) return;
    announce();
    if (link.now) link.save(state);
    else save();
  }
  app.change = change;
  app.toggle = (name) => change("show", state.show.includes(name)
    ? state.show.filter((one) => one !== name)
    : config.losses.slice(1).map((loss) => loss.name).filter((one) => one === name || state.show.includes(one)));

  const inputs = config.parameters.map((parameter) =>
    [parameter.name, makeSlider(sliders, `${app.serial}-${parameter.name}`, parameter, (value) => change(parameter.name, value))]);
  if (!inputs.length) sliders.remove();

  const scene = scenes[config.scene](app);
  function draw() {
    for (const [name, slider] of inputs) slider.update(state[name]);
    scene.draw();
  }
  function reset() {
    for (const [name, value] of Object.entries(defaults)) change(name, value);
  }
  for (const [text, action] of scene.actions || []) makeButton(actions, text, action);
  makeButton(actions, "Reset", reset, { "data-action": "reset" });
  if (link.url) {
    const copy = makeButton(actions, "Copy link", async () => {
      copy.textContent = (await copyText(link.url(state))) ? "Copied" : "Not copied";
      live.textContent = copy.textContent === "Copied" ? "Link copied" : "The link could not be copied";
      setTimeout(() => { copy.textContent = "Copy link"; }, 2000);
    }, { "data-action": "copy" });
  }

  const width = () => Math.max(280, Math.round(app.root.parentNode.clientWidth) || 640);
  let laid = 0;
  const fit = () => {
    if (width() === laid) return;
    laid = width();
    scene.layout(laid);
    draw();
  };
  const observer = new ResizeObserver(fit);
  observer.observe(app.root.parentNode);
  fit();

  const byName = (name) => losses.find((loss) => loss.name === (name || losses[0].name));
  // The hook. `samples(loss)` gives the float64 numbers behind a drawn curve, `frames` the milliseconds of each change.
  element.lossbook = {
    id: config.id, scene: config.scene, state, defaults, frames, reset,
    losses: losses.map((loss) => loss.name),
    value: (x, name) => byName(name).value(x, state),
    slope: (x, name) => byName(name).slope(x, state),
    gradient: (x, name) => byName(name).gradient(x, state),
    samples: (name) => scene.samples(name || losses[0].name),
    solution: (name) => scene.solution(name || losses[0].name),
    set: change,
    redraw: () => { scene.layout(width()); draw(); },
    url: () => (link.url ? link.url(state) : null),
    ...scene.hook,
  };
  return {
    change,
    remove: () => {
      observer.disconnect();
      announce.cancel();
      save.cancel();
      delete element.lossbook;
      element.replaceChildren();
    },
  };
}

// Every island of a static page; one that is folded away, when it is unfolded. A page whose scripts fail keeps the
// figure that was there.
function start() {
  const hydrate = () => {
    for (const element of document.querySelectorAll(".lb-explorer[data-scene]:not(.lb-ready)")) {
      const payload = element.querySelector('script[type="application/json"]');
      const fold = element.closest("details:not([open])");
      if (payload && fold) fold.addEventListener("toggle", hydrate, { once: true });
      else if (payload) mount(element, JSON.parse(payload.textContent), pageLink);
    }
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", hydrate);
  else hydrate();
}

// The live widget (anywidget): the model's traits are the state.
function render({ model, el }) {
  const element = make("div", { class: "lb-explorer" }, el);
  const config = model.get("payload");
  let names = [];
  const modelLink = (_, defaults) => {
    names = Object.keys(defaults);
    return {
      now: true,
      start: () => Object.fromEntries(names.map((name) => [name, model.get(name)])),
      save: (state) => {
        for (const name of names) {
          if (JSON.stringify(model.get(name)) !== JSON.stringify(state[name])) model.set(name, state[name]);
        }
        model.save_changes();
      },
    };
  };
  const mounted = mount(element, config, modelLink);
  const listeners = names.map((name) => [`change:${name}`, () => mounted.change(name, model.get(name), true)]);
  for (const [event, listener] of listeners) model.on(event, listener);
  return () => {
    for (const [event, listener] of listeners) model.off(event, listener);
    mounted.remove();
  };
}
