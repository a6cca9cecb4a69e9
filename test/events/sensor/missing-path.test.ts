import assert from "node:assert/strict";
import { test } from "node:test";
import { whatIsThere } from "../../../src/events/sensor/missing-path.ts";

const data = {
  body: { ref: "main", "a.b": { x: 1 }, commits: [{ id: 1 }], none: null, empty: {}, number: 5 },
  header: { "X-Github-Event": ["push"] },
};
const many = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`k${index}`, index]));

for (const [path, of, text] of [
  ["ref", data, ": the data has body, header"],
  ["body.reff", data, ": 'body' has ref, a.b, commits, none, empty, number; did you mean 'body.ref'?"],
  ["body.a\\.b.y", data, ": 'body.a\\.b' has x"],
  ["header.x-github-event", data, ": 'header' has X-Github-Event; did you mean 'header.X-Github-Event'?"],
  ["body.commits.id", data, ": 'body.commits' is a list of 1"],
  ["body.commits.3", data, ": 'body.commits' is a list of 1"],
  ["body.ref.name", data, ": 'body.ref' is a string"],
  ["body.number.x", data, ": 'body.number' is a number"],
  ["body.none.x", data, ": 'body.none' is null"],
  ["body.empty.x", data, ": 'body.empty' is empty"],
  ["constructor", data, ": the data has body, header"],
  ["zzzz", many, ": the data has k0, k1, k2, k3, k4, k5, k6, k7, and 12 more"],
  ["a", { ["long".repeat(50)]: 1 }, `: the data has ${"long".repeat(10)}…`],
  ["a", "text", ": the data is a string"],
  ['body.commits.#(id=="2")', data, ""],
  ["body.commits|x", data, ""],
  ["$.gone", data, ""],
  ["body.ref", data, ""],
] as const) {
  test(`of the path ${path} it is told what is there${text}`, () => assert.equal(whatIsThere(path, of), text));
}
