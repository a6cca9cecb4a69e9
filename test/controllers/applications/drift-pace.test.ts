import assert from "node:assert/strict";
import { test } from "node:test";
import { createDriftPace } from "../../../src/controllers/applications/drift-pace.ts";

interface Change {
  readonly atMs: number;
  readonly objects?: readonly string[];
}

const every = (everyMs: number, forMs: number, objects?: (n: number) => string): readonly Change[] =>
  Array.from({ length: Math.floor(forMs / everyMs) }, (_, n) => ({
    atMs: n * everyMs,
    objects: [objects?.(n) ?? "/ConfigMap/default/a"],
  }));

/** When it is looked at, in milliseconds, for changes in order of their time. */
function looksAt(changes: readonly Change[], isOperating: (ms: number) => boolean = () => false): readonly number[] {
  const pace = createDriftPace();
  const looks: number[] = [];
  const left = [...changes];
  const last = (changes.at(-1)?.atMs ?? 0) + 60_000;
  let isWaiting = false;
  for (let ms = 0; ms <= last; ms += 5) {
    if (isOperating(ms - 5) && !isOperating(ms)) pace.operated(ms);
    for (; left[0] !== undefined && left[0].atMs <= ms; left.shift()) {
      pace.changed(left[0].objects ?? ["/ConfigMap/default/a"], ms);
      isWaiting = true;
    }
    if (!isWaiting || pace.dueMs(isOperating(ms)) > ms) continue;
    pace.looked(isOperating(ms), ms);
    looks.push(ms);
    isWaiting = false;
  }
  return looks;
}

/** The longest time from a change to the look that follows it. */
function longestWait(changes: readonly Change[], looks: readonly number[]): number {
  return Math.max(...changes.map(({ atMs }) => (looks.find((look) => look >= atMs) ?? Number.NaN) - atMs));
}

for (const [name, changes, most, longestMs] of [
  ["one change", [{ atMs: 0 }], 1, 20],
  ["two changes, half a second apart", [{ atMs: 0 }, { atMs: 500 }], 2, 150],
  ["a change every six seconds", every(6_000, 60_000), 10, 20],
  ["1,000 changes at once", Array.from({ length: 1_000 }, () => ({ atMs: 0 })), 1, 20],
  ["1,000 changes in 1 s", every(1, 1_000), 2, 2_000],
  [
    "1,000 changes in 4 s, with pauses",
    every(1, 1_000).map(({ atMs }) => ({ atMs: atMs * 2 + Math.floor(atMs / 200) * 400 })),
    2,
    5_500,
  ],
  ["1,000 changes in 3 s", every(3, 3_000), 2, 4_500],
  ["1,000 changes in 9 s, of as many objects", every(9, 9_000, (n) => `/Pod/default/p${n}`), 2, 11_000],
  ...[10, 12, 15, 20, 25, 29, 30].flatMap((seconds) =>
    (
      [
        ["one object", () => "/ConfigMap/default/a"],
        ["four objects", (n: number) => `/Pod/default/p${n % 4}`],
        ["as many objects", (n: number) => `/Pod/default/p${n}`],
      ] as const
    ).map(([of, objects]) => {
      const burst = every(seconds, seconds * 1_000, objects);
      return [`1,000 changes in ${seconds} s, of ${of}`, burst, 2, 30_050] as const;
    }),
  ),
  ["100 changes in 29 s, of as many objects", every(290, 29_000, (n) => `/Pod/default/p${n}`), 5, 30_000],
  [
    "1,000 changes in 29 s, with pauses",
    every(1, 1_000).map(({ atMs }) => ({ atMs: atMs * 20 + Math.floor(atMs / 50) * 450 })),
    2,
    30_000,
  ],
  ["1,000 changes in a minute", every(60, 60_000), 6, 30_000],
  ["a change every 200 ms for ten minutes", every(200, 600_000), 25, 30_000],
  ["a change every second for ten minutes", every(1_000, 600_000), 28, 30_000],
  ["a change every 3 s for a minute", every(3_000, 60_000), 20, 2_500],
] as const satisfies readonly (readonly [string, readonly Change[], number, number])[]) {
  test(`${name}: at most ${most} looks, each change seen within ${longestMs} ms`, () => {
    const looks = looksAt(changes);
    assert.ok(looks.length >= 1 && looks.length <= most, `looks at ${looks.join(", ")}`);
    const longest = longestWait(changes, looks);
    assert.ok(longest <= longestMs, `${longest} ms; looks at ${looks.join(", ")}`);
  });
}

test("in a burst that one object makes, a change of another is looked at soon", () => {
  const other = { atMs: 15_000, objects: ["apps/Deployment/default/web"] };
  const looks = looksAt([...every(30, 30_000), other].toSorted((a, b) => a.atMs - b.atMs));
  assert.ok(longestWait([other], looks) <= 100, `looks at ${looks.join(", ")}`);
});

test("while one object never stops changing, a change of another is looked at soon, but not of each of many", () => {
  const chatty = every(100, 120_000);
  const with_ = (more: readonly Change[]) => [...chatty, ...more].toSorted((a, b) => a.atMs - b.atMs);
  const other = { atMs: 60_000, objects: ["apps/Deployment/default/web"] };
  const looks = looksAt(with_([other]));
  assert.ok(longestWait([other], looks) <= 4_000, `looks at ${looks.join(", ")}`);
  const many = every(10, 10_000, (n) => `/Pod/default/p${n}`).map(({ atMs, objects }) => ({
    atMs: atMs + 60_000,
    objects: objects ?? [],
  }));
  const more = looksAt(with_(many)).length - looksAt(chatty).length;
  assert.ok(more <= 2, `${more} looks more`);
});

test("an operation's own changes are looked at less and less often, and what follows it soon", () => {
  const changes = every(10, 30_000);
  const looks = looksAt(changes, (ms) => ms < 30_000);
  assert.deepEqual(looks.slice(0, 4), [2_000, 6_010, 14_020, 22_030]);
  assert.ok(looks.length <= 6, `${looks.length} looks`);
  const after = looksAt([...changes, { atMs: 31_000 }], (ms) => ms < 30_500).filter((ms) => ms > 30_900);
  assert.ok(after.length === 1 && (after[0] ?? 0) <= 31_500, `looks at ${after.join(", ")}`);
});

test("what an operation of a moment changed is looked at once it is over, and healthy objects soon after", () => {
  const operations = [0, 5_000].map((atMs) => ({ from: atMs + 50, to: atMs + 100 }));
  const isOperating = (ms: number) => operations.some(({ from, to }) => ms >= from && ms < to);
  // Deleted; made again by the operation; available; all of it twice, and the second time before the first is forgotten.
  const changes = [0, 60, 400, 5_000, 5_060, 5_400].map((atMs) => ({ atMs }));
  const looks = looksAt(changes, isOperating);
  assert.ok(longestWait(changes, looks) <= 150, `looks at ${looks.join(", ")}`);
});
