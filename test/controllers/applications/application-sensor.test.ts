import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseSensor } from "../../../src/api/sensor.ts";
import { instant } from "../../../src/base/clock.ts";
import type { JsonObject, JsonValue } from "../../../src/base/json.ts";
import {
  applicationRepositories,
  applicationSensor,
  compileApplicationSensor,
} from "../../../src/controllers/applications/application-sensor.ts";
import { retryPlanOf } from "../../../src/events/sensor/effect.ts";
import { reduce } from "../../../src/events/sensor/reducer.ts";
import { emptyState } from "../../../src/events/sensor/state.ts";
import { triggerSchemas } from "../../../src/events/triggers/registry.ts";
import { type Reason, reasons } from "../../../src/gitops/reconcile/request.ts";
import { normaliseRepositoryUrl } from "../../../src/gitops/source/repository-url.ts";
import { application, builtIn, moved } from "./application-events.ts";

const now = instant(0);
const schemas = triggerSchemas();
const repoURL = "https://git.example.com/team/shop.git";
const other = "https://git.example.com/team/other.git";
const source = { repoURL, path: "." };
const commit = "0123456789abcdef0123456789abcdef01234567";

/** Names of the dependencies by which the event fires; every other decision must be a rejection. */
function firedBy(spec: JsonObject, reason: Reason, data: JsonValue, metadata: JsonObject = {}): readonly string[] {
  const compiled = compileApplicationSensor(application(spec, metadata), schemas);
  return reduce(compiled, emptyState, builtIn(reason, data), now).decisions.flatMap((decision) => {
    assert.notEqual(decision.kind, "error", decision.kind === "error" ? decision.message : "");
    return decision.kind === "fire" ? Object.keys(decision.events) : [];
  });
}

test("the Sensor of an Application, whole", () => {
  const retry = { limit: 3, backoff: { duration: "10s", factor: 3 } };
  const sensor = applicationSensor(application({ source, syncPolicy: { retry } }));
  const string = (path: string, value: string) => ({ path, type: "string", value: [value] });
  const ofRepository = (reason: string) => ({
    name: reason,
    eventSourceName: "tiphys",
    eventName: reason,
    filters: {
      data: [
        string("repository", "^https://git\\.example\\.com/team/shop$"),
        { path: "isDefaultBranch", type: "bool", value: ["true"] },
      ],
    },
  });
  const ofApplication = (reason: string) => ({
    name: reason,
    eventSourceName: "tiphys",
    eventName: reason,
    filters: { data: [string("application", "^argocd/guestbook$")] },
  });
  assert.deepEqual(sensor, {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Sensor",
    metadata: { name: "guestbook", namespace: "argocd", uid: "u1" },
    spec: {
      dependencies: [...["push", "poll"].map(ofRepository), ...["drift", "spec", "timer", "event"].map(ofApplication)],
      triggers: [
        {
          template: {
            name: "reconcile",
            conditions: "push || poll || drift || spec || timer || event",
            gitOps: { application: "guestbook", namespace: "argocd", operation: "refresh" },
          },
          atLeastOnce: true,
          retryStrategy: { steps: 3, duration: "10s", factor: 3 },
        },
      ],
    },
  });
});

test("it is plain JSON that a user could apply, without a warning", () => {
  const sources = [
    { ...source, targetRevision: ">=1.0" },
    { repoURL: other, path: "." },
  ];
  const sensor = applicationSensor(application({ sources, syncPolicy: { retry: { limit: 2 } } }));
  assert.deepEqual(JSON.parse(JSON.stringify(sensor)), sensor);
  assert.deepEqual(parseSensor(sensor, schemas).warnings, []);
});

test("it compiles to one trigger without joins, under the Application's name and kind", () => {
  const compiled = compileApplicationSensor(application({ source }), schemas);
  const { revision: _, ...head } = compiled.head;
  assert.deepEqual(head, { namespace: "argocd", name: "guestbook", uid: "u1", kind: "Application" });
  assert.deepEqual(
    compiled.triggers.map((trigger) => [trigger.name, trigger.joins]),
    [["reconcile", false]],
  );
  assert.deepEqual(
    compiled.inputs,
    reasons.map((event) => ({ eventSource: "tiphys", event })),
  );
});

const main = moved(repoURL, "refs/heads/main", true);
const feature = moved(repoURL, "refs/heads/feature/a");
const tag = moved(repoURL, "refs/tags/v1.2.3");

/** targetRevision → what of main (the default branch), feature/a and the tag fires. */
const revisions: readonly [string | undefined, readonly JsonObject[]][] = [
  [undefined, [main]],
  ["", [main]],
  ["HEAD", [main]],
  [" HEAD ", [main]],
  ["main", [main]],
  ["refs/heads/main", [main]],
  ["feature/a", [feature]],
  ["refs/heads/feature/a", [feature]],
  ["v1.2.3", [tag]],
  ["refs/tags/v1.2.3", [tag]],
  ["v1x2.3", []],
  ["mai", []],
  ["main2", []],
  ["a", []],
  ["1.*", [tag]],
  [">=1.0", [tag]],
  ["^1 || ~2", [tag]],
  ["*", [tag]],
  ["refs/pull/1/head", []],
  [commit, []],
];

for (const [targetRevision, wanted] of revisions) {
  for (const reason of ["push", "poll"] as const) {
    test(`targetRevision ${JSON.stringify(targetRevision)} and a ${reason}`, () => {
      const spec = { source: { ...source, ...(targetRevision === undefined ? {} : { targetRevision }) } };
      const fired = [main, feature, tag].filter((data) => firedBy(spec, reason, data).length > 0);
      assert.deepEqual(fired, wanted);
      const elsewhere = [main, feature, tag].map((data) => ({ ...data, repository: "https://git.example.com/x" }));
      assert.deepEqual(
        elsewhere.flatMap((data) => firedBy(spec, reason, data)),
        [],
      );
    });
  }
}

test("a full ref outside heads and tags is compared as a ref", () => {
  const spec = { source: { ...source, targetRevision: "refs/pull/1/head" } };
  assert.deepEqual(firedBy(spec, "push", moved(repoURL, "refs/pull/1/head")), ["push"]);
  assert.deepEqual(firedBy(spec, "push", moved(repoURL, "refs/heads/1/head")), []);
});

test("a version with a tagPrefix means the prefixed tag", () => {
  const spec = { source: { ...source, targetRevision: "1.2.0", tagPrefix: "shop-" } };
  assert.deepEqual(firedBy(spec, "push", moved(repoURL, "refs/tags/shop-1.2.0")), ["push"]);
  assert.deepEqual(firedBy(spec, "push", moved(repoURL, "refs/tags/other-1.2.0")), []);
});

for (const spelling of [
  "https://GIT.example.com/team/shop",
  "https://git.example.com:443/team/shop.git/",
  "https://user:secret@git.example.com/team/shop.git",
]) {
  test(`${spelling} is the same repository, and no secret is in the Sensor`, () => {
    assert.deepEqual(firedBy({ source: { ...source, repoURL: spelling } }, "push", main), ["push"]);
    assert.doesNotMatch(
      JSON.stringify(applicationSensor(application({ source: { ...source, repoURL: spelling } }))),
      /secret/,
    );
  });
}

/** Sources → the dependencies on repositories that they make. */
const dependencies: readonly [string, readonly JsonObject[], readonly string[], readonly string[]][] = [
  ["none for a full commit", [{ ...source, targetRevision: commit }], [], []],
  ["none for a full commit in capitals", [{ ...source, targetRevision: commit.toUpperCase() }], [], []],
  ["none for a chart", [{ repoURL: other, chart: "redis", targetRevision: "1.0.0" }], [], []],
  ["none without a repository", [{ repoURL: " ", path: "." }], [], []],
  [
    "one pair for what selects the same events",
    [
      source,
      { ...source, targetRevision: "HEAD" },
      { ...source, path: "b", repoURL: repoURL.toUpperCase().replace("TEAM/SHOP.GIT", "team/shop") },
    ],
    ["push", "poll"],
    ["https://git.example.com/team/shop"],
  ],
  [
    "further pairs are numbered, and what has none does not count",
    [source, { ...source, targetRevision: commit }, { ...source, targetRevision: "v1" }, { repoURL: other, path: "." }],
    ["push", "push-2", "push-3", "poll", "poll-2", "poll-3"],
    ["https://git.example.com/team/shop", "https://git.example.com/team/other"],
  ],
];

for (const [what, sources, wanted, repositories] of dependencies) {
  test(`dependencies: ${what}`, () => {
    const app = application({ sources });
    const { sensor } = compileApplicationSensor(app, schemas);
    const all = [...wanted, "drift", "spec", "timer", "event"];
    assert.deepEqual(
      sensor.dependencies.map(({ name }) => name),
      all,
    );
    assert.equal(sensor.triggers[0]?.template.conditions, all.join(" || "));
    assert.deepEqual(applicationRepositories(app), repositories);
  });
}

test("each source is woken by its own repository", () => {
  const spec = { sources: [source, { repoURL: other, path: ".", targetRevision: "v1" }] };
  assert.deepEqual(firedBy(spec, "push", main), ["push"]);
  assert.deepEqual(firedBy(spec, "poll", moved(other, "refs/tags/v1")), ["poll-2"]);
  assert.deepEqual(firedBy(spec, "poll", moved(other, "refs/heads/main", true)), []);
});

for (const reason of ["drift", "spec", "timer", "event"] as const) {
  test(`${reason} is taken by the Application that it names only`, () => {
    assert.deepEqual(firedBy({ source }, reason, { application: "argocd/guestbook", more: 1 }), [reason]);
    for (const name of ["argocd/guestbook2", "argocd/guest", "team/guestbook", "xargocd/guestbook", "guestbook", ""]) {
      assert.deepEqual(firedBy({ source }, reason, { application: name }), [], name);
    }
  });
}

test("an event without what the filters compare is an error, not a no", () => {
  const compiled = compileApplicationSensor(application({ source }), schemas);
  const { decisions } = reduce(compiled, emptyState, builtIn("drift", {}), now);
  assert.deepEqual(
    decisions.map(({ kind }) => kind),
    ["error"],
  );
});

/** syncPolicy.retry → attempts, and the delays before the second and the fourth. */
const retries: readonly [string, JsonObject, number, readonly number[]][] = [
  ["no retry", {}, 1, [0, 0]],
  ["a limit of 0", { retry: { limit: 0, backoff: { duration: "1s" } } }, 1, [0, 0]],
  ["the defaults of the back-off", { retry: { limit: 5 } }, 5, [5_000, 20_000]],
  ["a back-off of its own", { retry: { limit: 4, backoff: { duration: "1m30s", factor: 3 } } }, 4, [90_000, 810_000]],
  ["no end", { retry: { limit: -1 } }, 2 ** 31 - 1, [5_000, 20_000]],
];

for (const [what, syncPolicy, attempts, delays] of retries) {
  test(`retryStrategy: ${what}`, () => {
    const [trigger] = compileApplicationSensor(application({ source, syncPolicy }), schemas).sensor.triggers;
    assert.ok(trigger);
    const plan = retryPlanOf(trigger);
    assert.equal(plan.attempts, attempts);
    assert.deepEqual(
      [2, 4].map((attempt) => plan.delayMs(attempt, () => 0)),
      delays,
    );
  });
}

/** Texts of which many are special to RE2, to GJSON or in conditions. */
const wildText = fc.string({
  unit: fc.constantFrom(..."aB1./\\+*?()|[]{}^$-:@_&#% \n\t\u0000", "\\E", "\\Q", "é", "\u2028", "😀", "\ud83d"),
  minLength: 1,
  maxLength: 12,
});

test("with wild names it takes exactly its own events", () => {
  fc.assert(
    fc.property(
      fc.record({ name: wildText, namespace: wildText, repo: wildText, revision: wildText }),
      fc.record({ name: wildText, namespace: wildText, repo: wildText, revision: wildText }),
      fc.subarray(["name", "namespace", "repo", "revision"] as const),
      (own, wild, taken) => {
        // The other shares a part of its texts with this one, so that near misses are common.
        const foreign = { ...wild, ...Object.fromEntries(taken.map((part) => [part, own[part]])) };
        const url = ({ repo }: typeof own) => `https://git.example.com/x${repo}`;
        const branch = ({ revision }: typeof own) => `b${revision}`.trim();
        const app = application(
          { source: { repoURL: url(own), path: ".", targetRevision: branch(own) } },
          { name: own.name, namespace: own.namespace },
        );
        const compiled = compileApplicationSensor(app, schemas);
        for (const seen of [own, foreign]) {
          const push = builtIn("push", moved(url(seen), `refs/heads/${branch(seen)}`));
          const drift = builtIn("drift", { application: `${seen.namespace}/${seen.name}` });
          const isOwnRepository = normaliseRepositoryUrl(url(seen)) === normaliseRepositoryUrl(url(own));
          const isOwnPush = isOwnRepository && branch(seen) === branch(own);
          const isOwnDrift = `${seen.namespace}/${seen.name}` === `${own.namespace}/${own.name}`;
          const kinds = [push, drift].map((event) =>
            reduce(compiled, emptyState, event, now).decisions.map((d) => d.kind),
          );
          assert.deepEqual(kinds, [[isOwnPush ? "fire" : "rejected"], [isOwnDrift ? "fire" : "rejected"]]);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("whatever repoURL and targetRevision are, it compiles and wakes for the Application", () => {
  fc.assert(
    fc.property(
      wildText,
      wildText,
      fc.constantFrom("", "https://h/", "git@h:", "/"),
      (text, targetRevision, prefix) => {
        const spec = { source: { repoURL: prefix + text, path: ".", targetRevision } };
        assert.deepEqual(firedBy(spec, "timer", { application: "argocd/guestbook" }), ["timer"]);
      },
    ),
    { numRuns: 300 },
  );
});
