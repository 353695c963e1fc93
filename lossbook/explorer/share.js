// What a reader takes along: the picture as a file, and a snippet that shows the explorer on another site.

const SAVED_WIDTH = 760;
const EMBED_WIDTHS = [456, 616, 976]; // inside of frames that may show it: its height follows from these

// The picture of an explorer as an <svg> that stands by itself: a second explorer of the same state is drawn out of sight,
// at one width for all screens, and what it shows is copied: shapes with their colors, and every line of text.
function takePicture(app, address) {
  const { config } = app;
  const scratch = makeScratch(app, SAVED_WIDTH);
  const { holder } = scratch;
  holder.classList.add("lb-taken");
  const settings = settingsOf(app, "symbol");
  holder.prepend(make("p", { class: "lb-saved-title", text: config.losses[0].title }));
  if (settings) make("p", { class: "lb-saved-settings", text: settings }, holder);
  make("p", { class: "lb-saved-credit", text: address ? `LossBook \u00b7 ${address}` : "LossBook" }, holder);
  scratch.fit();
  try {
    const box = holder.getBoundingClientRect();
    const [width, height] = [Math.ceil(box.width), Math.ceil(box.height)];
    const root = svg("svg", { xmlns: SVG, viewBox: `0 0 ${width} ${height}`, width, height, role: "img" });
    svg("title", { text: config.losses[0].title }, root);
    svg("desc", { text: describe(app) }, root);
    svg("rect", { width, height, ...paintOf("fill", getComputedStyle(holder).backgroundColor) }, root);
    copyShapes(holder, root, box);
    copyText(holder, root, box);
    return root;
  } finally {
    scratch.remove();
  }
}

// The same explorer out of sight, `width` pixels wide. It hears of nothing and saves nothing.
function makeScratch(app, width) {
  const holder = make("div", { class: "lb-explorer lb-scratch", style: `width:${width}px`, "aria-hidden": "true" }, app.element.parentNode);
  const inner = make("div", { class: "lb-explorer" }, holder);
  const state = JSON.parse(JSON.stringify(app.state));
  const mounted = mount(inner, app.config, () => ({ start: () => state, save: () => {} }));
  return {
    holder,
    inner,
    fit: mounted.fit,
    remove: () => {
      mounted.remove();
      holder.remove();
    },
  };
}

// "\u03b4 = 1, c = 4.685", as it stands; or by name, "delta = 1".
const settingsOf = ({ config, state }, called) => config.parameters
  .map((one) => `${one[called]} = ${minus(String(Number(state[one.name].toFixed(6))))}`).join(", ");

// The picture in words, at the present settings: the island's own words end with those it started from.
function describe(app) {
  const { describe: told, parameters } = app.config;
  return parameters.length ? `${told.slice(0, told.lastIndexOf("; "))}; ${settingsOf(app, "name")}.` : told;
}

// A computed color as attributes that every program reads: #rrggbb, and an opacity where it is not 1.
function paintOf(name, color) {
  const [, kind, list] = /^(\w+)\((.*)\)$/.exec(color) || [];
  if (!kind) return { [name]: "none" };
  const numbers = list.replace(/^srgb\s/, "").split(/[\s,/]+/).map(Number);
  const hex = numbers.slice(0, 3).map((one) => Math.round(kind === "color" ? 255 * one : one).toString(16).padStart(2, "0"));
  const alpha = numbers[3] ?? 1;
  if (alpha === 0) return { [name]: "none" };
  return { [name]: `#${hex.join("")}`, ...(alpha < 1 && { [`${name}-opacity`]: Number(alpha.toFixed(3)) }) };
}

// Every shown <svg> below `source`, at its place in `box`.
function copyShapes(source, root, box) {
  for (const picture of source.querySelectorAll("svg")) {
    const place = picture.getBoundingClientRect();
    if (!place.width) continue;
    const group = svg("g", { transform: `translate(${(place.left - box.left).toFixed(1)},${(place.top - box.top).toFixed(1)})` }, root);
    for (const child of picture.children) group.append(...frozen(child));
  }
}

const NUMBERS = ["stroke-width", "stroke-dashoffset", "opacity", "rx"];
const WORDS = { "stroke-dasharray": "none", "stroke-linejoin": "miter", "stroke-linecap": "butt" };

// An element as it looks, without its classes: none where it is not seen, two for a text with a halo.
function frozen(element) {
  if (/^(defs|clipPath)$/.test(element.tagName)) return [element.cloneNode(true)];
  const style = getComputedStyle(element);
  if (style.display === "none" || style.visibility === "hidden") return [];
  const copy = element.cloneNode(false);
  for (const { name } of [...copy.attributes]) {
    if (/^(class|style|id|role|tabindex|aria-|data-)/.test(name)) copy.removeAttribute(name);
  }
  const opacity = Number(style.opacity) < 1 ? { opacity: style.opacity } : {};
  if (element.tagName === "g") {
    setAttributes(copy, opacity);
    for (const child of element.children) copy.append(...frozen(child));
    return copy.childNodes.length ? [copy] : [];
  }
  const fill = paintOf("fill", style.fill);
  const stroke = parseFloat(style.strokeWidth) ? paintOf("stroke", style.stroke) : { stroke: "none" };
  const drawn = stroke.stroke !== "none";
  if (fill.fill === "none" && !drawn) return [];
  setAttributes(copy, { ...fill, ...opacity });
  if (drawn) {
    setAttributes(copy, { ...stroke, "stroke-width": parseFloat(style.strokeWidth) });
    for (const [name, usual] of Object.entries(WORDS)) {
      const value = style.getPropertyValue(name);
      if (value !== usual) copy.setAttribute(name, value.replaceAll("px", ""));
    }
  }
  if (parseFloat(style.rx)) copy.setAttribute("rx", parseFloat(style.rx));
  if (element.tagName !== "text") return [copy];
  setAttributes(copy, { "text-anchor": style.textAnchor, ...fontOf(style) });
  copy.textContent = element.textContent;
  if (!drawn) return [copy];
  // Not every program knows paint-order: the halo is a text of its own, behind.
  const front = copy.cloneNode(true);
  front.removeAttribute("stroke");
  return [copy, front];
}

const setAttributes = (element, attributes) => {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
};

const fontOf = (style) => ({
  "font-family": style.fontFamily, "font-size": parseFloat(style.fontSize),
  ...(style.fontWeight !== "400" && { "font-weight": style.fontWeight }),
  ...(style.fontStyle !== "normal" && { "font-style": style.fontStyle }),
});

// Every line of text below `source` outside of pictures, and the rule below the head of a table.
function copyText(source, root, box) {
  const pen = make("canvas").getContext("2d");
  const walker = document.createTreeWalker(source, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (node.parentNode.closest("svg")) continue;
    const style = getComputedStyle(node.parentNode);
    for (const line of linesOf(node, range)) {
      pen.font = `${style.fontStyle} ${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
      const { fontBoundingBoxAscent: up, fontBoundingBoxDescent: down } = pen.measureText("x");
      const y = line.top + (line.height - up - down) / 2 + up;
      svg("text", {
        x: (line.left - box.left).toFixed(1), y: (y - box.top).toFixed(1), ...paintOf("fill", style.color), ...fontOf(style), text: line.text,
      }, root);
    }
  }
  for (const cell of source.querySelectorAll("thead th")) {
    const [place, { borderBottomColor }] = [cell.getBoundingClientRect(), getComputedStyle(cell)];
    const y = (place.bottom - box.top - 0.5).toFixed(1);
    if (place.width) svg("line", { x1: place.left - box.left, x2: place.right - box.left, y1: y, y2: y, ...paintOf("stroke", borderBottomColor) }, root);
  }
}

// A text node as the lines it is broken into.
function linesOf(node, range) {
  const lines = [];
  for (const { index, 0: word } of node.data.matchAll(/\S+/g)) {
    range.setStart(node, index);
    range.setEnd(node, index + word.length);
    const place = range.getBoundingClientRect();
    if (!place.width) continue;
    const last = lines[lines.length - 1];
    if (last && Math.abs(last.top - place.top) < 2) last.text += ` ${word}`;
    else lines.push({ text: word, left: place.left, top: place.top, height: place.height });
  }
  return lines;
}

const asText = (root) => `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(root)}\n`;

// The same in pixels, two for each of the page's. The picture needs nothing from elsewhere, so the canvas may be read.
async function asPixels(root) {
  const [width, height] = ["width", "height"].map((name) => 2 * Number(root.getAttribute(name)));
  setAttributes(root, { width, height });
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(asText(root))}`;
  await image.decode();
  const canvas = make("canvas", { width, height });
  canvas.getContext("2d").drawImage(image, 0, 0, width, height);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

function download(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = make("a", { href: address, download: name }, document.body);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

// A button that opens and closes a part below the buttons.
function makeDrawer(app, actions, text, name, onOpen) {
  const id = `${app.serial}-${name}`;
  const drawer = make("div", { id, class: "lb-drawer", role: "group", "aria-label": text, hidden: "" }, app.element);
  const open = (wish) => {
    drawer.hidden = !wish;
    button.setAttribute("aria-expanded", String(wish));
    if (wish) onOpen();
  };
  const button = makeButton(actions, text, () => open(drawer.hidden), { "data-action": name, "aria-expanded": "false", "aria-controls": id });
  drawer.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    open(false);
    button.focus();
  });
  return drawer;
}

// A button that copies a text and says so for a moment, to eyes and ears.
function makeCopy(parent, text, what, give, live, attributes) {
  const button = makeButton(parent, text, async () => {
    const done = await putOnClipboard(give());
    button.textContent = done ? "Copied" : "Not copied";
    live.textContent = `The ${what} ${done ? "is" : "could not be"} copied`;
    setTimeout(() => { button.textContent = text; }, 2000);
  }, attributes);
  return button;
}

// "Save picture" and, where there is a page of its own, "Embed". Returns what to call after each change.
function makeShare(app, actions, live, link) {
  const address = () => (link.url && /^https?:/.test(window.location.protocol) ? link.url(app.defaults) : "");
  const save = makeDrawer(app, actions, "Save picture", "save", () => {});
  for (const [text, kind, pack] of [
    ["SVG", "svg", async (root) => new Blob([asText(root)], { type: "image/svg+xml" })],
    ["PNG", "png", asPixels],
  ]) {
    makeButton(save, text, async () => {
      try {
        download(await pack(takePicture(app, address())), `${app.config.id}.${kind}`);
        live.textContent = `Saved as ${text}`;
      } catch (error) {
        live.textContent = `The picture could not be saved: ${error.message}`;
      }
    }, { "data-save": kind, "aria-label": `Save as ${text}` });
  }
  // The address of a file leads nowhere on another site, and tells where the reader keeps it.
  if (!link.embed || !/^https?:/.test(window.location.protocol)) return () => {};

  const embed = makeDrawer(app, actions, "Embed", "embed", () => {
    height = heightOf(app);
    write();
  });
  let height = 0;
  const write = () => {
    if (embed.hidden) return;
    const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
    area.value = `<iframe src="${escaped(link.embed(app.state))}" title="${escaped(`Explorer: ${app.config.losses[0].title}`)}" `
      + `width="100%" height="${height}" style="border: 0" loading="lazy" allow="clipboard-write"></iframe>`;
  };
  make("label", { for: `${app.serial}-snippet`, text: "HTML that shows this explorer, as it stands, on another page" }, embed);
  const area = make("textarea", { id: `${app.serial}-snippet`, readonly: "", rows: 4, spellcheck: "false" }, embed);
  area.addEventListener("focus", () => area.select());
  makeCopy(embed, "Copy HTML", "HTML", () => area.value, live, { "data-action": "copy-embed" });
  return write;
}

// How tall its own page has to be: the explorer, its name, a line below it, and margins. A frame may be as wide as the
// text of a blog or as a page, and the picture grows with it.
function heightOf(app) {
  const heights = EMBED_WIDTHS.map((width) => {
    const scratch = makeScratch(app, width);
    const { height } = scratch.inner.getBoundingClientRect();
    scratch.remove();
    return height;
  });
  return 10 * Math.ceil((Math.max(...heights) + 100) / 10);
}
