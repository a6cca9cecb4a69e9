import assert from "node:assert/strict";
import { test } from "node:test";
import { instant } from "../../../src/base/clock.ts";
import { type RefEventsInput, refEvents } from "../../../src/controllers/applications/push-events.ts";
import { decodeEvent, encodeEvent } from "../../../src/record/cloud-event.ts";

const [first, second, third] = ["1".repeat(40), "2".repeat(40), "3".repeat(40)] as const;
const zeros = "0".repeat(40);

function eventsOf(more: Partial<RefEventsInput> = {}) {
  let count = 0;
  return refEvents({
    kind: "push",
    repositoryUrl: "http://127.0.0.1:8418/guestbook.git",
    refs: [{ name: "refs/heads/main", old: first, new: second }],
    headRef: "refs/heads/main",
    id: () => `id-${++count}`,
    now: instant(Date.parse("2026-01-02T03:04:05.678Z")),
    ...more,
  });
}

test("a push is one event for each ref, on the bus as it was", () => {
  const refs = [
    { name: "refs/heads/main", old: first, new: second },
    { name: "refs/tags/v1.0", old: zeros, new: second },
  ];
  const events = eventsOf({ refs });
  const common = { repository: "http://127.0.0.1:8418/guestbook", url: "http://127.0.0.1:8418/guestbook.git" };
  const head = {
    source: "tiphys",
    type: "tiphys.push",
    subject: "push",
    time: "2026-01-02T03:04:05.678Z",
    datacontenttype: "application/json",
  };
  const main = { ref: "refs/heads/main", revision: "main", before: first, after: second, isDefaultBranch: true };
  const tag = { ref: "refs/tags/v1.0", revision: "v1.0", before: zeros, after: second, isDefaultBranch: false };
  assert.deepEqual(events, [
    { ...head, id: "id-1", data: { ...common, ...main } },
    { ...head, id: "id-2", data: { ...common, ...tag } },
  ]);
  assert.deepEqual(events.map(encodeEvent).map(decodeEvent), events);
});

for (const [name, headRef, revision, isDefaultBranch] of [
  ["refs/heads/main", "refs/heads/main", "main", true],
  ["refs/heads/main", undefined, "main", false],
  ["refs/heads/main", "refs/heads/main2", "main", false],
  ["refs/tags/main", "refs/heads/main", "main", false],
  ["refs/heads/release/1.x", "refs/heads/release/1.x", "release/1.x", true],
  ["HEAD", "refs/heads/main", "HEAD", true],
  ["HEAD", undefined, "HEAD", true],
] as const) {
  test(`${name} with HEAD at ${headRef} is ${revision}, ${isDefaultBranch ? "" : "not "}the default branch`, () => {
    const [event] = eventsOf({ kind: "poll", headRef, refs: [{ name, old: first, new: second }] });
    const data = event?.data as { revision: string; isDefaultBranch: boolean };
    assert.deepEqual([data.revision, data.isDefaultBranch], [revision, isDefaultBranch]);
  });
}

for (const [repositoryUrl, repository, url] of [
  ["https://GitHub.com/Org/repo.git", "https://github.com/Org/repo", "https://GitHub.com/Org/repo.git"],
  ["https://me:secret@github.com/Org/repo", "https://github.com/Org/repo", "https://github.com/Org/repo"],
  ["git@github.com:org/repo.git", "ssh://github.com/org/repo", "git@github.com:org/repo.git"],
] as const) {
  test(`${repositoryUrl} is named without what must not be kept`, () => {
    const [event] = eventsOf({ repositoryUrl });
    const data = event?.data as { repository: string; url: string };
    assert.deepEqual([data.repository, data.url], [repository, url]);
  });
}

test("the same move found by another poll is the same event, any other is not", () => {
  const move = { name: "refs/heads/main", old: first, new: second };
  const idOf = (more: Partial<RefEventsInput>) => eventsOf({ kind: "poll", ...more })[0]?.id ?? "";
  const base = idOf({ refs: [move] });
  assert.match(base, /^[0-9a-f]{32}$/);
  assert.equal(idOf({ refs: [move], now: instant(1), repositoryUrl: "http://127.0.0.1:8418/guestbook" }), base);
  const others = [
    idOf({ refs: [{ ...move, name: "refs/heads/other" }] }),
    idOf({ refs: [{ ...move, old: third }] }),
    idOf({ refs: [{ ...move, new: third }] }),
    idOf({ refs: [{ ...move, old: second, new: first }] }),
    idOf({ refs: [move], repositoryUrl: "http://127.0.0.1:8418/other.git" }),
  ];
  assert.equal(new Set([base, ...others]).size, 6);
});

test("no refs, no events", () => assert.deepEqual(eventsOf({ refs: [] }), []));
