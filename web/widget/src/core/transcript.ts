/** The lines of a conversation in their order, each once, whichever way and however often it arrives. */
import type { Draft } from "./outbox.ts";
import type { Author, Choice, Message } from "./protocol.ts";

export interface Line {
  readonly key: string; // stays the same from the first keystroke's echo to the server's copy
  readonly cid: string;
  readonly seq: number; // 0 until the server has it
  readonly from: Author;
  readonly text: string;
  readonly files: readonly string[]; // names of what came with it
  readonly buttons: readonly Choice[];
  readonly source: string;
  readonly entry: string; // FAQ entry that answers here, else ""
  readonly at: number; // ms since 1970
  readonly state: "pending" | "refused" | "kept";
  readonly error: string; // why it was refused
}

export class Transcript {
  #kept: Line[] = []; // by seq
  #own: Line[] = []; // not confirmed yet, oldest first: always after the kept ones
  #lastSeq = 0;

  /** The highest seq whose message arrived; an ack alone does not count, since messages before it may still be due. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  get lines(): readonly Line[] {
    return [...this.#kept, ...this.#own];
  }

  /** True until the contact has said something here. */
  get untouched(): boolean {
    return this.#own.length === 0 && !this.#kept.some((line) => line.from === "contact");
  }

  write(draft: Draft): void {
    const line: Line = {
      key: `c:${draft.cid}`,
      cid: draft.cid,
      seq: 0,
      from: "contact",
      text: draft.file ? "" : draft.text,
      files: draft.file ? [draft.text] : [],
      buttons: [],
      source: "",
      entry: "",
      at: draft.at,
      state: draft.error ? "refused" : "pending",
      error: draft.error,
    };
    const known = this.#own.findIndex((own) => own.cid === draft.cid);
    if (known >= 0) this.#own.splice(known, 1, line);
    else this.#own.push(line);
  }

  drop(cid: string): void {
    this.#own = this.#own.filter((line) => line.cid !== cid);
  }

  /** The server keeps message `cid` as number `seq`. */
  confirm(cid: string, seq: number): void {
    const line = this.#own.find((own) => own.cid === cid);
    if (!line) return;
    this.drop(cid);
    this.#put({ ...line, seq, state: "kept", error: "" });
  }

  /** A message from the server: new, repeated, or our own coming back (then the server's words replace ours). */
  receive(message: Message): void {
    if (message.cid) this.drop(message.cid);
    this.#lastSeq = Math.max(this.#lastSeq, message.seq);
    this.#put({
      key: message.cid ? `c:${message.cid}` : `s:${message.seq}`,
      cid: message.cid,
      seq: message.seq,
      from: message.from,
      text: message.text,
      files: message.files,
      buttons: message.buttons,
      source: message.source,
      entry: message.entry,
      at: message.at,
      state: "kept",
      error: "",
    });
  }

  /** Takes back everything after `seq`: the server will tell it again. */
  rewind(seq: number): void {
    this.#kept = this.#kept.filter((line) => line.seq <= seq);
    this.#lastSeq = Math.min(this.#lastSeq, seq);
  }

  clear(): void {
    this.#kept = [];
    this.#own = [];
    this.#lastSeq = 0;
  }

  #put(line: Line): void {
    let index = this.#kept.length;
    while (index > 0 && (this.#kept[index - 1] as Line).seq > line.seq) index -= 1;
    const before = this.#kept[index - 1];
    if (before?.seq === line.seq)
      this.#kept.splice(index - 1, 1, { ...line, key: before.key, cid: line.cid || before.cid });
    else this.#kept.splice(index, 0, line);
  }
}
