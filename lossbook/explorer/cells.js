// Cells of a matrix, each with bars from a zero line and a number: what scenes of matrices share.

// `rows` and `columns` are their names, `range` the values at the bottom and the top of a cell, `kinds` one bar each.
// Returns the cells row by row, `place(left, top, side)`, `show(k, values, text)` and `at(px, py)`, the cell that is there.
function makeCells(parent, { title, rows, columns, range: [low, high], kinds = [""] }) {
  const group = svg("g", {}, parent);
  const heading = svg("text", { class: "lb-word lb-strong", text: title }, group);
  const name = (text) => svg("text", { class: "lb-word", "text-anchor": "middle", text }, group);
  const [left, top] = [rows.map(name), columns.map(name)];
  const cells = rows.flatMap(() => columns.map(() => {
    const one = svg("g", { class: "lb-slot" }, group);
    return {
      group: one, box: svg("rect", { class: "lb-box" }, one), ground: svg("line", { class: "lb-ground" }, one),
      bars: kinds.map((kind) => svg("rect", { class: `lb-block ${kind}` }, one)),
      number: svg("text", { class: "lb-number", "text-anchor": "middle" }, one),
    };
  }));
  const gap = 3; // between neighbors
  const made = { group, cells, heading, left: 0, top: 0, side: 0 };
  const corner = (k) => [made.left + (k % columns.length) * made.side, made.top + Math.floor(k / columns.length) * made.side];
  const yOf = (k, value) => corner(k)[1] + ((high - clamp(value, low, high)) / (high - low)) * (made.side - gap);

  // The names stand to the left and above; `left` and `top` are where they begin.
  made.place = (x, y, side) => {
    Object.assign(made, { left: x + CELL_NAMES[0], top: y + CELL_NAMES[1], side });
    setAll(heading, { x, y: y + 14 });
    left.forEach((text, i) => setAll(text, { x: x + 8, y: made.top + (i + 0.5) * side + 3 }));
    top.forEach((text, j) => setAll(text, { x: made.left + (j + 0.5) * side - gap / 2, y: made.top - 6 }));
    cells.forEach(({ box, ground }, k) => {
      const [cx, cy] = corner(k);
      setAll(box, { x: cx, y: cy, width: side - gap, height: side - gap });
      setAll(ground, { x1: cx, x2: cx + side - gap, y1: yOf(k, 0), y2: yOf(k, 0) });
    });
  };
  // One value for each kind, null for one that is not shown; the number keeps away from the bars.
  made.show = (k, values, text) => {
    const [cx, cy] = corner(k);
    const shown = values.filter((value) => value !== null);
    const wide = (made.side - gap - 8) / shown.length;
    cells[k].bars.forEach((bar, i) => {
      bar.style.display = values[i] === null ? "none" : "";
      if (values[i] === null) return;
      const [from, to] = [yOf(k, 0), yOf(k, values[i])];
      const before = values.slice(0, i).filter((value) => value !== null).length;
      setAll(bar, { x: cx + 4 + before * wide, width: Math.max(1, wide - 1), y: Math.min(from, to), height: Math.abs(to - from) });
    });
    const above = low === 0 || values.every((value) => !(value > 0));
    cells[k].number.textContent = text;
    setAll(cells[k].number, { x: cx + (made.side - gap) / 2, y: above ? cy + 16 : cy + made.side - gap - 6 });
  };
  made.at = (px, py) => {
    const index = (value, count) => clamp(Math.floor(value / made.side), 0, count - 1);
    return index(py - made.top, rows.length) * columns.length + index(px - made.left, columns.length);
  };
  return made;
}

const CELL_NAMES = [18, 42]; // room for the names of rows, and for title and names of columns
