/** The scrolling transcript: draws what changed, keeps its place, and knows whether the newest line is in sight. */
import type { Snapshot } from "../core/chat.ts";
import type { Line } from "../core/transcript.ts";
import { calendar, type Calendar } from "../core/when.ts";
import type { Language } from "../core/protocol.ts";
import type { Words } from "../text.ts";
import { h, icon, say } from "./dom.ts";
import { drawLine, drawStarters, type LineActions } from "./line.ts";
import { showRating } from "./rating.ts";

const NEAR = 48; // px from the end that still count as being there
const TOGETHER = 5 * 60_000; // ms: lines of one author closer than this stand as one group

export interface LogActions extends LineActions {
  readonly ask: (question: string) => void;
  readonly seen: () => void;
}

interface Drawn {
  readonly line: Line | null; // null: a day's name
  readonly online: boolean;
  readonly node: HTMLElement;
}

export class LogView {
  readonly element: HTMLElement;
  readonly #actions: LogActions;
  readonly #scroll = h("div", { class: "scroll", tabindex: "0", role: "group" });
  readonly #lines = h("div", { class: "lines", role: "log", "aria-live": "off" });
  readonly #starters = h("div");
  readonly #typing = h("p", { class: "typing", hidden: true }, h("span"), h("i"), h("i"), h("i"));
  readonly #newest: HTMLButtonElement;
  readonly #drawn = new Map<string, Drawn>();
  #language: Language | null = null;
  #calendar: Calendar = calendar("en");
  #atEnd = true;
  #live = false;
  #fresh = true; // the contact has not spoken yet

  constructor(actions: LogActions) {
    this.#actions = actions;
    this.#newest = h("button", { type: "button", class: "newest", hidden: true, onclick: () => this.toEnd() });
    this.#scroll.append(this.#lines, this.#starters, this.#typing);
    this.#scroll.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.element = h("div", { class: "stage" }, this.#scroll, this.#newest);
    new ResizeObserver(() => this.#atEnd && this.toEnd()).observe(this.#scroll);
  }

  get atEnd(): boolean {
    return this.#atEnd;
  }

  /** To the newest line; on a first visit, which reads from the greeting down to the questions, to the top. */
  toEnd(): void {
    this.#scroll.scrollTop = this.#fresh ? 0 : this.#scroll.scrollHeight;
    this.#scrolled();
  }

  update(snapshot: Snapshot, words: Words, language: Language): void {
    if (language !== this.#language) this.#translate(words, language);
    this.#starters.hidden = !snapshot.untouched || snapshot.lines.some((line) => line.buttons.length > 0);
    this.#typing.hidden = !snapshot.typing;
    const added = this.#draw(snapshot, words);
    this.#fresh = snapshot.untouched;
    if (this.#fresh) this.toEnd();
    else this.#follow(added);
    if (snapshot.caughtUp && !this.#live) requestAnimationFrame(() => this.#goLive());
  }

  /** From the frame after the replay on, additions are spoken; the past is there to be read, not to be recited. */
  #goLive(): void {
    this.#live = true;
    this.#lines.setAttribute("aria-live", "polite");
    this.#lines.classList.add("live");
  }

  #translate(words: Words, language: Language): void {
    this.#language = language;
    this.#calendar = calendar(language);
    this.#drawn.clear();
    this.#lines.replaceChildren();
    this.#lines.setAttribute("aria-label", words.log);
    this.#scroll.setAttribute("aria-label", words.log);
    this.#starters.replaceChildren(drawStarters(words, this.#actions.ask));
    say(this.#typing.firstElementChild as HTMLElement, words.typing);
    this.#newest.replaceChildren(words.newest, icon("down"));
  }

  /** Brings the nodes in line with `snapshot`; returns the lines that were not there before. */
  #draw(snapshot: Snapshot, words: Words): { line: Line; node: HTMLElement }[] {
    const online = snapshot.link.state === "online";
    const added: { line: Line; node: HTMLElement }[] = [];
    const wanted = new Set<string>();
    let place: ChildNode | null = this.#lines.firstChild;
    const put = (key: string, node: HTMLElement): void => {
      wanted.add(key);
      if (node === place) place = place.nextSibling;
      else this.#lines.insertBefore(node, place);
    };
    const lines = snapshot.lines;
    const lastOwn = lines.map((line) => line.from).lastIndexOf("contact");
    lines.forEach((line, index) => {
      const before = lines[index - 1];
      const day = this.#calendar.day(line.at);
      const newDay = !before || this.#calendar.day(before.at) !== day;
      if (newDay) put(`d:${day}:${line.key}`, this.#day(`d:${day}:${line.key}`, line.at));
      const known = this.#drawn.get(line.key);
      const same = known?.line === line && (line.state === "kept" || known.online === online);
      const node = same
        ? known.node
        : drawLine(line, { words, online, time: this.#calendar.time, actions: this.#actions });
      if (!same) {
        if (known) {
          if (place === known.node) place = place.nextSibling;
          known.node.remove();
        } else {
          added.push({ line, node });
        }
        node.classList.toggle("still", known !== undefined); // a redrawn line must not come floating in again
        this.#drawn.set(line.key, { line, online, node });
      }
      put(line.key, node);
      node.classList.toggle("first", newDay || !grouped(before, line));
      node.classList.toggle("last", !grouped(line, lines[index + 1]));
      node.classList.toggle("latest", index === lastOwn);
      node.classList.toggle("past", index < lastOwn);
      showRating(node, snapshot.ratings.get(line.seq), words);
    });
    for (const [key, { node }] of this.#drawn) {
      if (wanted.has(key)) continue;
      node.remove();
      this.#drawn.delete(key);
    }
    return added;
  }

  #day(key: string, at: number): HTMLElement {
    const node = this.#drawn.get(key)?.node ?? h("p", { class: "day" });
    say(node, this.#calendar.name(at, Date.now()));
    this.#drawn.set(key, { line: null, online: false, node });
    return node;
  }

  /** Keeps the reader's place: at the end, at the top of a long new answer, or where they scrolled to. */
  #follow(added: readonly { line: Line; node: HTMLElement }[]): void {
    const first = added[0];
    if (!first) {
      if (this.#atEnd) this.toEnd();
      return;
    }
    const mine = added.some(({ line }) => line.state === "pending");
    if (this.#atEnd || mine) {
      this.toEnd();
      const top = first.node.offsetTop - 12;
      if (this.#live && !mine && top < this.#scroll.scrollTop) this.#scroll.scrollTop = top;
      this.#scrolled();
    } else {
      this.#newest.hidden = !this.#live;
    }
  }

  #scrolled(): void {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroll;
    this.#atEnd = this.#fresh || scrollHeight - scrollTop - clientHeight < NEAR;
    if (!this.#atEnd) return;
    this.#newest.hidden = true;
    this.#actions.seen();
  }
}

function grouped(one: Line | undefined, other: Line | undefined): boolean {
  return one !== undefined && other !== undefined && one.from === other.from && other.at - one.at < TOGETHER;
}
