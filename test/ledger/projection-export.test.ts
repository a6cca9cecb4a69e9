import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock as clock } from "../../src/base/clock.ts";
import { silentLogger as log } from "../../src/base/log.ts";
import type { ExportQuery } from "../../src/ledger/history.ts";
import { openLedger } from "../../src/ledger/ledger.ts";
import { openProjection } from "../../src/ledger/projection.ts";
import { rawSubject } from "../../src/record/subject.ts";
import { createMemoryBus } from "../harness/memory-bus.ts";
import { tempDir } from "../harness/temp-dir.ts";
import { decisionDraft, effectDraft } from "./drafts.ts";

/** 6,000 records of two writers, every thousandth a decision; what happened is not in the order in which it was stored. */
test("an export is all records once, in pages that end, however they are asked for", async () => {
  await using dir = await tempDir();
  const bus = createMemoryBus();
  await using first = await openLedger({ bus, writer: "a", clock, log });
  await using second = await openLedger({ bus, writer: "b", clock, log });
  const kept: Promise<void>[] = [];
  for (let index = 0; index < 6_000; index++) {
    const at = 1_000 + index + (index % 3 === 0 ? -2 : 0);
    const draft = index % 1_000 === 0 ? decisionDraft(`e${index}`, at) : { ...effectDraft(index), at };
    kept.push((index % 2 === 0 ? first : second).write(draft).kept);
  }
  await Promise.all(kept);
  await using projection = await openProjection({ path: join(dir.path, "ledger.db"), clock, log });
  const stop = new AbortController();
  const following = projection.follow("system", bus, [rawSubject("events.>")], stop.signal);
  await projection.history.caughtUp();
  const all = async (query: Omit<ExportQuery, "after">, ends = 1_000) => {
    const pages: (readonly { readonly id: string; readonly at: number }[])[] = [];
    for (let after: string | undefined; pages.length < ends; ) {
      const page = await projection.history.exportPage({ ...query, ...(after === undefined ? {} : { after }) });
      assert.ok(page, `${after} is known`);
      pages.push(page.records);
      if (page.isEnd) return pages;
      after = page.next;
    }
    throw new Error("it does not end");
  };
  const whole = (await all({ limit: 700 })).flat();
  assert.equal(new Set(whole.map(({ id }) => id)).size, 6_000);
  const since = (await all({ limit: 1_000, since: 2_000, until: 4_500 })).flat();
  assert.deepEqual(
    since.map(({ id }) => id),
    whole.filter(({ at }) => at >= 2_000 && at < 4_500).map(({ id }) => id),
  );
  const decisions = await all({ limit: 1_000, kind: "decision" });
  assert.equal(decisions.flat().length, 6);
  assert.ok(decisions.length > 1, "what is looked at for a page is bounded");
  const [middle] = whole.slice(3_000);
  const rest = await projection.history.exportPage({ limit: 10, after: middle?.id ?? "" });
  assert.deepEqual(
    rest?.records.map(({ id }) => id),
    whole.slice(3_001, 3_011).map(({ id }) => id),
  );
  const last = whole.at(-1)?.id ?? "";
  assert.deepEqual(await projection.history.exportPage({ limit: 10, after: last }), {
    records: [],
    next: last,
    isEnd: true,
  });
  assert.equal(await projection.history.exportPage({ limit: 10, after: "nobody-1.0" }), undefined);
  stop.abort();
  await following;
});
