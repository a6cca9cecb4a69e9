import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { test } from "node:test";
import { whenGone } from "../../src/server/gone.ts";
import { waitFor } from "../harness/wait.ts";

test("a client is gone for whoever listens before it goes, and for whoever listens after it", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  client.on("error", () => undefined).write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const [, response] = await once(server, "request");
  const before = whenGone(response);
  assert.equal(before.aborted, false);
  client.destroy();
  await waitFor("the end to be told", () => before.aborted);
  assert.equal(whenGone(response).aborted, true);
  server.close();
  await once(server, "close");
});
