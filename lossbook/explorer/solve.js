// Minimizers for the scenes with data: the best constant (sample) and the best straight line (fit) of any loss in the residual.
// No tolerance here is a plain number of the data's unit: data may lie 1e-9 apart, or 1e6.

function objective(loss, p, theta, data) {
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += loss.value(theta - data[i], p);
  return sum;
}

// The sum of slopes, which is negative before a minimum. It is 0 where its sign would be that of a rounding error.
function pull(loss, p, theta, data) {
  let [sum, size] = [0, 0];
  for (let i = 0; i < data.length; i++) {
    const slope = loss.slope(theta - data[i], p);
    sum += slope;
    size += Math.abs(slope);
  }
  return Math.abs(sum) <= data.length * Number.EPSILON * size ? 0 : sum;
}

// Where `side`, along the sorted grid first negative, then perhaps zero, then positive, is zero: [low, high], to the last bit.
function crossing(side, grid) {
  // The last place before, and the first place where, `there` holds: bisection over the grid, then within one of its cells.
  function halve(there) {
    let [i, k] = [0, grid.length - 1];
    while (k - i > 1) {
      const middle = (i + k) >> 1;
      if (there(side(grid[middle]))) k = middle;
      else i = middle;
    }
    let [before, after] = [grid[i], grid[k]];
    for (let step = 0; step < 80; step++) {
      const middle = 0.5 * (before + after);
      if (middle <= before || middle >= after) break;
      if (there(side(middle))) after = middle;
      else before = middle;
    }
    return { before, after, left: grid[i], right: grid[k] };
  }
  const [first, last] = [halve((s) => s >= 0), halve((s) => s > 0)];
  // A jump right beside a grid point is the kink at that point: every data point is in the grid.
  return [first.before === first.left ? first.left : first.after, last.after === last.right ? last.right : last.before];
}

// The best constant: {low, high, value, ties}. low < high where every value between is equally good (|r|, an even number of points).
// Losses here grow with |r| (or level off), so no minimizer lies outside the data.
function minimizer(loss, p, data, count = 800) {
  const sorted = Array.from(data).sort((a, b) => a - b);
  const [first, last] = [sorted[0], sorted[sorted.length - 1]];
  const f = (theta) => objective(loss, p, theta, sorted);
  const slope = (theta) => pull(loss, p, theta, sorted);
  if (first === last) return { low: first, high: first, value: f(first), ties: [] };

  // The points and the middles between them: beside a far outlier the even grid is too coarse for all the others.
  const middles = sorted.slice(1).map((x, i) => 0.5 * (x + sorted[i]));
  const coarse = Float64Array.from(sorted.concat(middles)).sort();
  const grid = new Float64Array(count + 1 + coarse.length);
  grid.set(linspace(first, last, count + 1));
  grid.set(coarse, count + 1);
  grid.sort();

  // The bottom is flat only where no slope changes, as that of |r|. A slope that fades, as that of log(cosh(r)), may add
  // up to less than a rounding error far around the one minimizer: the middle of that range.
  function bottom([low, high]) {
    const inside = 1e-10 * (high - low);
    const level = sorted.every((x) => loss.slope(low + inside - x, p) === loss.slope(high - inside - x, p));
    const theta = 0.5 * (low + high);
    return level ? { low, high, value: f(theta) } : { low: theta, high: theta, value: f(theta) };
  }

  // A slope that only grows belongs to a convex sum with one bottom. Values are not asked: they may overflow, or round to 0.
  if (grows(slope, coarse) && grows(slope, grid)) return { ...bottom(crossing(slope, grid)), ties: [] };

  // Otherwise every dip of the grid that comes near the best is refined, and the lowest wins.
  const raw = grid.map(f);
  const finite = raw.filter(Number.isFinite);
  if (!finite.length) {
    const median = sorted[sorted.length >> 1];
    return { low: median, high: median, value: f(median), ties: [] };
  }
  const lowest = finite.reduce((a, b) => Math.min(a, b));
  const range = finite.reduce((a, b) => Math.max(a, b)) - lowest;
  const slack = 1e-11 * Math.max(Math.abs(lowest), range);
  const values = raw.map((value) => (value <= lowest + slack ? lowest : Number.isFinite(value) ? value : Infinity));
  const found = [];
  for (let i = 0, next; i < grid.length; i = next) {
    next = i + 1;
    while (values[next] === values[i]) next++;
    if (!(values[i] <= lowest + 0.01 * range) || values[i - 1] < values[i] || values[next] < values[i]) continue;
    // Far from every point the slope of a loss that levels off is 0 too: there the value tells that the dip lies elsewhere.
    const side = (theta) => slope(theta) || (f(theta) > values[i] + slack ? theta - grid[i] : 0);
    const one = bottom(crossing(side, grid.subarray(Math.max(0, i - 1), next + 1)));
    found.push(one.value <= values[i] + slack ? one : { low: grid[i], high: grid[i], value: raw[i] });
  }
  const value = Math.min(...found.map((one) => one.value));
  const [best, ...ties] = found.filter((one) => one.value <= value + slack).map(({ low, high }) => ({ low, high }));
  return { ...best, value, ties };
}

// Whether the slope rises, but for rounding errors, from below zero to above it.
function grows(slope, grid) {
  let [highest, size] = [-Infinity, 0];
  for (const theta of grid) {
    const here = slope(theta);
    size = Math.max(size, Math.abs(here));
    if (!(here >= highest - 1e-12 * size)) return false;
    highest = Math.max(highest, here);
  }
  return slope(grid[0]) < 0 && highest > 0;
}

// Weighted least squares of a line; null where all the weight lies at one x. The x of the points range from 0 to 1.
function weightedLine(points, weights) {
  let [w, wx, wy] = [0, 0, 0];
  for (let i = 0; i < points.length; i++) {
    w += weights[i];
    wx += weights[i] * points[i][0];
    wy += weights[i] * points[i][1];
  }
  const [mx, my] = [wx / w, wy / w];
  let [sxx, sxy] = [0, 0];
  for (let i = 0; i < points.length; i++) {
    sxx += weights[i] * (points[i][0] - mx) ** 2;
    sxy += weights[i] * (points[i][0] - mx) * (points[i][1] - my);
  }
  if (!(sxx > 1e-24 * w)) return null;
  return { slope: sxy / sxx, intercept: my - (sxy / sxx) * mx };
}

// The best line: {intercept, slope, value}. Iteratively reweighted least squares (weight slope(r)/r) from least squares, and from the
// best lines through two points: the first is the answer itself for |r|, and all are starts beyond the outliers for a loss that levels
// off. Such a loss has many local minima, so every start goes a few steps, and the best two go to the end.
function line(loss, p, points, starts = 8, steps = 6) {
  const ys = points.map((point) => point[1]);
  const left = Math.min(...points.map((point) => point[0]));
  const width = Math.max(...points.map((point) => point[0])) - left;
  if (!(width > 0)) {
    const level = minimizer(loss, p, ys);
    return { intercept: level.low, slope: 0, value: level.value };
  }
  const scaled = points.map(([x, y]) => [(x - left) / width, y]);
  const tiny = 1e-12 * (Math.max(...ys) - Math.min(...ys)) || 1;
  const weight = (r) => (Math.abs(r) < tiny ? weight(tiny) : Math.max(0, loss.slope(r, p) / r));
  const residual = ({ intercept, slope }, [x, y]) => intercept + slope * x - y;
  const scored = (one) => {
    let value = 0;
    for (const point of scaled) value += loss.value(residual(one, point), p);
    return { intercept: one.intercept, slope: one.slope, value };
  };
  const weights = (one) => scaled.map((point) => weight(residual(one, point)));
  const unscaled = (one) => ({ intercept: one.intercept - (one.slope * left) / width, slope: one.slope / width, value: one.value });

  const least = scored(weightedLine(scaled, scaled.map(() => 1)));
  // All residuals within the parabola at the bottom of the loss: values, which may all round to 0, need not be compared.
  if (weights(least).every((w) => Math.abs(w - weight(tiny)) <= 1e-9 * w)) return unscaled(least);

  // Values that are no numbers, or overflow, come last.
  const rank = (one) => (Number.isFinite(one.value) ? one.value : Number.MAX_VALUE);
  const sort = (lines) => lines.sort((a, b) => rank(a) - rank(b));
  const improve = (count) => (one) => reweight(scaled, one, { weights, scored, count });
  const from = [least, ...sort(throughTwo(scaled).map(scored)).slice(0, starts)];
  const near = sort(from.map(improve(steps))).slice(0, 2);
  return unscaled(sort(near.map(improve(500)))[0]);
}

function throughTwo(points) {
  const lines = [];
  for (let i = 0; i < points.length; i++) {
    for (let j = 0; j < i; j++) {
      const slope = (points[i][1] - points[j][1]) / (points[i][0] - points[j][0]);
      if (Number.isFinite(slope)) lines.push({ slope, intercept: points[i][1] - slope * points[i][0] });
    }
  }
  return lines;
}

function reweight(points, start, { weights, scored, count }) {
  let best = start;
  for (let i = 0; i < count; i++) {
    const next = weightedLine(points, weights(best));
    if (!next) break;
    const one = scored(next);
    const moved = Math.abs(next.slope - best.slope) + Math.abs(next.intercept - best.intercept);
    if (!(one.value <= best.value)) break;
    best = one;
    if (moved <= 1e-13 * (Math.abs(best.slope) + Math.abs(best.intercept))) break;
  }
  return best;
}
