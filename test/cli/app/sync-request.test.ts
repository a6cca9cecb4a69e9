import assert from "node:assert/strict";
import { test } from "node:test";
import { collected, parseCount, parsePause } from "../../../src/cli/app/options.ts";
import { parseInfo, parseResource, type RequestFlags, syncBodyOf } from "../../../src/cli/app/sync-request.ts";
import { applicationObject } from "../../server/applications.ts";

const none: RequestFlags = {
  revisions: [],
  sourcePositions: [],
  sourceNames: [],
  resource: [],
  strategy: "hook",
  info: [],
  retryLimit: 0,
  retryBackoffDuration: 5_000,
  retryBackoffMaxDuration: 180_000,
  retryBackoffFactor: 2,
};
const least = { prune: false, dryRun: false, strategy: { hook: { force: false } } };
const application = applicationObject("argocd", "web", {
  status: {
    resources: [
      { group: "apps", version: "v1", kind: "Deployment", namespace: "shop", name: "web", status: "Synced" },
      { kind: "Service", namespace: "shop", name: "web", status: "Synced" },
    ],
  },
});

const bodies: readonly (readonly [name: string, flags: Partial<RequestFlags>, body: object])[] = [
  ["nothing", {}, least],
  ["--prune --dry-run", { prune: true, dryRun: true }, { ...least, prune: true, dryRun: true }],
  ["--revision v1", { revision: "v1" }, { ...least, revision: "v1" }],
  ["--strategy apply --force", { strategy: "apply", force: true }, { ...least, strategy: { apply: { force: true } } }],
  [
    "--replace --server-side --apply-out-of-sync-only",
    { replace: true, serverSide: true, applyOutOfSyncOnly: true },
    { ...least, syncOptions: { items: ["Replace=true", "ServerSideApply=true", "ApplyOutOfSyncOnly=true"] } },
  ],
  [
    "--info",
    { info: ["why=a=b", "by="] },
    {
      ...least,
      infos: [
        { name: "why", value: "a=b" },
        { name: "by", value: "" },
      ],
    },
  ],
  [
    "--retry-limit 3",
    { retryLimit: 3 },
    { ...least, retryStrategy: { limit: 3, backoff: { duration: "5s", maxDuration: "3m0s", factor: 2 } } },
  ],
  [
    "--retry-limit 1 and all about it",
    {
      retryLimit: 1,
      retryBackoffDuration: 500,
      retryBackoffMaxDuration: 3_600_000,
      retryBackoffFactor: 4,
      retryRefresh: true,
    },
    {
      ...least,
      retryStrategy: {
        limit: 1,
        backoff: { duration: "500ms", maxDuration: "1h0m0s", factor: 4 },
        refresh: true,
      },
    },
  ],
  [
    "--resource",
    { resource: parseResource("*:Deployment:*", []) },
    { ...least, resources: [{ group: "apps", kind: "Deployment", namespace: "shop", name: "web" }] },
  ],
];

for (const [name, flags, body] of bodies) {
  test(`the request of ${name}`, () => assert.deepEqual(syncBodyOf({ ...none, ...flags }, application), body));
}

test("a --resource that fits nothing is an error that names it", () => {
  const resource = parseResource("!*:*:dev/b", parseResource("apps:Job:a", []));
  assert.throws(() => syncBodyOf({ ...none, resource }, application), {
    code: "NOT_FOUND",
    message: "no object of the Application fits --resource apps:Job:a, !*:*:dev/b",
  });
});

test("options are checked where they are read", () => {
  assert.deepEqual([parseCount("0"), parseCount("12")], [0, 12]);
  for (const text of ["-1", "1.5", "x", "", "1234567890"]) assert.throws(() => parseCount(text), /whole number/, text);
  assert.deepEqual([parsePause("1m30s"), parsePause("0")], [90_000, 0]);
  assert.throws(() => parsePause("5"), /"5" is not a duration/);
  assert.throws(() => parsePause("-5s"), /must not be negative/);
  assert.deepEqual(parseInfo("a=b", ["c=d"]), ["c=d", "a=b"]);
  for (const text of ["a", "=b", ""]) assert.throws(() => parseInfo(text, []), /must be KEY=VALUE/, text);
  assert.deepEqual(collected("b", ["a"]), ["a", "b"]);
});
