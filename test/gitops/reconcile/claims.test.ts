import assert from "node:assert/strict";
import { test } from "node:test";
import { type Claimant, createClaims, isForeign } from "../../../src/gitops/reconcile/claims.ts";

const claimant = (name: string, createdAt = "2026-01-01T00:00:00Z"): Claimant => ({
  app: `argocd/${name}`,
  instance: name,
  createdAt,
});
const keys = (...names: string[]): ReadonlySet<string> => new Set(names);
const [a, b, c] = [claimant("a"), claimant("b"), claimant("c", "2025-01-01T00:00:00Z")] as const;

test("tells the others when they come to share an object, and when they share it no more", () => {
  const claims = createClaims();
  assert.deepEqual([...claims.set(a, keys("x", "y"))], []);
  assert.deepEqual([...claims.set(b, keys("y", "z"))], ["argocd/a"]);
  assert.deepEqual([...claims.set(b, keys("y", "z"))], [], "nothing changed");
  assert.deepEqual([...claims.set(b, keys("z"))], ["argocd/a"]);
  assert.deepEqual([...claims.set(b, keys("x", "y"))], ["argocd/a"]);
  assert.deepEqual([...claims.forget("argocd/a")], ["argocd/b"]);
  assert.deepEqual([...claims.forget("argocd/a")], []);
  assert.deepEqual(claims.othersOf("argocd/b", "x"), []);
});

test("names the others in the order of their age, then of their names", () => {
  const claims = createClaims();
  for (const one of [b, c, a]) claims.set(one, keys("x"));
  assert.deepEqual(claims.othersOf("argocd/b", "x"), [c, a]);
  assert.deepEqual(claims.othersOf("argocd/none", "x"), [c, a, b]);
  assert.deepEqual(claims.othersOf("argocd/b", "y"), []);
});

test("an Application that was made anew has its new age for what it wanted before, too", () => {
  const claims = createClaims();
  claims.set(a, keys("x"));
  claims.set(b, keys("x"));
  const young = claimant("a", "2026-06-01T00:00:00Z");
  assert.deepEqual([...claims.set(young, keys("x"))], ["argocd/b"]);
  assert.deepEqual(claims.othersOf("argocd/b", "x"), [young]);
});

const owners: readonly (readonly [
  name: string,
  own: Claimant,
  others: readonly Claimant[],
  trackedBy: string | undefined,
  foreign: boolean,
])[] = [
  ["nobody else wants", a, [], undefined, false],
  ["nobody else wants, and one tracks that does not want it", a, [], "gone", false],
  ["it tracks itself, whoever is older", a, [c], "a", false],
  ["another tracks and wants", c, [a], "a", true],
  ["nobody tracks: the oldest gets", c, [a, b], undefined, false],
  ["nobody tracks: the oldest gets, which is another", a, [c, b], undefined, true],
  ["one tracks that does not want it: the oldest gets", a, [c], "gone", true],
  ["of the same age the first by name gets", a, [b], undefined, false],
  ["of the same age the second by name does not get", b, [a], undefined, true],
];

for (const [name, own, others, trackedBy, foreign] of owners) {
  test(`an object that ${name} is ${foreign ? "foreign" : "its own"}`, () => {
    assert.equal(isForeign(own, others, trackedBy), foreign);
  });
}
