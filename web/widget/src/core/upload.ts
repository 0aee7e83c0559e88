/** Files on their way to the house: sent by themselves, then named by a message. */

export interface Uploaded {
  readonly id: string; // "" when it was not taken
  readonly name: string; // as the house keeps it
  readonly error: string; // the house's word for why not, `network` when nobody answered; "" when it was taken
}

const WITHIN = 100_000; // ms for a whole file over a slow line

/** The address that takes uploads of the channel whose socket is at `socket` (wss://desk.example/socket/web). */
export function uploadUrl(socket: string): string {
  const url = new URL(socket);
  url.protocol = url.protocol === "wss:" ? "https:" : "http:";
  url.pathname = url.pathname.replace(/\/socket\/([^/]+)$/u, "/c/$1/upload");
  return url.href;
}

/** Sends `file` in the name of the visitor with `token`; never throws. */
export async function upload(socket: string, token: string, name: string, file: Blob): Promise<Uploaded> {
  const failed = (error: string): Uploaded => ({ id: "", name, error });
  try {
    const answer = await fetch(`${uploadUrl(socket)}?name=${encodeURIComponent(name)}`, {
      method: "POST",
      headers: { "X-Qiantai-Token": token, "Content-Type": "application/octet-stream" },
      body: file,
      credentials: "omit",
      signal: AbortSignal.timeout(WITHIN),
    });
    const told = (await answer.json()) as Record<string, unknown>;
    if (!answer.ok) return failed(typeof told["error"] === "string" ? told["error"] : "internal");
    const { file_id: id, name: kept } = told;
    return typeof id === "string" && id
      ? { id, name: typeof kept === "string" ? kept : name, error: "" }
      : failed("internal");
  } catch {
    return failed("network");
  }
}
