/** One message, drawn. */
import type { Choice } from "../core/protocol.ts";
import { around, segments } from "../core/rich.ts";
import type { Line } from "../core/transcript.ts";
import { reviewMarks, type Words } from "../text.ts";
import { phone } from "./callable.ts";
import { h, icon, type Attributes, type Child } from "./dom.ts";
import { drawRating } from "./rating.ts";

const SHORT = 16; // width up to which a button's title is a word or two

export interface LineActions {
  readonly press: (choice: Choice) => void;
  readonly rate: (seq: number, helpful: boolean | null) => void;
  readonly retry: (cid: string) => void;
  readonly discard: (cid: string) => void;
}

export interface LineContext {
  readonly words: Words;
  readonly online: boolean;
  readonly time: (at: number) => string;
  readonly actions: LineActions;
}

export function drawLine(line: Line, context: LineContext): HTMLElement {
  const { words } = context;
  const own = line.from === "contact";
  const who = own ? words.you : words[line.from as "bot" | "agent" | "system"];
  return h(
    "article",
    { class: `line ${line.from} ${line.state}` },
    own ? h("p", { class: "hidden" }, who) : h("p", { class: "who" }, h("span", {}, who), time(line, context)),
    h(
      "div",
      { class: "slip" },
      line.text !== "" && h("p", { class: "text", dir: "auto" }, ...rich(line.text, !own, words)),
      ...line.files.map((name) =>
        h("p", { class: "file" }, icon("clip"), h("span", { dir: "auto" }, ...rich(name, false, words))),
      ),
      line.source !== "" && h("p", { class: "source", dir: "auto" }, ...marked(line.source)),
    ),
    line.entry !== "" && drawRating(words, (helpful) => context.actions.rate(line.seq, helpful)),
    line.buttons.length > 0 && choices(line.buttons, context),
    own && (line.state === "refused" ? refusal(line, context) : meta(line, context)),
  );
}

/** `text` as nodes; addresses and numbers become links only when `links`: what a contact pastes may be the fraud. */
function rich(text: string, links: boolean, words: Words): Child[] {
  return segments(text, links).map((segment) => {
    switch (segment.kind) {
      case "text":
        return segment.text;
      case "phone":
        return phone(segment.text);
      case "mask":
        return h("span", { class: "mask" }, words.masks[segment.what] ?? words.mask);
      case "link":
        return h(
          "a",
          { href: segment.href, target: "_blank", rel: "noopener noreferrer nofollow" },
          segment.text,
          h("span", { class: "hidden" }, words.newTab),
        );
    }
  });
}

function marked(source: string): Child[] {
  return around(source, reviewMarks).map((part, index) => (index % 2 ? h("strong", { class: "mark" }, part) : part));
}

/** Buttons beside each other when their titles are words, rows below each other when they are sentences. */
function choices(buttons: readonly Choice[], context: LineContext): HTMLElement {
  const rows = buttons.some(({ title }) => width(title) > SHORT);
  return h(
    "div",
    { class: rows ? "choices rows" : "choices", role: "group", "aria-label": context.words.choices },
    ...buttons.map((choice) => {
      const press = { type: "button", class: "choice", onclick: () => context.actions.press(choice) };
      return rows ? row(choice.title, press) : h("button", press, choice.title);
    }),
  );
}

function row(title: string, attributes: Attributes): HTMLElement {
  return h("button", attributes, h("span", {}, title), icon("arrow"));
}

/** About how many Latin letters wide `text` is: a Chinese character counts as two. */
function width(text: string): number {
  return Array.from(text, (character) => (/[\u2e80-\uffff]/u.test(character) ? 2 : 1)).reduce<number>(
    (a, b) => a + b,
    0,
  );
}

function meta(line: Line, context: LineContext): HTMLElement {
  const { words, online } = context;
  const state = line.state === "kept" ? words.kept : online ? words.pending : words.waiting;
  return h("p", { class: "meta" }, time(line, context), h("span", { class: "state" }, state));
}

function time(line: Line, context: LineContext): HTMLElement {
  return h("time", { datetime: new Date(line.at).toISOString() }, context.time(line.at));
}

function refusal(line: Line, context: LineContext): HTMLElement {
  const { words, actions } = context;
  return h(
    "div",
    { class: "refusal" },
    h("p", {}, h("span", { class: "bang", "aria-hidden": "true" }, "!"), words.failed, line.error),
    h("button", { type: "button", onclick: () => actions.retry(line.cid) }, words.resend),
    h("button", { type: "button", onclick: () => actions.discard(line.cid) }, words.discard),
  );
}

/** Questions to begin with, for the time before the greeting and its own choices are there. */
export function drawStarters(words: Words, ask: (question: string) => void): HTMLElement {
  return h(
    "section",
    { class: "starters", "aria-label": words.startersTitle },
    h("h3", {}, words.startersTitle),
    h(
      "ul",
      { class: "rows" },
      ...words.starters.map((question) =>
        h("li", {}, row(question, { type: "button", class: "choice", onclick: () => ask(question) })),
      ),
    ),
  );
}
