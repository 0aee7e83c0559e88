/** The top of the panel: who answers, whether we are connected, and the few switches. */
import type { Snapshot } from "../core/chat.ts";
import { TAGS } from "../core/language.ts";
import type { Language } from "../core/protocol.ts";
import type { Words } from "../text.ts";
import { h, icon, say } from "./dom.ts";

export interface HeaderActions {
  readonly translate: (language: Language) => void;
  readonly forget: () => void;
  readonly close: () => void;
}

export class HeaderView {
  readonly element: HTMLElement;
  readonly #actions: HeaderActions;
  readonly #title = h("h2", { id: "title" });
  readonly #state = h("span", { role: "status" });
  readonly #automatic = h("span");
  readonly #language: HTMLButtonElement;
  readonly #forget: HTMLButtonElement;
  readonly #close: HTMLButtonElement;
  readonly #question = h("p");
  readonly #yes: HTMLButtonElement;
  readonly #no: HTMLButtonElement;
  readonly #asking: HTMLElement;
  #other: Language = "en";

  constructor(actions: HeaderActions) {
    this.#actions = actions;
    this.#language = h("button", { type: "button", class: "quiet", onclick: () => actions.translate(this.#other) });
    this.#forget = h("button", {
      type: "button",
      class: "quiet",
      "aria-expanded": "false",
      onclick: () => this.#ask(true),
    });
    this.#close = h("button", { type: "button", class: "quiet close", onclick: () => actions.close() }, icon("close"));
    this.#yes = h("button", { type: "button", class: "firm", onclick: () => this.#answer() });
    this.#no = h("button", { type: "button", onclick: () => this.#ask(false) });
    this.#asking = h("div", { class: "strip", hidden: true }, this.#question, this.#yes, this.#no);
    this.element = h(
      "header",
      {},
      h(
        "div",
        { class: "bar" },
        h("span", { class: "seal" }, icon("bell")),
        h("div", { class: "name" }, this.#title, h("p", { class: "status" }, this.#state, this.#automatic)),
        this.#language,
        this.#forget,
        this.#close,
      ),
      this.#asking,
    );
  }

  /** `other`: the language that the switch offers. */
  update(snapshot: Snapshot, words: Words, other: Language, closable: boolean): void {
    const { link } = snapshot;
    const states = {
      idle: words.linkIdle,
      connecting: link.state === "connecting" && link.again ? words.linkAgain : words.linkConnecting,
      online: words.linkOnline,
      waiting: words.linkWaiting,
      refused: words.linkRefused,
    };
    this.#other = other;
    say(this.#title, snapshot.hotline?.name || words.title);
    this.#title.title = this.#title.textContent; // it may be cut off on a small screen
    const absent = snapshot.absent && (link.state === "waiting" || link.state === "connecting");
    say(this.#state, absent ? words.linkAbsent : states[link.state]);
    say(this.#automatic, words.automatic);
    this.#state.className = `state ${link.state}`;
    say(this.#language, words.switchTo);
    this.#language.lang = TAGS[other];
    this.#language.setAttribute("aria-label", words.switchToLabel);
    say(this.#forget, words.forget);
    this.#forget.setAttribute("aria-label", words.forgetLabel);
    this.#forget.hidden = snapshot.untouched;
    this.#close.hidden = !closable;
    this.#close.setAttribute("aria-label", words.close);
    say(this.#question, words.forgetAsk);
    say(this.#yes, words.forgetYes);
    say(this.#no, words.forgetNo);
  }

  #ask(open: boolean): void {
    this.#asking.hidden = !open;
    this.#forget.setAttribute("aria-expanded", String(open));
    (open ? this.#no : this.#forget).focus();
  }

  #answer(): void {
    this.#ask(false);
    this.#actions.forget();
  }
}
