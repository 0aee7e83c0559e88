/** The thumbs under an answer: two switches of which at most one is on. */
import type { Words } from "../text.ts";
import { h, icon, say } from "./dom.ts";

export type Rate = (helpful: boolean | null) => void;

/** `rate` is told the thumb that was pressed, or null for one that was on. */
export function drawRating(words: Words, rate: Rate): HTMLElement {
  const thumb = (helpful: boolean): HTMLElement => {
    const name = helpful ? words.helpful : words.unhelpful;
    const button: HTMLElement = h(
      "button",
      {
        type: "button",
        class: "thumb",
        "aria-label": name,
        title: name,
        "aria-pressed": "false",
        onclick: () => rate(button.getAttribute("aria-pressed") === "true" ? null : helpful),
      },
      icon(helpful ? "thumbUp" : "thumbDown"),
    );
    return button;
  };
  return h(
    "div",
    { class: "rating", role: "group", "aria-label": words.rateLabel },
    // for the eye: the group and its switches speak for themselves, once, when one comes to them
    h("span", { class: "asks", "aria-hidden": "true" }, words.rate),
    thumb(true),
    thumb(false),
  );
}

/** Shows what is kept, in place: a line drawn anew would take the focus away. */
export function showRating(line: HTMLElement, helpful: boolean | undefined, words: Words): void {
  const rating = line.querySelector<HTMLElement>(".rating");
  if (!rating) return;
  const [up, down] = rating.querySelectorAll(".thumb");
  up?.setAttribute("aria-pressed", String(helpful === true));
  down?.setAttribute("aria-pressed", String(helpful === false));
  say(rating.querySelector(".asks") as HTMLElement, helpful === undefined ? words.rate : words.rated);
}
