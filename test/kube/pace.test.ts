import assert from "node:assert/strict";
import { test } from "node:test";
import { createPace } from "../../src/kube/pace.ts";
import { createVirtualClock } from "../harness/virtual-clock.ts";
import { waitFor } from "../harness/wait.ts";

const request = (body?: string) =>
  new Request("http://kube.local/api", body === undefined ? {} : { method: "POST", body });
const busy = (headers: Record<string, string> = {}) => new Response("busy", { status: 429, headers });

test("a refusal waits as long as the server says, and sends the same again", async () => {
  const clock = createVirtualClock();
  const seen: string[] = [];
  const answers = [busy({ "retry-after": "7" }), new Response("done")];
  const paced = createPace({
    clock,
    fetch: async (sent) => {
      seen.push(`${clock.monotonicMs()} ${sent.method} ${await sent.text()}`);
      return answers.shift() ?? new Response("more");
    },
  });
  const start = clock.monotonicMs();
  const answer = paced(request("x"));
  await waitFor("the answer", async () => {
    await clock.advance(1_000);
    return Promise.race([answer.then(() => true), new Promise((resolve) => setImmediate(resolve, false))]);
  });
  assert.equal(await (await answer).text(), "done");
  assert.deepEqual(seen.length, 2);
  assert.equal(seen[0], `${start} POST x`);
  const [at = "", ...rest] = (seen[1] ?? "").split(" ");
  assert.ok(Number(at) - start >= 7_000, at);
  assert.deepEqual(rest, ["POST", "x"]);
});

test("while the server is busy nothing else is sent, and fewer at once afterwards", async () => {
  const clock = createVirtualClock();
  let [inside, most, count] = [0, 0, 0];
  const paced = createPace({
    clock,
    fetch: async () => {
      const own = ++count;
      inside++;
      most = Math.max(most, inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside--;
      return own <= 40 ? busy() : new Response("done");
    },
  });
  const all = Promise.all(Array.from({ length: 200 }, () => paced(request())));
  await waitFor("all answers", async () => {
    await clock.advance(1_000);
    return Promise.race([all.then(() => true), new Promise((resolve) => setImmediate(resolve, false))]);
  });
  assert.ok(most <= 128, `${most} at once`);
  most = 0;
  await Promise.all(Array.from({ length: 100 }, () => paced(request())));
  assert.ok(most < 64, `${most} at once after the refusals`);
});

test("a server that stays busy is asked six times, and its last answer is given", async () => {
  const clock = createVirtualClock();
  let count = 0;
  const paced = createPace({ clock, fetch: async () => busy({ "retry-after": String(++count) }) });
  const answer = paced(request());
  await waitFor("the answer", async () => {
    await clock.advance(5_000);
    return Promise.race([answer.then(() => true), new Promise((resolve) => setImmediate(resolve, false))]);
  });
  assert.deepEqual([(await answer).status, count], [429, 6]);
});

test("what must not be sent any more is not sent again", async () => {
  const clock = createVirtualClock();
  let [count, mayBeSent] = [0, true];
  const paced = createPace({
    clock,
    fetch: async (_, beforeSend) => {
      beforeSend?.();
      return busy({ "retry-after": String(++count) });
    },
  });
  const answer = paced(request("x"), () => {
    if (!mayBeSent) throw new Error("the lease is lost");
  });
  await waitFor("the first attempt", () => count === 1);
  mayBeSent = false;
  const refused = assert.rejects(answer, /the lease is lost/);
  await clock.advance(60_000);
  await refused;
  assert.equal(count, 1);
});

test("whoever waits can give up", async () => {
  const clock = createVirtualClock();
  const paced = createPace({ clock, fetch: async () => busy({ "retry-after": "60" }) });
  const stop = new AbortController();
  const answer = paced(new Request("http://kube.local/api", { signal: stop.signal }));
  await new Promise((resolve) => setImmediate(resolve));
  stop.abort(new Error("enough"));
  await assert.rejects(answer, /enough/);
});
