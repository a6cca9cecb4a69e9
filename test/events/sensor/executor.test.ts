import assert from "node:assert/strict";
import { test } from "node:test";
import type { Trigger } from "../../../src/api/resources.ts";
import type { JsonObject } from "../../../src/base/json.ts";
import { createExecutor, createPlanner, type ExecutorDeps } from "../../../src/events/sensor/executor.ts";
import type { AnyTriggerKind } from "../../../src/events/triggers/registry.ts";
import { compiled, dependency, received, trigger } from "./builders.ts";

const never = new AbortController().signal;

/** A kind that keeps what it was given. */
function recorder() {
  const seen: { spec: unknown; path: string; key: string; applied: boolean }[] = [];
  const policies: unknown[] = [];
  const kind: AnyTriggerKind = {
    schema: {} as AnyTriggerKind["schema"],
    parse: (spec, path) => ({
      async plan({ key, policy }) {
        policies.push(policy);
        const one = { spec, path, key, applied: false };
        seen.push(one);
        return {
          plan: spec,
          async apply() {
            one.applied = true;
            return { message: "applied" };
          },
        };
      },
    }),
  };
  return { kind, seen, policies };
}

function open(template: JsonObject, more: Partial<Trigger> = {}) {
  const { kind, seen, policies } = recorder();
  const base = trigger("t", "a", template);
  const known = Object.keys(template)[0];
  const one = { ...base, template: { ...base.template, ...(known ? { kind: known } : {}) }, ...more };
  const sensor = compiled([dependency("a")], [one]);
  const deps = { kinds: { log: kind, http: kind }, context: {} as ExecutorDeps["context"] };
  const effect = {
    key: "k",
    trigger: "t",
    events: { a: received("e1", "a", { name: "x" }) },
    decision: "w-1.0",
    failed: 0,
    attempts: [],
    dueAt: 0,
  };
  return { execute: createExecutor(sensor, deps), plan: createPlanner(sensor, deps), effect, seen, policies };
}

test("an effect is planned under its key with where its spec stands, then applied", async () => {
  const { execute, effect, seen } = open({ log: { intervalSeconds: 1 } });
  assert.deepEqual(await execute(effect, never), { message: "applied" });
  const path = "spec.triggers[0].template.log";
  assert.deepEqual(seen, [{ spec: { intervalSeconds: 1 }, path, key: "k", applied: true }]);
});

test("a policy goes to the trigger with the firing", async () => {
  const policy = { status: { allow: [200] } };
  const { execute, effect, policies } = open({ http: {} }, { policy });
  await execute(effect, never);
  assert.deepEqual(policies, [policy]);
});

test("planning applies nothing", async () => {
  const { plan, effect, seen } = open({ log: {} });
  await plan(effect, never);
  assert.equal(seen[0]?.applied, false);
});

test("chance in a template is that of the firing: another firing of the event draws another, a retry the same", async () => {
  const src = { dependencyName: "a", dataTemplate: "{{ uuidv4 }}" };
  const { plan, effect, seen } = open({ log: {} }, { parameters: [{ src, dest: "log.label" }] });
  for (const key of ["s/t/e1", "s/other/e1", "s/t/e1"]) await plan({ ...effect, key }, never);
  const [first, other, again] = seen.map(({ spec }) => (spec as { readonly label: string }).label);
  assert.match(first ?? "", /^[0-9a-f-]{36}$/);
  assert.deepEqual([other === first, again === first], [false, true]);
});

test("parameters of the trigger change its template, not the Sensor's", async () => {
  const parameters = [{ src: { dependencyName: "a", dataKey: "name" }, dest: "log.label" }];
  const { execute, effect, seen } = open({ log: {} }, { parameters });
  await execute(effect, never);
  await execute({ ...effect, events: { a: received("e2", "a", { name: "y" }) } }, never);
  assert.deepEqual(
    seen.map(({ spec }) => spec),
    [{ label: "x" }, { label: "y" }],
  );
});

test("what retrying cannot mend says so", async () => {
  const gone = open({ log: {} });
  await assert.rejects(async () => gone.execute({ ...gone.effect, trigger: "removed" }, never), {
    code: "TRIGGER_FAILED",
  });
  const unknown = open({ kafka: {} });
  await assert.rejects(async () => unknown.execute(unknown.effect, never), { code: "TRIGGER_UNSUPPORTED" });
});

test("parameters of a batch see its newest events, and all of them as a list", async () => {
  const { event, head } = received("e1", "a", { name: "x" });
  const [first, last] = [received("e0", "a", { name: "w" }), { event: { ...event, extensions: { hop: 2 } }, head }];
  const payload = [
    { src: { dependencyName: "a", dataKey: "name" }, dest: "newest" },
    { src: { dependencyName: "events", dataKey: "#.data.name", useRawData: true }, dest: "all" },
    { src: { dependencyName: "events", dataKey: "1", useRawData: true }, dest: "last" },
    { src: { dependencyName: "events", dataTemplate: "{{ len .Input }}" }, dest: "count" },
  ];
  const parameters = payload.map(({ src, dest }) => ({ src, dest: `log.${dest}` }));
  const { execute, effect, seen } = open({ log: {}, batch: { wait: "1s" } }, { parameters });
  const batch = [first, last].map((one) => ({ dependency: "a", ...one }));
  await execute({ ...effect, batch }, never);
  const { extensions, ...attributes } = last.event;
  assert.deepEqual(seen[0]?.spec, {
    newest: "x",
    all: ["w", "x"],
    last: { dependency: "a", ...extensions, ...attributes },
    count: "2",
  });
});

test("a dlqTrigger has parameters and a place of its own; one that an edit removed is an error for good", async () => {
  const { kind, seen } = recorder();
  const parameters = [{ src: { dependencyName: "a", dataKey: "name" }, dest: "log.tag" }];
  const rescue: Trigger = { ...trigger("rescue", undefined, { log: {} }), parameters };
  const sensor = (more: Partial<Trigger>) =>
    compiled([dependency("a")], [{ ...trigger("t", "a", { http: {} }), ...more }]);
  const deps = { kinds: { log: kind, http: kind }, context: {} as ExecutorDeps["context"] };
  const effect = { key: "dlq/k", trigger: "rescue", dlqOf: "t", events: { a: received("e1", "a", { name: "x" }) } };
  await createPlanner(sensor({ dlqTrigger: rescue }), deps)(effect, never);
  assert.deepEqual(
    seen.map(({ spec, path, key }) => [spec, path, key]),
    [[{ tag: "x" }, "spec.triggers[0].dlqTrigger.template.log", "dlq/k"]],
  );
  const without = createPlanner(sensor({}), deps);
  assert.throws(() => without(effect, never), {
    code: "TRIGGER_FAILED",
    message: /trigger "t" has no dlqTrigger any more/,
  });
});
