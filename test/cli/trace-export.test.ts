import assert from "node:assert/strict";
import { test } from "node:test";
import { originOf, tracesOf } from "../../src/cli/trace-export.ts";

const endpoint = "http://127.0.0.1:4318";
const base = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint };

/** [what, variables, what of the target] */
for (const [what, env, target] of [
  ["nothing set", {}, undefined],
  ["an endpoint that is empty", { OTEL_EXPORTER_OTLP_ENDPOINT: " " }, undefined],
  ["switched off", { ...base, OTEL_SDK_DISABLED: "true" }, undefined],
  ["no exporter", { ...base, OTEL_TRACES_EXPORTER: "none" }, undefined],
  [
    "an endpoint of all signals",
    base,
    { url: `${endpoint}/v1/traces`, timeoutMs: 10_000, headers: {}, isCompressed: false },
  ],
  ["one with a path", { OTEL_EXPORTER_OTLP_ENDPOINT: `${endpoint}/otlp/` }, { url: `${endpoint}/otlp/v1/traces` }],
  [
    "an endpoint of traces alone, as it is",
    { ...base, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${endpoint}/own` },
    { url: `${endpoint}/own` },
  ],
  [
    "headers, those of traces before the others",
    { ...base, OTEL_EXPORTER_OTLP_HEADERS: "a=1, b=x%20y%3D", OTEL_EXPORTER_OTLP_TRACES_HEADERS: "a=2" },
    { headers: { a: "2", b: "x y=" } },
  ],
  ["gzip", { ...base, OTEL_EXPORTER_OTLP_COMPRESSION: "gzip" }, { isCompressed: true }],
  ["a time-out", { ...base, OTEL_EXPORTER_OTLP_TIMEOUT: "500" }, { timeoutMs: 500 }],
  ["protobuf over HTTP, where JSON goes as well", { ...base, OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf" }, {}],
] as const) {
  test(`OpenTelemetry's variables: ${what}`, async () => {
    const { traces } = await tracesOf(env);
    if (target === undefined) assert.equal(traces, undefined);
    else assert.partialDeepStrictEqual(traces?.target, target);
  });
}

for (const [what, env, message] of [
  ["no URL", { OTEL_EXPORTER_OTLP_ENDPOINT: "secret-token" }, /^OTEL_EXPORTER_OTLP_ENDPOINT: must be a URL such as/],
  [
    "another scheme",
    { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "grpc://x" },
    /^OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: must be/,
  ],
  ["gRPC", { ...base, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, /"grpc" must be http\/json, .*port 4318/],
  ["no pair", { ...base, OTEL_EXPORTER_OTLP_HEADERS: "a=1,secret" }, /entry 2 must be KEY=VALUE/],
  ["no header", { ...base, OTEL_EXPORTER_OTLP_HEADERS: "a b=secret" }, /"a b" is no header/],
  [
    "a line break in a header",
    { ...base, OTEL_EXPORTER_OTLP_HEADERS: "a=secret%0d%0ab" },
    /"a" is no header, or its value/,
  ],
  ["a compression that is none", { ...base, OTEL_EXPORTER_OTLP_COMPRESSION: "br" }, /"br" must be gzip or none/],
  ["a time-out that is none", { ...base, OTEL_EXPORTER_OTLP_TIMEOUT: "10s" }, /"10s" must be a whole number/],
  ["an exporter that is none of ours", { ...base, OTEL_TRACES_EXPORTER: "zipkin" }, /"zipkin" must be otlp or none/],
  [
    "a file that is away",
    { ...base, OTEL_EXPORTER_OTLP_CERTIFICATE: "/nowhere/ca.pem" },
    /"\/nowhere\/ca.pem" cannot be read/,
  ],
  ["attributes that are none", { ...base, OTEL_RESOURCE_ATTRIBUTES: "a" }, /OTEL_RESOURCE_ATTRIBUTES: entry 1 must be/],
] as const) {
  test(`OpenTelemetry's variables, refused: ${what}`, async () => {
    await assert.rejects(tracesOf(env), (error: Error & { code?: string }) => {
      assert.equal(error.code, "CONFIG_INVALID");
      assert.match(error.message, message);
      assert.ok(!error.message.includes("secret"), error.message);
      return true;
    });
  });
}

test("who tells is the service of OpenTelemetry's variables", () => {
  const of = (env: Readonly<Record<string, string>>) => originOf(env).resource;
  assert.equal(of({})["service.name"], "tiphys");
  assert.equal(of({ OTEL_RESOURCE_ATTRIBUTES: "service.name=a,team=b%2Cc" })["service.name"], "a");
  assert.deepEqual(of({ OTEL_RESOURCE_ATTRIBUTES: "service.name=a,team=b%2Cc" }).team, "b,c");
  assert.equal(of({ OTEL_RESOURCE_ATTRIBUTES: "service.name=a", OTEL_SERVICE_NAME: "own" })["service.name"], "own");
});
