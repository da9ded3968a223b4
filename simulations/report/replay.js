// The replay: the day's vehicles and riders on the map, on a canvas, at a chosen speed.
// Data and its units: replay.py.
(() => {
  "use strict";
  const root = document.getElementById("replay-stage");
  if (!root) return;
  const day = JSON.parse(document.getElementById("replay-data").textContent);
  const text = JSON.parse(document.getElementById("replay-words").textContent);
  const at = (name) => root.querySelector(`[data-replay="${name}"]`);
  const [canvas, slider, button, speed, clock] = ["map", "time", "play", "speed", "clock"].map(at);
  const context = canvas.getContext("2d");
  const style = getComputedStyle(root);
  const colour = (name) => style.getPropertyValue(name).trim();
  const REFUSED_SHOWN_S = 600;
  const AFTER_S = 60;

  for (const vehicle of day.vehicles) {
    vehicle.starts = vehicle.legs.map((leg) => leg[0]);
  }

  /** Index of the last start no later than `t`; -1 if there is none. */
  function lastBefore(starts, t) {
    let [low, high] = [0, starts.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (starts[middle] <= t) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  const inside = (spans, t) => spans.find((span) => span[0] <= t && t < span[1]);

  /** Seconds of an interval in which a vehicle was not broken down. */
  const moving = (stands, from, to) =>
    stands.reduce(
      (left, [a, b]) => left - Math.max(0, Math.min(b, to) - Math.max(a, from)),
      to - from,
    );

  /** A leg's way as points with metres driven so far; made when first needed. */
  function wayOf(leg) {
    if (leg.points) return leg.points;
    const steps = leg[3];
    const points = [[steps[0], steps[1], 0]];
    for (let i = 2; i < steps.length; i += 2) {
      const [x, y, m] = points[points.length - 1];
      points.push([x + steps[i], y + steps[i + 1], m + Math.hypot(steps[i], steps[i + 1])]);
    }
    leg.points = points;
    return points;
  }

  /** Where a share of a leg's way ends. */
  function placeOn(leg, share) {
    const points = wayOf(leg);
    const wanted = share * points[points.length - 1][2];
    let i = 1;
    while (i < points.length - 1 && points[i][2] < wanted) i += 1;
    if (points.length < 2) return points[0];
    const [a, b] = [points[i - 1], points[i]];
    const part = b[2] > a[2] ? (wanted - a[2]) / (b[2] - a[2]) : 1;
    return [a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1])];
  }

  /** What a vehicle is doing: {state, persons, place}; null when it is not on a shift. */
  function doing(vehicle, t) {
    const last = lastBefore(vehicle.starts, t);
    const leg = vehicle.legs[Math.max(0, last)];
    const drives = last >= 0 && t < leg[1];
    if (!drives && !inside(vehicle.shifts, t)) return null;
    if (!leg) return null;
    let share = last < 0 ? 0 : 1;
    if (drives) {
      const all = moving(vehicle.stands, leg[0], leg[1]);
      share = all > 0 ? moving(vehicle.stands, leg[0], t) / all : 1;
    }
    const place = placeOn(leg, share);
    if (inside(vehicle.stands, t)) {
      return { state: "broken", persons: drives ? leg[2] : 0, place };
    }
    if (drives) return { state: leg[2] ? "busy" : "empty", persons: leg[2], place };
    if (inside(vehicle.breaks, t)) return { state: "break", persons: 0, place };
    const stay = inside(vehicle.stays, t);
    return { state: stay ? "busy" : "standing", persons: stay ? stay[2] : 0, place };
  }

  const ground = document.createElement("canvas");
  let scale = 1;

  function drawGround() {
    const width = canvas.clientWidth;
    const ratio = window.devicePixelRatio || 1;
    scale = width / day.width;
    for (const one of [canvas, ground]) {
      one.width = Math.round(width * ratio);
      one.height = Math.round(day.height * scale * ratio);
    }
    const paper = ground.getContext("2d");
    paper.fillStyle = colour("--surface");
    paper.fillRect(0, 0, ground.width, ground.height);
    paper.setTransform(ratio * scale, 0, 0, ratio * scale, 0, 0);
    for (const [name, px] of [["minor", 0.7], ["main", 1.8]]) {
      paper.strokeStyle = colour(`--road-${name}`);
      paper.lineWidth = px / scale;
      paper.stroke(new Path2D(document.getElementById(`roads-${name}`).getAttribute("d")));
    }
    paper.font = `600 ${13 / scale}px ${style.fontFamily}`;
    paper.textAlign = "center";
    paper.lineJoin = "round";
    paper.lineWidth = 4 / scale;
    paper.strokeStyle = colour("--surface");
    paper.fillStyle = colour("--ink-soft");
    for (const [name, x, y] of day.places) {
      paper.strokeText(name, x, y);
      paper.fillText(name, x, y);
    }
  }

  const now = { t: day.from };

  function drawRiders(t) {
    let waiting = 0;
    context.fillStyle = colour("--to");
    context.strokeStyle = colour("--surface");
    context.lineWidth = 1.2;
    for (const [x, y, from, to] of day.riders) {
      if (from > t || t >= to) continue;
      waiting += 1;
      context.beginPath();
      context.arc(x * scale, y * scale, 4, 0, 7);
      context.fill();
      context.stroke();
    }
    let refused = 0;
    context.lineWidth = 2.4;
    context.strokeStyle = colour("--bad");
    for (const [x, y, from, is] of day.refused) {
      if (from > t) continue;
      refused += is;
      if (!is || t >= from + REFUSED_SHOWN_S) continue;
      const [a, b, r] = [x * scale, y * scale, 5];
      context.beginPath();
      context.moveTo(a - r, b - r);
      context.lineTo(a + r, b + r);
      context.moveTo(a - r, b + r);
      context.lineTo(a + r, b - r);
      context.stroke();
    }
    return { waiting, refused };
  }

  const SIGNS = { break: "Ⅱ", broken: "!", standing: "", empty: "0" };

  function drawVehicle({ state, persons, place }) {
    const r = day.vehicles.length > 30 ? 8 : 10;
    const [x, y] = [place[0] * scale, place[1] * scale];
    context.beginPath();
    if (state === "broken") context.rect(x - r, y - r, 2 * r, 2 * r);
    else context.arc(x, y, state === "standing" ? r * 0.65 : r, 0, 7);
    context.fillStyle = colour(`--vehicle-${state}`);
    context.fill();
    context.lineWidth = 1.6;
    context.strokeStyle = colour(state === "busy" || state === "broken" ? "--surface" : "--ink");
    context.stroke();
    context.fillStyle = colour(state === "busy" || state === "broken" ? "--surface" : "--ink");
    const sign = state === "busy" ? String(persons) : SIGNS[state];
    context.fillText(sign, x, y + 0.5);
  }

  const pad = (n) => String(n).padStart(2, "0");
  const shown = (t) => `${pad(Math.floor(t / 3600) % 24)}:${pad(Math.floor(t / 60) % 60)}`;

  function draw() {
    const t = now.t;
    const ratio = window.devicePixelRatio || 1;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.drawImage(ground, 0, 0);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const riders = drawRiders(t);
    context.font = `700 ${day.vehicles.length > 30 ? 10 : 12}px ${style.fontFamily}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    const count = { busy: 0, empty: 0, standing: 0, break: 0, broken: 0, persons: 0, ...riders };
    const states = day.vehicles.map((vehicle) => doing(vehicle, t));
    for (const state of states) {
      if (!state) continue;
      count[state.state] += 1;
      count.persons += state.persons;
      drawVehicle(state);
    }
    clock.textContent = shown(t);
    slider.value = t;
    slider.setAttribute("aria-valuetext", shown(t));
    for (const cell of root.querySelectorAll("[data-count]")) {
      cell.textContent = count[cell.dataset.count];
    }
    root.dataset.at = Math.round(t);
    listVehicles(states);
  }

  const list = at("list");

  /** The same as text, while somebody has it open. */
  function listVehicles(states) {
    if (!list.open || (now.listed !== undefined && Math.abs(now.t - now.listed) < AFTER_S)) return;
    now.listed = now.t;
    const rows = states.map((state, i) => {
      const row = document.createElement("tr");
      const cells = [
        day.vehicles[i].name,
        state ? text[state.state] : text.off,
        state ? String(state.persons) : "–",
      ];
      cells.forEach((cell, n) => {
        const element = document.createElement(n ? "td" : "th");
        if (!n) element.scope = "row";
        element.textContent = cell;
        row.append(element);
      });
      return row;
    });
    list.querySelector("tbody").replaceChildren(...rows);
  }

  let playing = false;
  let before = 0;

  function frame(instant) {
    if (!playing) return;
    now.t += (Math.min(200, instant - before) / 1000) * Number(speed.value);
    before = instant;
    if (now.t >= day.to) {
      now.t = day.to;
      play(false);
    }
    draw();
    if (playing) requestAnimationFrame(frame);
  }

  function play(wanted) {
    playing = wanted;
    button.textContent = wanted ? text.pause : text.play;
    if (!wanted) return;
    if (now.t >= day.to) now.t = day.from;
    before = performance.now();
    requestAnimationFrame(frame);
  }

  button.addEventListener("click", () => play(!playing));
  slider.addEventListener("input", () => {
    now.t = Number(slider.value);
    now.listed = undefined;
    draw();
  });
  list.addEventListener("toggle", () => {
    now.listed = undefined;
    draw();
  });
  new ResizeObserver(() => {
    if (canvas.clientWidth && Math.round(canvas.clientWidth) !== Math.round(day.width * scale)) {
      drawGround();
      draw();
    }
  }).observe(canvas);

  slider.min = day.from;
  slider.max = day.to;
  const morning = day.vehicles.flatMap((vehicle) => vehicle.starts);
  now.t = morning.length ? Math.max(day.from, Math.min(...morning)) : day.from;
  root.hidden = false;
  drawGround();
  draw();
})();
