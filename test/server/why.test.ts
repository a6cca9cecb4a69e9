import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSensor } from "../../src/api/sensor.ts";
import { type CompiledSensor, compileSensor } from "../../src/events/sensor/compile.ts";
import type { History } from "../../src/ledger/history.ts";
import type { CloudEvent } from "../../src/record/cloud-event.ts";
import type { EventHead, LedgerRecord, ResourceName } from "../../src/record/records.ts";
import { createWhy, type WhyAnswer } from "../../src/server/why.ts";
import { logSchema, manifest } from "../api/builders.ts";
import { decisionDraft, effectDraft, eventHead } from "../ledger/drafts.ts";

const head = eventHead("e1");
const event: CloudEvent = {
  id: head.id,
  source: head.eventSource,
  type: head.type,
  subject: head.event,
  time: head.time,
  datacontenttype: "application/json",
  data: { body: { ref: "refs/heads/dev", size: 3 } },
};

interface Listens {
  readonly name: string;
  readonly namespace?: string;
  readonly eventSource?: string;
  readonly eventName?: string;
  readonly kind?: "Application";
  readonly filters?: object;
}

function sensorOf({
  name,
  namespace = "default",
  eventSource = "webhook",
  eventName = "example",
  filters,
  kind,
}: Listens) {
  const spec = {
    dependencies: [{ name: "push", eventSourceName: eventSource, eventName, ...(filters && { filters }) }],
    triggers: [{ template: { name: "log", log: {} } }],
  };
  const metadata = { name, namespace, uid: `uid-${name}` };
  return compileSensor(parseSensor(manifest("Sensor", spec, { metadata }), { log: logSchema }).resource, kind);
}

const decision = { id: "w-1.0", ...decisionDraft("e1") } as LedgerRecord; // of Sensor default/hello
const effect = { id: "w-2.0", ...effectDraft(1, "w-1.0") } as LedgerRecord;
/** Of an Application that is called as the Sensor is: no record of the Sensor. */
const ofApplication = {
  ...decision,
  id: "w-3.0",
  sensor: { namespace: "default", name: "hello", uid: "a", revision: "r", kind: "Application" },
} as LedgerRecord;

interface Question {
  readonly id?: string;
  readonly only?: ResourceName | undefined;
  /** The bus has dropped the event. */
  readonly isDropped?: boolean;
  readonly about?: EventHead;
}

function why(
  sensors: readonly CompiledSensor[],
  { id = "e1", only, isDropped, about = head }: Question = {},
): Promise<WhyAnswer> {
  const history = {
    event: async (asked) => (asked === "e1" ? about : undefined),
    effects: async () => [
      { kind: "record", record: decision },
      { kind: "event", event: eventHead("e2") },
      { kind: "record", record: effect },
      { kind: "record", record: ofApplication },
    ],
  } satisfies Partial<History> as unknown as History;
  return createWhy({ history, sensors: () => sensors, readEvent: async () => (isDropped ? undefined : event) })(
    id,
    only,
  );
}

const dataFilter = (path: string, type: string, value: string) => ({ data: [{ path, type, value: [value] }] });

const verdicts: { name: string; filters?: object; verdict: string; reason: RegExp; filter: string | undefined }[] = [
  { name: "without filters an event passes", verdict: "passed", reason: /^all filters pass$/, filter: undefined },
  {
    name: "a filter that holds lets it pass",
    filters: dataFilter("body.ref", "string", "refs/heads/dev"),
    verdict: "passed",
    reason: /^all filters pass$/,
    filter: undefined,
  },
  {
    name: "a rejection names the filter, its path, the value seen and the value wanted",
    filters: dataFilter("body.ref", "string", "refs/heads/main"),
    verdict: "rejected",
    reason: /(?=.*body\.ref)(?=.*"refs\/heads\/dev")(?=.*"refs\/heads\/main")/,
    filter: "filters.data[0]",
  },
  {
    name: "a rejection for the event's own attributes names them",
    filters: { context: { type: "github" } },
    verdict: "rejected",
    reason: /(?=.*type)(?=.*"webhook")(?=.*"github")/,
    filter: "filters.context.type",
  },
  {
    name: "a filter that cannot be evaluated is an error, and says why",
    filters: dataFilter("body.none", "string", "x"),
    verdict: "error",
    reason: /body\.none/,
    filter: "filters.data[0]",
  },
];

for (const { name, filters, verdict, reason, filter } of verdicts) {
  test(name, async () => {
    const { sensors, note } = await why([sensorOf({ name: "hello", ...(filters && { filters }) })]);
    assert.equal(note, undefined);
    assert.equal(sensors.length, 1);
    const [judged, ...more] = sensors[0]!.dependencies;
    assert.deepEqual(more, []);
    assert.deepEqual([judged?.dependency, judged?.verdict, judged?.filter], ["push", verdict, filter]);
    assert.match(String(judged?.reason), reason);
  });
}

test("each Sensor has the records of its own", async () => {
  const { event: asked, sensors } = await why([sensorOf({ name: "hello" }), sensorOf({ name: "other" })]);
  assert.deepEqual(asked, head);
  assert.deepEqual(
    sensors.map(({ sensor, records }) => [sensor, records]),
    [
      [{ namespace: "default", name: "hello" }, [decision, effect]],
      [{ namespace: "default", name: "other" }, []],
    ],
  );
});

test("an Application hears built-in events of any namespace, and has the records of its own", async () => {
  const listens = { name: "hello", eventSource: "tiphys", eventName: "push" } as const;
  const [compiled, ofKind] = [sensorOf(listens), sensorOf({ ...listens, kind: "Application" })];
  const push = { ...head, namespace: "argocd", eventSource: "tiphys", event: "push", type: "tiphys.push" };
  const { sensors } = await why([ofKind, compiled], { about: push });
  assert.deepEqual(
    sensors.map(({ sensor, kind, records }) => [sensor, kind, records]),
    [[{ namespace: "default", name: "hello" }, "Application", [ofApplication]]],
  );
  assert.deepEqual((await why([ofKind], { about: { ...push, type: "webhook" } })).sensors, []);
});

const nobody = 'listens to event "example" of EventSource "webhook" in namespace "default"';
const none = "none runs there: see `kubectl get sensors -n default`";
const gone = "the bus does not hold the event any more: filters cannot be judged again";
const hello = { namespace: "default", name: "hello" };
const listening: {
  name: string;
  sensors: readonly Listens[];
  only?: ResourceName;
  isDropped?: boolean;
  names: string[];
  note: string | undefined;
}[] = [
  { name: "there is no Sensor", sensors: [], names: [], note: `no Sensor ${nobody}; ${none}` },
  {
    name: "Sensors of another namespace, source or event are not concerned",
    sensors: [
      { name: "a", namespace: "shop" },
      { name: "b", eventSource: "other" },
      { name: "c", eventName: "other" },
    ],
    names: [],
    note: `no Sensor ${nobody}; what is listened to there: other/example, webhook/other`,
  },
  {
    name: "only the Sensor asked for answers",
    sensors: [{ name: "hello" }, { name: "other" }],
    only: hello,
    names: ["hello"],
    note: undefined,
  },
  {
    name: "the Sensor asked for does not listen",
    sensors: [{ name: "hello", eventName: "other" }, { name: "other" }],
    only: hello,
    names: [],
    note: `Sensor "default/hello" ${nobody.replace("listens", "does not listen")}, but to: webhook/other`,
  },
  {
    name: "the Sensor asked for is of another namespace",
    sensors: [{ name: "hello", namespace: "shop" }],
    only: { namespace: "shop", name: "hello" },
    names: [],
    note: `Sensor "shop/hello" ${nobody.replace("listens", "does not listen")}, but to: webhook/example`,
  },
  {
    name: "the Sensor asked for does not run, though another does",
    sensors: [{ name: "other", eventName: "other" }],
    only: hello,
    names: [],
    note: 'Sensor "default/hello" does not run: see `kubectl get sensors -n default`',
  },
  {
    name: "the bus has dropped the event: records alone",
    sensors: [{ name: "hello" }],
    isDropped: true,
    names: ["hello"],
    note: gone,
  },
  {
    name: "the bus has dropped the event, and nobody listens",
    sensors: [],
    isDropped: true,
    names: [],
    note: `${gone}; no Sensor ${nobody}; ${none}`,
  },
];

for (const { name, sensors, only, isDropped = false, names, note } of listening) {
  test(name, async () => {
    const answer = await why(sensors.map(sensorOf), { only, isDropped });
    assert.deepEqual(
      answer.sensors.map(({ sensor }) => sensor.name),
      names,
    );
    assert.equal(answer.note, note);
    if (isDropped) assert.ok(answer.sensors.every(({ dependencies }) => dependencies.length === 0));
  });
}

test("an event that is not known is said so", async () => {
  await assert.rejects(why([sensorOf({ name: "hello" })], { id: "e9" }), {
    code: "NOT_FOUND",
    message: 'no event "e9" is known',
  });
});
