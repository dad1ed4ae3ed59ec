/* Elements without HTML strings: nothing a customer or an agent writes is ever parsed, and Trusted Types have nothing to refuse. */

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  chat: ["M4 5h16v11H9l-5 4z"],
  close: ["M6 6l12 12", "M18 6L6 18"],
  send: ["M4 12l16-8-6 16-3-6z", "M11 14l9-10"],
  person: ["M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8z", "M4 21c1-5 15-5 16 0"],
  clip: ["M19 11l-7.5 7.5a4.5 4.5 0 0 1-6.4-6.4L13 4.3a3 3 0 0 1 4.3 4.3l-7.8 7.8a1.5 1.5 0 0 1-2.2-2.2L14 7.5"],
  alone: ["M12 8v5", "M12 16.5v.1", "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z"],
};

/** An element with attributes, listeners (`onclick`) and children; `false` and `null` are left out. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== false && child != null));
  return element;
}

/** A decorative icon: its control has the name. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", "aria-hidden": "true", class: "icon" })) svg.setAttribute(key, value);
  for (const d of ICONS[name]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

/** The text with its web addresses as links. */
export function withLinks(text) {
  return text.split(/(https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]])/g).map((part, place) =>
    place % 2 ? el("a", { href: part, target: "_blank", rel: "noopener noreferrer nofollow" }, part) : part,
  );
}
