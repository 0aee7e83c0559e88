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
  clip: "M20 11.5l-8.2 8.2a5.2 5.2 0 0 1-7.4-7.4l8.7-8.7a3.5 3.5 0 0 1 4.9 4.9l-8.6 8.7a1.7 1.7 0 0 1-2.5-2.5l7.9-7.9",
  down: "M12 5v13M6 12.5l6 6 6-6",
  thumbUp:
    "M7 21V10.5M7 10.5l4.2-7a2.2 2.2 0 0 1 2.1 2.7L12.6 9.5H18a2 2 0 0 1 2 2.4l-1.4 7A2.6 2.6 0 0 1 16 21H4.5A1.5 1.5 0 0 1 3 19.5V12a1.5 1.5 0 0 1 1.5-1.5H7",
  thumbDown:
    "M17 3v10.5M17 13.5l-4.2 7a2.2 2.2 0 0 1-2.1-2.7l.7-3.3H6a2 2 0 0 1-2-2.4l1.4-7A2.6 2.6 0 0 1 8 3h11.5A1.5 1.5 0 0 1 21 4.5V12a1.5 1.5 0 0 1-1.5 1.5H17",
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
