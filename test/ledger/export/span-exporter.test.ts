import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../../src/base/clock.ts";
import { type Logger, silentLogger } from "../../../src/base/log.ts";
import { createMetrics } from "../../../src/base/metrics.ts";
import { exportSpans } from "../../../src/ledger/export/span-exporter.ts";
import { type LedgerStore, openLedger } from "../../../src/ledger/ledger.ts";
import { openProjection } from "../../../src/ledger/projection.ts";
import { encodeEvent } from "../../../src/record/cloud-event.ts";
import { eventSubject, rawSubject } from "../../../src/record/subject.ts";
import { spanIdFor } from "../../../src/record/trace-context.ts";
import { type SinkAnswer, startAnswering } from "../../harness/http-sink.ts";
import { createMemoryBus } from "../../harness/memory-bus.ts";
import { spansIn } from "../../harness/otlp.ts";
import { tempDir } from "../../harness/temp-dir.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";
import { waitFor } from "../../harness/wait.ts";
import { cloudEvent, decisionDraft, effectDraft, eventHead } from "../drafts.ts";
import { applicationDecisionDraft, effectKey } from "../rollout.ts";

const secret = "s3cret";

/** A ledger whose spans go to a server that answers as `answer` says, from the first request on. */
async function openRig(answer: (count: number) => SinkAnswer, url?: string) {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await tempDir());
  let count = 0;
  const sink = stack.use(await startAnswering(() => answer(++count)));
  const bus = createMemoryBus();
  const clock = createVirtualClock();
  const warned: string[] = [];
  const warn: Logger["warn"] = (text, fields) => void warned.push(`${text} ${JSON.stringify(fields)}`);
  const log = { ...silentLogger, warn };
  const metrics = createMetrics();
  const projection = stack.use(
    await openProjection({ path: join(dir.path, "ledger.db"), clock: systemClock, log: silentLogger }),
  );
  const stop = new AbortController();
  const following = projection.follow("system", bus, [rawSubject("events.>")], stop.signal);
  stack.defer(async () => {
    stop.abort();
    await following;
  });
  const target = {
    url: url ?? `${sink.url}/v1/traces`,
    headers: { authorization: `Bearer ${secret}` },
    timeoutMs: 5_000,
    isCompressed: false,
    tls: {},
  };
  const config = { target, origin: { resource: { "service.name": "t" }, version: "1" }, delayMs: 0, batchSize: 512 };
  const from = await bus.end("ledger");
  const end = new AbortController();
  const deps = { bus, history: projection.history, writer: "w", from, clock, log, metrics };
  const running = exportSpans(config, deps, end.signal);
  stack.defer(async () => {
    end.abort();
    await running;
  });
  const ledger = stack.use(await openLedger({ bus, writer: "w", clock: systemClock, log: silentLogger }));
  const owned = stack.move();
  return {
    bus,
    ledger,
    clock,
    warned,
    sink,
    stop: () => end.abort(),
    ended: running,
    async counted(name: string): Promise<string[]> {
      const text = await metrics.text();
      return text.split("\n").filter((line) => line.startsWith(`tiphys_spans_${name}_total`));
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** An event that fires a trigger, now. */
async function writeFiring(ledger: LedgerStore, now: number, id = "e1", traceparent?: string): Promise<void> {
  const head = {
    ...eventHead(id),
    storedAt: now,
    time: new Date(now).toISOString(),
    ...(traceparent && { traceparent }),
  };
  const decision = ledger.write({ ...decisionDraft(id, now), events: { example: head } } as never);
  const effect = ledger.write({
    ...effectDraft(1, decision.id),
    key: `uid/log/${id}`,
    startedAt: now,
    at: now,
  } as never);
  await Promise.all([decision.kept, effect.kept]); // one message
}

test("a server that is busy gets spans later: after what it asks for, once it takes them", async () => {
  const answers: readonly SinkAnswer[] = [
    { status: 503, headers: { "retry-after": "20" } },
    { status: 429 },
    { status: 502, body: "<html>" },
    { status: 504 },
    { status: 200, body: "{}" },
  ];
  await using rig = await openRig((count) => answers[count - 1] ?? { status: 200, body: "{}" });
  await writeFiring(rig.ledger, rig.clock.now());
  await waitFor("the first request", () => rig.sink.requests.length === 1 && rig.clock.sleeping > 0);
  await rig.clock.advance(19_000);
  assert.equal(rig.sink.requests.length, 1, "it asked for 20 s");
  await waitFor("all that is due", async () => {
    await rig.clock.advance(1_000);
    return rig.sink.requests.length >= 5 && (await rig.counted("exported"))[0]?.endsWith(" 3");
  });
  assert.equal(new Set(rig.sink.requests.map(({ body }) => body)).size, 1, "each time the same");
  assert.deepEqual(await rig.counted("dropped"), []);
  assert.equal(rig.warned.length, 1, `${rig.warned}`);
});

/** [what, answer, counted as dropped] */
for (const [what, answer, dropped] of [
  ["a wrong request", { status: 400, body: '{"code":3,"message":"bad"}' }, 'reason="refused"} 6'],
  ["a wrong token", { status: 401, body: "no" }, 'reason="refused"} 6'],
  ["a wrong path", { status: 404 }, 'reason="refused"} 6'],
  [
    "a redirect, which could lead the token elsewhere",
    { status: 302, headers: { location: "http://127.0.0.1:1/" } },
    'reason="refused"} 6',
  ],
  [
    "some of it rejected",
    { status: 200, body: '{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}' },
    'reason="rejected"} ',
  ],
] as const) {
  test(`what a server of spans refuses is counted, and said once: ${what}`, async () => {
    await using rig = await openRig(() => answer);
    for (const id of ["e1", "e2"]) await writeFiring(rig.ledger, rig.clock.now(), id);
    await waitFor("both", async () => {
      await rig.clock.advance(1);
      const told = [...(await rig.counted("dropped")), ...(await rig.counted("exported"))];
      return told.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0) === 6;
    });
    assert.match((await rig.counted("dropped")).join(), new RegExp(`${dropped.replace(/[{}"]/g, ".")}`));
    assert.equal(rig.warned.length, 1, `${rig.warned}`);
    assert.ok(!rig.warned.join().includes(secret));
    assert.equal(rig.sink.requests[0]?.headers.authorization, `Bearer ${secret}`);
    assert.equal(spansIn(JSON.parse(rig.sink.requests[0]?.body ?? "")).length, 3);
  });
}

test("what the caller of a trace does not record is not sent", async () => {
  await using rig = await openRig(() => ({ status: 200, body: "{}" }));
  const trace = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";
  await writeFiring(rig.ledger, rig.clock.now(), "e1", `00-${trace}-00`);
  await writeFiring(rig.ledger, rig.clock.now(), "e2", `00-${trace}-01`);
  await waitFor("the other", async () => {
    await rig.clock.advance(1);
    return (await rig.counted("exported"))[0]?.endsWith(" 3");
  });
});

test("what comes of a trigger that waits for it stands below that trigger, whose record is not there yet", async () => {
  await using rig = await openRig(() => ({ status: 200, body: "{}" }));
  const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const extensions = { traceparent: `00-${trace}-00f067aa0ba902b7-01` };
  const data = encodeEvent({ ...cloudEvent("e1"), extensions });
  await rig.bus.publish(eventSubject("default", "webhook", "example"), { id: "e1", data });
  await rig.ledger.write(applicationDecisionDraft([effectKey], rig.clock.now())).kept;
  await waitFor("the span", async () => {
    await rig.clock.advance(1);
    return rig.sink.requests.length > 0;
  });
  const [span, ...others] = spansIn(JSON.parse(rig.sink.requests[0]?.body ?? ""));
  assert.deepEqual([span?.name, span?.traceId, span?.parentSpanId], ["decide reconcile", trace, spanIdFor(effectKey)]);
  assert.deepEqual(others, []);
});

test("a server that is away holds up nobody; after an hour spans are dropped, at the end what is left", async () => {
  await using rig = await openRig(() => ({ status: 200 }), "http://127.0.0.1:1/v1/traces");
  await writeFiring(rig.ledger, rig.clock.now(), "old");
  await waitFor("the first try", async () => {
    await rig.clock.advance(1);
    return rig.warned.length === 1;
  });
  await waitFor("an hour", async () => {
    await rig.clock.advance(20 * 60_000);
    return (await rig.counted("dropped"))[0]?.includes('"late"');
  });
  await writeFiring(rig.ledger, rig.clock.now(), "new");
  rig.stop();
  let isOver = false;
  void rig.ended.then(() => {
    isOver = true;
  });
  await waitFor("the end", async () => {
    await rig.clock.advance(1_000);
    return isOver;
  });
  assert.match((await rig.counted("dropped")).join(), /"late"\} 3.*"stopped"\} 3/);
  assert.ok(!rig.warned.join().includes(secret));
});

test("what was recorded last is sent at the end; what another engine recorded is that one's to send", async () => {
  const rig = await openRig(() => ({ status: 200, body: "{}" }));
  await using other = await openLedger({ bus: rig.bus, writer: "x", clock: systemClock, log: silentLogger });
  await writeFiring(other, rig.clock.now(), "e2");
  await writeFiring(rig.ledger, rig.clock.now());
  await rig[Symbol.asyncDispose]();
  assert.deepEqual(await rig.counted("exported"), ["tiphys_spans_exported_total 3"]);
});
