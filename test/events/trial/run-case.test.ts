import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../../src/base/json.ts";
import { updatedExpectation } from "../../../src/events/trial/updated-expectation.ts";
import { dependency, given, pushMain, runOne, sensorOf, trigger } from "./builders.ts";

async function firingsOf(compiled: Parameters<typeof runOne>[0], one: JsonObject, files = {}) {
  return (await runOne(compiled, { expect: [], ...one }, files)).outcome?.firings ?? [];
}

const joined = sensorOf(
  [dependency("push", { data: [pushMain] }), dependency("approved")],
  [
    trigger("both", { conditions: "push && approved", log: {} }),
    trigger("any", { conditions: "push || approved", log: {} }),
  ],
);
const main = { body: { ref: "refs/heads/main" } };

test("events come by their time, then as they are listed, each at its virtual time", async () => {
  const firings = await firingsOf(joined, {
    given: [
      given("approved", {}, { at: "10m" }),
      given("push", main, { at: "5m" }),
      given("approved", {}, { at: "5m" }),
    ],
  });
  assert.deepEqual(
    firings.map(({ trigger: name, at, events }) => [name, at, events]),
    [
      ["any", "5m0s", { push: "e2" }],
      ["both", "5m0s", { push: "e2", approved: "e3" }],
      ["any", "5m0s", { approved: "e3" }],
      ["any", "10m0s", { approved: "e1" }],
    ],
  );
});

test("each case begins with nothing joined", async () => {
  assert.equal((await firingsOf(joined, { given: [given("push", main)] })).length, 1);
  assert.deepEqual(
    (await firingsOf(joined, { given: [given("approved")] })).map((one) => one.trigger),
    ["any"],
  );
});

const request = sensorOf(
  [dependency("push")],
  [
    trigger(
      "post",
      {
        http: {
          url: "http://x.example/a",
          method: "PUT",
          secureHeaders: [{ name: "Token", valueFrom: { secretKeyRef: { name: "s", key: "k" } } }],
          payload: [{ src: { dependencyName: "push", dataKey: "n", useRawData: true }, dest: "n" }],
        },
      },
      {
        retryStrategy: { steps: 3 },
        parameters: [{ src: { dependencyName: "push", dataKey: "url" }, dest: "http.url" }],
      },
    ),
  ],
);

test("a firing is rendered and planned as the engine does it, with no secret at hand", async () => {
  const [firing] = await firingsOf(request, { given: [given("push", { n: 5, url: "http://y.example/b" })] });
  assert.deepEqual(firing?.template?.http, {
    url: "http://y.example/b",
    method: "PUT",
    secureHeaders: [{ name: "Token", valueFrom: { secretKeyRef: { name: "s", key: "k" } } }],
    payload: { n: 5 },
  });
  assert.partialDeepStrictEqual(firing?.plan, {
    method: "PUT",
    url: "http://y.example/b",
    body: '{"n":5}',
    headers: { "Idempotency-Key": "uid/post/e1" },
  });
});

for (const [name, fails, attempts, outcome] of [
  ["none fails", 0, 1, "succeeded"],
  ["two of three fail", 2, 3, "succeeded"],
  ["all fail", 3, 3, "dead"],
  ["more fail than are made", 9, 3, "dead"],
] as const) {
  test(`attempts: ${name}`, async () => {
    const events = [given("push", { n: 1, url: "http://x.example" })];
    const [firing] = await firingsOf(request, { given: events, fails: { post: fails } });
    assert.deepEqual([firing?.attempts, firing?.outcome], [attempts, outcome]);
  });
}

test("failures that are left over go to the next firing", async () => {
  const events = ["1", "2"].map((n) => given("push", { n, url: "http://x.example" }));
  const firings = await firingsOf(request, { given: events, fails: { post: 4 } });
  assert.deepEqual(
    firings.map(({ attempts, outcome }) => [attempts, outcome]),
    [
      [3, "dead"],
      [2, "succeeded"],
    ],
  );
});

test("a parameter that cannot be resolved is the firing's error, and ends it at once", async () => {
  const [firing] = await firingsOf(request, { given: [given("push", { url: "http://x.example" })] });
  assert.match(firing?.error ?? "", /spec\.triggers\[0\]\.template\.http\.payload\[0\].*"n" does not exist/);
  assert.deepEqual([firing?.attempts, firing?.outcome, firing?.plan], [1, "dead", undefined]);
});

const rescued = sensorOf(
  [dependency("push")],
  [
    trigger(
      "post",
      { http: { url: "http://x.example" } },
      {
        retryStrategy: { steps: 2 },
        atLeastOnce: true,
        dlqTrigger: {
          template: { name: "rescue", http: { url: "http://y.example" } },
          parameters: [{ src: { dependencyName: "push", dataKey: "url" }, dest: "http.url" }],
          retryStrategy: { steps: 3 },
          atLeastOnce: true,
        },
      },
    ),
    trigger("tell"),
  ],
);
for (const [name, fails, data, expected] of [
  ["that succeeds at last has nothing to do", { post: 1 }, {}, ["post 2 succeeded", "tell 1 succeeded"]],
  [
    "that is dead is followed by it, as its parameters have made it",
    { post: 2, rescue: 1 },
    { url: "http://z.example" },
    ["post 2 dead", "rescue of post 2 succeeded http://z.example", "tell 1 succeeded"],
  ],
  [
    "may be followed by one that fails, too",
    { post: 2 },
    {},
    ["post 2 dead", "rescue of post 1 dead spec.triggers[0].dlqTrigger.parameters[0]", "tell 1 succeeded"],
  ],
] as const) {
  test(`dlqTrigger: a trigger ${name}`, async () => {
    const firings = await firingsOf(rescued, { given: [given("push", data)], fails });
    const shown = firings.map(({ trigger: one, dlqOf, attempts, outcome, template, error }) => {
      const { url } = (template?.http ?? {}) as { readonly url?: string };
      const made = error?.split(".src")[0] ?? url;
      return `${one}${dlqOf === undefined ? "" : ` of ${dlqOf}`} ${attempts} ${outcome}${dlqOf === undefined ? "" : ` ${made}`}`;
    });
    assert.deepEqual(shown, expected);
  });
}

test("dlqTrigger: a case names it as any trigger, and --update writes it", async () => {
  const fails = { post: 2, rescue: 0 };
  const expect = [{ trigger: "post", outcome: "dead" }, { trigger: "rescue" }, { trigger: "tell" }];
  const events = [given("push", { url: "http://z.example" })];
  assert.deepEqual((await runOne(rescued, { given: events, fails, expect })).problems, []);
  const { case: one, outcome } = await runOne(rescued, { given: events, fails, expect: [] });
  assert.ok(outcome);
  assert.partialDeepStrictEqual(updatedExpectation(one, outcome, rescued), [
    { trigger: "post", outcome: "dead" },
    { trigger: "rescue", template: { http: { url: "http://z.example" } } },
    { trigger: "tell" },
  ]);
});

for (const [name, useRawData, n, error] of [
  ["as text it is an error", false, 7, /http\.timeout: "7" must be an integer/],
  ["raw it is one", true, 7, undefined],
  ["raw text is an error, too", true, "7", /http\.timeout: "7" must be an integer/],
] as const) {
  test(`a parameter where an integer is wanted: ${name}`, async () => {
    const parameters = [{ src: { dependencyName: "push", dataKey: "n", useRawData }, dest: "http.timeout" }];
    const one = trigger("post", { http: { url: "http://x.example", method: "GET" } }, { parameters });
    const [firing] = await firingsOf(sensorOf([dependency("push")], [one]), { given: [given("push", { n })] });
    if (error) assert.match(firing?.error ?? "", error);
    else assert.deepEqual([firing?.error, (firing?.template?.http as JsonObject | undefined)?.timeout], [undefined, 7]);
  });
}

const object = sensorOf(
  [dependency("push")],
  [
    trigger("keep", {
      k8s: {
        operation: "create",
        source: {
          resource: { apiVersion: "v1", kind: "ConfigMap", metadata: { generateName: "a-" }, data: { ref: "none" } },
        },
        parameters: [{ src: { dependencyName: "push", dataKey: "ref" }, dest: "data.ref" }],
      },
    }),
    trigger("sync", { gitOps: { application: "guestbook" } }),
    trigger("tell", { pulsar: { url: "pulsar://h:6650", topic: "t", payload: [] } }),
  ],
);

test("an object is rendered with its parameters and planned without a cluster; a kind that does not run says so", async () => {
  const [keep, sync, tell] = await firingsOf(object, { given: [given("push", { ref: "main" })] });
  assert.partialDeepStrictEqual(keep?.template, { k8s: { source: { resource: { data: { ref: "main" } } } } });
  assert.partialDeepStrictEqual(keep?.plan, {
    operation: "create",
    ref: { kind: "ConfigMap", namespace: "ns" },
    object: {
      metadata: { labels: { "events.argoproj.io/action-timestamp": String(Date.parse("2026-01-01T00:00:00Z")) } },
    },
  });
  const application = { namespace: "argocd", name: "guestbook" };
  assert.partialDeepStrictEqual(sync?.plan, { which: application, asks: [{ request: { application } }] });
  assert.match(tell?.error ?? "", /kind "pulsar" is not supported/);
});

test("events come from files and whole CloudEvents, and context changes their attributes", async () => {
  const typed = sensorOf([dependency("push", { context: { type: "github" } })], [trigger("say")]);
  const whole = {
    source: "source",
    subject: "push",
    type: "github",
    time: "2026-01-01T00:00:00Z",
    id: "x",
    data: { a: 1 },
  };
  const files = { "whole.json": whole, "data.json": { a: 2 } };
  const firings = await firingsOf(
    typed,
    {
      given: [
        { cloudEvent: "whole.json" },
        { cloudEvent: whole, context: { id: "y", hop: "1" } },
        {
          eventSource: "source",
          event: "push",
          dataFile: "data.json",
          context: { type: "github", source: "elsewhere" },
        },
        { eventSource: "source", event: "push" },
      ],
    },
    files,
  );
  assert.deepEqual(
    firings.map(({ events }) => events.push),
    ["x", "y", "e3"],
  );
  const line = { message: '{"a":2}', eventContext: { source: "elsewhere" } };
  assert.partialDeepStrictEqual(firings[2]?.plan, { lines: [line] });
});

test("an event that is none is a problem of its case", async () => {
  const { problems } = await runOne(joined, { given: [{ cloudEvent: "text.txt" }], expect: [] }, { "text.txt": "x" });
  assert.deepEqual(problems, [{ path: "given", message: "given[0].cloudEvent: text.txt holds no object" }]);
});

test("verdicts say what each dependency made of each event", async () => {
  const { outcome } = await runOne(joined, {
    given: [given("push", { body: { ref: "dev" } }), given("push", main)],
    expect: [],
  });
  assert.deepEqual(
    outcome?.decisions.map(({ event, dependency: name, verdict }) => [event, name, verdict]),
    [
      ["e1", "push", "rejected"],
      ["e2", "push", "passed"],
    ],
  );
});

test("a batch fires by its own time, and its parameters see all of its events", async () => {
  const payload = [
    { src: { dependencyName: "push", dataKey: "n", useRawData: true }, dest: "newest" },
    { src: { dependencyName: "events", dataKey: "#.data.n", useRawData: true }, dest: "all" },
  ];
  const batched = sensorOf(
    [dependency("push")],
    [trigger("post", { http: { url: "http://x.example/a", method: "POST", payload }, batch: { size: 3, wait: "1m" } })],
  );
  const pushes = [1, 2, 3, 4].map((n) => given("push", { n }, { at: `${n}s` }));
  const firings = await firingsOf(batched, { given: pushes });
  assert.deepEqual(
    firings.map(({ at, template, error }) => [at, (template?.http as JsonObject | undefined)?.payload, error]),
    [
      ["3s", { newest: 3, all: [1, 2, 3] }, undefined],
      ["1m4s", { newest: 4, all: [4] }, undefined],
    ],
  );
});

test("debounce waits for quiet; a join within a time lets go of what found no partner", async () => {
  const quiet = sensorOf([dependency("push")], [trigger("say", { log: {}, debounce: { quiet: "10s" } })]);
  const typed = ["0s", "4s", "8s"].map((at, n) => given("push", { n }, { at }));
  assert.deepEqual(
    (await firingsOf(quiet, { given: typed })).map(({ at, events }) => [at, events]),
    [["18s", { push: "e3" }]],
  );
  const near = ["a", "b"].map((name) => ({ ...dependency(name), correlate: "id", within: "1m" }));
  const paired = sensorOf(near, [trigger("both", { conditions: "a && b", log: {} })]);
  const at = (name: string, id: string, time: string) => given(name, { id }, { at: time });
  const events = [at("a", "x", "0s"), at("a", "y", "0s"), at("b", "y", "30s"), at("b", "x", "2m")];
  assert.deepEqual(
    (await firingsOf(paired, { given: events })).map((one) => [one.at, one.events]),
    [["30s", { a: "e2", b: "e3" }]],
  );
});
