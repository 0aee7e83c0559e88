/** What the contact wrote and the server has not confirmed yet: kept until the ack, through outages and reloads. */
import type { ClientFrame } from "./protocol.ts";
import type { Shelf } from "./shelf.ts";

export interface Draft {
  readonly cid: string; // made here; the server takes the same cid only once
  readonly text: string; // what was typed, or the title of the pressed button
  readonly payload: string; // "" for typed text
  readonly file: string; // id of an upload, whose name is the text; else ""
  readonly at: number; // ms since 1970
  readonly error: string; // why the server refused it; "" while it is on its way
}

export class Outbox {
  readonly #shelf: Shelf;
  readonly #key: string;
  #drafts: Draft[];

  /** `shelf` should live and die with the browser tab: text that nobody sent must not outlive its writer's visit. */
  constructor(shelf: Shelf, key: string) {
    this.#shelf = shelf;
    this.#key = key;
    this.#drafts = read(shelf.get(key));
  }

  get drafts(): readonly Draft[] {
    return this.#drafts;
  }

  add(text: string, payload: string, at: number, file = ""): Draft {
    const draft = { cid: newId(), text, payload, file, at, error: "" };
    this.#keep([...this.#drafts, draft]);
    return draft;
  }

  /** Marks a draft as refused with `error`, or as waiting again with "". */
  mark(cid: string, error: string): void {
    this.#keep(this.#drafts.map((draft) => (draft.cid === cid ? { ...draft, error } : draft)));
  }

  drop(cid: string): void {
    if (this.#drafts.some((draft) => draft.cid === cid)) this.#keep(this.#drafts.filter((draft) => draft.cid !== cid));
  }

  clear(): void {
    this.#keep([]);
  }

  #keep(drafts: Draft[]): void {
    this.#drafts = drafts;
    if (drafts.length > 0) this.#shelf.set(this.#key, JSON.stringify(drafts));
    else this.#shelf.remove(this.#key);
  }
}

const TITLE_MAX = 200; // characters of a pressed button that the server takes, channels/web.py

/** The frame that sends `draft`. */
export function frameOf(draft: Draft): ClientFrame {
  if (draft.file) return { type: "msg", cid: draft.cid, file_id: draft.file };
  return draft.payload
    ? { type: "msg", cid: draft.cid, payload: draft.payload, title: clipped(draft.text) }
    : { type: "msg", cid: draft.cid, text: draft.text };
}

/** By whole characters: half of one could not be stored. */
function clipped(title: string): string {
  return Array.from(title).slice(0, TITLE_MAX).join("");
}

/** 128 random bits as hex; `crypto.randomUUID` would be missing on pages served over plain HTTP. */
function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function read(stored: string | null): Draft[] {
  try {
    const raw: unknown = JSON.parse(stored ?? "[]");
    return Array.isArray(raw) ? raw.filter(isDraft) : [];
  } catch {
    return [];
  }
}

function isDraft(raw: unknown): raw is Draft {
  const { cid, text, payload, file, at, error } = (raw ?? {}) as Record<string, unknown>;
  return (
    [cid, text, payload, file, error].every((value) => typeof value === "string") &&
    typeof at === "number" &&
    cid !== ""
  );
}
