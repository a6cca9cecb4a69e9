import { instant } from "../../../src/base/clock.ts";
import { EngineError } from "../../../src/base/errors.ts";
import type { JsonValue } from "../../../src/base/json.ts";
import { type LogFields, type Logger, silentLogger } from "../../../src/base/log.ts";
import type {
  ClientPool,
  Firing,
  ParameterResolver,
  TriggerContext,
  TriggerParameter,
} from "../../../src/events/triggers/trigger.ts";
import type { KubeClient } from "../../../src/kube/kube.ts";
import type { CloudEvent } from "../../../src/record/cloud-event.ts";
import { createVirtualClock } from "../../harness/virtual-clock.ts";

export const event: CloudEvent = {
  id: "1",
  source: "es",
  type: "webhook",
  subject: "push",
  time: "2026-01-01T00:00:00.000Z",
  datacontenttype: "application/json",
  data: { body: { a: 1 } },
};

export const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/** Of a firing whose event came in that trace. */
export const tracedEvents = { dep: { ...event, extensions: { traceparent } } };
/** What a target is sent then: a span of its own in the same trace. */
export const spanOfTrace = /^00-4bf92f3577b34da6a3ce929d0e0e4736-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$/;

export function firing(parts: Partial<Firing> = {}): Firing {
  return {
    key: "uid/deploy/1",
    sensor: { namespace: "team", name: "sensor" },
    trigger: "deploy",
    events: { dep: event },
    ...parts,
  };
}

/** Just enough of parameters for adapters: `src.value` goes to the top-level or dotted `dest`. */
const parameters: ParameterResolver = {
  apply: (document, list) =>
    list.reduce(
      (changed: JsonValue, { src, dest = "" }: TriggerParameter) => set(changed, dest.split("."), src.value ?? ""),
      document,
    ),
  payload: (list) =>
    JSON.stringify(
      list.reduce(
        (changed: JsonValue, { src, dest = "" }) => set(changed, dest.split("."), src.value ?? ""),
        {} as JsonValue,
      ),
    ),
  text: ({ src }) => src.value,
};

function set(document: JsonValue, [key = "", ...rest]: readonly string[], value: JsonValue): JsonValue {
  const object = document as Record<string, JsonValue>;
  return { ...object, [key]: rest.length > 0 ? set(object[key] ?? {}, rest, value) : value };
}

export interface RecordedTriggerContext extends TriggerContext {
  readonly lines: (readonly [string, LogFields | undefined])[];
}

export function triggerContext(
  parts: Partial<TriggerContext> = {},
  secrets: Record<string, string> = {},
): RecordedTriggerContext {
  const lines: (readonly [string, LogFields | undefined])[] = [];
  const log: Logger = {
    ...silentLogger,
    info: (message, fields) => void lines.push([message, fields]),
    child: () => log,
  };
  const read = async ({ name, key }: { name: string; key: string }): Promise<string> => {
    const value = secrets[`${name}/${key}`];
    if (value === undefined) throw new EngineError("SECRET_MISSING", `no Secret ${name} with key ${key}`);
    return value;
  };
  const clock = createVirtualClock();
  return {
    lines,
    parameters,
    kube: {} as KubeClient,
    clients: unpooled,
    secret: { read, readConfigMap: read },
    allowLoopback: true,
    clock: { ...clock, now: () => instant(clock.now()) },
    log,
    ...parts,
  };
}

/** Each use has a client of its own, so that no test leaves one. */
const unpooled: ClientPool = {
  async use(_key, open, work) {
    const pooled = await open();
    try {
      return await work(pooled.client);
    } finally {
      await pooled.close();
    }
  },
};

export const never = new AbortController().signal;
