// Every member has a colour of its own, the same in cards, strip and charts. It
// keeps it as long as the page is open.

const colours = 8; // --m0 to --m7 in style.css
const places = new Map();

export function place(id) {
  if (!places.has(id)) places.set(id, places.size % colours);
  return places.get(id);
}

export function variable(id) {
  return `var(--m${place(id)})`;
}

// colour is for canvases, which know no variables.
export function colour(id) {
  return css(`--m${place(id)}`);
}

export function css(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
