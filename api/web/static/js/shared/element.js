// Builds elements without markup in strings: nothing a bidder or a title says can become HTML.

/** element("p", { class: "soft" }, "text", child...): attributes, then children; null children are left out. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  set(made, attributes);
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

/** The same for SVG. */
export function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  set(made, attributes);
  made.append(...children);
  return made;
}

function set(made, attributes) {
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (attribute.startsWith("on")) made.addEventListener(attribute.slice(2), value);
    else made.setAttribute(attribute, value === true ? "" : value);
  }
}

/** Change an element's words only where they differ: screen readers and selections are left in peace. */
export function setText(place, words) {
  if (place.textContent !== words) place.textContent = words;
}

/** Run the CSS animation of a class from its start, also while it is running. */
export function restartAnimation(place, name) {
  place.classList.remove(name);
  // reading the layout makes the browser see the class go before it comes back
  place.getBoundingClientRect();
  place.classList.add(name);
}

/** The element of that id; it must be there. */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element #${id}`);
  return found;
}
