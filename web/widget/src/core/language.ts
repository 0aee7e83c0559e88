/** Which of our languages to begin with, and how documents name them. */
import type { Language } from "./protocol.ts";

/** The tag of a document or an element in each language. */
export const TAGS: Readonly<Record<Language, string>> = { zh: "zh-CN", "zh-Hant": "zh-Hant", en: "en" };

/** The first wish that is a language of ours (an attribute, an earlier choice, the document, the browser), else English. */
export function chooseLanguage(...wishes: readonly (string | null | undefined)[]): Language {
  for (const wish of wishes) {
    if (/^(zh|cmn|yue)(-|_|$)/iu.test(wish ?? "")) return chinese(wish ?? "");
    if (/^en(-|_|$)/iu.test(wish ?? "")) return "en";
  }
  return "en";
}

/** The Chinese of a reader with these wishes, the first that is one, whatever language comes before it. */
export function chooseChinese(...wishes: readonly (string | null | undefined)[]): Language {
  return chinese(wishes.find((wish) => /^(zh|cmn|yue)(-|_|$)/iu.test(wish ?? "")) ?? "");
}

/** Which characters a language tag asks for. */
function chinese(tag: string): Language {
  return /^yue$|[-_](hant|tw|hk|mo)([-_]|$)/iu.test(tag) && !/[-_]hans([-_]|$)/iu.test(tag) ? "zh-Hant" : "zh";
}

/** The language that a button with this payload asks the assistant to speak; null for every other button. */
export function languageAsked(payload: string): Language | null {
  return (/^\/set_language\{"language":\s*"(zh|zh-Hant|en)"\}$/u.exec(payload)?.[1] as Language | undefined) ?? null;
}
