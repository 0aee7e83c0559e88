/** Files that were chosen and not sent yet: shown with a picture of those that are one, each can be taken back. */
import type { Words } from "../text.ts";
import { h, icon, say } from "./dom.ts";

const MOST = 5; // files at a time
const SIDE = 88; // pixels of a preview, shown at half of that

interface Chosen {
  readonly file: File;
  readonly node: HTMLElement;
  readonly note: HTMLElement;
  busy: boolean;
}

export interface AttachmentActions {
  /** Uploads and sends a file; resolves to "" or to the sentence that says why it was not taken. */
  readonly attach: (file: File) => Promise<string>;
  readonly changed: () => void;
}

export class AttachmentsView {
  readonly button: HTMLButtonElement;
  readonly element = h("ul", { class: "chosen", hidden: true });
  readonly #input = h("input", { type: "file", multiple: true, hidden: true, tabindex: "-1" });
  readonly #actions: AttachmentActions;
  #chosen: Chosen[] = [];
  #words: Words | null = null;

  constructor(actions: AttachmentActions) {
    this.#actions = actions;
    this.button = h(
      "button",
      { type: "button", class: "attach", onclick: () => this.#input.click() },
      icon("clip"),
      this.#input,
    );
    this.#input.addEventListener("click", (event) => event.stopPropagation());
    this.#input.addEventListener("change", () => this.#take());
  }

  get any(): boolean {
    return this.#chosen.length > 0;
  }

  update(words: Words): void {
    this.#words = words;
    this.button.setAttribute("aria-label", words.attach);
    this.button.title = words.attach;
    this.element.setAttribute("aria-label", words.attached);
  }

  /** Files that were pasted or dropped here, or chosen; those beyond MOST wait for the next time. */
  add(files: Iterable<File>): void {
    for (const file of [...files].slice(0, MOST - this.#chosen.length)) this.#chosen.push(this.#draw(file));
    this.#shown();
  }

  /** Sends all that is here, one after the other. What is not taken stays, with the reason. */
  async send(): Promise<void> {
    for (const one of [...this.#chosen]) {
      if (one.busy) continue;
      one.busy = true;
      one.node.classList.remove("failed");
      one.node.classList.add("busy");
      say(one.note, this.#words?.uploading ?? "");
      const error = await this.#actions.attach(one.file);
      one.busy = false;
      one.node.classList.remove("busy");
      if (error) {
        one.node.classList.add("failed");
        say(one.note, error);
      } else {
        this.#drop(one);
      }
    }
  }

  #take(): void {
    this.add(this.#input.files ?? []);
    this.#input.value = ""; // the same file may be chosen again
  }

  #draw(file: File): Chosen {
    const note = h("span", { class: "note", role: "status" }, size(file.size));
    const label = `${this.#words?.remove ?? ""} ${file.name}`;
    const away = h("button", { type: "button", class: "away", "aria-label": label }, icon("close"));
    const node = h("li", {}, preview(file), h("span", { class: "name" }, h("bdi", {}, file.name), note), away);
    const one: Chosen = { file, node, note, busy: false };
    away.addEventListener("click", () => one.busy || this.#drop(one));
    return one;
  }

  #drop(one: Chosen): void {
    this.#chosen = this.#chosen.filter((other) => other !== one);
    this.#shown();
  }

  #shown(): void {
    this.element.replaceChildren(...this.#chosen.map(({ node }) => node));
    this.element.hidden = !this.any;
    this.#actions.changed();
  }
}

/** A picture in small, else a paper clip. Drawn, not loaded: no policy of an embedding site stands against that. */
function preview(file: File): Element {
  if (!file.type.startsWith("image/")) return icon("clip");
  const canvas = h("canvas", { width: String(SIDE), height: String(SIDE), "aria-hidden": "true" });
  createImageBitmap(file).then(
    (picture) => {
      const scale = SIDE / Math.min(picture.width, picture.height);
      const [width, height] = [picture.width * scale, picture.height * scale];
      canvas.getContext("2d")?.drawImage(picture, (SIDE - width) / 2, (SIDE - height) / 2, width, height);
      picture.close();
    },
    () => canvas.replaceWith(icon("clip")), // what this browser cannot draw
  );
  return canvas;
}

function size(bytes: number): string {
  return bytes < 1_000_000 ? `${Math.max(1, Math.round(bytes / 1000))} KB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
