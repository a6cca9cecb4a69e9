import assert from "node:assert/strict";
import { test } from "node:test";
import { TextRequest, TextResponse } from "../../src/base/text-body.ts";

const text = '{"name":"Zoë"}';
const bytes = Buffer.from(text);
const json = { "content-type": "application/json" };
const { signal } = new AbortController();

const whole = [
  ["request", new TextRequest("http://kube.local/api", text, { method: "PATCH", headers: json, signal })],
  ["response", new TextResponse(text, { status: 201, headers: json })],
] as const;

for (const [name, body] of whole) {
  for (const [which, one] of [
    ["itself", body],
    ["its clone", body.clone()],
  ] as const) {
    test(`the body of a ${name} that is text can be read in every way: ${which}`, async () => {
      assert.equal(await one.text(), text);
      assert.deepEqual(await one.json(), { name: "Zoë" });
      assert.deepEqual(Buffer.from(await one.arrayBuffer()), bytes);
      assert.deepEqual(Buffer.from(await one.bytes()), bytes);
      assert.equal((await one.blob()).size, bytes.length);
      const chunks: Uint8Array[] = [];
      for await (const chunk of one.body ?? []) chunks.push(chunk);
      assert.deepEqual(Buffer.concat(chunks), bytes);
      assert.equal(one.headers.get("content-type"), "application/json");
    });
  }
}

test("a clone is the same request and the same response", () => {
  const [[, request], [, response]] = whole;
  const { url, method } = request.clone();
  assert.deepEqual([url, method, response.clone().status], ["http://kube.local/api", "PATCH", 201]);
});

test("a request that is text is aborted by its signal, and so is its clone", () => {
  const stop = new AbortController();
  const request = new TextRequest("http://kube.local/", text, { method: "POST", signal: stop.signal });
  const clone = request.clone();
  stop.abort();
  assert.deepEqual([request.signal.aborted, clone.signal.aborted], [true, true]);
});
