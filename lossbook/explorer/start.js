// One explorer: its parts on the page, its state, and the hook for tests and curious readers.

let serial = 0;
const ISLAND = 'script[type="application/json"]';

// `link` is the address of a static page or the model of a live widget: {start() -> values, save(state), url?, embed?}.
function mount(element, config, makeLink) {
  const losses = config.losses.map(compile);
  const specs = {};
  for (const { name, low, high, choices, default: start } of config.parameters) {
    specs[name] = choices ? { kind: "choice", start, values: choices } : { kind: "number", start, low, high };
  }
  Object.assign(specs, config.state);
  const defaults = Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, spec.start]));
  const state = { ...defaults };
  const link = makeLink(config, defaults, specs, element);
  Object.assign(state, link.start());

  element.replaceChildren();
  element.classList.add("lb-ready");
  const app = { element, config, losses, state, defaults, specs, serial: `lb${(serial += 1)}` };
  app.top = make("div", { class: "lb-top" }, element);
  app.root = svg("svg", { role: "group", "aria-label": describe(app), class: "lb-plot" }, make("div", { class: "lb-stage" }, element));
  const below = make("div", { class: "lb-below" }, element);
  app.panel = make("div", { class: "lb-panel" }, below);
  const sliders = make("div", { class: "lb-sliders" }, below);
  const actions = make("div", { class: "lb-actions" }, element);
  const live = make("p", { class: "lb-live", "aria-live": "polite" }, element);

  const frames = [];
  const announce = later(500, () => {
    live.textContent = scene.says();
    app.root.setAttribute("aria-label", describe(app));
  });
  const save = later(250, () => {
    link.save(state);
    shared();
  });

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
  if (link.url) makeCopy(actions, "Copy link", "link", () => link.url(state), live, { "data-action": "copy" });
  const shared = makeShare(app, actions, live, link);

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
    fit,
    remove: () => {
      observer.disconnect();
      announce.cancel();
      save.cancel();
      delete element.lossbook;
      element.replaceChildren();
    },
  };
}

// The islands of a static page start when they come near the window, well before they are seen, or when the address
// names them. A page whose scripts fail keeps the figures that were there.
function start() {
  const waiting = () => [...document.querySelectorAll(".lb-explorer[data-scene]:not(.lb-ready)")]
    .filter((one) => one.querySelector(ISLAND));
  const open = () => waiting().filter((one) => !one.closest("details:not([open])"));
  const near = "IntersectionObserver" in window && new IntersectionObserver((found) => {
    for (const { isIntersecting, target } of found) if (isIntersecting) begin(target);
  }, { rootMargin: "150% 0px" });
  const named = (id) => [...new URLSearchParams(window.location.search).keys()].some((key) => key.startsWith(`${id}.`));

  function begin(element) {
    if (near) near.unobserve(element);
    if (element.classList.contains("lb-ready")) return;
    element.removeAttribute("tabindex");
    mount(element, JSON.parse(element.querySelector(ISLAND).textContent), pageLink);
  }
  function hydrate() {
    if (!near) {
      LossBook.startAll();
      return;
    }
    for (const element of waiting()) {
      // Who goes through the page by the keyboard must not pass it by: it takes the focus, and hands it on.
      element.tabIndex = 0;
      element.addEventListener("focus", () => {
        begin(element);
        element.querySelector("button, input, [tabindex='0']").focus();
      }, { once: true });
      if (named(element.id)) begin(element);
      else near.observe(element);
    }
    follow();
  }
  // The explorer that the address leads to, also where it is folded away. Those above it start first: they grow.
  function follow() {
    const element = document.querySelector(`.lb-explorer[data-scene][id="${CSS.escape(window.location.hash.slice(1))}"]`);
    if (!element) return;
    for (let fold = element.closest("details"); fold; fold = fold.parentNode.closest("details")) fold.open = true;
    const above = (one) => one.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING;
    for (const one of open()) if (one === element || above(one)) begin(one);
    // What is above may get its height only when it comes near the window: a few frames long.
    const show = (left) => {
      element.scrollIntoView();
      if (left) requestAnimationFrame(() => show(left - 1));
    };
    show(10);
  }
  // Every one that is not folded away, at once: for tests, and for who wants to look at all of them.
  LossBook.startAll = () => open().forEach(begin);
  window.addEventListener("hashchange", follow);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", hydrate);
  else hydrate();
}

// The live widget (anywidget): the model's traits are the state.
function render({ model, el }) {
  const element = make("div", { class: "lb-explorer" }, el);
  // Else an arrow key on a slider also is a shortcut of JupyterLab, which looks for this on what has the focus.
  element.addEventListener("focusin", ({ target }) => target.setAttribute("data-lm-suppress-shortcuts", ""));
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
