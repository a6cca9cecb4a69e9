import assert from "node:assert/strict";
import { it } from "node:test";
import { argoStream, streamOf, systemStreams } from "../../../src/events/bus/streams.ts";
import { rawSubject } from "../../../src/record/subject.ts";

it("gives an Argo bus the original's defaults", () => {
  assert.deepEqual(argoStream(), {
    name: "default",
    subjects: ["default.*.*"],
    maxMessages: 50_000,
    maxBytes: 0,
    maxAgeMs: 168 * 3_600_000,
    dedupeWindowMs: 300_000,
    replicas: 3,
  });
});

it("takes streamConfig whatever the case of its keys", () => {
  const spec = argoStream({ MAXMSGS: 7, maxage: "1h30m", maxBytes: 10, Replicas: 1, duplicates: "500ms" });
  assert.deepEqual(
    [spec.maxMessages, spec.maxAgeMs, spec.maxBytes, spec.replicas, spec.dedupeWindowMs],
    [7, 5_400_000, 10, 1, 500],
  );
});

for (const [field, value] of [
  ["maxMsgs", "many"],
  ["maxAge", "soon"],
  ["replicas", 1.5],
] as const) {
  it(`names the field of streamConfig that is wrong: ${field}`, () => {
    assert.throws(() => argoStream({ [field]: value }), {
      code: "MANIFEST_INVALID",
      message: new RegExp(`streamConfig.${field}`),
    });
  });
}

it("finds the stream of a subject, and says when there is none", () => {
  assert.equal(streamOf(systemStreams(), rawSubject("ledger.>")).name, "ledger");
  assert.throws(() => streamOf(systemStreams(), rawSubject("other.a")), { code: "NOT_FOUND" });
});
