import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../../src/base/json.ts";
import { comparedTo } from "../../../src/gitops/reconcile/compared-to.ts";
import { refreshAnnotation, refreshAsked } from "../../../src/gitops/reconcile/refresh-needed.ts";
import { ago, applicationOf, destination, now, source } from "./applications.ts";

const soft = { softMs: 120_000, hardMs: 0 };
const both = { softMs: 120_000, hardMs: 3_600_000 };
const never = { softMs: 0, hardMs: 0 };
const metadata = { syncPolicy: { managedNamespaceMetadata: { labels: { a: "b" } } } };
const rules = { ignoreDifferences: [{ kind: "Deployment", jsonPointers: ["/spec/replicas"] }] };
const ended = { operationState: { phase: "Succeeded", syncResult: { revision: "c1" } } };
const compared = (more: JsonObject = {}) => ({ source, destination, ...more });
const status = (comparedTo: JsonObject, seconds = 1, more: JsonObject = {}, sync = "Synced") => {
  return { sync: { status: sync, comparedTo }, reconciledAt: ago(seconds), ...more };
};

for (const [name, spec, stored, annotations, timeouts, expected] of [
  ["nothing when all is as compared", {}, status(compared()), {}, soft, undefined],
  ["a refresh", {}, status(compared()), { [refreshAnnotation]: "normal" }, soft, { level: 3, hard: false }],
  [
    "a refresh, whatever the value",
    {},
    status(compared()),
    { [refreshAnnotation]: "" },
    soft,
    { level: 3, hard: false },
  ],
  ["a hard refresh", {}, status(compared()), { [refreshAnnotation]: "hard" }, soft, { level: 3, hard: true }],
  ["all when it is new", {}, {}, {}, both, { level: 3, hard: false, reason: "it was never compared" }],
  [
    "a new source",
    {},
    status(compared({ source: { ...source, path: "x" } })),
    {},
    soft,
    { level: 3, hard: false, reason: "the source was changed" },
  ],
  ["several sources in place of one", { sources: [source] }, status(compared()), {}, soft, { level: 3, hard: false }],
  ["a source in place of several", {}, status({ destination, sources: [source] }), {}, soft, { level: 3, hard: false }],
  [
    "another one of several sources",
    { sources: [source, source] },
    status({ destination, sources: [source, { ...source, path: "x" }] }),
    {},
    soft,
    { level: 3, hard: false },
  ],
  [
    "a source that had options",
    {},
    status(compared({ source: { ...source, directory: { recurse: true } } })),
    {},
    soft,
    { level: 3, hard: false },
  ],
  [
    "nothing for an option that is off",
    { source: { ...source, directory: {} } },
    status(compared({ source: { ...source, directory: { recurse: false } } })),
    {},
    soft,
    undefined,
  ],
  ["nothing for empty fields", {}, status(compared({ source: { ...source, chart: "" } })), {}, soft, undefined],
  ["nothing up to the timeout", {}, status(compared(), 120), {}, soft, undefined],
  ["the latest after the timeout", {}, status(compared(), 121), {}, soft, { level: 2, hard: false }],
  ["nothing without a timeout", {}, status(compared(), 9_999_999), {}, never, undefined],
  ["a new rendering after the hard timeout", {}, status(compared(), 3_601), {}, both, { level: 2, hard: true }],
  [
    "a new rendering, though polling is off",
    {},
    status(compared(), 3_601),
    {},
    { ...both, softMs: 0 },
    { level: 2, hard: true },
  ],
  [
    "a comparison where its time is unknown",
    {},
    { sync: { comparedTo: compared() } },
    {},
    never,
    { level: 2, hard: false },
  ],
  [
    "a new rendering where its time is unknown",
    {},
    { sync: { comparedTo: compared() } },
    {},
    both,
    { level: 2, hard: true },
  ],
  [
    "another destination",
    {},
    status(compared({ destination: { ...destination, namespace: "x" } })),
    {},
    soft,
    { level: 2, hard: false, reason: "the destination was changed" },
  ],
  ["other labels of the namespace", metadata, status(compared(), 1, ended), {}, soft, { level: 2, hard: false }],
  ["nothing for labels of the namespace before a sync", metadata, status(compared()), {}, soft, undefined],
  [
    "nothing for labels of the namespace that were seen",
    metadata,
    status(compared(), 1, ended, "OutOfSync"),
    {},
    soft,
    undefined,
  ],
  [
    "nothing for labels of the namespace that were synced",
    metadata,
    status(compared(), 1, { operationState: { syncResult: metadata.syncPolicy } }),
    {},
    soft,
    undefined,
  ],
  [
    "other rules",
    rules,
    status(compared()),
    {},
    soft,
    { level: 2, hard: false, reason: "ignoreDifferences was changed" },
  ],
  ["rules that are gone", {}, status(compared(rules)), {}, soft, { level: 2, hard: false }],
  ["nothing for no rules", { ignoreDifferences: [] }, status(compared()), {}, soft, undefined],
  [
    "the annotation's, before a new source",
    { source: { ...source, path: "x" } },
    status(compared()),
    { [refreshAnnotation]: "hard" },
    soft,
    { level: 3, hard: true },
  ],
  [
    "the new source's, before the timeout",
    { source: { ...source, path: "x" } },
    status(compared(), 3_601),
    {},
    both,
    { level: 3, hard: false },
  ],
  [
    "the timeout's, before another destination",
    {},
    status(compared({ destination: {} }), 3_601),
    {},
    both,
    { level: 2, hard: true },
  ],
] as const) {
  test(`an Application asks for ${name}`, () => {
    const asked = refreshAsked(applicationOf(spec, { status: stored }), annotations, now, timeouts);
    if (expected === undefined) assert.equal(asked, undefined);
    else assert.partialDeepStrictEqual(asked, expected);
  });
}

for (const [name, spec] of [
  ["one source", rules],
  ["several sources", { sources: [source, { ...source, ref: "values" }] }],
  ["a hydrator", { sourceHydrator: { drySource: source, syncSource: { targetBranch: "env", path: "out" } } }],
  ["a source with options", { source: { ...source, directory: { recurse: true }, helm: { values: "" } } }],
] as const) {
  test(`an Application with ${name} asks for nothing once it is compared`, () => {
    const application = applicationOf(spec, { status: status(comparedTo(applicationOf(spec))) });
    assert.equal(refreshAsked(application, {}, now, soft), undefined);
  });
}
