import assert from "node:assert/strict";
import { test } from "node:test";
import { PodIndex } from "../../../src/local/simulation/pod-index.ts";

const pod = (labels: object) => ({ metadata: { labels } });
const names = (index: PodIndex, namespace: string, selector: Readonly<Record<string, string>>) =>
  index
    .candidates(namespace, selector)
    .map(({ name }) => name)
    .sort();

test("Pods are found by the rarest label of a selector, in their namespace", () => {
  const index = new PodIndex();
  for (let n = 0; n < 10; n++) index.set("a", `p${n}`, pod({ app: "web", number: String(n) }));
  index.set("b", "p3", pod({ app: "web", number: "3" }));
  assert.equal(names(index, "a", { app: "web" }).length, 10);
  assert.deepEqual(names(index, "a", { app: "web", number: "3" }), ["p3"]);
  assert.deepEqual(names(index, "a", { app: "web", number: "11" }), []);
  assert.deepEqual(names(index, "c", { app: "web" }), []);
});

test("a Pod is found by the labels that it has now", () => {
  const index = new PodIndex();
  index.set("a", "p", pod({ app: "web" }));
  index.set("a", "p", pod({ app: "db" }));
  assert.deepEqual([names(index, "a", { app: "web" }), names(index, "a", { app: "db" })], [[], ["p"]]);
  index.set("a", "p", pod({}));
  assert.deepEqual(names(index, "a", { app: "db" }), []);
  index.set("a", "p", pod({ app: "db" }));
  index.set("a", "p", undefined);
  assert.deepEqual(names(index, "a", { app: "db" }), []);
});
