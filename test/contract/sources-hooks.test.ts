import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineError } from "../../src/base/errors.ts";
import type { EventDraft } from "../../src/events/sources/source.ts";
import { failOnLeaks } from "../harness/leaks.ts";
import { waitFor } from "../harness/wait.ts";
import { type HookKind, hookKinds } from "./source-hooks.ts";

failOnLeaks();

/** What every source promises that services call over HTTP: the answer is its acknowledgement. */

/** Nested without end, of no bytes, of none that is text, cut off. */
const harmful = [`{"a":${"[".repeat(20_000)}${"]".repeat(20_000)}}`, "", Buffer.from([0xff, 0, 0xfe]), '{"a":'].map(
  (body) => Buffer.from(body),
);

const secrets = () => ({ "s/k": "sesame", "s/token": "t" });

function hookContract({ name, hasNoIds, hasNoLogin, serve, request }: HookKind): void {
  test(`${name} answers once its event is stored`, async () => {
    const gate = Promise.withResolvers<void>();
    const came: EventDraft[] = [];
    const emit = async (draft: EventDraft): Promise<void> => {
      came.push(draft);
      await gate.promise;
    };
    await using source = await serve(secrets(), { emit });
    let isAnswered = false;
    const asked = source.send(request(1, "sesame")).finally(() => {
      isAnswered = true;
    });
    await waitFor("the event", () => came.length === 1);
    await source.send({ method: "GET", path: "/none" }); // time for an answer that must not come
    assert.equal(isAnswered, false);
    gate.resolve();
    assert.equal((await asked).status, 200);
  });

  test(`${name}: what the bus did not take is refused, and has its id when it is sent again`, async () => {
    const came: EventDraft[] = [];
    let isAway = true;
    const emit = async (draft: EventDraft): Promise<void> => {
      came.push(draft);
      if (isAway) throw new EngineError("BUS_UNAVAILABLE", "away");
    };
    await using source = await serve(secrets(), { emit });
    const refused = await source.send(request(1, "sesame"));
    assert.deepEqual([refused.status, refused.headers["retry-after"]], [503, "5"]);
    isAway = false;
    assert.equal((await source.send(request(1, "sesame"))).status, 200);
    assert.equal((await source.send(request(2, "sesame"))).status, 200);
    const ids = came.map(({ id }) => id);
    if (hasNoIds !== undefined) return assert.deepEqual(ids, [undefined, undefined, undefined]);
    assert.ok(ids[0]?.startsWith("default/es/e@"));
    assert.equal(ids[1], ids[0]);
    assert.notEqual(ids[2], ids[0]);
  });

  test(`${name}: bodies that mean harm are refused and counted, and the next request is taken`, async () => {
    await using source = await serve(secrets(), {});
    for (const [index, body] of harmful.entries()) {
      const { status, text } = await source.send({ ...request(1, "sesame"), body });
      assert.ok(status >= 400 && status < 500, `${body.subarray(0, 20)}: ${status} ${text}`);
      assert.equal(source.context.failed.count, index + 1);
    }
    assert.equal(source.context.emitted.length, 0);
    assert.equal((await source.send(request(2, "sesame"))).status, 200);
    assert.equal(source.context.emitted.length, 1);
  });

  test(`${name}: a sender without the secret is refused and counted`, { skip: hasNoLogin ?? false }, async () => {
    const known = secrets();
    await using source = await serve(known, {});
    const refused = await source.send(request(1, "wrong"));
    assert.ok(refused.status === 400 || refused.status === 401, `${refused.status}`);
    assert.doesNotMatch(refused.text, /sesame/);
    assert.equal(source.context.emitted.length, 0);
    known["s/k"] = "mended";
    assert.equal((await source.send(request(1, "sesame"))).status, refused.status, "the old one is not good any more");
    assert.equal((await source.send(request(1, "mended"))).status, 200);
    assert.equal(source.context.emitted.length, 1);
  });
}

for (const kind of hookKinds) hookContract(kind);
