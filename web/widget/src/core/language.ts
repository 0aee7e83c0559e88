/** Which of our two languages to begin with. */
import type { Language } from "./protocol.ts";

/** The first wish that is a language of ours (an attribute, an earlier choice, the document, the browser), else English. */
export function chooseLanguage(...wishes: readonly (string | null | undefined)[]): Language {
  for (const wish of wishes) {
    if (/^(zh|cmn|yue)(-|_|$)/iu.test(wish ?? "")) return "zh";
    if (/^en(-|_|$)/iu.test(wish ?? "")) return "en";
  }
  return "en";
}

/** The language that a button with this payload asks the assistant to speak; null for every other button. */
export function languageAsked(payload: string): Language | null {
  return (/^\/set_language\{"language":\s*"(zh|en)"\}$/u.exec(payload)?.[1] as Language | undefined) ?? null;
}
