// A loss of the page: its formula is JavaScript text that Python wrote from the one SymPy definition.

// What a formula may call beside Math: each finite wherever its value is.
const FUNCTIONS = {
  softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  sigmoid: (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x))),
  logsumexp: (...xs) => {
    const top = Math.max(...xs);
    if (!Number.isFinite(top)) return top;
    let sum = 0;
    for (const x of xs) sum += Math.exp(x - top);
    return top + Math.log(sum);
  },
  // The first one's share of the sum of exponentials, and its logarithm.
  softmax: (...xs) => {
    const top = Math.max(...xs);
    let sum = 0;
    for (const x of xs) sum += Math.exp(x - top);
    return Math.exp(xs[0] - top) / sum;
  },
  logsoftmax: (first, ...others) => {
    if (others.some((x) => x > first)) return first - FUNCTIONS.logsumexp(first, ...others);
    let sum = 0;
    for (const x of others) sum += Math.exp(x - first);
    return -Math.log1p(sum);
  },
  // The share of all but the first one, which 1 - softmax rounds to 0.
  others: (...xs) => {
    const top = Math.max(...xs);
    let [sum, rest] = [0, 0];
    xs.forEach((x, i) => {
      sum += Math.exp(x - top);
      if (i > 0) rest += Math.exp(x - top);
    });
    return rest / sum;
  },
  xlogy: (x, y) => (x === 0 ? 0 : x * Math.log(y)), // 0 log 0 is 0
  held: (x) => x, // a derivative has not gone through it
  // What [a, b] and [c, d] share; does end i of the first lie within the second, 1/2 at a tie; the interval around both.
  overlap: (a, b, c, d) => Math.max(0, Math.min(b, d) - Math.max(a, c)),
  meets: (i, a, b, c, d) => (Math.min(b, d) >= Math.max(a, c) ? (Math.sign(i === 1 ? a - c : d - b) + 1) / 2 : 0),
  hull: (a, b, c, d) => Math.max(b, d) - Math.min(a, c),
  before: (a, b) => (Math.sign(b - a) + 1) / 2, // a < b
  // cos(m theta) of a cosine c, continued so that it keeps falling beyond pi / m, and its derivative by c: Chebyshev's
  // polynomials, with the sign and the step of the piece that holds the angle.
  psi: (m, c) => {
    const k = piece(m, c);
    return (k % 2 ? -1 : 1) * chebyshev(m, c, 1, c) - 2 * k;
  },
  psi_slope: (m, c) => (piece(m, c) % 2 ? -1 : 1) * m * chebyshev(m, c, 0, 1),
};

function piece(m, c) {
  let k = 0;
  while (k + 1 < m && c < Math.cos(((k + 1) * Math.PI) / m)) k += 1;
  return k;
}

function chebyshev(m, c, last, now) {
  for (let i = 1; i < m; i++) [last, now] = [now, 2 * c * now - last];
  return now;
}

// A function of the page's values `p`, {delta: 1, ...}, and of what `takes` names.
function compiled(takes, parameters, body) {
  const names = parameters.length ? `const {${parameters.join(", ")}} = given;` : "";
  const source = `"use strict"; return (${takes}, given) => { ${names} ${body} };`; // a formula may have a "p" of its own
  return new Function(...Object.keys(FUNCTIONS), source)(...Object.values(FUNCTIONS));
}

// `value(x, p)` takes a number, or an array where the formula has several variables; `gradient(x, p)` is always an array.
// A loss of one variable has `slope(x, p)`, and `fill(kind, xs, out, p)` for a whole grid.
function compile(loss) {
  const variables = loss.variables || [loss.variable];
  const slopes = loss.slopes || [loss.slope];
  const single = variables.length === 1;
  const takes = single ? variables[0] : `[${variables.join(", ")}]`;
  const made = {
    name: loss.name,
    label: loss.label,
    title: loss.title,
    variables,
    parameters: loss.parameters,
    value: compiled(takes, loss.parameters, `return ${loss.value};`),
    gradient: compiled(takes, loss.parameters, `return [${slopes.join(", ")}];`),
  };
  if (!single) return made;
  const many = (text) => compiled("xs, out", loss.parameters,
    `for (let i = 0; i < xs.length; i++) { const ${variables[0]} = xs[i]; out[i] = ${text}; } return out;`);
  const grids = { value: many(loss.value), slope: many(slopes[0]) };
  return {
    ...made,
    slope: compiled(takes, loss.parameters, `return ${slopes[0]};`),
    fill: (kind, xs, out, p) => grids[kind](xs, out, p),
  };
}
