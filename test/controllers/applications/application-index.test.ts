import assert from "node:assert/strict";
import { test } from "node:test";
import type { Application } from "../../../src/api/application-types.ts";
import { instant } from "../../../src/base/clock.ts";
import type { JsonObject, JsonValue } from "../../../src/base/json.ts";
import { createApplicationIndex } from "../../../src/controllers/applications/application-index.ts";
import { placeText, selectorsOf } from "../../../src/controllers/applications/application-selectors.ts";
import {
  applicationRepositories,
  compileApplicationSensor,
} from "../../../src/controllers/applications/application-sensor.ts";
import { changedFiles } from "../../../src/controllers/webhooks/refresh-paths.ts";
import type { CompiledSensor } from "../../../src/events/sensor/compile.ts";
import { triggerSchemas } from "../../../src/events/triggers/registry.ts";
import type { Reason } from "../../../src/gitops/reconcile/request.ts";
import { application, builtIn, moved } from "./application-events.ts";

const now = instant(0);
const schemas = triggerSchemas();

/** An index that counts how many Applications are asked; each is asked for its route once. */
function countingIndex() {
  const index = createApplicationIndex();
  const asked: string[] = [];
  const counted = (app: Application): CompiledSensor => {
    const compiled = compileApplicationSensor(app, schemas);
    return {
      sensor: compiled.sensor,
      head: compiled.head,
      triggers: compiled.triggers,
      inputs: compiled.inputs,
      dependenciesOf: (eventSource, event) => compiled.dependenciesOf(eventSource, event),
      routeOf: (eventSource, event) => {
        asked.push(app.metadata.name);
        return compiled.routeOf(eventSource, event);
      },
    };
  };
  const add = (name: string, spec: JsonObject) => {
    const app = application(spec, { name, uid: name });
    index.set(`argocd/${name}`, counted(app), applicationRepositories(app));
  };
  /** `name kind` of each decision. */
  const match = (reason: Reason, data: JsonValue, eventSource?: string, only?: string | ((key: string) => boolean)) => {
    asked.length = 0;
    return index
      .match(builtIn(reason, data, eventSource), now, only)
      .map(({ key, decision }) => `${key} ${decision.kind}`);
  };
  return { index, add, counted, match, asked };
}

const urlOf = (repository: number | string) => `https://git.example.com/r${repository}.git`;
const specOf = (repository: number | string, targetRevision = "HEAD") => ({
  source: { repoURL: urlOf(repository), path: ".", targetRevision },
});
const main = (repository: number | string) => moved(urlOf(repository), "refs/heads/main", true);

test("of 1,000 Applications over 10 repositories, a push asks the 100 of its repository and a drift one", () => {
  const { index, add, match, asked } = countingIndex();
  for (let n = 0; n < 1_000; n++) add(`app-${n}`, specOf(n % 10));
  assert.equal(index.size, 1_000);
  const fired = match("push", main(7));
  assert.equal(asked.length, 100);
  assert.deepEqual(
    fired,
    Array.from({ length: 100 }, (_, n) => `argocd/app-${n * 10 + 7} fire`),
  );
  assert.deepEqual(match("drift", { application: "argocd/app-42" }), ["argocd/app-42 fire"]);
  assert.equal(asked.length, 1);
});

test("of 10,000 Applications of one repository, a push of known files asks one, and takes less than 10 ms", () => {
  const { index, counted, match, asked } = countingIndex();
  const [branches, paths] = [100, 100];
  for (let branch = 0; branch < branches; branch++) {
    const app = application(specOf(0, branch === 0 ? "main" : `env-${branch}`), { name: `on-${branch}`, uid: "" });
    const compiled = counted(app);
    const places = applicationRepositories(app).flatMap((one) =>
      selectorsOf(compiled).map((ref) => placeText(one, ref)),
    );
    for (let path = 0; path < paths; path++) index.set(`argocd/on-${branch}-${path}`, compiled, places);
  }
  assert.equal(index.size, branches * paths);
  const changed = changedFiles(["apps/7/a.yaml"]);
  const isConcerned = (key: string): boolean => changed.touch({ path: `apps/${key.split("-")[2]}`, isGlob: false });
  const times = Array.from({ length: 10 }, () => {
    const started = process.cpuUsage();
    assert.deepEqual(match("push", main(0), undefined, isConcerned), ["argocd/on-0-7 fire"]);
    assert.deepEqual(asked, ["on-0"]);
    const { user, system } = process.cpuUsage(started);
    return (user + system) / 1_000;
  });
  assert.ok(Math.min(...times) < 10, `${times.join(", ")} ms`);
});

test("a request for one Application asks no other of its repository", () => {
  const { add, match, asked } = countingIndex();
  for (let n = 0; n < 100; n++) add(`app-${n}`, specOf(n % 2));
  assert.deepEqual(match("push", main(0), undefined, "argocd/app-42"), ["argocd/app-42 fire"]);
  assert.equal(asked.length, 1);
  assert.deepEqual(match("push", main(0), undefined, "argocd/app-43"), []);
  assert.deepEqual(match("push", main(0), undefined, "argocd/none"), []);
});

test("rejections and errors are returned, too", () => {
  const { add, match } = countingIndex();
  add("head", specOf("a"));
  add("branch", specOf("a", "main"));
  add("tag", specOf("a", "v1"));
  assert.deepEqual(match("poll", main("a")), ["argocd/head fire", "argocd/branch fire", "argocd/tag rejected"]);
  const { revision: _, ...broken } = main("a");
  assert.deepEqual(match("push", broken), ["argocd/head fire", "argocd/branch error", "argocd/tag error"]);
});

test("the event is what fires, and its key names the Application and the event", () => {
  const { index, add } = countingIndex();
  add("web", specOf("a"));
  const received = builtIn("push", main("a"));
  const [match] = index.match(received, now);
  assert.ok(match?.decision.kind === "fire");
  assert.equal(match.decision.key, "web/reconcile/e1");
  assert.deepEqual(match.decision.events, { push: received });
});

test("an Application of several repositories is found by each, and asked once", () => {
  const { add, match, asked } = countingIndex();
  add("web", { sources: [specOf("a").source, specOf("b").source, specOf("b", "v1").source] });
  assert.deepEqual(match("push", main("b")), ["argocd/web rejected", "argocd/web rejected", "argocd/web fire"]);
  assert.deepEqual(asked, ["web"]);
  assert.ok(match("push", main("a")).includes("argocd/web fire"));
});

/** What concerns nobody, so that nobody is asked. */
const nobody: readonly [string, Reason, JsonValue, string?][] = [
  ["another repository", "push", main("b")],
  ["no repository", "push", { application: "argocd/web" }],
  ["a repository that is no text", "poll", { repository: 1 }],
  ["another Application", "drift", { application: "argocd/other" }],
  ["the same name elsewhere", "timer", { application: "team/web" }],
  ["no Application", "event", main("a")],
  ["data that is no object", "spec", "argocd/web"],
  ["no data", "push", null],
  ["a name that objects inherit", "spec", { application: "constructor" }],
  ["an EventSource of a user", "push", main("a"), "hooks"],
];

for (const [what, reason, data, eventSource] of nobody) {
  test(`${what} asks nobody`, () => {
    const { add, match, asked } = countingIndex();
    add("web", specOf("a"));
    assert.deepEqual(match("push", main("a")), ["argocd/web fire"]);
    assert.deepEqual(match(reason, data, eventSource), []);
    assert.deepEqual(asked, []);
  });
}

test("setting again replaces, deleting forgets", () => {
  const { index, add, match } = countingIndex();
  add("web", specOf("a"));
  add("web", specOf("b"));
  assert.equal(index.size, 1);
  assert.deepEqual(match("push", main("a")), []);
  assert.deepEqual(match("push", main("b")), ["argocd/web fire"]);
  index.delete("argocd/web");
  index.delete("argocd/web");
  assert.equal(index.size, 0);
  assert.deepEqual(match("push", main("b")), []);
  assert.deepEqual(match("drift", { application: "argocd/web" }), []);
});

test("deleting one leaves the others of its repository", () => {
  const { index, add, match } = countingIndex();
  add("web", specOf("a"));
  add("api", specOf("a"));
  index.delete("argocd/web");
  assert.deepEqual(match("push", main("a")), ["argocd/api fire"]);
});
