/** Elements from words: everything is made node by node, so no text can ever become HTML. */

export type Child = Node | string | null | false;
export type Attributes = Readonly<Record<string, string | boolean | ((event: Event) => void)>>;

/** An element with `attributes` (true: empty, false: left out, a function under `onclick`: a listener) and `children`. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== false));
  return element;
}

const ICONS = {
  // a front-desk bell: knob, dome, base
  bell: "M12 4.2v2.3M10.4 4h3.2M4.5 16.6a7.5 7.5 0 0 1 15 0M3 19.6h18",
  close: "M6 6l12 12M18 6L6 18",
  down: "M12 5v13M6 12.5l6 6 6-6",
  arrow: "M5 12h13M12.5 6l6 6-6 6",
} as const;

/** A line drawing in the colour of the text, unseen by screen readers. */
export function icon(name: keyof typeof ICONS): SVGElement {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** Sets the text only when it differs: live regions speak at every change. */
export function say(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
