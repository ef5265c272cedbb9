// Draws the interactive twin of a figure from the numbers beside it; geomem/report/explorer.py says how they are written.
// Without this script the twin stays hidden and the picture above it serves. Checked by tests/site.
"use strict";

(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const DASHES = ["7 4", "9 3 2 3", "2 3", "12 3 2 3 2 3"]; // of the marks, apart in gray too
  const MARGIN = {top: 30, right: 16, bottom: 46, left: 46};

  function element(parent, name, attributes = {}, text = "") {
    const made = parent.namespaceURI === SVG || name === "svg"
      ? document.createElementNS(SVG, name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return parent.appendChild(made);
  }

  // Text in which t_c stands for t with the subscript c.
  function addLabel(parent, text) {
    const [plain, ...subscripts] = text.split("_");
    parent.append(plain);
    for (const [letter, ...rest] of subscripts) {
      const inside = parent.namespaceURI === SVG;
      element(parent, inside ? "tspan" : "sub", inside ? {dy: 3, "font-size": "75%"} : {}, letter);
      if (inside && rest.length) element(parent, "tspan", {dy: -3}, rest.join(""));
      else parent.append(rest.join(""));
    }
  }

  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const sums = (row) => { let total = 0; return row.map((step) => (total += step)); };

  function unpack(text, length, step) {
    const rows = [];
    let row = [], number = 0, scale = 1;
    for (const byte of bytes(text)) {
      number += (byte & 127) * scale;
      scale *= 128;
      if (byte & 128) continue;
      row.push(number % 2 ? -(number + 1) / 2 : number / 2);
      [number, scale] = [0, 1];
      if (row.length === length) {
        rows.push(sums(sums(sums(sums(row)))).map((level) => Math.exp(level * step)));
        row = [];
      }
    }
    return rows;
  }

  const power = (exponent) => [...String(exponent)].map((sign) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(sign)]).join("");

  // Three digits.
  function written(x) {
    const [digits, exponent] = x.toExponential(2).split("e");
    if (exponent < -3 || exponent > 4) return `${digits} × 10${power(Number(exponent))}`;
    return exponent < 2 ? x.toFixed(2 - exponent) : String(Number(x.toPrecision(3)));
  }

  const decade = (exponent) => exponent < -3 || exponent > 3 ? `10${power(exponent)}` : String(10 ** exponent);

  // The position in an array of several axes, last axis fastest.
  const position = (places, sizes) => places.reduce((sum, place, axis) => sum * sizes[axis] + place, 0);

  function explore(root) {
    const about = JSON.parse(root.querySelector("script").textContent);
    const rows = unpack(about.rows, about.x.length, about.step);
    const index = new Uint16Array(bytes(about.index).buffer);
    const marks = about.marks.map((mark) => ({...mark, values: new Float32Array(bytes(mark.values).buffer)}));
    const sizes = about.controls.map((control) => control.texts.length);
    const chosen = about.controls.map((control) => control.start);
    let along = about.x_start;

    const svg = element(root, "svg", {role: "img", "aria-label": `${about.y_label} against ${about.x_label}, a curve`});
    const panel = element(root, "div", {class: "explorer-controls", role: "group", "aria-label": "What is drawn"});
    const list = element(root, "dl", {class: "explorer-readouts simple"});
    const summary = element(root, "p", {class: "explorer-summary", "aria-live": "polite"});

    function addSlider(dim, label, texts, start, choose) {
      const id = `${root.id}-${dim}`, box = element(panel, "div");
      element(box, "label", {for: id}, label);
      const shown = element(box, "output", {for: id, "aria-live": "off"});
      const input = element(box, "input", {id, type: "range", min: 0, max: texts.length - 1, step: 1, value: start});
      const update = () => {
        shown.textContent = texts[input.valueAsNumber];
        input.setAttribute("aria-valuetext", shown.textContent);
        choose(input.valueAsNumber);
      };
      input.addEventListener("input", () => { update(); draw(); });
      update();
    }

    function addList(dim, label, texts, start, choose) {
      const id = `${root.id}-${dim}`, box = element(panel, "div");
      element(box, "label", {for: id}, label);
      const select = element(box, "select", {id});
      for (const text of texts) element(select, "option", {}, text);
      select.selectedIndex = start;
      select.addEventListener("change", () => { choose(select.selectedIndex); draw(); });
    }

    about.controls.forEach(({dim, label, texts, kind, start}, axis) => {
      (kind === "list" ? addList : addSlider)(dim, label, texts, start, (place) => { chosen[axis] = place; });
    });
    addSlider(about.x_dim, about.x_label, about.x.map(written), along, (place) => { along = place; });
    const readouts = about.readouts.map(({label, value}) => {
      const box = element(list, "div"), name = element(box, "dt"), mark = marks.findIndex((m) => m.variable === value);
      if (mark >= 0) {
        const sample = element(name, "svg", {width: 34, height: 10, "aria-hidden": "true"});
        element(sample, "line", {x1: 0, x2: 34, y1: 5, y2: 5, class: `mark mark-${mark}`, "stroke-dasharray": DASHES[mark]});
      }
      addLabel(name, label);
      return {value, output: element(element(box, "dd"), "output", {"aria-live": "off"})};
    });

    function draw() {
      const curve = rows[index[position(chosen, sizes)]];
      const lines = marks.map(({variable, label, absent, dims, values}) => {
        const x = values[position(dims.map((axis) => chosen[axis]), dims.map((axis) => sizes[axis]))];
        return {variable, label, x, text: Number.isNaN(x) ? absent : written(x)};
      });
      const texts = {x: written(about.x[along]), y: written(curve[along]), "1/y": written(1 / curve[along])};
      for (const {variable, text} of lines) texts[variable] = text;
      about.controls.forEach(({dim, texts: names}, axis) => { texts[dim] = names[chosen[axis]]; });
      for (const {value, output} of readouts) output.textContent = texts[value];
      summary.textContent = about.summary.replace(/\{([^{}]*)\}/g, (_, name) => texts[name]);
      plot(curve, lines);
    }

    function plot(curve, lines) {
      const width = root.clientWidth, height = Math.round(Math.min(360, 200 + width / 5));
      const [left, right, top, bottom] = [MARGIN.left, width - MARGIN.right, MARGIN.top, height - MARGIN.bottom];
      const [low, high] = [about.x[0], about.x.at(-1)].map(Math.log10);
      const across = (x) => left + (right - left) * (Math.log10(x) - low) / (high - low);
      const up = (y) => bottom - (bottom - top) * Math.min(y / about.y_max, 1);
      svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
      svg.replaceChildren();
      for (let exponent = Math.ceil(low - 1e-9); exponent <= high + 1e-9; exponent++) {
        const x = across(10 ** exponent);
        element(svg, "line", {x1: x, x2: x, y1: top, y2: bottom, class: "grid"});
        element(svg, "text", {x, y: bottom + 18, "text-anchor": "middle"}, decade(exponent));
      }
      for (let quarter = 0; quarter <= 4; quarter++) {
        const y = up(about.y_max * quarter / 4);
        element(svg, "line", {x1: left, x2: right, y1: y, y2: y, class: quarter ? "grid" : "axis"});
        element(svg, "text", {x: left - 6, y: y + 4, "text-anchor": "end"}, String(about.y_max * quarter / 4));
      }
      element(svg, "text", {x: (left + right) / 2, y: height - 8, "text-anchor": "middle"}, about.x_label);
      element(svg, "text", {x: 2, y: 14}, about.y_label);
      lines.forEach(({x, label}, k) => {
        if (!(x >= about.x[0] && x <= about.x.at(-1))) return; // off the plot, or none: the number below says so
        const place = across(x), leftward = place > (left + right) / 2;
        element(svg, "line", {
          x1: place, x2: place, y1: top, y2: bottom, class: `mark mark-${k}`, "stroke-dasharray": DASHES[k],
        });
        addLabel(element(svg, "text", {
          x: place + (leftward ? -5 : 5), y: top + 13 + 17 * k, "text-anchor": leftward ? "end" : "start", class: "halo",
        }), label);
      });
      const points = curve.map((y, k) => `${across(about.x[k]).toFixed(1)},${up(y).toFixed(1)}`);
      element(svg, "polyline", {points: points.join(" "), class: "curve"});
      element(svg, "circle", {cx: across(about.x[along]), cy: up(curve[along]), r: 6, class: "point"});
    }

    root.hidden = false;
    draw();
    let width = root.clientWidth;
    new ResizeObserver(() => {
      if (root.clientWidth !== width) {
        width = root.clientWidth;
        draw();
      }
    }).observe(root);
  }

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("div.explorer").forEach(explore));
})();
