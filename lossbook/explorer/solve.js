// Minimisers for the scenes with data: the best constant (sample) and the best straight line (fit) of any loss in the residual.

function objective(loss, p, theta, data) {
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += loss.value(theta - data[i], p);
  return sum;
}

function slopeOf(loss, p, theta, data) {
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += loss.slope(theta - data[i], p);
  return sum;
}

// The first place in [low, high] at which the sum of slopes is no longer negative: bisection, to the last bit.
function bisect(f, low, high) {
  for (let i = 0; i < 200; i++) {
    const middle = 0.5 * (low + high);
    if (middle <= low || middle >= high) break;
    if (f(middle)) high = middle;
    else low = middle;
  }
  return 0.5 * (low + high);
}

// The best constant: {low, high, value, ties}. low < high where every value between is equally good (|r|, an even number of points).
// Losses here grow with |r| (or level off), so no minimiser lies outside the data; non-convex ones have several local minima,
// so every dip of a fine grid that comes near the best is refined, and the lowest wins.
function minimizer(loss, p, data, count = 800) {
  const sorted = Array.from(data).sort((a, b) => a - b);
  const [first, last] = [sorted[0], sorted[sorted.length - 1]];
  const f = (theta) => objective(loss, p, theta, sorted);
  if (first === last) return { low: first, high: first, value: f(first), ties: [] };

  const grid = Array.from(linspace(first, last, count + 1)).concat(sorted).sort((a, b) => a - b);
  const values = grid.map(f);
  const lowest = Math.min(...values);
  const highest = Math.max(...values);
  const near = lowest + 0.01 * (highest - lowest);
  const found = [];
  for (let i = 0; i < grid.length; i++) {
    if (values[i] > near || values[i] > (values[i - 1] ?? Infinity) || values[i] > (values[i + 1] ?? Infinity)) continue;
    const [a, b] = [grid[Math.max(0, i - 1)], grid[Math.min(grid.length - 1, i + 1)]];
    const refined = bisect((theta) => slopeOf(loss, p, theta, sorted) >= 0, a, b);
    // At a kink bisection ends a bit beside the data point: the point itself is the answer. Where no slope changes sign, the grid is.
    const point = sorted.find((x) => Math.abs(x - refined) < 1e-9 * (last - first) && f(x) <= f(refined));
    const sane = f(refined) <= values[i] + 1e-12 * Math.abs(values[i]) ? refined : grid[i];
    const theta = point === undefined ? sane : point;
    found.push({ theta, value: f(theta) });
  }
  const value = Math.min(...found.map((one) => one.value));
  const slack = 1e-11 * Math.max(1e-300, Math.abs(value), highest - lowest);
  const best = found.filter((one) => one.value <= value + slack);

  // Flat is where the pulls of the points cancel, not where the sum is almost the least: that holds around any smooth minimum.
  const flat = (theta) => {
    let [sum, size] = [0, 0];
    for (const x of sorted) {
      const slope = loss.slope(theta - x, p);
      sum += slope;
      size += Math.abs(slope);
    }
    return Math.abs(sum) <= 1e-12 * size && f(theta) <= value + slack;
  };
  const probe = 1e-4 * (last - first);
  const intervals = [];
  for (const { theta } of best) {
    if (intervals.some((one) => theta >= one.low - 1e-9 && theta <= one.high + 1e-9)) continue;
    intervals.push({
      low: flat(theta - probe) ? edge(flat, theta, -(last - first), sorted) : theta,
      high: flat(theta + probe) ? edge(flat, theta, last - first, sorted) : theta,
    });
  }
  const distinct = intervals.filter((one, i) => i === 0 || one.low - intervals[i - 1].high > 1e-6 * (last - first));
  return { low: distinct[0].low, high: distinct[0].high, value, ties: distinct.slice(1) };
}

// How far the bottom stays flat; an end that is a data point is given as that point.
function edge(flat, theta, reach, sorted) {
  let [inside, outside] = [theta, theta + Math.sign(reach) * 1e-4 * Math.abs(reach)];
  while (flat(outside) && Math.abs(outside - theta) < Math.abs(reach)) [inside, outside] = [outside, outside + reach / 64];
  for (let i = 0; i < 100; i++) {
    const middle = 0.5 * (inside + outside);
    if (middle === inside || middle === outside) break;
    if (flat(middle)) inside = middle;
    else outside = middle;
  }
  const point = sorted.find((x) => Math.abs(x - inside) < 1e-8 * Math.abs(reach));
  return point === undefined ? inside : point;
}

// Weighted least squares of a line; null where all the weight lies at one x.
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
  if (!(sxx > 1e-14 * w)) return null;
  return { slope: sxy / sxx, intercept: my - (sxy / sxx) * mx };
}

// The best line: {intercept, slope, value}. Iteratively reweighted least squares (weight slope(r)/r) from least squares, and from the
// best line through two points: that line is the answer itself for |r|, and a start beyond the outliers for a loss that levels off.
function line(loss, p, points) {
  const cost = (one) => points.reduce((sum, [x, y]) => sum + loss.value(one.intercept + one.slope * x - y, p), 0);
  const scored = (one) => ({ intercept: one.intercept, slope: one.slope, value: cost(one) });
  const start = weightedLine(points, points.map(() => 1));
  if (!start) {
    const level = minimizer(loss, p, points.map((point) => point[1]));
    return { intercept: level.low, slope: 0, value: level.value };
  }
  let pair = null;
  for (let i = 0; i < points.length; i++) {
    for (let j = 0; j < i; j++) {
      const run = points[i][0] - points[j][0];
      if (Math.abs(run) < 1e-9) continue;
      const slope = (points[i][1] - points[j][1]) / run;
      const one = scored({ slope, intercept: points[i][1] - slope * points[i][0] });
      if (!pair || one.value < pair.value) pair = one;
    }
  }
  const candidates = [scored(start), pair].map((from) => reweight(loss, p, points, from, scored));
  return candidates.reduce((best, one) => (one.value < best.value - 1e-14 * Math.abs(best.value) ? one : best));
}

function reweight(loss, p, points, start, scored) {
  const tiny = 1e-9;
  let best = start;
  for (let i = 0; i < 500; i++) {
    const weights = points.map(([x, y]) => {
      const r = best.intercept + best.slope * x - y;
      const safe = Math.abs(r) < tiny ? tiny : r;
      return Math.max(0, loss.slope(safe, p) / safe);
    });
    const next = weightedLine(points, weights);
    if (!next) break;
    const one = scored(next);
    const moved = Math.abs(next.slope - best.slope) + Math.abs(next.intercept - best.intercept);
    if (!(one.value <= best.value)) break;
    best = one;
    if (moved < 1e-13 * (1 + Math.abs(best.slope) + Math.abs(best.intercept))) break;
  }
  return best;
}
