import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../../../src/base/log.ts";
import { everyApplication, seenHook } from "../../../src/controllers/webhooks/hook-event.ts";
import { createHookReceiver } from "../../../src/controllers/webhooks/hook-receiver.ts";
import type { ReceivedEvent } from "../../../src/events/sensor/state.ts";
import { busAway } from "../../harness/memory-bus.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { after, ghcrPush, githubPush, hmac } from "./bodies.ts";

const body = Buffer.from(JSON.stringify(githubPush));
const pushed = { "x-github-event": "push" };
const signed = { ...pushed, "x-hub-signature-256": `sha256=${hmac(body.toString(), "s3cret")}` };

function open(failure?: Error) {
  const stored: (readonly [application: string, received: ReceivedEvent])[] = [];
  const receiver = createHookReceiver({
    settings: async () => ({ secret: (key) => (key === "webhook.github.secret" ? "s3cret" : undefined), maxBytes: 1 }),
    requests: {
      async store(application, received) {
        if (failure) throw failure;
        stored.push([application, received]);
      },
    },
    clock: createVirtualClock(),
    log: silentLogger,
  });
  return { receiver, stored };
}

test("a push is stored once, for whomever it concerns, before it is answered", async () => {
  const { receiver, stored } = open();
  assert.deepEqual(await receiver.take({ headers: signed, body }), { status: 200, text: "" });
  assert.deepEqual(
    stored.map(([application]) => application),
    [everyApplication],
  );
  const [, received] = stored[0] ?? [];
  assert.equal(received && seenHook(received)?.refs[0]?.new, after);
});

test("the same push told of again is stored again: somebody asks to look once more", async () => {
  const { receiver, stored } = open();
  await receiver.take({ headers: signed, body });
  await receiver.take({ headers: signed, body });
  assert.notEqual(stored[0]?.[1].event.id, stored[1]?.[1].event.id);
});

test("what is refused or no push leaves nothing", async () => {
  const { receiver, stored } = open();
  const wrong = await receiver.take({ headers: { ...signed, "x-hub-signature-256": "sha256=0" }, body });
  assert.deepEqual(wrong, { status: 400, text: "Webhook processing failed: GitHub: HMAC verification failed" });
  const ping = { "x-github-event": "ping", "x-hub-signature-256": `sha256=${hmac("{}", "s3cret")}` };
  assert.deepEqual(await receiver.take({ headers: ping, body: Buffer.from("{}") }), { status: 200, text: "" });
  assert.deepEqual(stored, []);
});

test("a push to a registry is stored, too; one that is wrongly signed is refused with 401", async () => {
  const { receiver, stored } = open();
  const text = JSON.stringify(ghcrPush);
  const headers = { "x-github-event": "package", "x-hub-signature-256": `sha256=${hmac(text, "s3cret")}` };
  assert.equal((await receiver.take({ headers, body: Buffer.from(text) })).status, 200);
  const [, received] = stored[0] ?? [];
  assert.deepEqual(received && seenHook(received)?.tags, ["1.2.0"]);
  assert.equal((await receiver.take({ headers, body: Buffer.from(`${text} `) })).status, 401);
  assert.equal(stored.length, 1);
});

test("a bus that is away is no 200", async () => {
  const { receiver } = open(busAway());
  assert.equal((await receiver.take({ headers: signed, body })).status, 503);
});
