/** Where the contact writes: grows with the text, Enter sends, an input method's own Enter does not. */
import { length, MAX_TEXT } from "../core/protocol.ts";
import type { Words } from "../text.ts";
import { AttachmentsView } from "./attachments.ts";
import { sayCallable } from "./callable.ts";
import { h, say } from "./dom.ts";

const ROOMY = 440; // px from which on the field has room for the longer placeholder in one line
const NEAR = 200; // characters left from which on the reader is told

export interface ComposerActions {
  /** Takes the text; false when it cannot be sent. */
  readonly send: (text: string) => boolean;
  readonly attach: (file: File) => Promise<string>;
  readonly type: (on: boolean) => void;
}

export class ComposerView {
  readonly element: HTMLFormElement;
  readonly #actions: ComposerActions;
  readonly #input = h("textarea", { id: "input", rows: "1", enterkeyhint: "send", "aria-describedby": "keys spoken" });
  readonly #label = h("label", { for: "input", class: "hidden" });
  readonly #send = h("button", { type: "submit", class: "send" });
  readonly #keys = h("span", { id: "keys", class: "hidden" });
  readonly #count = h("span", { class: "count", "aria-hidden": "true" });
  readonly #spoken = h("span", { id: "spoken", class: "hidden", role: "status" });
  readonly #note = h("span");
  readonly #danger = h("span", { class: "danger" });
  readonly #files: AttachmentsView;
  #words: Words | null = null;
  #told = ""; // which part of the limit was last spoken: a live region must not speak at every key

  constructor(actions: ComposerActions) {
    this.#actions = actions;
    this.#files = new AttachmentsView({ attach: actions.attach, changed: () => this.#measure() });
    this.#input.addEventListener("paste", (event) => this.#files.add(event.clipboardData?.files ?? []));
    this.#input.addEventListener("input", () => this.#changed());
    this.#input.addEventListener("keydown", (event) => this.#key(event));
    this.element = h(
      "form",
      { class: "composer", novalidate: true, onsubmit: (event) => this.#submit(event) },
      this.#label,
      this.#files.element,
      h("div", { class: "field" }, this.#files.button, this.#input, this.#send),
      h(
        "div",
        { class: "foot" },
        h("p", { class: "note" }, this.#note, " ", this.#danger),
        this.#keys,
        this.#count,
        this.#spoken,
      ),
    );
  }

  focus(): void {
    this.#input.focus();
  }

  /** As high as the text at the present width, with the placeholder that fits in. */
  fit(): void {
    if (this.#words) {
      const roomy = hasKeyboard() && this.element.clientWidth >= ROOMY;
      this.#input.placeholder = roomy ? this.#words.placeholderKeys : this.#words.placeholder;
    }
    const style = this.#input.style;
    style.height = "auto";
    if (this.#input.scrollHeight > 0) style.height = `${this.#input.scrollHeight}px`; // 0: not on the screen yet
  }

  update(words: Words): void {
    if (words === this.#words) return;
    this.#words = words;
    this.#files.update(words);
    say(this.#label, words.inputLabel);
    say(this.#send, words.send);
    say(this.#keys, words.keys);
    say(this.#note, words.note);
    sayCallable(this.#danger, words.danger);
    this.#told = "";
    this.#measure();
  }

  #key(event: KeyboardEvent): void {
    // isComposing: the Enter chooses a candidate; 229: the same in Safari, which ends the composition first
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    this.#submit(event);
  }

  #submit(event: Event): void {
    event.preventDefault();
    const withFiles = this.#files.any;
    if (withFiles) void this.#files.send();
    if (this.#actions.send(this.#input.value)) {
      this.#input.value = "";
      this.#measure();
    } else if (!withFiles) {
      this.#told = this.#spoken.textContent = ""; // say it again: this is why nothing was sent
      this.#measure();
    }
    this.focus();
  }

  #changed(): void {
    this.#measure();
    this.#actions.type(this.#input.value.trim() !== "");
  }

  #measure(): void {
    const input = this.#input;
    this.fit();
    const left = MAX_TEXT - length(input.value.trim());
    const over = left < 0;
    const part = over ? "over" : left <= NEAR ? "near" : "";
    const text = !this.#words || !part ? "" : over ? this.#words.over(-left) : this.#words.left(left);
    say(this.#count, text);
    if (part !== this.#told) say(this.#spoken, text);
    this.#told = part;
    this.element.classList.toggle("counting", text !== "");
    this.element.classList.toggle("over", over);
    if (over) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
    this.#send.setAttribute("aria-disabled", String(over || (input.value.trim() === "" && !this.#files.any)));
  }
}

/** Whether this reader probably types on keys of plastic; else writing brings up a keyboard of glass over the answers. */
export function hasKeyboard(): boolean {
  return matchMedia("(hover: hover) and (pointer: fine)").matches;
}
