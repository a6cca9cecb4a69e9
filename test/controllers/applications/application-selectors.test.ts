import assert from "node:assert/strict";
import { test } from "node:test";
import { parseApplication } from "../../../src/api/application.ts";
import { instant } from "../../../src/base/clock.ts";
import { isJsonObject, type JsonObject } from "../../../src/base/json.ts";
import { createApplicationIndex } from "../../../src/controllers/applications/application-index.ts";
import { placeText, selectorsIn, selectorsOf } from "../../../src/controllers/applications/application-selectors.ts";
import {
  applicationRepositories,
  compileApplicationSensor,
} from "../../../src/controllers/applications/application-sensor.ts";
import { refEvents } from "../../../src/controllers/applications/push-events.ts";
import { triggerSchemas } from "../../../src/events/triggers/registry.ts";

const url = "https://git.example/shop";

function open(revision: string, tagPrefix?: string) {
  const source = {
    repoURL: url,
    path: ".",
    targetRevision: revision,
    ...(tagPrefix === undefined ? {} : { tagPrefix }),
  };
  const { resource } = parseApplication({
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Application",
    metadata: { name: "web", namespace: "argocd", uid: "1" },
    spec: { source, destination: { name: "in-cluster" } },
  });
  const compiled = compileApplicationSensor(resource, triggerSchemas());
  return { compiled, repositories: applicationRepositories(resource) };
}

const revisions: readonly (readonly [revision: string, selectors: readonly string[]])[] = [
  ["", ["head"]],
  ["HEAD", ["head"]],
  ["main", ["revision main"]],
  ["refs/heads/main", ["revision main"]],
  ["refs/tags/v1.0+x", ["revision v1.0+x"]],
  ["refs/pull/1/head", ["ref refs/pull/1/head"]],
  ["a.b*c", ["revision a.b*c"]],
  ["1.*", ["tags"]],
  ["v1.2.3", ["revision v1.2.3"]],
];

for (const [revision, selectors] of revisions) {
  test(`"${revision}" is found by ${selectors.join()}`, () => {
    assert.deepEqual(selectorsOf(open(revision).compiled), selectors);
  });
}

const refs = [
  "refs/heads/main",
  "refs/heads/a.b*c",
  "refs/tags/v1.2.3",
  "refs/tags/v1.0+x",
  "refs/pull/1/head",
  "HEAD",
  "odd",
];

test("whoever takes an event is found by its ref: the index with refs answers as the one without", () => {
  for (const [revision] of revisions) {
    for (const headRef of [undefined, "refs/heads/main"]) {
      const { compiled, repositories } = open(revision);
      const [plain, fine] = [createApplicationIndex(), createApplicationIndex()];
      plain.set("web", compiled, repositories);
      const places = repositories.flatMap((one) => selectorsOf(compiled).map((ref) => placeText(one, ref)));
      fine.set("web", compiled, places);
      const moved = refs.map((name) => ({ name, old: "1".repeat(40), new: "2".repeat(40) }));
      const now = instant(0);
      for (const event of refEvents({ kind: "push", repositoryUrl: url, refs: moved, headRef, id: () => "1", now })) {
        const head = { id: "1", namespace: "", eventSource: event.source, event: event.subject, type: event.type };
        const received = { event, head: { ...head, time: event.time, bus: "", sequence: 0, storedAt: now } };
        const fires = (index: typeof plain): number =>
          index.match(received, now).filter(({ decision }) => decision.kind === "fire").length;
        assert.equal(fires(fine), fires(plain), `${revision} ${JSON.stringify(event.data)}`);
      }
    }
  }
});

test("an event says under which texts to look", () => {
  const data: JsonObject = { ref: "refs/tags/v1", revision: "v1", isDefaultBranch: false };
  assert.ok(isJsonObject(data));
  assert.deepEqual(selectorsIn(data), ["any", "tags", "ref refs/tags/v1", "revision v1"]);
});
