/** What the contact must know about the connection, in a strip above the input. */
import type { Snapshot } from "../core/chat.ts";
import { HOTLINE, type Words } from "../text.ts";
import { sayCallable } from "./callable.ts";
import { h, say } from "./dom.ts";

export interface BannerActions {
  readonly hurry: () => void;
  readonly dismiss: () => void;
}

export class BannerView {
  readonly element: HTMLElement;
  readonly #text = h("p", { role: "status" });
  readonly #button: HTMLButtonElement;
  readonly #actions: BannerActions;
  #act: () => void;
  #outage = false; // stays through the tries to come back, so that the strip does not flicker

  constructor(actions: BannerActions) {
    this.#actions = actions;
    this.#act = actions.dismiss;
    this.#button = h("button", { type: "button", onclick: () => this.#act() });
    this.element = h("div", { class: "strip" }, this.#text, this.#button);
  }

  update(snapshot: Snapshot, words: Words): void {
    const { link, notice } = snapshot;
    const number = snapshot.hotline?.number || HOTLINE;
    let text = notice;
    let button = words.dismiss;
    this.#act = this.#actions.dismiss;
    if (link.state === "waiting" || link.state === "refused") this.#outage = true;
    if (link.state === "online" || link.state === "idle") this.#outage = false;
    if (this.#outage) {
      if (link.state === "refused") text = words.refused(number);
      else if (snapshot.absent) text = words.absent(number);
      else text = link.state === "waiting" && link.busy ? words.busy[link.busy] : words.outage;
      button = words.retryNow;
      this.#act = this.#actions.hurry;
    }
    sayCallable(this.#text, text, number);
    say(this.#button, button);
    this.#button.hidden = text === "" || link.state === "connecting";
    this.element.classList.toggle("empty", text === "");
  }
}
