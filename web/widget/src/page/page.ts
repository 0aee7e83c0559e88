/** The page around the widget on our own address: whose hotline this is, what to expect, whom to call in danger. */
import { chooseLanguage, TAGS } from "../core/language.ts";
import type { Hotline, Language } from "../core/protocol.ts";
import { shelf } from "../core/shelf.ts";
import { pageWords } from "../text.ts";
import { callable } from "../view/callable.ts";
import { h } from "../view/dom.ts";
import "./page.css";

const local = shelf(() => window.localStorage);
let hotline: Hotline = { name: "", number: "", hours: "" };

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element ${id}`);
  return found;
}

function draw(language: Language): void {
  const words = pageWords[language];
  document.documentElement.lang = TAGS[language];
  const name = hotline.name || words.hotline;
  document.title = `${name} · ${words.document}`;
  // "12363金融消费者热线": the number is the face of the hotline and stands on its own line
  const number = hotline.number && name.startsWith(hotline.number) ? hotline.number : "";
  element("number").textContent = number;
  element("name").textContent = name.slice(number.length).trim();
  element("lead").textContent = words.lead;
  element("promises").replaceChildren(
    ...words.promises.flatMap(([title, text]) => [line("dt", title), line("dd", text)]),
    line("dt", words.person),
    line("dd", words.call(hotline.number, hotline.hours)),
  );
  element("emergency").textContent = words.emergency;
  element("police").textContent = words.police;
  element("ambulance").textContent = words.ambulance;
}

function line(tag: "dt" | "dd", text: string | undefined): HTMLElement {
  return h(tag, {}, ...callable(text ?? "", hotline.number));
}

const wished = new URLSearchParams(location.search).get("language");
if (wished) local.set("qiantai.language", chooseLanguage(wished));
let language = chooseLanguage(local.get("qiantai.language"), ...navigator.languages);
draw(language); // also tells the widget, which looks at the document's language

document.addEventListener("qiantai-hotline", (event) => {
  hotline = (event as CustomEvent<Hotline>).detail;
  draw(language);
});
document.addEventListener("qiantai-language", (event) => {
  language = (event as CustomEvent<{ language: Language }>).detail.language;
  draw(language);
});
