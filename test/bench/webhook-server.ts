import { once } from "node:events";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { buffer } from "node:stream/consumers";
import { webhookSource } from "../../src/events/sources/webhook.ts";
import { serveSource } from "../events/sources/served-source.ts";
import { waitFor } from "../harness/wait.ts";
import { processorWaitMs } from "./processor-wait.ts";

// What the webhook bench asks, in a process of its own: beside what makes the load, and all that other benches import,
// the heap's pauses alone were 40 ms.
//   node webhook-server.ts bare | webhook | hmac
// Prints its URL, and for each line on standard input `processorWaitMs`; the end of standard input ends it.

const [kind = ""] = process.argv.slice(2);
console.log(kind === "bare" ? await startBare() : await startSource(kind === "hmac"));
createInterface({ input: process.stdin })
  .on("line", () => console.log(processorWaitMs()))
  .once("close", () => process.exit(0));

/** A bare handler that reads and parses. */
async function startBare(): Promise<string> {
  const server = createServer((request, response) => {
    void buffer(request).then((bytes) => {
      JSON.parse(bytes.toString());
      response.end("success");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return `http://127.0.0.1:${address.port}/`;
}

/** With a bus that keeps at once. */
async function startSource(isSigned: boolean): Promise<string> {
  const verify = { hmac: { header: "X-Signature", secrets: [{ name: "s", key: "k" }] } };
  const spec = { endpoint: "/e", port: "0", method: "POST", ...(isSigned && { verify }) };
  const source = await serveSource(webhookSource, spec, { "s/k": "swordfish" }, { emit: async () => undefined });
  await waitFor("the listener", () => source.context.isReady.value);
  return source.url;
}
