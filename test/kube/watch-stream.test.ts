import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { readWatchEvents } from "../../src/kube/watch-stream.ts";

test("an abort ends a watch whose request does not hear of it", { timeout: 10_000 }, async () => {
  const stop = new AbortController();
  const reason = new Error("stopped");
  let cancelledWith: unknown;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(Buffer.from('{"type":"BOOKMARK","object":{}}\n')),
    cancel: (why) => {
      cancelledWith = why;
    },
  });
  const seen: string[] = [];
  const read = async (): Promise<void> => {
    for await (const { type } of readWatchEvents(body, "watch v1/Pod", stop.signal)) {
      seen.push(type);
      setImmediate(() => stop.abort(reason)); // while the next event is waited for
    }
  };
  await assert.rejects(read, reason);
  assert.deepEqual([seen, cancelledWith], [["BOOKMARK"], reason]);
  assert.equal(getEventListeners(stop.signal, "abort").length, 0);
});
