/** Addresses of the house, from what an embedding site wrote down. */

/**
 * The WebSocket address of `channel` on `server` (`https://desk.example`, with a path if the house lives under one).
 * Throws TypeError when `server` is no http(s) or ws(s) address.
 */
export function socketUrl(server: string, channel: string): string {
  const url = new URL(server);
  const schemes: Record<string, string> = { "https:": "wss:", "http:": "ws:", "wss:": "wss:", "ws:": "ws:" };
  const scheme = schemes[url.protocol];
  if (!scheme) throw new TypeError(`not a web address: ${server}`);
  const path = url.pathname.replace(/\/+$/u, "");
  return `${scheme}//${url.host}${path}/socket/${encodeURIComponent(channel)}`;
}

/** The house that served `script` as `<house>/widget/qiantai.js`; "" if that cannot be told. */
export function houseOf(script: string): string {
  try {
    return new URL("..", script).href;
  } catch {
    return "";
  }
}
