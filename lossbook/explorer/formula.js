// A loss of the page: its formula is JavaScript text that Python wrote from the one SymPy definition.

// `value(r, p)` and `slope(r, p)` take one number, `fill(kind, xs, out, p)` a whole grid; p is {delta: 1, ...}.
function compile(loss) {
  const names = loss.parameters.length ? `const {${loss.parameters.join(", ")}} = p;` : "";
  const one = (text) => new Function(loss.variable, "p", `${names} return ${text};`);
  const many = (text) => new Function("xs", "out", "p",
    `${names} for (let i = 0; i < xs.length; i++) { const ${loss.variable} = xs[i]; out[i] = ${text}; } return out;`);
  const grids = { value: many(loss.value), slope: many(loss.slope) };
  return {
    name: loss.name,
    label: loss.label,
    title: loss.title,
    parameters: loss.parameters,
    value: one(loss.value),
    slope: one(loss.slope),
    fill: (kind, xs, out, p) => grids[kind](xs, out, p),
  };
}
