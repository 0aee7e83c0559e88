/** The frames of the web chat protocol, and the one place where text from the wire becomes typed values. */

export const MAX_TEXT = 4000; // characters of one message, counted as code points like the house's `max_text`

/** Close codes of our own: what the server means by ending the connection. */
export const CLOSED = { badFrame: 4400, auth: 4401, slow: 4408, rate: 4429 } as const;

export type Language = "zh" | "zh-Hant" | "en";
export type Author = "contact" | "bot" | "agent" | "system";

export interface Choice {
  readonly title: string;
  readonly payload: string;
}

export interface Hotline {
  readonly name: string;
  readonly number: string;
  readonly hours: string;
}

export interface Hello {
  readonly type: "hello";
  readonly token: string; // "" for a new visitor
  readonly last_seq: number; // everything after it is replayed
  readonly language: Language;
}

export type ClientFrame =
  | Hello
  | { readonly type: "msg"; readonly cid: string; readonly text: string }
  | { readonly type: "msg"; readonly cid: string; readonly payload: string; readonly title: string }
  | { readonly type: "msg"; readonly cid: string; readonly file_id: string }
  | { readonly type: "typing"; readonly on: boolean }
  | { readonly type: "read"; readonly seq: number }
  | { readonly type: "rate"; readonly seq: number; readonly helpful: boolean | null } // null: taken back
  | { readonly type: "ping" };

export interface Welcome {
  readonly type: "welcome";
  readonly token: string;
  readonly conversation: string;
  readonly seq: number; // the highest of the conversation: 0 on a first visit
  readonly hotline: Hotline;
  readonly language: string;
}

export interface Message {
  readonly type: "msg";
  readonly seq: number;
  readonly from: Author;
  readonly text: string;
  readonly buttons: readonly Choice[];
  readonly source: string; // basis, date and review mark of an FAQ answer as one line, else ""
  readonly entry: string;
  readonly at: number; // ms since 1970
  readonly cid: string; // "" unless a contact wrote it here
  readonly files: readonly string[]; // names of what came with it
}

export interface Refusal {
  readonly type: "error";
  readonly code: string;
  readonly text: string;
  readonly cid: string; // "" when it is not about one message
  readonly seq: number; // of the answer whose rating is refused, else 0
}

export type ServerFrame =
  | Welcome
  | { readonly type: "ack"; readonly cid: string; readonly seq: number }
  | Message
  | { readonly type: "rated"; readonly seq: number; readonly helpful: boolean | null }
  | { readonly type: "typing"; readonly on: boolean }
  | { readonly type: "resync"; readonly from: number }
  | Refusal
  | { readonly type: "pong" };

const AUTHORS: readonly string[] = ["contact", "bot", "agent", "system"];

/** The frame in `data`, or null: broken frames and kinds of a later version are passed over, not fatal. */
export function parseFrame(data: unknown): ServerFrame | null {
  if (typeof data !== "string") return null;
  let raw: unknown;
  try {
    raw = JSON.parse(data);
  } catch {
    return null;
  }
  const frame = record(raw);
  switch (frame["type"]) {
    case "welcome":
      return welcome(frame);
    case "ack":
      return text(frame["cid"]) && position(frame["seq"])
        ? { type: "ack", cid: text(frame["cid"]), seq: position(frame["seq"]) }
        : null;
    case "msg":
      return message(frame);
    case "rated":
      return position(frame["seq"])
        ? { type: "rated", seq: position(frame["seq"]), helpful: opinion(frame["helpful"]) }
        : null;
    case "typing":
      return { type: "typing", on: frame["on"] === true };
    case "resync":
      return { type: "resync", from: position(frame["from"]) };
    case "error":
      return {
        type: "error",
        code: text(frame["code"]),
        text: text(frame["text"]),
        cid: text(frame["cid"]),
        seq: position(frame["seq"]),
      };
    case "pong":
      return { type: "pong" };
    default:
      return null;
  }
}

/** Length of `value` as the house counts it: code points, not UTF-16 units. */
export function length(value: string): number {
  let n = 0;
  for (const _ of value) n += 1;
  return n;
}

function welcome(frame: Record<string, unknown>): Welcome | null {
  if (!text(frame["token"])) return null;
  const hotline = record(frame["hotline"]);
  return {
    type: "welcome",
    token: text(frame["token"]),
    conversation: text(frame["conversation"]),
    seq: position(frame["seq"]),
    hotline: { name: text(hotline["name"]), number: text(hotline["number"]), hours: text(hotline["hours"]) },
    language: text(frame["language"]),
  };
}

function message(frame: Record<string, unknown>): Message | null {
  const seq = position(frame["seq"]);
  const from = text(frame["from"]);
  if (!seq || !AUTHORS.includes(from)) return null;
  const at = Date.parse(text(frame["at"]));
  return {
    type: "msg",
    seq,
    from: from as Author,
    text: text(frame["text"]),
    buttons: Array.isArray(frame["buttons"]) ? frame["buttons"].flatMap(choice) : [],
    source: text(frame["source"]),
    entry: text(frame["entry"]),
    at: Number.isNaN(at) ? Date.now() : at,
    cid: text(frame["cid"]),
    files: Array.isArray(frame["files"]) ? frame["files"].filter((name) => typeof name === "string") : [],
  };
}

function choice(raw: unknown): Choice[] {
  const { title, payload } = record(raw);
  return text(title) && text(payload) ? [{ title: text(title), payload: text(payload) }] : [];
}

function record(raw: unknown): Record<string, unknown> {
  return typeof raw === "object" && raw !== null ? (raw as Record<string, unknown>) : {};
}

function text(raw: unknown): string {
  return typeof raw === "string" ? raw : "";
}

function opinion(raw: unknown): boolean | null {
  return typeof raw === "boolean" ? raw : null;
}

/** A place in the transcript, 1, 2, 3 …; 0 for anything else. */
function position(raw: unknown): number {
  return typeof raw === "number" && Number.isSafeInteger(raw) && raw > 0 ? raw : 0;
}
