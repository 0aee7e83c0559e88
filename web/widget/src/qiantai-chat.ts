/**
 * <qiantai-chat>: the web chat of the hotline.
 *
 * Attributes: `server` (address of the house; default: where this script came from), `channel` (default `web`),
 * `language` (`zh`, `zh-Hant` or `en`), `theme` (`light`, `dark`; default: what the reader's system prefers), `inline` (fills its
 * place on the page instead of standing in the corner), `open` (the panel in the corner is open).
 * Events, all bubbling: `qiantai-hotline` (detail: name, number, hours), `qiantai-language` (detail: language),
 * `qiantai-toggle` (detail: open).
 */
import { socketUrl } from "./core/address.ts";
import { Chat } from "./core/chat.ts";
import { chooseChinese, chooseLanguage, languageAsked, TAGS } from "./core/language.ts";
import type { Choice, Hotline, Language } from "./core/protocol.ts";
import { shelf } from "./core/shelf.ts";
import { home } from "./home.ts";
import { css } from "./style.ts";
import { HOTLINE, words } from "./text.ts";
import { BannerView } from "./view/banner.ts";
import { callable } from "./view/callable.ts";
import { ComposerView, hasKeyboard } from "./view/composer.ts";
import { h, icon, say } from "./view/dom.ts";
import { HeaderView } from "./view/header.ts";
import { LogView } from "./view/log.ts";

const LANGUAGE_KEY = "qiantai.language";
const NARROW = "(max-width: 480px)"; // the corner panel fills such a screen; also in style/panel.css

const local = shelf(() => window.localStorage);
const tab = shelf(() => window.sessionStorage);

export class QiantaiChat extends HTMLElement {
  static readonly observedAttributes = ["server", "channel", "language", "theme", "inline", "open"];

  readonly #header = new HeaderView({
    translate: (language) => this.#switch(language),
    forget: () => this.#forget(),
    close: () => this.hide(),
  });
  readonly #log = new LogView({
    press: (choice) => this.#press(choice),
    rate: (seq, helpful) => this.#chat?.rate(seq, helpful),
    retry: (cid) => this.#chat?.retry(cid),
    discard: (cid) => (this.#chat?.discard(cid), this.#composer.focus()),
    ask: (question) => this.ask(question),
    seen: () => this.#see(),
  });
  readonly #banner = new BannerView({
    hurry: () => this.#chat?.hurry(),
    dismiss: () => this.#chat?.dismiss(),
  });
  readonly #composer = new ComposerView({
    send: (text) => this.#chat?.say(text) ?? false,
    attach: async (file) =>
      (await this.#chat?.attach(file.name, file)) ?? words[this.#language].errors["network"] ?? "",
    type: (on) => this.#chat?.type(on),
  });
  readonly #badge = h("span", { class: "badge", "aria-hidden": "true" });
  readonly #launcherText = h("span");
  readonly #launcher = h(
    "button",
    { type: "button", class: "launcher", onclick: () => this.show() },
    icon("bell"),
    this.#launcherText,
    this.#badge,
  );
  readonly #panel = h(
    "section",
    { class: "panel", "aria-labelledby": "title" },
    this.#header.element,
    this.#log.element,
    this.#banner.element,
    this.#composer.element,
  );

  #chat: Chat | null = null;
  #language: Language = "en";
  #chinese: Language = "zh"; // the one of the two that this reader reads
  #hotline: Hotline | null = null;
  #frame = 0;
  #leave: AbortController | null = null;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open", delegatesFocus: false });
    dress(root);
    root.append(this.#launcher, this.#panel);
    this.#panel.addEventListener("keydown", (event) => this.#key(event));
  }

  connectedCallback(): void {
    this.#language = chooseLanguage(
      local.get(LANGUAGE_KEY), // the reader's own choice comes before the site's
      this.getAttribute("language"),
      document.documentElement.lang,
      ...navigator.languages,
    );
    this.#chinese = chooseChinese(this.#language, this.getAttribute("language"), ...navigator.languages);
    const leave = (this.#leave = new AbortController());
    const on = (target: EventTarget, type: string, listener: (event: Event) => void): void =>
      target.addEventListener(type, listener, { signal: leave.signal });
    on(window, "storage", (event) => (event as StorageEvent).key === this.#chat?.tokenKey && this.#chat?.adopt());
    on(window, "online", () => this.#chat?.check());
    on(window, "offline", () => this.#chat?.check());
    on(document, "visibilitychange", () => this.#visible());
    on(window, "resize", () => this.#composer.fit());
    if (window.visualViewport) on(window.visualViewport, "resize", () => this.#fit());
    this.#connect();
  }

  disconnectedCallback(): void {
    this.#leave?.abort();
    this.#chat?.stop();
    this.#chat = null;
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (!this.isConnected || before === after || !this.#leave) return;
    if (name === "server" || name === "channel") this.#connect();
    else if (name === "language") this.#translate(chooseLanguage(after, document.documentElement.lang));
    else if (name === "open") this.#toggled(after !== null);
    this.#changed();
  }

  get language(): Language {
    return this.#language;
  }

  /** Opens the panel in the corner. */
  show(): void {
    this.setAttribute("open", "");
  }

  hide(): void {
    this.removeAttribute("open");
  }

  /** Opens the panel and sends `question` in the contact's name. */
  ask(question: string): void {
    this.show();
    this.#chat?.say(question);
    this.#focus();
  }

  get #inline(): boolean {
    return this.hasAttribute("inline");
  }

  get #shown(): boolean {
    return this.#inline || this.hasAttribute("open");
  }

  #connect(): void {
    this.#chat?.stop();
    try {
      this.#chat = new Chat({
        url: socketUrl(new URL(this.getAttribute("server") || home, home).href, this.getAttribute("channel") || "web"),
        language: this.#language,
        local,
        tab,
        onChange: () => this.#changed(),
        wordsFor: (code, text) => words[this.#language].errors[code] ?? (text || words[this.#language].error),
      });
    } catch (error) {
      this.#chat = null;
      console.error("qiantai-chat: the attribute server is no web address", error);
    }
    // a visitor who never opens the panel is no contact: without a conversation nothing is sent until they do
    if (this.#shown || this.#chat?.begun) this.#chat?.start();
    this.#changed();
  }

  #translate(language: Language): void {
    local.set(LANGUAGE_KEY, language);
    this.#speak(language);
  }

  #speak(language: Language): void {
    if (language === this.#language) return;
    this.#language = language;
    if (language !== "en") this.#chinese = language;
    this.#chat?.speak(language);
    this.#tell("qiantai-language", { language });
    this.#changed();
  }

  /** The switch in the header asks the assistant too, where it has offered to change. */
  #switch(language: Language): void {
    const offered = this.#chat?.snapshot.lines.flatMap((line) => line.buttons) ?? [];
    const choice = offered.find(({ payload }) => this.#asked(payload) === language);
    if (choice) this.#press(choice);
    else this.#translate(language);
  }

  /** The language that a button asks for; one that asks for Chinese leaves the characters to the reader. */
  #asked(payload: string): Language | null {
    const language = languageAsked(payload);
    return language === "zh" ? this.#chinese : language;
  }

  #press(choice: Choice): void {
    this.#chat?.press(choice);
    const language = this.#asked(choice.payload);
    if (language) this.#translate(language);
    this.#focus();
  }

  #forget(): void {
    this.#chat?.forget();
    this.#focus();
  }

  #focus(): void {
    if (hasKeyboard()) this.#composer.focus();
  }

  #toggled(open: boolean): void {
    if (this.#inline) return;
    if (open) this.#chat?.start();
    this.#draw(); // now, so that the element to focus is there
    if (open) {
      this.#composer.fit();
      this.#log.toEnd();
      this.#composer.focus();
    } else {
      this.#launcher.focus();
    }
    this.#tell("qiantai-toggle", { open });
  }

  #key(event: KeyboardEvent): void {
    if (this.#inline || event.isComposing) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      this.hide();
    } else if (event.key === "Tab" && matchMedia(NARROW).matches) {
      this.#keepFocus(event);
    }
  }

  /** The panel covers the whole screen: Tab goes round in it, not through the page that lies hidden below. */
  #keepFocus(event: KeyboardEvent): void {
    const stops = [...this.#panel.querySelectorAll<HTMLElement>("button, a[href], textarea, [tabindex='0']")];
    const reachable = stops.filter((stop) => stop.getClientRects().length > 0);
    const [first, last] = [reachable[0], reachable[reachable.length - 1]];
    const here = this.shadowRoot?.activeElement;
    if (!first || !last || here !== (event.shiftKey ? first : last)) return;
    event.preventDefault();
    (event.shiftKey ? last : first).focus();
  }

  #visible(): void {
    if (document.visibilityState !== "visible") return;
    this.#chat?.check();
    this.#see();
  }

  #see(): void {
    if (this.#shown && this.#log.atEnd && document.visibilityState === "visible") this.#chat?.see();
  }

  /** Telephones slide their keyboard over the page without resizing it: the full-screen panel stays above it. */
  #fit(): void {
    const height = window.visualViewport?.height ?? 0;
    if (height > 0) this.style.setProperty("--viewport", `${height}px`);
  }

  #changed(): void {
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  #draw(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const language = this.#language;
    const said = words[language];
    const shown = this.#shown;
    this.#panel.lang = TAGS[language];
    this.#panel.hidden = !shown;
    this.#launcher.hidden = shown;
    const corner = !this.#inline;
    if (corner) this.#panel.setAttribute("role", "dialog");
    else this.#panel.removeAttribute("role");
    const snapshot = this.#chat?.snapshot;
    if (!snapshot) {
      say(this.#launcherText, said.launcher);
      this.#panel.replaceChildren(h("p", { class: "misplaced" }, ...callable(said.misplaced(HOTLINE), HOTLINE)));
      return;
    }
    this.#launcher.lang = this.#panel.lang;
    this.#launcher.setAttribute("aria-label", snapshot.unread ? said.launcherUnread(snapshot.unread) : said.launcher);
    say(this.#launcherText, said.launcher);
    say(this.#badge, snapshot.unread ? String(Math.min(snapshot.unread, 99)) : "");
    this.#header.update(snapshot, said, language === "en" ? this.#chinese : "en", corner);
    this.#banner.update(snapshot, said);
    this.#composer.update(said);
    this.#log.update(snapshot, said, language);
    if (snapshot.hotline && snapshot.hotline !== this.#hotline) {
      this.#hotline = snapshot.hotline;
      this.#tell("qiantai-hotline", snapshot.hotline);
    }
    this.#see();
  }

  #tell(type: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }
}

/** A constructed sheet needs nothing in the policy of the embedding site; browsers before 2023 load the same as a file. */
function dress(root: ShadowRoot): void {
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [sheet];
  } catch {
    root.append(h("link", { rel: "stylesheet", href: new URL("widget/qiantai.css", home).href }));
  }
}
