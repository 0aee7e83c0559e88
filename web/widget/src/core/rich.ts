/** Splits the plain text of a message into words, links, telephone numbers and the marks of removed personal data; nothing becomes HTML. */

import { phones } from "./phone.ts";

export type Segment =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "link"; readonly text: string; readonly href: string }
  | { readonly kind: "phone"; readonly text: string } // of a public line
  | { readonly kind: "mask"; readonly what: string };

// an address ends at blanks, quotes, brackets and CJK punctuation: "见 https://a.cn/b。" links https://a.cn/b
const LINK = /https?:\/\/[^\s<>"'`“”‘’「」『』《》【】（）［］｛｝⟦⟧，。；：！？、…]+/giu;
const MASK = /⟦([a-z][a-z-]{0,19})(?::[0-9a-z]{1,40})?⟧/gu;
const TRAILING = /[.,;:!?)\]}]+$/u;

/** The segments of `text`, in order; joined texts plus the masks give it back. Links and phones only when `links`. */
export function segments(text: string, links: boolean): Segment[] {
  return cut(text, MASK, (match) => ({ kind: "mask", what: match[1] ?? "" })).flatMap((segment) =>
    links && segment.kind === "text" ? linked(segment.text).flatMap(dialled) : [segment],
  );
}

/** `text` split at the `words` that stand out in it (such as 待核实): [before, word, between, word, after …]. */
export function around(text: string, words: readonly string[]): string[] {
  const pattern = new RegExp(`(${words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/gu, "\\$&")).join("|")})`, "iu");
  return words.length > 0 ? text.split(pattern) : [text];
}

function linked(text: string): Segment[] {
  return cut(text, LINK, (match) => {
    const address = trimmed(match[0]);
    const href = safe(address);
    return href ? { kind: "link", text: address, href } : { kind: "text", text: address };
  });
}

function dialled(segment: Segment): Segment[] {
  if (segment.kind !== "text") return [segment];
  const parts: Segment[] = [];
  let end = 0;
  for (const { index, number } of phones(segment.text)) {
    if (index > end) parts.push({ kind: "text", text: segment.text.slice(end, index) });
    parts.push({ kind: "phone", text: number });
    end = index + number.length;
  }
  if (end < segment.text.length) parts.push({ kind: "text", text: segment.text.slice(end) });
  return parts;
}

/** Sentence punctuation after an address is not part of it, unless a bracket was opened inside. */
function trimmed(address: string): string {
  const tail = TRAILING.exec(address)?.[0] ?? "";
  if (tail.startsWith(")") && address.includes("(")) return address.slice(0, address.length - tail.length + 1);
  return address.slice(0, address.length - tail.length);
}

function safe(address: string): string {
  try {
    const url = new URL(address);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : "";
  } catch {
    return "";
  }
}

function cut(text: string, pattern: RegExp, make: (match: RegExpMatchArray) => Segment): Segment[] {
  const found: Segment[] = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    const segment = make(match);
    const taken = segment.kind === "mask" ? match[0].length : segment.text.length;
    if (match.index > end) found.push({ kind: "text", text: text.slice(end, match.index) });
    found.push(segment);
    end = match.index + taken;
  }
  if (end < text.length) found.push({ kind: "text", text: text.slice(end) });
  return found;
}
