import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonSchema, Problem } from "../../../src/base/schema.ts";
import { sourceSchemas } from "../../../src/events/sources/registry.ts";
import { examples } from "./kind-examples.ts";

const schemas = sourceSchemas();
type Place = readonly (string | number)[];

function check(kind: string, spec: unknown): readonly Problem[] {
  const schema = schemas[kind];
  assert.ok(schema, kind);
  return schema.check(spec, kind);
}

function lines(problems: readonly Problem[], severity: Problem["severity"]): string[] {
  return problems
    .filter((problem) => problem.severity === severity)
    .map(({ path, message }) => `${path}: ${message}`)
    .sort();
}

/** Every place in `value`, and what stands there. */
function placesOf(value: unknown, place: Place = []): (readonly [Place, unknown])[] {
  if (typeof value !== "object" || value === null) return [[place, value]];
  const entries = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [[place, value], ...entries.flatMap(([key, child]) => placesOf(child, [...place, key]))];
}

function textOf(kind: string, place: Place): string {
  return kind + place.map((key) => (typeof key === "number" ? `[${key}]` : `.${key}`)).join("");
}

/** A copy of `spec` with `value` at `place`; without the field when it is undefined. */
function changed(spec: object, place: Place, value: unknown): object {
  const copy = structuredClone(spec);
  let at = copy as Record<string | number, unknown>;
  for (const key of place.slice(0, -1)) at = at[key] as Record<string | number, unknown>;
  const last = place.at(-1) ?? "";
  if (value === undefined) delete at[last];
  else at[last] = value;
  return copy;
}

function wrongFor(value: unknown): unknown {
  if (typeof value === "string") return [];
  return Array.isArray(value) ? {} : "wrong";
}

function fieldsOf(schema: JsonSchema, path: string): string[] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([key, field]) => [
    `${path}.${key}`,
    ...fieldsOf(field, `${path}.${key}`),
  ]);
  return [...own, ...(schema.items ? fieldsOf(schema.items, `${path}[0]`) : [])];
}

test("every kind has an example", () => {
  assert.deepEqual(Object.keys(examples).sort(), Object.keys(schemas).sort());
});

for (const [kind, specs] of Object.entries(examples)) {
  test(`${kind} takes its examples, the first without a warning`, () => {
    for (const spec of specs) assert.deepEqual(lines(check(kind, spec), "error"), []);
    assert.deepEqual(check(kind, specs[0]), []);
  });

  test(`${kind}'s examples have every field that its schema knows, and no other`, () => {
    const schema = schemas[kind]?.json ?? {};
    const isRead = (path: string): boolean => !path.endsWith(".optional");
    const used = new Set(specs.flatMap((spec) => placesOf(spec).map(([place]) => textOf(kind, place))));
    const known = fieldsOf(schema, kind).filter(isRead);
    assert.deepEqual(
      known.filter(
        (path) => !used.has(path) && !(path.endsWith("filter.expression") && path !== `${kind}.filter.expression`),
      ),
      [],
    );
    // What is in a map or a list of texts is no field of the schema.
    const free = [...used].filter((path) => path !== kind && !known.includes(path));
    assert.deepEqual(
      free.filter((path) => !/\[\d+\]$|\.(metadata|authAthenzParams)\.[^.]+$/.test(path)),
      [],
    );
  });

  test(`${kind} refuses a value of a wrong type in each field`, () => {
    const accepted = specs.flatMap((spec) =>
      placesOf(spec)
        // A backoff's numbers are found out when they are used, as in the original.
        .filter(([place]) => place.length > 0 && !["duration", "factor", "jitter"].includes(String(place.at(-1))))
        .filter(([place, value]) => {
          const path = textOf(kind, place);
          return !check(kind, changed(spec, place, wrongFor(value))).some(
            (problem) => problem.severity === "error" && problem.path === path,
          );
        })
        .map(([place]) => textOf(kind, place)),
    );
    assert.deepEqual(accepted, []);
  });
}

/** Fields without which the original refuses an event; an empty text is as good as none. */
const required: Readonly<Record<string, readonly string[]>> = {
  amqp: ["exchangeType", "routingKey"],
  azureEventsHub: ["fqdn", "hubName"],
  azureQueueStorage: ["queueName"],
  azureServiceBus: [],
  bitbucket: ["webhook", "webhook.endpoint", "webhook.port", "auth"],
  bitbucketserver: ["webhook", "webhook.endpoint", "webhook.port", "bitbucketserverBaseURL"],
  calendar: [],
  emitter: ["broker", "channelKey", "channelName"],
  file: ["eventType", "watchPathConfig", "watchPathConfig.directory"],
  generic: ["url", "config"],
  gerrit: ["webhook", "webhook.endpoint", "webhook.port", "events", "auth", "gerritBaseURL", "projects"],
  github: ["webhook", "webhook.endpoint", "webhook.port"],
  gitlab: ["webhook", "webhook.endpoint", "webhook.port", "events", "accessToken", "gitlabBaseURL"],
  hdfs: ["directory", "type", "addresses"],
  jetstream: ["url", "stream"],
  kafka: ["url", "topic"],
  minio: ["endpoint", "accessKey", "secretKey", "bucket.name"],
  mns: ["queue", "endpoint"],
  mqtt: ["url", "topic", "clientId"],
  nats: ["url", "subject"],
  nsq: ["hostAddress", "topic", "channel"],
  pubSub: [],
  pulsar: ["topics", "type", "url"],
  redis: ["hostAddress", "channels"],
  redisStream: ["hostAddress", "streams"],
  resource: ["version", "resource", "eventTypes"],
  sftp: ["eventType", "watchPathConfig", "watchPathConfig.directory"],
  slack: ["signingSecret", "token", "webhook", "webhook.endpoint", "webhook.port"],
  sns: ["webhook", "webhook.endpoint", "webhook.port", "topicArn", "region"],
  sqs: ["region", "queue"],
  storageGrid: ["webhook", "webhook.endpoint", "webhook.port", "events", "topicArn", "bucket", "authToken", "apiURL"],
  stripe: ["webhook", "webhook.endpoint", "webhook.port"],
  webhook: ["endpoint", "port"],
};

for (const [kind, fields] of Object.entries(required)) {
  for (const field of fields) {
    test(`${kind} refuses an event without ${field}`, () => {
      const place = field.split(".");
      const [spec] = examples[kind] ?? [{}];
      assert.ok(lines(check(kind, changed(spec, place, undefined)), "error").includes(`${kind}.${field}: is required`));
      const value = placesOf(spec).find(([at]) => at.join(".") === field)?.[1];
      if (typeof value !== "string") return;
      const [problem] = lines(check(kind, changed(spec, place, "")), "error");
      assert.ok(problem?.startsWith(`${kind}.${field}: "" must`), problem);
    });
  }
}

test("no kind demands more than that", () => {
  const requiredOf = (schema: JsonSchema, path: string): string[] => [
    ...(schema.required ?? []).map((key) => path + key),
    ...Object.entries(schema.properties ?? {}).flatMap(([key, field]) => requiredOf(field, `${path}${key}.`)),
  ];
  for (const [kind, schema] of Object.entries(schemas)) {
    // `verify` is ours.
    const demanded = requiredOf(schema.json, "").filter((path) => !/(^|\.)verify\./.test(path));
    assert.deepEqual(demanded.sort(), [...(required[kind] ?? [])].sort(), kind);
  }
});
