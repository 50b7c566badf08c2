"use strict";
// The explorer. The numbers come from the library; this script adds them up and draws them.

const DATA = JSON.parse(document.getElementById("numbers").textContent);
const CELLS = { elman: "Elman", lstm: "LSTM", gru: "GRU" };
const SCALES = { "0.5": "× ½", "1.0": "× 1", "2.0": "× 2" };
const EXPLAINED = {
  1: "Every step then has the f′ of the last one.",
  2: "Then dh(t) lacks dŷ(t) Wyᵀ before the last step.",
  3: "dh(t−1) = dz(t) U, where dz(t) Uᵀ is right.",
  4: "dz(t)ᵀ h(t−1) is added up, where h(t−1)ᵀ dz(t) is right.",
};

const view = {
  cell: "elman", steps: 6, position: 0, entry: 0,
  mistakes: new Set(), scale: "1.0", epoch: DATA.training.epochs.length - 1, timer: null,
};

// ---- what is shown now

const cell = () => DATA.cells[view.cell];
const lesson = () => cell().lessons[view.steps];
const key = () => [...view.mistakes].sort().join("");
const run = () => lesson().runs[key()];
const goesBack = () => view.position > view.steps;
/** The step, from 1, at which the walk stands; 0 before the first. */
const now = () => (goesBack() ? 2 * view.steps + 1 - view.position : view.position);
/** The steps, from 0, that the way back has reached, the newest last. */
const reached = () =>
  goesBack() ? Array.from({ length: view.position - view.steps }, (_, k) => view.steps - 1 - k) : [];

/** The numbers of all parameters' gradients, in one list: name, place, step by step and sum. */
function entries() {
  const list = [];
  for (const [name, [rows, columns]] of Object.entries(cell().shapes)) {
    const steps = run().back.map((step) => [step.terms[name]].flat(Infinity));
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        const terms = steps.map((numbers) => numbers[i * columns + j]);
        const index = list.length;
        list.push({
          name, i, j, index, terms,
          total: sum(terms), numeric: lesson().numeric[index], ok: run().ok[index],
        });
      }
    }
  }
  return list;
}

const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);

/** A number as text: four digits after the point, or an exponent where they would say nothing. */
function show(number) {
  const small = number !== 0 && Math.abs(number) < 0.001;
  return (small ? number.toExponential(1) : number.toFixed(4)).replace("-", "−");
}

// ---- making elements

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  return fill(element, attributes, children);
}

function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  return fill(element, attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

const place = (id, ...children) => document.getElementById(id).replaceChildren(...children);

function table(caption, head, rows, style = []) {
  const cells = (tag, texts) => texts.map((text, k) =>
    make(tag, { class: style[k] || false }, text));
  return make("div", { class: "wide" }, make("table", {},
    make("caption", {}, caption),
    make("thead", {}, make("tr", {}, ...cells("th", head))),
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...cells("td", row))))));
}

// ---- the network, unrolled

function renderDrawing() {
  const T = view.steps, width = T > 12 ? 62 : T > 6 ? 80 : 116, height = 268;
  const left = 46, back = run().back, seen = new Set(reached());
  const y = { out: 34, state: 130, input: 232 };
  const largest = (rows) => Math.max(...rows.flat().map(Math.abs)) || 1;
  const most = largest(back.map((step) => step.dstate[0]));
  const mostState = largest(lesson().forward.map((step) => step.state[0]));
  const picture = draw("svg", {
    viewBox: `0 0 ${left + T * width + 10} ${height}`, width: left + T * width + 10, height,
    role: "img", "aria-label": `${T} steps of the network`,
  });
  const text = (x, at, words, style = "") =>
    draw("text", { x, y: at, "text-anchor": "middle", class: style }, words);
  const edge = (x1, y1, x2, y2, style) =>
    draw("path", { class: `edge ${style}`, d: arrow(x1, y1, x2, y2) });
  for (const [row, name] of [["out", "ŷ(t)"], ["state", "h(t)"], ["input", "x(t)"]])
    picture.append(text(20, y[row] + 4, name, "quiet"));
  for (let t = 0; t < T; t++) {
    const x = left + (t + 0.5) * width, forward = t < view.position, returned = seen.has(t);
    const step = lesson().forward[t];
    const column = draw("g", { class: "column", onclick: () => goTo(goesBack() ? 2 * T - t : t + 1) });
    column.append(draw("rect", { x: x - width / 2, y: 0, width, height, fill: "transparent" }));
    const lit = forward ? "forward" : "";
    column.append(edge(x, y.input - 16, x, y.state + 32, lit), edge(x, y.state - 32, x, y.out + 18, lit));
    if (t) column.append(edge(x - width + 24, y.state - 6, x - 26, y.state - 6, lit));
    if (returned) {
      const forgotten = view.mistakes.has(2) && t < T - 1;
      column.append(edge(x + 9, y.out + 18, x + 9, y.state - 32, forgotten ? "missing" : "gradient"));
      column.append(edge(x + 9, y.state + 32, x + 9, y.input - 16, "gradient"));
      if (t) column.append(edge(x - 26, y.state + 8, x - width + 24, y.state + 8,
        view.mistakes.has(3) ? "wrong" : "gradient"));
    }
    if (!t) {
      column.append(text(x - 14, (y.input + y.state) / 2 + 8, "W", "quiet"));
      column.append(text(x - 16, (y.out + y.state) / 2 - 2, "Wy", "quiet"));
    }
    if (t === 1) column.append(text(x - width / 2, y.state - 14, "U", "quiet"));
    const current = now() === t + 1 ? "now" : "";
    column.append(draw("rect", { class: `box ${current}`, x: x - 24, y: y.state - 30, width: 48, height: 60, rx: 8 }));
    if (forward) column.append(...bars(x - (returned ? 20 : 10), y.state, step.state[0], mostState, "forward", returned ? 5 : 6));
    if (returned) column.append(...bars(x + 2, y.state, back[t].dstate[0], most, "gradient", 5));
    column.append(text(x, y.input + 4, lesson().x[t].toFixed(2).replace("-", "−")));
    column.append(text(x, y.out + 4, forward ? step.y_hat.toFixed(2).replace("-", "−") : "·"));
    column.append(text(x, y.out - 14, `y ${lesson().y[t].toFixed(2).replace("-", "−")}`, "quiet"));
    column.append(text(x, height - 6, `t = ${t + 1}`, "quiet"));
    picture.append(column);
  }
  const scroll = document.getElementById("drawing").scrollLeft;
  place("drawing", picture);
  const box = document.getElementById("drawing"), x = left + (now() - 0.5) * width;
  box.scrollLeft = scroll;
  if (now() && (x < scroll + width || x > scroll + box.clientWidth - width))
    box.scrollLeft = x - box.clientWidth / 2;
}

/** The path of an arrow from one point to another. */
function arrow(x1, y1, x2, y2) {
  const angle = Math.atan2(y2 - y1, x2 - x1), tip = (turn) =>
    `${x2 - 7 * Math.cos(angle + turn)} ${y2 - 7 * Math.sin(angle + turn)}`;
  return `M${x1} ${y1}L${x2} ${y2}M${tip(0.5)}L${x2} ${y2}L${tip(-0.5)}`;
}

/** Three small bars around a middle line, for the numbers of the units. */
function bars(x, middle, numbers, most, style, width) {
  const line = draw("line", { class: "axis", x1: x, x2: x + numbers.length * (width + 1), y1: middle, y2: middle });
  return [line, ...numbers.map((number, unit) => {
    const size = Math.max(26 * Math.min(Math.abs(number) / most, 1), 0.8);
    return draw("rect", {
      class: style, x: x + unit * (width + 1), y: number > 0 ? middle - size : middle, width, height: size,
    });
  })];
}

// ---- one step in numbers

function renderStep() {
  const t = now();
  if (!t) {
    place("where", "At the start: h(0) = 0. Press ▶, or the key →, to compute the first step.");
    return place("numbers-of-step", make("p", { class: "hint" },
      `The network has ${sum(Object.values(cell().shapes).map(([a, b]) => a * b))} parameters; they stand at the foot of the page.`));
  }
  place("where", goesBack() ? sayBack(t) : `Forward, step ${t} of ${view.steps}: h(${t}) is computed from x(${t}) and h(${t - 1}), and ŷ(${t}) from h(${t}).`);
  place("numbers-of-step", ...(goesBack() ? tablesBack(t) : tablesForward(t)));
}

function sayBack(t) {
  const first = t === view.steps
    ? `Back, step ${t}: dh(${t}) comes from the error of this step alone.`
    : `Back, step ${t}: dh(${t}) is the share of this step's error, and what comes back from step ${t + 1}.`;
  return first + (t === 1 ? " All terms are there: the gradient is complete." : "");
}

function tablesForward(t) {
  const step = lesson().forward[t - 1], H = DATA.hidden_size, units = [...Array(H).keys()];
  const gates = cell().gates;
  const shown = gates.length
    ? table(`The gates at step ${t}`, ["unit", ...gates, ...cell().states.slice(1).map((s) => `${s}(${t})`), `h(${t})`],
      units.map((u) => [u, ...step.gates.map((g) => show(g[u])), ...step.state.slice(1).map((s) => show(s[u])), show(step.state[0][u])]),
      ["", ...gates.map(() => ""), ...cell().states.slice(1).map(() => ""), "is-forward"])
    : table("z(t) = x(t) W + b + h(t−1) U and h(t) = tanh z(t)",
      ["unit", `x(${t}) W + b`, `h(${t - 1}) U`, `z(${t})`, `h(${t})`],
      units.map((u) => [u, show(step.p[u]), show(step.q[u]), show(step.p[u] + step.q[u]), show(step.state[0][u])]),
      ["", "", "", "", "is-forward"]);
  const error = step.y_hat - lesson().y[t - 1];
  return [shown, table("ŷ(t) = h(t) Wy + by, and the error", [`ŷ(${t})`, `y(${t})`, "ŷ − y"],
    [[show(step.y_hat), show(lesson().y[t - 1]), show(error)]], ["is-forward"])];
}

function tablesBack(t) {
  const step = run().back[t - 1], H = DATA.hidden_size, units = [...Array(H).keys()];
  const gates = cell().gates, wrong = view.mistakes;
  const head = ["unit", `dŷ(${t}) Wyᵀ`, t < view.steps ? `from step ${t + 1}` : "from later", `dh(${t})`];
  const style = ["", wrong.has(2) && t < view.steps ? "is-wrong" : "", wrong.has(3) ? "is-wrong" : "", "is-gradient"];
  const rows = units.map((u) => [u, show(step.from_error[u]), show(step.from_later[u]), show(step.dstate[0][u])]);
  const result = [table(`dŷ(${t}) = (ŷ − y) / T = ${show(step.dy_hat)}`, head, rows, style)];
  if (gates.length) {
    const more = cell().states.slice(1).map((s) => `d${s}(${t})`);
    result.push(table("Through the gates", ["unit", ...more, ...gates.map((g) => `dp ${g}`)],
      units.map((u) => [u, ...step.dstate.slice(1).map((d) => show(d[u])), ...gates.map((_, k) => show(step.dp[k * H + u]))]),
      wrong.has(1) ? ["", ...more.map(() => ""), ...gates.map(() => "is-wrong")] : []));
  } else {
    const slope = lesson().forward[(wrong.has(1) ? view.steps : t) - 1].slope;
    result.push(table("dz(t) = dh(t) f′(z(t)), with f′ = 1 − h²",
      ["unit", `dh(${t})`, wrong.has(1) ? `f′ of step ${view.steps}` : `f′(z(${t}))`, `dz(${t})`],
      units.map((u) => [u, show(step.dstate[0][u]), show(slope[u]), show(step.dp[u])]),
      ["", "is-gradient", wrong.has(1) ? "is-wrong" : "", "is-gradient"]));
  }
  for (const [name, formula] of [["W", `x(${t})ᵀ dp(${t})`], ["U", `h(${t - 1})ᵀ dq(${t})`]]) {
    const [, columns] = cell().shapes[name], numbers = [step.terms[name]].flat(Infinity);
    const lines = [];
    for (let i = 0; i < numbers.length; i += columns) lines.push(numbers.slice(i, i + columns).map(show));
    const flipped = name === "U" && wrong.has(4);
    result.push(table(`d${name} += ${flipped ? `dq(${t})ᵀ h(${t - 1})` : formula}`,
      lines[0].map((_, j) => (gates.length ? `${gates[Math.floor(j / H)]} ${j % H}` : `${j}`)),
      lines, lines[0].map(() => (flipped ? "is-wrong" : ""))));
  }
  return result;
}

// ---- the gradient, as bars

function renderGradient() {
  const list = entries(), steps = reached(), newest = steps.at(-1);
  place("bars", ...Object.entries(cell().shapes).map(([name, shape]) =>
    renderArray(name, shape, list.filter((entry) => entry.name === name), steps, newest)));
  renderCheck(list);
  renderTerms(list[view.entry], steps);
}

function renderArray(name, [rows, columns], list, steps, newest) {
  const most = Math.max(...list.map((entry) => Math.max(Math.abs(entry.numeric), Math.abs(entry.total)))) || 1;
  const grid = make("div", {
    class: "grid", style: `grid-template-columns: repeat(${columns}, ${columns > 4 ? "minmax(22px, 34px)" : "44px"})`,
  });
  const H = DATA.hidden_size;
  if (columns > H) cell().gates.slice(0, columns / H).forEach((gate) =>
    grid.append(make("small", { style: `grid-column: span ${H}`, title: gate }, gate)));
  grid.append(...list.map((entry) => renderBar(entry, most, steps, newest)));
  return make("div", { class: "array" }, make("span", {}, `d${name} (${rows}, ${columns})`), grid);
}

function renderBar(entry, most, steps, newest) {
  const whole = sum(steps.map((t) => entry.terms[t]));
  const before = newest === undefined ? 0 : whole - entry.terms[newest];
  const complete = steps.length === view.steps, style = complete && !entry.ok ? "wrong" : "gradient";
  const at = (number) => 16 - (number / most) * 13;
  const bar = (from, to, more) => draw("rect", {
    class: `${style} ${more}`, x: 7, width: 16, y: Math.min(at(from), at(to)), height: Math.abs(at(from) - at(to)),
  });
  const found = complete ? `, ${entry.ok ? "right" : "wrong"}` : "";
  return make("button", {
    type: "button", tabindex: entry.index === view.entry ? 0 : -1, "aria-pressed": `${entry.index === view.entry}`,
    "aria-label": `${label(entry)}: ${show(whole)} so far, finite difference ${show(entry.numeric)}${found}`,
    title: label(entry), "data-ok": `${entry.ok}`,
    onclick: () => { view.entry = entry.index; render(); document.querySelector(".grid [aria-pressed=true]").focus({ preventScroll: true }); },
  }, draw("svg", { viewBox: "0 0 30 32", preserveAspectRatio: "none", "aria-hidden": "true" },
    draw("line", { class: "axis", x1: 2, x2: 28, y1: 16, y2: 16 }),
    bar(0, before, ""), bar(before, whole, "light"),
    draw("line", { x1: 2, x2: 28, y1: at(entry.numeric), y2: at(entry.numeric), stroke: "var(--ink)", "stroke-width": 1.6 })));
}

const label = (entry) => `d${entry.name}[${entry.i}, ${entry.j}]`;

function renderCheck(list) {
  const wrong = list.filter((entry) => !entry.ok), box = document.getElementById("check");
  box.className = wrong.length ? "wrong" : "right";
  const names = [...new Set(wrong.map((entry) => entry.name))].map((name) => {
    const of = (entries) => entries.filter((entry) => entry.name === name).length;
    return `d${name} ${of(wrong)} of ${of(list)}`;
  });
  const verdict = document.getElementById("verdict");
  verdict.className = box.className;
  verdict.textContent = wrong.length ? "✗ gradient wrong" : "✓ gradient right";
  place("check", make("strong", {}, wrong.length ? "✗ The gradient is wrong." : "✓ The gradient is right."),
    wrong.length
      ? ` With all steps added, ${wrong.length} of ${list.length} numbers differ from their finite differences: ${names.join(", ")}.`
      : ` With all steps added, all ${list.length} numbers agree with their finite differences, to ${run().error.toExponential(0).replace("-", "−")} of their size.`);
}

function renderTerms(entry, steps) {
  const T = view.steps, width = 420, height = 120, column = (width - 40) / T;
  const most = Math.max(...entry.terms.map(Math.abs)) || 1;
  const picture = draw("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
    "aria-label": `The terms of ${label(entry)}, a bar for each step` });
  const middle = 55;
  picture.append(draw("line", { class: "axis", x1: 30, x2: width, y1: middle, y2: middle }));
  for (const t of steps) {
    const size = (45 * Math.abs(entry.terms[t])) / most;
    picture.append(draw("rect", {
      class: `gradient ${t === steps.at(-1) ? "light" : ""}`, x: 32 + t * column, width: Math.max(column - 3, 2),
      y: entry.terms[t] > 0 ? middle - size : middle, height: size,
    }));
  }
  for (let t = 0; t < T; t++)
    if (T <= 12 || t % 4 === 3 || !t)
      picture.append(draw("text", { x: 32 + (t + 0.5) * column, y: height - 4, "text-anchor": "middle", class: "quiet" }, `${t + 1}`));
  const so_far = sum(steps.map((t) => entry.terms[t]));
  place("terms", make("p", { class: "hint" },
    `Terms of ${label(entry)} by step. Their sum so far is ${show(so_far)}; the finite difference is ${show(entry.numeric)}.`), picture);
}

// ---- the mistakes

function renderMistakes() {
  place("switches", ...Object.entries(DATA.mistakes).map(([number, name]) => {
    const possible = cell().allowed.includes(Number(number));
    const box = make("input", {
      type: "checkbox", id: `mistake-${number}`, disabled: !possible,
      onchange: () => toggle(Number(number)),
    });
    box.checked = view.mistakes.has(Number(number));
    const [rows, columns] = cell().shapes.U;
    return make("label", {}, box, make("span", {}, `${number}. ${name[0].toUpperCase()}${name.slice(1)}`),
      make("small", {}, possible ? EXPLAINED[number] : `U is (${rows}, ${columns}) here, and NumPy refuses the product.`));
  }));
}

function toggle(number) {
  if (!cell().allowed.includes(number)) return;
  const box = `mistake-${number}`, focused = document.activeElement.id === box;
  if (!view.mistakes.delete(number)) view.mistakes.add(number);
  render();
  if (focused) document.getElementById(box).focus({ preventScroll: true });
}

// ---- charts

/** A chart of lines over x, with labels on both axes; a line is {x, y, style}. */
function chart({ lines, dots = [], low, high, left, right, ticks, xticks, xlabel, name }) {
  const width = 480, height = 210, box = { left: 58, right: width - 20, top: 10, bottom: height - 38 };
  const px = (x) => box.left + ((x - left) / (right - left || 1)) * (box.right - box.left);
  const py = (y) => box.bottom - ((Math.min(Math.max(y, low), high) - low) / (high - low)) * (box.bottom - box.top);
  const picture = draw("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": name });
  for (const [value, text] of ticks) picture.append(
    draw("line", { class: "axis", x1: box.left, x2: box.right, y1: py(value), y2: py(value) }),
    draw("text", { class: "quiet", x: box.left - 6, y: py(value) + 4, "text-anchor": "end" }, text));
  for (const x of xticks) picture.append(
    draw("text", { class: "quiet", x: px(x), y: box.bottom + 17, "text-anchor": "middle" }, `${x}`));
  picture.append(draw("text", { class: "quiet", x: (box.left + box.right) / 2, y: height - 4, "text-anchor": "middle" }, xlabel));
  for (const { x, y } of dots) picture.append(draw("circle", { class: "data", cx: px(x), cy: py(y), r: 3 }));
  for (const line of lines) picture.append(draw("path", {
    class: `chart ${line.style}`, d: line.y.map((y, k) => `${k ? "L" : "M"}${px(line.x[k]).toFixed(1)} ${py(y).toFixed(1)}`).join(""),
  }));
  return picture;
}

const count = (from, length) => Array.from({ length }, (_, k) => from + k);

function legend(items) {
  return make("p", { class: "hint" }, ...items.flatMap(([words, style], k) =>
    [k ? ", " : "", make("span", { class: style }, words)]));
}

function renderReach() {
  const T = view.steps, names = Object.keys(CELLS), steps = count(1, T);
  const values = names.map((name) => DATA.cells[name].reach[view.scale][T]);
  const logs = values.map((list) => list.map((value) => Math.log10(value)));
  const low = Math.min(-1, Math.floor(Math.min(...logs.flat()))), high = Math.max(1, Math.ceil(Math.max(...logs.flat())));
  const power = (k) => `10${[...`${k}`].map((digit) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(digit)]).join("")}`;
  const every = high - low > 6 ? 2 : 1;
  const ticks = count(low, high - low + 1).filter((k) => k % every === 0).map((k) => [k, k ? power(k) : "1"]);
  place("reach-chart",
    legend(names.map((name, k) => [`${name === view.cell ? "● " : ""}${CELLS[name]}: ${values[k][0].toPrecision(2)} at step 1`, `is-${name}`])),
    chart({
      lines: names.map((name, k) => ({ x: steps, y: logs[k], style: `${name} ${name === view.cell ? "chosen" : ""}` })),
      low, high, left: 1, right: T, ticks, xticks: T > 12 ? [1, 6, 12, 18, 24] : steps, xlabel: "step t",
      name: "The gradient's share that reaches each step",
    }));
}

function renderTraining() {
  const { x, y, epochs } = DATA.training, right = cell().trained[""], mistaken = cell().trained[key()];
  const shown = view.epoch, epoch = epochs[shown], steps = count(1, x.length), both = view.mistakes.size > 0;
  const slider = document.getElementById("epoch");
  slider.max = epochs.length - 1;
  slider.value = shown;
  place("epoch-number", `${epoch}`);
  const words = [[`right gradient: loss ${show(right.loss[epoch])}`, "is-forward"]];
  if (both) words.push([`with the mistakes: loss ${show(mistaken.loss[epoch])}`, "is-wrong"]);
  const pair = (list) => [{ ...list(right), style: "forward chosen" }, ...(both ? [{ ...list(mistaken), style: "wrong chosen" }] : [])];
  place("fit-chart", legend([["● the sine", ""], ...words]), chart({
    lines: pair((trained) => ({ x: steps, y: trained.y_hat[shown] })), dots: steps.map((t, k) => ({ x: t, y: y[k] })),
    low: -1.5, high: 1.5, left: 1, right: x.length, ticks: [[-1, "−1"], [0, "0"], [1, "1"]],
    xticks: [1, 12, 24, 36], xlabel: "step t", name: `The prediction after ${epoch} epochs`,
  }));
  const last = right.loss.length - 1, log = (list) => list.map((value) => Math.log10(value));
  place("loss-chart", chart({
    lines: [...pair((trained) => ({ x: count(0, last + 1), y: log(trained.loss) })), { x: [epoch, epoch], y: [-4, 0], style: "axis" }],
    low: -4, high: 0, left: 0, right: last, ticks: [[-4, "0.0001"], [-3, "0.001"], [-2, "0.01"], [-1, "0.1"], [0, "1"]],
    xticks: count(0, 5).map((k) => (k * last) / 4), xlabel: "epoch", name: "The loss over the epochs",
  }));
}

// ---- controls

function options(id, names, chosen, choose) {
  const fieldset = document.getElementById(id);
  if (!fieldset.querySelector("input"))
    for (const [value, name] of names) fieldset.append(make("label", {},
      make("input", { type: "radio", name: id, value, onchange: () => { choose(value); render(); } }), name));
  for (const input of fieldset.querySelectorAll("input")) input.checked = input.value === `${chosen}`;
}

function chooseCell(name) {
  view.cell = name;
  view.entry = 0;
  for (const number of [...view.mistakes]) if (!cell().allowed.includes(number)) view.mistakes.delete(number);
}

function chooseLength(steps) {
  const share = view.position / (2 * view.steps);
  view.steps = Number(steps);
  view.position = Math.round(share * 2 * view.steps);
}

function goTo(position) {
  view.position = Math.min(Math.max(position, 0), 2 * view.steps);
  if (view.position === 2 * view.steps) stop();
  render();
}

function stop() {
  clearInterval(view.timer);
  view.timer = null;
}

function play() {
  if (view.timer) stop();
  else {
    if (view.position === 2 * view.steps) view.position = 0;
    view.timer = setInterval(() => goTo(view.position + 1), 900);
  }
  render();
}

function renderControls() {
  options("cell", Object.entries(CELLS), view.cell, chooseCell);
  options("length", DATA.lengths.map((steps) => [`${steps}`, `${steps}`]), view.steps, chooseLength);
  options("scale", Object.entries(SCALES), view.scale, (scale) => { view.scale = scale; });
  const slider = document.getElementById("position"), last = 2 * view.steps;
  slider.max = last;
  slider.value = view.position;
  slider.setAttribute("aria-valuetext", `${goesBack() ? "back" : "forward"}, step ${now()}`);
  for (const [id, off] of [["start", !view.position], ["back", !view.position], ["next", view.position === last], ["end", view.position === last]])
    document.getElementById(id).disabled = off;
  document.getElementById("play").textContent = view.timer ? "Pause" : "Play";
}

function renderParameters() {
  place("parameters", ...Object.entries(cell().shapes).map(([name, [rows, columns]]) => {
    const numbers = [cell().params[name]].flat(Infinity);
    return table(`${name} (${rows}, ${columns})`, count(0, columns).map(String),
      count(0, rows).map((i) => numbers.slice(i * columns, (i + 1) * columns).map(show)));
  }));
  place("made", `Made by xprnn ${DATA.version}, seed ${DATA.seed}.`);
}

function render() {
  renderControls();
  renderDrawing();
  renderStep();
  renderGradient();
  renderMistakes();
  renderReach();
  renderTraining();
  renderParameters();
}

function cycle(list, value, by = 1) {
  return list[(list.indexOf(value) + by + list.length) % list.length];
}

const KEYS = {
  ArrowRight: () => goTo(view.position + 1),
  ArrowLeft: () => goTo(view.position - 1),
  Home: () => goTo(0),
  End: () => goTo(2 * view.steps),
  " ": play,
  c: () => { chooseCell(cycle(Object.keys(CELLS), view.cell)); render(); },
  t: () => { chooseLength(cycle(DATA.lengths, view.steps)); render(); },
  e: () => { view.epoch = (view.epoch + 1) % DATA.training.epochs.length; render(); },
  "]": () => { view.entry = (view.entry + 1) % entries().length; render(); },
  "[": () => { view.entry = (view.entry + entries().length - 1) % entries().length; render(); },
};
for (const number of [1, 2, 3, 4]) KEYS[number] = () => toggle(number);

document.addEventListener("keydown", (event) => {
  const chosen = event.target, own = chosen.matches("input[type=range]");
  const presses = chosen.matches("button, summary, input") && event.key === " ";
  const moves = ["ArrowRight", "ArrowLeft", "Home", "End"].includes(event.key);
  if (event.ctrlKey || event.metaKey || event.altKey || presses || (own && moves)) return;
  const action = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!action) return;
  event.preventDefault();
  action();
});
const on = (id, event, action) => document.getElementById(id).addEventListener(event, action);
on("start", "click", () => goTo(0));
on("back", "click", () => goTo(view.position - 1));
on("play", "click", play);
on("next", "click", () => goTo(view.position + 1));
on("end", "click", () => goTo(2 * view.steps));
on("position", "input", (event) => goTo(Number(event.target.value)));
on("epoch", "input", (event) => { view.epoch = Number(event.target.value); render(); });
on("theme", "click", () => {
  const root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)").matches;
  root.style.colorScheme = (root.style.colorScheme || (dark ? "dark" : "light")) === "dark" ? "light" : "dark";
});

render();
