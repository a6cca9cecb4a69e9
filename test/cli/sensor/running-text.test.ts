import assert from "node:assert/strict";
import { test } from "node:test";
import { getText, listText, statusOf, statusText } from "../../../src/cli/sensor/running-text.ts";

const at = "2026-01-01T00:00:00Z";
const condition = (type: string, status: string, more: object = {}) => ({
  type,
  status,
  lastTransitionTime: at,
  ...more,
});
const all = [condition("DependenciesProvided", "True"), condition("Deployed", "True")];
const noBus = condition("Deployed", "False", { reason: "EventBusNotReady", message: 'EventBus "default" is away' });

const sensor = (status: object) => ({
  metadata: { namespace: "shop", name: "release" },
  spec: {
    template: { serviceAccountName: "deployer" },
    dependencies: [
      { name: "push", eventSourceName: "github", eventName: "push", filters: { data: [], exprs: [] } },
      { name: "tick", eventSourceName: "clock", eventName: "tick" },
    ],
    triggers: [
      { template: { name: "deploy", conditions: "push && tick", debounce: {}, k8s: {} }, retryStrategy: { steps: 3 } },
      { template: { name: "tell", log: {} } },
    ],
  },
  status: { ...status } as Record<string, never>,
});

test("a list tells what is wrong with each Sensor", () => {
  const listed = (name: string, conditions: typeof all) => ({ namespace: "shop", name, uid: "u", conditions });
  assert.equal(
    listText([listed("a", all), listed("b", [...all, noBus]), listed("c", [])] as never),
    [
      "NAMESPACE  NAME  STATUS",
      "shop       a     ready",
      'shop       b     Deployed: EventBusNotReady: EventBus "default" is away',
      "shop       c     not looked at yet",
    ].join("\n"),
  );
  assert.equal(listText([]), "no Sensors");
});

test("one Sensor: what it depends on, and what it does", () => {
  const lines = getText(sensor({ conditions: all })).split("\n");
  assert.deepEqual(
    lines.filter((line) => line !== "").map((line) => line.split(/ {2,}|: +/)),
    [
      ["Name", "shop/release"],
      ["EventBus", "default"],
      ["Acts as", "deployer"],
      ["Status", "ready"],
      ["DEPENDENCY", "EVENTSOURCE", "EVENT", "FILTERS"],
      ["push", "github", "push", "data, exprs"],
      ["tick", "clock", "tick", "-"],
      ["TRIGGER", "KIND", "CONDITIONS", "RETRIES"],
      ["deploy", "k8s", "push && tick", "yes"],
      ["tell", "log", "all", "no"],
    ],
  );
});

const failed = { name: "deploy", lastSuccessTime: at, lastFailureTime: "2026-01-02T00:00:00Z", lastError: "no\nway" };

for (const [what, status, behind, works, said] of [
  [
    "one that works",
    { conditions: all },
    { events: 0, ms: 0 },
    true,
    /Behind by: +nothing[\s\S]*\ndeploy +never +never\n/,
  ],
  [
    "one that failed last",
    { conditions: all, triggers: [failed] },
    undefined,
    false,
    /not known[\s\S]*deploy .* no\n[\s\S]*dead list --sensor shop\/release$/,
  ],
  [
    "one that works again",
    { conditions: all, triggers: [{ ...failed, lastSuccessTime: "2026-01-03T00:00:00Z" }] },
    { events: 3, ms: 90_000 },
    true,
    /Behind by: +3 messages of its bus, the oldest 1m30s old/,
  ],
  [
    "one without its bus",
    { conditions: [noBus], warnings: ["spec.x: is not known"] },
    undefined,
    false,
    /Warning: +spec\.x: is not known/,
  ],
  ["one that nobody looked at", {}, undefined, false, /not looked at yet/],
] as const) {
  test(`the status of ${what}`, () => {
    const shown = statusOf({ sensor: sensor(status), ...(behind && { behind }) });
    assert.equal(shown.works, works);
    assert.deepEqual(
      shown.triggers.map(({ name }) => name),
      ["deploy", "tell"],
    );
    assert.match(statusText(shown), said);
  });
}
