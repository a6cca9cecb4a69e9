import assert from "node:assert/strict";

export interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: object }[];
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly status?: { readonly code: number; readonly message?: string };
}

interface TracesData {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly { readonly key: string; readonly value: object }[] };
    readonly scopeSpans: readonly { readonly scope: { readonly name: string }; readonly spans: readonly OtlpSpan[] }[];
  }[];
}

const spanFields = new Set([
  ...["traceId", "spanId", "traceState", "parentSpanId", "flags", "name", "kind", "startTimeUnixNano"],
  ...["endTimeUnixNano", "attributes", "droppedAttributesCount", "events", "droppedEventsCount", "links"],
  ...["droppedLinksCount", "status"],
]);
const valueFields = new Set(["stringValue", "boolValue", "intValue", "doubleValue", "arrayValue", "kvlistValue"]);

/**
 * The spans of a request of OTLP/JSON, which must be one as the protocol has it (opentelemetry-proto's trace.proto, and the
 * rules of https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding).
 */
export function spansIn(body: unknown): readonly OtlpSpan[] {
  const { resourceSpans } = body as TracesData;
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    assertAttributes(resource.attributes);
    assert.ok(resource.attributes.some(({ key }) => key === "service.name"));
    return scopeSpans.flatMap(({ spans }) => {
      for (const span of spans) assertSpan(span);
      return spans;
    });
  });
}

function assertSpan(span: OtlpSpan): void {
  for (const name of Object.keys(span)) assert.ok(spanFields.has(name), `a span has no field ${name}`);
  assert.match(span.traceId, /^(?!0+$)[0-9a-f]{32}$/);
  for (const id of [span.spanId, span.parentSpanId ?? span.spanId]) assert.match(id, /^(?!0+$)[0-9a-f]{16}$/);
  assert.notEqual(span.parentSpanId, span.spanId);
  for (const time of [span.startTimeUnixNano, span.endTimeUnixNano]) assert.match(time, /^[1-9]\d{0,19}$/);
  assert.ok(BigInt(span.startTimeUnixNano) <= BigInt(span.endTimeUnixNano), span.name);
  assert.ok(Number.isInteger(span.kind) && span.kind >= 1 && span.kind <= 5);
  assert.notEqual(span.name, "");
  for (const link of span.links ?? []) assert.match(`${link.traceId} ${link.spanId}`, /^[0-9a-f]{32} [0-9a-f]{16}$/);
  assert.ok([undefined, 2].includes(span.status?.code));
  assertAttributes(span.attributes);
}

function assertAttributes(attributes: OtlpSpan["attributes"]): void {
  const keys = attributes.map(({ key }) => key);
  assert.equal(new Set(keys).size, keys.length, `a key stands twice: ${keys}`);
  for (const { key, value } of attributes) {
    const [[name, content] = ["", undefined], ...more] = Object.entries(value);
    assert.ok(valueFields.has(name) && more.length === 0, `${key}: ${JSON.stringify(value)}`);
    if (name === "intValue") assert.match(content as string, /^-?\d+$/);
  }
}
