/** Texts of ours whose telephone numbers can be called with one touch. */
import { phones, type Phone } from "../core/phone.ts";
import { h } from "./dom.ts";

/** `text` with its public numbers, and `own` (the hotline's, which may be any number), as links. */
export function callable(text: string, own = ""): (Node | string)[] {
  const found = own && !phones(own).length ? every(text, own) : phones(text);
  const parts: (Node | string)[] = [];
  let end = 0;
  for (const { index, number } of found) {
    parts.push(text.slice(end, index), phone(number));
    end = index + number.length;
  }
  return [...parts, text.slice(end)];
}

/** A link that calls `number`; separators such as blanks and hyphens are for the eye only. */
export function phone(number: string): HTMLElement {
  return h("a", { class: "phone", href: `tel:${number.replace(/[^\d+*#]/gu, "")}` }, number);
}

/** Sets the text with its links only when it differs: live regions speak at every change. */
export function sayCallable(element: HTMLElement, text: string, own = ""): void {
  if (element.textContent !== text) element.replaceChildren(...callable(text, own));
}

function every(text: string, number: string): Phone[] {
  const at = text.indexOf(number);
  return at < 0 ? [] : [{ index: at, number }];
}
