/** The state of one chat and everything that changes it; the element draws what it says. No DOM in here. */
import { frameOf, Outbox, type Draft } from "./outbox.ts";
import {
  CLOSED,
  MAX_TEXT,
  length,
  type Choice,
  type Hotline,
  type Language,
  type Refusal,
  type ServerFrame,
} from "./protocol.ts";
import { Ratings } from "./ratings.ts";
import type { Shelf } from "./shelf.ts";
import { ChatSocket, type Link } from "./socket.ts";
import { Transcript, type Line } from "./transcript.ts";
import { upload } from "./upload.ts";

const RESEND = 15_000; // ms without an ack on a living connection
const TYPING_SHOWN = 12_000; // ms after which the other side's "typing" is no longer believed
const TYPING_TOLD = 3_000; // ms between two of our own "typing"
const LATER = ["too_many", "ledger_busy"]; // refusals of the moment, core/errors.py: not of the message
const REPLAY = 2_000; // ms after the welcome by which the past has been told, even if its last line is not for us

export interface Snapshot {
  readonly lines: readonly Line[];
  readonly link: Link;
  readonly absent: boolean; // nobody has ever answered at this address, and that several times
  readonly hotline: Hotline | null; // null before the first welcome
  readonly typing: boolean; // the other side
  readonly notice: string; // an error that is not about one message
  readonly unread: number;
  readonly untouched: boolean; // the contact has said nothing yet
  readonly ratings: ReadonlyMap<number, boolean>; // of answers, by seq: was it helpful?
  readonly caughtUp: boolean; // the past has been replayed: what comes now is new
}

export interface ChatOptions {
  readonly url: string;
  readonly language: Language;
  readonly local: Shelf; // lasts: the token, the place read up to
  readonly tab: Shelf; // ends with the tab: text and ratings not yet confirmed
  readonly onChange: () => void;
  /** The sentence for an error: our own in the reader's language, else `text` as the server put it. */
  readonly wordsFor: (code: string, text: string) => string;
  readonly connect?: (url: string) => WebSocket;
}

export class Chat {
  readonly #options: ChatOptions;
  readonly #keys: { readonly token: string; readonly read: string };
  readonly #socket: ChatSocket;
  readonly #outbox: Outbox;
  readonly #ratings: Ratings;
  readonly #transcript = new Transcript();
  readonly #sentAt = new Map<string, number>(); // cid → ms since 1970, on the present connection
  #language: Language;
  #token: string;
  #hotline: Hotline | null = null;
  #typing: ReturnType<typeof setTimeout> | undefined;
  #toldTyping = 0;
  #resend: ReturnType<typeof setInterval> | undefined;
  #replay: ReturnType<typeof setTimeout> | undefined;
  #notice = "";
  #replayUpTo = 0;
  #caughtUp = false;
  #turnedAway = false; // a token was refused and given up already

  constructor(options: ChatOptions) {
    this.#options = options;
    this.#language = options.language;
    this.#keys = { token: `qiantai.token ${options.url}`, read: `qiantai.read ${options.url}` };
    this.#token = options.local.get(this.#keys.token) ?? "";
    this.#outbox = new Outbox(options.tab, `qiantai.outbox ${options.url}`);
    for (const draft of this.#outbox.drafts) this.#transcript.write(draft);
    this.#ratings = new Ratings(options.tab, `qiantai.ratings ${options.url}`);
    this.#socket = new ChatSocket({
      url: options.url,
      hello: () => ({
        type: "hello",
        token: this.#token,
        last_seq: this.#transcript.lastSeq,
        language: this.#language,
      }),
      onFrame: (frame) => this.#take(frame),
      onLink: (link) => this.#linked(link),
      onClose: (code) => this.#closed(code),
      ...(options.connect ? { connect: options.connect } : {}),
    });
  }

  get snapshot(): Snapshot {
    const read = this.#read;
    return {
      lines: this.#transcript.lines,
      link: this.#socket.link,
      absent: this.#socket.absent,
      hotline: this.#hotline,
      typing: this.#typing !== undefined,
      notice: this.#notice,
      unread: this.#transcript.lines.filter((line) => line.from !== "contact" && line.seq > read).length,
      untouched: this.#transcript.untouched,
      ratings: this.#ratings.shown,
      caughtUp: this.#caughtUp,
    };
  }

  /** The storage key whose change in another tab `adopt` must hear of. */
  get tokenKey(): string {
    return this.#keys.token;
  }

  /** Whether there is a conversation here already, or something waiting to be said. */
  get begun(): boolean {
    return this.#token !== "" || this.#outbox.drafts.length > 0;
  }

  start(): void {
    this.#socket.start();
  }

  stop(): void {
    this.#socket.stop();
  }

  /** Tries to connect now rather than after the pause. */
  hurry(): void {
    this.#turnedAway = false;
    this.#socket.start();
    this.#socket.hurry();
  }

  /** The network or the page changed: is the connection still there? */
  check(): void {
    this.#socket.hurry();
    this.#socket.check(3_000);
  }

  /** Sends what was typed. Empty or too long: nothing happens and the answer is false. */
  say(text: string): boolean {
    const words = text.trim();
    if (!words || length(words) > MAX_TEXT) return false;
    this.#submit(words, "");
    return true;
  }

  press(choice: Choice): void {
    this.#submit(choice.title, choice.payload);
  }

  /** Uploads a file and sends it; "" once it is on its way, else a sentence that says why not. */
  async attach(name: string, file: Blob): Promise<string> {
    const token = this.#token;
    const sent = token ? await upload(this.#options.url, token, name, file) : { id: "", name, error: "network" };
    if (sent.id && token === this.#token) this.#submit(sent.name, "", sent.id);
    return sent.error && this.#options.wordsFor(sent.error, "");
  }

  /** Says of the answer at `seq` whether it was helpful; null takes that back. */
  rate(seq: number, helpful: boolean | null): void {
    this.#ratings.rate(seq, helpful);
    this.#socket.send({ type: "rate", seq, helpful });
    this.#options.onChange();
  }

  /** Sends a refused message again. */
  retry(cid: string): void {
    this.#mark(cid, "");
    this.#flush();
    this.#options.onChange();
  }

  /** Gives a refused message up. */
  discard(cid: string): void {
    this.#outbox.drop(cid);
    this.#transcript.drop(cid);
    this.#options.onChange();
  }

  /** The contact is typing, or has stopped. */
  type(on: boolean): void {
    const now = Date.now();
    if (on ? now - this.#toldTyping < TYPING_TOLD : this.#toldTyping === 0) return;
    if (this.#socket.send({ type: "typing", on })) this.#toldTyping = on ? now : 0;
  }

  /** Everything that is here has been seen. */
  see(): void {
    const last = this.#transcript.lastSeq;
    if (last <= this.#read || !this.#socket.send({ type: "read", seq: last })) return;
    this.#options.local.set(this.#keys.read, String(last));
    this.#options.onChange();
  }

  speak(language: Language): void {
    if (language === this.#language) return;
    this.#language = language;
    if (this.#socket.link.state === "online") this.#socket.restart(); // the hotline's name comes in the language of hello
  }

  dismiss(): void {
    this.#notice = "";
    this.#options.onChange();
  }

  /** Removes the conversation from this device; the house keeps what it has. A new one begins. */
  forget(): void {
    this.#options.local.remove(this.#keys.token);
    this.#begin("", []);
    this.#socket.restart();
  }

  /** Another tab of this site wrote or removed the token: all tabs follow the same conversation. */
  adopt(): void {
    const token = this.#options.local.get(this.#keys.token) ?? "";
    if (token === this.#token) return;
    this.#begin(token, token ? this.#outbox.drafts : []);
    if (!token)
      this.#socket.stop(); // the other tab is beginning anew and will tell
    else this.#socket.restart();
  }

  get #read(): number {
    return Number(this.#options.local.get(this.#keys.read)) || 0;
  }

  /** Turns to the conversation of `token` ("" for one to come), taking `drafts` along. */
  #begin(token: string, drafts: readonly Draft[]): void {
    this.#token = token;
    this.#options.local.remove(this.#keys.read);
    this.#transcript.clear();
    this.#ratings.clear();
    for (const draft of drafts) this.#transcript.write(draft);
    if (drafts.length === 0) this.#outbox.clear();
    this.#hush();
    this.#notice = "";
    this.#caughtUp = false;
    this.#options.onChange();
  }

  #submit(text: string, payload: string, file = ""): void {
    const draft = this.#outbox.add(text, payload, Date.now(), file);
    this.#transcript.write(draft);
    this.#toldTyping = 0;
    this.#socket.start();
    this.#flush();
    this.#options.onChange();
  }

  #flush(): void {
    const stale = Date.now() - RESEND;
    for (const draft of this.#outbox.drafts) {
      if (draft.error || (this.#sentAt.get(draft.cid) ?? 0) > stale) continue;
      if (this.#socket.send(frameOf(draft))) this.#sentAt.set(draft.cid, Date.now());
    }
  }

  #tellRatings(): void {
    for (const [seq, helpful] of this.#ratings.open) this.#socket.send({ type: "rate", seq, helpful });
  }

  #linked(link: Link): void {
    clearInterval(this.#resend);
    clearTimeout(this.#replay);
    this.#sentAt.clear();
    if (link.state === "online") {
      this.#flush();
      this.#tellRatings();
      this.#resend = setInterval(() => (this.#flush(), this.#tellRatings()), RESEND);
      this.#replay = setTimeout(() => ((this.#caughtUp = true), this.#options.onChange()), REPLAY);
    } else {
      this.#hush();
    }
    this.#options.onChange();
  }

  #closed(code: number): "retry" | "stop" {
    if (code === CLOSED.badFrame) {
      // one of these broke it: they wait for the contact, or they would break every connection to come
      for (const cid of this.#sentAt.keys()) this.#mark(cid, this.#options.wordsFor("bad_frame", ""));
      this.#ratings.giveUp();
    }
    if (code !== CLOSED.auth) return "retry";
    if (!this.#token || this.#turnedAway) return "stop"; // not the token is refused, but we are
    this.#turnedAway = true;
    this.#options.local.remove(this.#keys.token);
    this.#begin("", this.#outbox.drafts);
    return "retry";
  }

  #take(frame: ServerFrame): void {
    switch (frame.type) {
      case "welcome":
        this.#welcome(frame.token, frame.seq, frame.hotline);
        break;
      case "msg":
        this.#transcript.receive(frame);
        if (frame.cid) this.#settled(frame.cid);
        if (frame.from !== "contact") this.#hush();
        break;
      case "ack":
        this.#transcript.confirm(frame.cid, frame.seq);
        this.#settled(frame.cid);
        break;
      case "error":
        this.#refused(frame);
        break;
      case "rated":
        this.#ratings.confirm(frame.seq, frame.helpful);
        break;
      case "typing":
        this.#hush();
        if (frame.on) this.#typing = setTimeout(() => (this.#hush(), this.#options.onChange()), TYPING_SHOWN);
        break;
      case "resync":
        this.#transcript.rewind(frame.from);
        this.#options.local.remove(this.#keys.read);
        break;
      case "pong":
        break;
    }
    this.#caughtUp ||= this.#hotline !== null && this.#transcript.lastSeq >= this.#replayUpTo;
    this.#options.onChange();
  }

  #welcome(token: string, seq: number, hotline: Hotline): void {
    const stored = this.#options.local.get(this.#keys.token);
    this.#hotline = hotline;
    this.#replayUpTo = seq;
    if (!this.#token && stored) {
      this.adopt(); // another tab was first: one conversation for both
      return;
    }
    this.#token = token;
    if (token !== stored) this.#options.local.set(this.#keys.token, token);
  }

  #settled(cid: string): void {
    this.#outbox.drop(cid);
    this.#sentAt.delete(cid);
  }

  #refused({ cid, seq, code, text }: Refusal): void {
    if (LATER.includes(code)) return; // it stays and goes again after a while; so does a visit that was too early
    if (seq) return this.#ratings.drop(seq); // the thumb goes back by itself: nothing that the contact must mend
    const words = this.#options.wordsFor(code, text);
    if (this.#outbox.drafts.some((draft) => draft.cid === cid)) this.#mark(cid, words);
    else this.#notice = words;
  }

  #mark(cid: string, error: string): void {
    this.#outbox.mark(cid, error);
    this.#sentAt.delete(cid);
    const draft = this.#outbox.drafts.find((candidate) => candidate.cid === cid);
    if (draft) this.#transcript.write(draft);
  }

  #hush(): void {
    clearTimeout(this.#typing);
    this.#typing = undefined;
  }
}
