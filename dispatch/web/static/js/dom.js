// Small helpers to build elements. Text is always set as text, never as markup.

export const byId = (id) => document.getElementById(id);

/** An element: `el("p", { class: "soft" }, "text", child, …)`; false and null children are left out. */
export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== false && child !== null));
  return node;
}

export function show(node, visible = true) {
  node.hidden = !visible;
}

/** Put a message where screen readers announce it; without text, take it away. */
export function announce(node, text, tone = "bad") {
  node.replaceChildren(...(text ? [el("p", { class: `notice ${tone}` }, text)] : []));
}

/** Mark a field as wrong, or as right without a text. */
export function fieldError(id, text) {
  const input = byId(id);
  const line = byId(`${id}-error`);
  if (text) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
  line.textContent = text || "";
  show(line, Boolean(text));
}

export function busy(button, on) {
  button.disabled = on;
  button.setAttribute("aria-busy", on ? "true" : "false");
}

const SVG = "http://www.w3.org/2000/svg";

/** An icon from path data, 24 by 24, decorative. */
export function icon(path, fill = false) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("fill", fill ? "currentColor" : "none");
  svg.setAttribute("stroke", fill ? "none" : "currentColor");
  svg.setAttribute("stroke-width", "2");
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}
