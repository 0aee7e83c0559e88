/** Files on their way to a real server: taken, refused, and lost. */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { frameOf, Outbox } from "../src/core/outbox.ts";
import { shelf } from "../src/core/shelf.ts";
import { Transcript } from "../src/core/transcript.ts";
import { upload, uploadUrl } from "../src/core/upload.ts";

const PNG = new Blob([new Uint8Array([0x89, 0x50, 0x4e, 0x47])], { type: "image/png" });

async function serving(
  status: number,
  body: string,
  ask: (socket: string, seen: IncomingMessage[]) => Promise<void>,
): Promise<void> {
  const seen: IncomingMessage[] = [];
  const server: Server = createServer((request, response) => {
    seen.push(request);
    request.resume().on("end", () => response.writeHead(status).end(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  await ask(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/desk/socket/web`, seen);
  server.closeAllConnections();
  server.close();
}

test("uploads go beside the socket, over TLS where it does", () => {
  assert.equal(uploadUrl("wss://desk.example/socket/web"), "https://desk.example/c/web/upload");
  assert.equal(uploadUrl("ws://127.0.0.1:8080/a/socket/my-web"), "http://127.0.0.1:8080/a/c/my-web/upload");
});

test("a file that is taken comes back with its id and the name that is kept", async () => {
  await serving(200, '{"file_id":"f1","name":"合同 ⟦phone⟧.pdf"}', async (socket, seen) => {
    assert.deepEqual(await upload(socket, "token", "合同&a.pdf", PNG), {
      id: "f1",
      name: "合同 ⟦phone⟧.pdf",
      error: "",
    });
    assert.equal(seen[0]?.headers["x-qiantai-token"], "token");
    assert.equal(seen[0]?.url, `/desk/c/web/upload?name=${encodeURIComponent("合同&a.pdf")}`);
  });
});

for (const [what, status, body, error] of [
  ["a refusal", 413, '{"error":"too_large","detail":"x"}', "too_large"],
  ["a refusal without a word", 500, "{}", "internal"],
  ["a page of a proxy", 413, "<html>", "network"],
  ["an answer without an id", 200, "{}", "internal"],
] as const)
  test(`${what} is ${error}`, async () => {
    await serving(status, body, async (socket) => {
      assert.deepEqual(await upload(socket, "token", "a.png", PNG), { id: "", name: "a.png", error });
    });
  });

test("nobody there is network", async () => {
  assert.equal((await upload("ws://127.0.0.1:1/socket/web", "token", "a.png", PNG)).error, "network");
});

test("an upload is sent by its id and shown by its name", () => {
  const outbox = new Outbox(
    shelf(() => globalThis.localStorage),
    "k",
  );
  const draft = outbox.add("a.png", "", 1, "f1");
  assert.deepEqual(frameOf(draft), { type: "msg", cid: draft.cid, file_id: "f1" });
  const transcript = new Transcript();
  transcript.write(draft);
  assert.deepEqual([transcript.lines[0]?.text, transcript.lines[0]?.files], ["", ["a.png"]]);
});
