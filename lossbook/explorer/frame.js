// Axes, scales, ticks and paths. One unit of the SVG is one CSS pixel: a narrow page redraws, its text does not shrink.

const SVG = "http://www.w3.org/2000/svg";

// Make an element; `attributes` may hold `text`, and listeners are added by the caller.
function make(tag, attributes, parent, namespace) {
  const element = namespace ? document.createElementNS(namespace, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "text") element.textContent = value;
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  if (parent) parent.appendChild(element);
  return element;
}

const svg = (tag, attributes, parent) => make(tag, attributes, parent, SVG);

// Attributes by name; numbers are pixels, to a tenth.
const setAll = (element, attributes) => {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, typeof value === "number" ? value.toFixed(1) : value);
};

// The two ends of a line.
function line4(element, x1, y1, x2, y2) {
  element.setAttribute("x1", x1.toFixed(1));
  element.setAttribute("y1", y1.toFixed(1));
  element.setAttribute("x2", x2.toFixed(1));
  element.setAttribute("y2", y2.toFixed(1));
}

function linspace(low, high, count) {
  const xs = new Float64Array(count);
  // A symmetric range must hold 0 exactly: weights of both ends, not a running sum.
  for (let i = 0; i < count; i++) xs[i] = (low * (count - 1 - i) + high * i) / (count - 1);
  return xs;
}

// About `count` round numbers (1, 2 or 5 times a power of ten apart) within [low, high].
function ticks(low, high, count) {
  const raw = (high - low) / Math.max(1, count);
  const power = Math.pow(10, Math.floor(Math.log10(raw)));
  const step = power * ([1, 2, 5].find((m) => m * power >= raw * 0.999) || 10);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) {
    found.push(Number((k * step).toFixed(digits)));
  }
  return found;
}

const minus = (text) => text.replaceAll("-", "\u2212");

// A number as a reader wants it: two decimals, or three digits where two decimals say nothing.
function format(value, digits = 2) {
  if (Number.isNaN(value)) return "undefined";
  if (!Number.isFinite(value)) return minus(value < 0 ? "-\u221e" : "\u221e");
  const size = Math.abs(value);
  if (size !== 0 && size < 0.5 * Math.pow(10, -digits)) {
    return size < 1e-12 ? (0).toFixed(digits) : minus(value.toExponential(1));
  }
  if (size >= 1e5) return minus(value.toExponential(2));
  const text = value.toFixed(digits);
  return Number(text) === 0 ? text.replace("-", "") : minus(text);
}

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

// The decimals that a number is written with: 0.05 -> 2.
const decimalsOf = (value) => (String(Number(value.toFixed(6))).split(".")[1] || "").length;

// The nearest multiple of a round step.
const snap = (value, step) => Number((Math.round(value / step) * step).toFixed(6));

const DEGREE = Math.PI / 180;

// An angle from 0 on and below 360, to half a degree.
const whole = (angle) => snap(((angle % 360) + 360) % 360, 0.5) % 360;

// A drawing area with axes. `root` is the <svg>; `plot` is clipped to the axes, `above` is not.
function makeFrame(root, serial, options) {
  const frame = { root, left: 46, right: 14, top: 34, bottom: 46, band: 0, start: 0, nameAt: 15 }; // several may share a root
  const defs = svg("defs", {}, root);
  const clip = svg("rect", {}, svg("clipPath", { id: `${serial}-clip-path` }, defs));
  const axes = svg("g", { class: "lb-axes", "aria-hidden": "true" }, root);
  frame.plot = svg("g", { "clip-path": `url(#${serial}-clip-path)`, "aria-hidden": "true" }, root);
  frame.above = svg("g", {}, root);

  frame.x = (value) => frame.left + ((value - frame.xlim[0]) / (frame.xlim[1] - frame.xlim[0])) * frame.width;
  frame.y = (value) => frame.top + ((frame.ylim[1] - value) / (frame.ylim[1] - frame.ylim[0])) * frame.height;
  frame.xAt = (px) => frame.xlim[0] + ((px - frame.left) / frame.width) * (frame.xlim[1] - frame.xlim[0]);
  frame.yAt = (py) => frame.ylim[1] - ((py - frame.top) / frame.height) * (frame.ylim[1] - frame.ylim[0]);

  // Sizes, grid, ticks, labels: on a new width or new limits only, never for a moving slider.
  frame.layout = (width, height, xlim, ylim) => {
    frame.total = [width, height];
    frame.xlim = xlim;
    frame.ylim = ylim;
    frame.width = width - frame.left - frame.right;
    frame.height = height - frame.top - frame.bottom - frame.band;
    root.setAttribute("viewBox", `0 0 ${width} ${height}`);
    root.setAttribute("height", height);
    for (const [name, value] of [["x", frame.left], ["y", frame.top], ["width", frame.width], ["height", frame.height]]) {
      clip.setAttribute(name, value);
    }
    axes.replaceChildren();
    const bottom = frame.top + frame.height;
    const floor = bottom + frame.band;
    for (const tick of options.xticks || ticks(xlim[0], xlim[1], clamp(frame.width / 70, 3, 9))) {
      const x = frame.x(tick).toFixed(1);
      svg("line", { x1: x, x2: x, y1: frame.top, y2: floor, class: tick === 0 ? "lb-zero" : "lb-grid" }, axes);
      svg("text", { x, y: floor + 18, "text-anchor": "middle", text: minus(String(tick)) }, axes);
    }
    for (const tick of options.yticks || ticks(ylim[0], ylim[1], clamp(frame.height / 50, 3, 8))) {
      const y = frame.y(tick).toFixed(1);
      svg("line", { x1: frame.left, x2: width - frame.right, y1: y, y2: y, class: tick === 0 ? "lb-zero" : "lb-grid" }, axes);
      svg("text", { x: frame.left - 8, y, dy: "0.35em", "text-anchor": "end", text: minus(String(tick)) }, axes);
    }
    svg("text", { x: frame.start, y: frame.nameAt, class: "lb-axis-name", text: options.ylabel() }, axes);
    svg("text", { x: width - frame.right, y: floor + 40, "text-anchor": "end", class: "lb-axis-name", text: options.xlabel }, axes);
  };
  return frame;
}

// Where a curve jumps (a gradient at a kink): two ends of one limit each, found by bisection. A steep curve is not a jump.
function findJump(f, low, high) {
  let [a, b, fa, fb] = [low, high, f(low), f(high)];
  const first = Math.abs(fb - fa);
  for (let i = 0; i < 40; i++) {
    const middle = 0.5 * (a + b);
    const value = f(middle);
    if (Math.abs(value - fa) > Math.abs(fb - value)) [b, fb] = [middle, value];
    else [a, fa] = [middle, value];
  }
  return Math.abs(fb - fa) > 0.5 * first ? { x: a, before: fa, after: fb } : null;
}

// The `d` of a curve; pixels are rounded to a tenth, the samples themselves stay float64. `f` is asked only where a jump is suspected.
function pathOf(frame, xs, ys, f) {
  const scaleY = frame.height / (frame.ylim[1] - frame.ylim[0]);
  const top = frame.top + frame.ylim[1] * scaleY;
  const far = 20 * (frame.top + frame.height); // beyond this a point is only "outside"
  const pixel = (value) => Math.round(clamp(top - value * scaleY, -far, far) * 10) / 10;
  const columns = columnsOf(frame, xs);
  const steep = 3 / scaleY;
  let d = "";
  let pen = "M";
  for (let i = 0; i < xs.length; i++) {
    const y = ys[i];
    if (y !== y) { pen = "M"; continue; }
    if (i > 0 && pen === "L" && f) {
      const change = Math.abs(y - ys[i - 1]);
      const calm = Math.min(
        i > 1 ? Math.abs(ys[i - 1] - ys[i - 2]) : Infinity,
        i + 1 < xs.length ? Math.abs(ys[i + 1] - y) : Infinity,
      );
      if (change > steep && change > 8 * calm) {
        const jump = findJump(f, xs[i - 1], xs[i]);
        if (jump) {
          const x = Math.round(frame.x(jump.x) * 10) / 10;
          d += `L${x},${pixel(jump.before)}M${x},${pixel(jump.after)}`;
        }
      }
    }
    d += pen + columns[i] + pixel(y);
    pen = "L";
  }
  return d;
}

// "123.4," for every sample: the horizontal half of a path changes only with the layout.
function columnsOf(frame, xs) {
  const key = `${frame.left} ${frame.width} ${frame.xlim} ${xs.length}`;
  if (frame.columnKey !== key || frame.columnXs !== xs) {
    frame.columnKey = key;
    frame.columnXs = xs;
    frame.columns = Array.from(xs, (x) => `${Math.round(frame.x(x) * 10) / 10},`);
  }
  return frame.columns;
}

// An arrow from one pixel by (dx, dy), as the `d` of a path.
function arrowPath([x, y], [dx, dy]) {
  const length = Math.hypot(dx, dy);
  if (!(length > 1.5)) return "";
  const [ux, uy, head] = [dx / length, dy / length, Math.min(8, 0.6 * length)];
  const tip = [x + dx, y + dy];
  const text = ([a, b]) => `${a.toFixed(1)},${b.toFixed(1)}`;
  const wing = (side) => text([tip[0] - head * (ux - side * 0.6 * uy), tip[1] - head * (uy + side * 0.6 * ux)]);
  return `M${text([x, y])}L${text(tip)}M${wing(1)}L${text(tip)}L${wing(-1)}`;
}
