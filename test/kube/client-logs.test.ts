import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../../src/base/log.ts";
import { createKubeClient } from "../../src/kube/client.ts";

function clientOf(answer: (request: Request) => Response) {
  const asked: string[] = [];
  const client = createKubeClient({
    baseUrl: "https://kube.example",
    fetch: async (request) => {
      asked.push(request.url);
      return answer(request);
    },
    log: silentLogger,
  });
  return { client, asked };
}

async function read(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

test("logs come line by line, however the answer is cut, the last one without its end, too", async () => {
  const chunks = ["2026-11-29T10:00:00Z o", "ne\n2026-11-29T10:00:01Z two\n\nfo", "ur"];
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk));
      controller.close();
    },
  });
  const { client, asked } = clientOf(() => new Response(body));
  const query = { container: "c d", follow: true, previous: false, tailLines: 5 };
  const lines = await read(client.logs({ namespace: "shop", name: "web" }, query, new AbortController().signal));
  assert.deepEqual(lines, ["2026-11-29T10:00:00Z one", "2026-11-29T10:00:01Z two", "", "four"]);
  assert.deepEqual(asked, [
    "https://kube.example/api/v1/namespaces/shop/pods/web/log?container=c+d&follow=true&tailLines=5&timestamps=true",
  ]);
});

test("logs that are refused say why", async () => {
  const status = JSON.stringify({ kind: "Status", message: "container c is not valid", code: 400 });
  const { client } = clientOf(() => new Response(status, { status: 400 }));
  const logs = client.logs({ namespace: "shop", name: "web" }, {}, new AbortController().signal);
  await assert.rejects(read(logs), /container c is not valid/);
});

test("logs that are followed end with their signal", async () => {
  const { client } = clientOf(() => new Response(new ReadableStream()));
  const stop = new AbortController();
  const reading = read(client.logs({ namespace: "shop", name: "web" }, { follow: true }, stop.signal));
  stop.abort(new Error("enough"));
  await assert.rejects(reading, /enough/);
});
