import assert from "node:assert/strict";
import { test } from "node:test";
import { type Instant, instant } from "../../../src/base/clock.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import {
  type Hold,
  type HoldScope,
  holdManifest,
  holdOf,
  holdText,
  isHeldBy,
  isHoldOver,
  ownHold,
} from "../../../src/gitops/reconcile/holds.ts";
import { ago, applicationOf, now } from "./applications.ts";

const cluster = { server: "https://a.example/", name: "a" };
const web = applicationOf({}, { metadata: { name: "web", namespace: "argocd", labels: { team: "x" } } });

const scopes: readonly (readonly [HoldScope, boolean])[] = [
  [{ kind: "all" }, true],
  [{ kind: "application", application: "argocd/web" }, true],
  [{ kind: "application", application: "argocd/other" }, false],
  [{ kind: "selector", selector: "team in (x,y)" }, true],
  [{ kind: "selector", selector: "team=y" }, false],
  [{ kind: "cluster", cluster: "a" }, true],
  [{ kind: "cluster", cluster: "https://a.example" }, true],
  [{ kind: "cluster", cluster: "b" }, false],
];
for (const [scope, isHeld] of scopes) {
  test(`a hold of ${JSON.stringify(scope)} ${isHeld ? "holds" : "lets go"} the Application`, () => {
    assert.equal(isHeldBy({ scope }, web, cluster), isHeld);
  });
}

for (const scope of [
  { kind: "all" },
  { kind: "selector", selector: "a=b" },
  { kind: "cluster", cluster: "c" },
] as const) {
  test(`a hold of ${scope.kind} is read as it was written`, () => {
    const hold: Omit<Hold, "name"> = { scope, reason: "incident", owner: "anna", until: now };
    const manifest = holdManifest(hold, "argocd");
    assert.deepEqual(holdOf(manifest), { ...hold, name: manifest.metadata.name });
  });
}

const unreadable: readonly JsonObject[] = [
  {},
  { reason: "x" },
  { all: "true", cluster: "a" },
  { selector: "a in (" },
  { all: "true", until: "tomorrow" },
];
for (const data of unreadable) {
  test(`a hold with ${JSON.stringify(data)} holds everything, and says why`, () => {
    const hold = holdOf({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "h" }, data });
    assert.deepEqual(hold.scope, { kind: "all" });
    assert.match(hold.reason, /^hold h cannot be read: /);
  });
}

test("a hold is over at its end", () => {
  assert.equal(isHoldOver({ until: now }, now), true);
  assert.equal(isHoldOver({ until: instant(now + 1) }, now), false);
  assert.equal(isHoldOver({}, instant(now + 1e12) as Instant), false);
});

test("a hold that stands on the Application", () => {
  const annotations = { "tiphys.io/hold": "incident", "tiphys.io/hold-until": ago(0), "tiphys.io/hold-by": "anna" };
  const hold = ownHold(applicationOf({}, { metadata: { name: "web", namespace: "argocd", annotations } }));
  assert.deepEqual(hold, {
    name: "",
    scope: { kind: "application", application: "argocd/web" },
    reason: "incident",
    owner: "anna",
    until: now,
  });
  assert.equal(hold && holdText(hold), "it is on hold: incident (anna)");
  assert.equal(ownHold(web), undefined);
});
