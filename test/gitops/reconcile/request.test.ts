import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type ComparisonLevel,
  mergeRequests,
  type ReconcileRequest,
  reasons,
  requestOf,
} from "../../../src/gitops/reconcile/request.ts";

const cause = (id: string, text = id) => ({ reason: "drift", id, text }) as const;
const names = (count: number, prefix = "o") => Array.from({ length: count }, (_, index) => `${prefix}${index}`);
const wish = (by: string) => ({ prune: false, dryRun: false, syncOptions: [], by });
const withCauses = (count: number, prefix: string) =>
  names(count, prefix)
    .map((id) => requestOf(cause(id), 1))
    .reduce<ReconcileRequest | undefined>(mergeRequests, undefined)!;

for (const [name, earlier, later, expected] of [
  ["the higher level counts", requestOf(cause("a"), 3), requestOf(cause("b"), 1), { level: 3 }],
  ["one hard makes it hard", requestOf(cause("a"), 2, { hard: true }), requestOf(cause("b"), 2), { hard: true }],
  [
    "objects are united",
    requestOf(cause("a"), 1, { objects: ["x", "y"] }),
    requestOf(cause("b"), 1, { objects: ["y", "z"] }),
    { objects: ["x", "y", "z"] },
  ],
  [
    "a hundred objects are still named",
    requestOf(cause("a"), 1, { objects: names(99) }),
    requestOf(cause("b"), 1, { objects: ["more", "o1"] }),
    { objects: [...names(99), "more"] },
  ],
  [
    "over a hundred objects are all",
    requestOf(cause("a"), 1, { objects: names(100) }),
    requestOf(cause("b"), 1, { objects: ["more"] }),
    { objects: "all" },
  ],
  [
    "all and some are all",
    requestOf(cause("a"), 1, { objects: names(101) }),
    requestOf(cause("b"), 1),
    { objects: "all" },
  ],
  [
    "some and all are all",
    requestOf(cause("a"), 1),
    requestOf(cause("b"), 1, { objects: names(101) }),
    { objects: "all" },
  ],
  [
    "causes are united",
    requestOf(cause("a"), 1),
    requestOf(cause("b"), 1),
    { causes: [cause("a"), cause("b")], causeCount: 2 },
  ],
  [
    "a cause that comes twice is one",
    requestOf(cause("a"), 1),
    requestOf(cause("a", "later"), 1),
    { causes: [cause("a")], causeCount: 1 },
  ],
  [
    "of many causes the first are named",
    withCauses(30, "a"),
    withCauses(5, "b"),
    { causes: [...names(30, "a"), "b0", "b1"].map((id) => cause(id)), causeCount: 35 },
  ],
  [
    "the later wish counts",
    requestOf(cause("a"), 1, { sync: wish("x") }),
    requestOf(cause("b"), 1, { sync: wish("y") }),
    { sync: wish("y") },
  ],
  [
    "two wishes for one revision are both done",
    requestOf(cause("a"), 1, { sync: { ...wish("x"), prune: true, syncOptions: ["Replace=true", "Validate=false"] } }),
    requestOf(cause("b"), 1, { sync: { ...wish("y"), syncOptions: ["Replace=false"] } }),
    { sync: { ...wish("y"), prune: true, syncOptions: ["Validate=false", "Replace=false"] } },
  ],
  [
    "a wish for another revision takes the place of the one before",
    requestOf(cause("a"), 1, { sync: { ...wish("x"), prune: true } }),
    requestOf(cause("b"), 1, { sync: { ...wish("y"), revision: "v2" } }),
    { sync: { ...wish("y"), revision: "v2" } },
  ],
  [
    "a dry run takes no sync away",
    requestOf(cause("a"), 1, { sync: wish("x") }),
    requestOf(cause("b"), 1, { sync: { ...wish("y"), dryRun: true } }),
    { sync: wish("x") },
  ],
  [
    "no wish takes none away",
    requestOf(cause("a"), 1, { sync: wish("x") }),
    requestOf(cause("b"), 1),
    { sync: wish("x") },
  ],
  [
    "nothing and a request is the request",
    undefined,
    requestOf(cause("a"), 2, { objects: ["x"] }),
    requestOf(cause("a"), 2, { objects: ["x"] }),
  ],
] as const) {
  test(`merged requests: ${name}`, () => assert.partialDeepStrictEqual(mergeRequests(earlier, later), expected));
}

/** Requests from a small world, so that they overlap often; the same ones at every run. */
function randomRequests(seed: number, count: number, causesEach: number): readonly ReconcileRequest[] {
  let state = seed;
  const next = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const one = (): ReconcileRequest => {
    const by = { reason: reasons[next(reasons.length)]!, id: `${next(20)}` };
    const objects = names([0, 1, 40, 70, 101][next(5)]!, ["p", "q"][next(2)]);
    const sync = next(3) === 0 ? { sync: wish(`${next(9)}`) } : {};
    return requestOf({ ...by, text: `${by.reason} ${by.id}` }, next(4) as ComparisonLevel, {
      hard: next(4) === 0,
      objects,
      ...sync,
    });
  };
  const several = () => Array.from({ length: causesEach }, one).reduce((all, each) => mergeRequests(all, each));
  return Array.from({ length: count }, several);
}

test("merging is associative while all causes are named", () => {
  const requests = randomRequests(7, 300, 5);
  for (const [index, a] of requests.slice(0, -2).entries()) {
    const [b, c] = [requests[index + 1]!, requests[index + 2]!];
    const left = mergeRequests(mergeRequests(a, b), c);
    assert.deepEqual(left, mergeRequests(a, mergeRequests(b, c)));
    assert.equal(left.causeCount, left.causes.length);
  }
});

test("merging stays associative beyond the named causes, but for a count that never falls short", () => {
  const requests = randomRequests(11, 100, 25);
  let overflowed = 0;
  for (const [index, a] of requests.slice(0, -2).entries()) {
    const [b, c] = [requests[index + 1]!, requests[index + 2]!];
    const { causeCount: count, ...left } = mergeRequests(mergeRequests(a, b), c);
    const { causeCount: other, ...right } = mergeRequests(a, mergeRequests(b, c));
    assert.deepEqual(left, right);
    const ids = [a, b, c].flatMap(({ causes }) => causes.map(({ reason, id }) => `${reason} ${id}`));
    assert.ok(Math.min(count, other) >= new Set(ids).size);
    if (count > left.causes.length) overflowed += 1;
  }
  assert.ok(overflowed > 50);
});

test("a request names each object once", () => {
  const objects = [...names(100), ...names(100)];
  assert.deepEqual(requestOf(cause("a"), 1, { objects }).objects, names(100));
});

test("merging changes neither request", () => {
  const [a, b] = randomRequests(3, 2, 4);
  const before = structuredClone([a, b]);
  mergeRequests(a, b!);
  assert.deepEqual([a, b], before);
});
