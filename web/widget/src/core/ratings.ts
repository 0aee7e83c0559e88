/** What the contact thinks of answers, by their place: what the house keeps, and what it has not confirmed yet. */
import type { Shelf } from "./shelf.ts";

export class Ratings {
  readonly #shelf: Shelf;
  readonly #key: string;
  readonly #kept = new Map<number, boolean>();
  #open: Map<number, boolean | null>; // null: taken back

  /** `shelf` keeps what is not confirmed through outages and reloads. */
  constructor(shelf: Shelf, key: string) {
    this.#shelf = shelf;
    this.#key = key;
    this.#open = read(shelf.get(key));
  }

  /** What to show: the contact's latest word, confirmed or not. */
  get shown(): ReadonlyMap<number, boolean> {
    const shown = new Map(this.#kept);
    for (const [seq, helpful] of this.#open) {
      if (helpful === null) shown.delete(seq);
      else shown.set(seq, helpful);
    }
    return shown;
  }

  /** What the house must still be told. */
  get open(): ReadonlyMap<number, boolean | null> {
    return this.#open;
  }

  rate(seq: number, helpful: boolean | null): void {
    this.#open.set(seq, helpful);
    this.#store();
  }

  /** The house keeps `helpful` of the answer at `seq`; a later word of the contact may be on its way. */
  confirm(seq: number, helpful: boolean | null): void {
    if (helpful === null) this.#kept.delete(seq);
    else this.#kept.set(seq, helpful);
    if (this.#open.get(seq) === helpful) this.drop(seq);
  }

  /** The house will not take this one. */
  drop(seq: number): void {
    this.#open.delete(seq);
    this.#store();
  }

  /** Gives up all that is not confirmed. */
  giveUp(): void {
    this.#open.clear();
    this.#store();
  }

  clear(): void {
    this.#kept.clear();
    this.giveUp();
  }

  #store(): void {
    if (this.#open.size > 0) this.#shelf.set(this.#key, JSON.stringify([...this.#open]));
    else this.#shelf.remove(this.#key);
  }
}

function read(stored: string | null): Map<number, boolean | null> {
  try {
    const raw: unknown = JSON.parse(stored ?? "[]");
    return new Map(Array.isArray(raw) ? raw.filter(isRating) : []);
  } catch {
    return new Map();
  }
}

function isRating(raw: unknown): raw is [number, boolean | null] {
  if (!Array.isArray(raw) || raw.length !== 2) return false;
  const [seq, helpful] = raw as unknown[];
  return Number.isSafeInteger(seq) && (helpful === null || typeof helpful === "boolean");
}
