/** One lasting connection to the house over WebSockets that end: hello, heartbeat, backoff. Knows frames, not messages. */
import { backoff } from "./backoff.ts";
import { CLOSED, parseFrame, type ClientFrame, type Hello, type ServerFrame } from "./protocol.ts";

const PATIENCE = 10_000; // ms for a connection to open and be welcomed, and for the answer to a ping
const HEARTBEAT = 20_000; // ms between pings
const SETTLED = 5_000; // ms after which a connection counts as good and the backoff starts anew
const ABSENT = 5; // handshakes refused in a row, without a welcome before, from which on nobody is taken to be there
const RATE_PAUSE = 10_000; // ms at least before coming back after we were told that it is too much

export type Link =
  | { readonly state: "idle" }
  | { readonly state: "connecting"; readonly again: boolean } // again: there was a connection before
  | { readonly state: "online" }
  | { readonly state: "waiting"; readonly until: number; readonly busy: Busy } // until: ms since 1970
  | { readonly state: "refused" }; // trying again would not help

/** What was too much: our own messages, or, before any welcome, the visitors from our network; "" for nothing. */
export type Busy = "" | "messages" | "visitors";

export interface SocketOptions {
  readonly url: string;
  readonly hello: () => Hello;
  readonly onFrame: (frame: ServerFrame) => void;
  readonly onLink: (link: Link) => void;
  /** What to do after the server closed with `code`. */
  readonly onClose: (code: number) => "retry" | "stop";
  readonly connect?: (url: string) => WebSocket;
  readonly random?: () => number;
}

type Timer = ReturnType<typeof setTimeout>;

export class ChatSocket {
  readonly #options: SocketOptions;
  #ws: WebSocket | null = null;
  #link: Link = { state: "idle" };
  #attempt = 0;
  #again = false;
  #refusals = 0; // in a row
  #opened = false; // the handshake was not refused; browsers do not tell why one was
  #deadline: Timer | undefined; // the server must say something before it
  #heartbeat: Timer | undefined;
  #settle: Timer | undefined;
  #retry: Timer | undefined;

  constructor(options: SocketOptions) {
    this.#options = options;
  }

  get link(): Link {
    return this.#link;
  }

  /** There seems to be no chat at this address: never a welcome, and one refused handshake after the other. */
  get absent(): boolean {
    return !this.#again && this.#refusals >= ABSENT;
  }

  start(): void {
    if (this.#link.state === "idle" || this.#link.state === "refused") this.#open();
  }

  stop(): void {
    this.#drop();
    this.#attempt = 0;
    this.#refusals = 0;
    this.#again = false;
    this.#enter({ state: "idle" });
  }

  /** Ends the waiting for the next try. */
  hurry(): void {
    if (this.#link.state === "waiting") this.#open();
  }

  /** Says hello anew on a fresh connection, at once. */
  restart(): void {
    this.#drop();
    this.#open();
  }

  /** Leaves this connection and comes back after the usual pause. */
  leave(): void {
    this.#drop();
    this.#wait("");
  }

  /** Asks whether the connection is still alive: without any word within `ms` it is given up. */
  check(ms: number): void {
    if (this.#link.state !== "online") return;
    this.#expect(ms);
    this.#post({ type: "ping" });
  }

  /** Puts `frame` on the wire; false (and nothing happened) while there is no welcomed connection. */
  send(frame: ClientFrame): boolean {
    if (this.#link.state !== "online") return false;
    this.#post(frame);
    return true;
  }

  #open(): void {
    this.#drop();
    this.#enter({ state: "connecting", again: this.#again });
    let ws: WebSocket;
    try {
      ws = (this.#options.connect ?? ((url) => new WebSocket(url)))(this.#options.url);
    } catch {
      this.#enter({ state: "refused" }); // an address that the browser forbids here, such as ws: on an https page
      return;
    }
    this.#ws = ws;
    this.#opened = false;
    this.#expect(PATIENCE);
    ws.onopen = () => {
      this.#opened = true;
      this.#refusals = 0;
      this.#post(this.#options.hello());
    };
    ws.onmessage = (event) => this.#hear(ws, event.data);
    ws.onclose = (event) => this.#closed(event.code);
  }

  #hear(ws: WebSocket, data: unknown): void {
    const frame = parseFrame(data);
    if (frame?.type === "welcome") this.#welcomed();
    if (this.#link.state === "online") clearTimeout(this.#deadline); // any word shows that the other end lives
    if (frame) this.#options.onFrame(frame);
    const here = this.#ws === ws; // the listener may have left this connection
    if (here && frame?.type === "welcome" && this.#link.state !== "online") this.#enter({ state: "online" });
  }

  #welcomed(): void {
    this.#again = true;
    clearTimeout(this.#deadline);
    clearInterval(this.#heartbeat);
    clearTimeout(this.#settle);
    this.#heartbeat = setInterval(() => this.check(PATIENCE), HEARTBEAT);
    this.#settle = setTimeout(() => (this.#attempt = 0), SETTLED);
  }

  #closed(code: number): void {
    const busy = code !== CLOSED.rate ? "" : this.#link.state === "online" ? "messages" : "visitors";
    this.#drop();
    if (this.#options.onClose(code) === "stop") this.#enter({ state: "refused" });
    else this.#wait(busy);
  }

  #wait(busy: Busy): void {
    // added, so that those who were sent away together do not come back in the same instant
    const ms = (busy ? RATE_PAUSE : 0) + backoff(this.#attempt, this.#options.random);
    this.#attempt += 1;
    if (!this.#opened) this.#refusals += 1;
    this.#retry = setTimeout(() => this.#open(), ms);
    this.#enter({ state: "waiting", until: Date.now() + ms, busy });
  }

  #expect(ms: number): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.leave(), ms);
  }

  #post(frame: ClientFrame): void {
    if (this.#ws?.readyState === 1) this.#ws.send(JSON.stringify(frame)); // 1 = OPEN; else onclose is about to come
  }

  /** Forgets the present connection, if any, without hearing from it again. */
  #drop(): void {
    for (const timer of [this.#deadline, this.#settle, this.#retry]) clearTimeout(timer);
    clearInterval(this.#heartbeat);
    const ws = this.#ws;
    this.#ws = null;
    if (!ws) return;
    ws.onopen = ws.onmessage = ws.onclose = null;
    ws.close();
  }

  #enter(link: Link): void {
    this.#link = link;
    this.#options.onLink(link);
  }
}
