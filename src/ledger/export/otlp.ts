import type { JsonObject, JsonValue } from "../../base/json.ts";
import { type Attributes, type AttributeValue, type Span, spanKinds } from "./span.ts";

/** What all spans of one process have in common: `service.name` and what else users say of it. */
export interface SpanOrigin {
  readonly resource: Attributes;
  /** Of this program. */
  readonly version: string;
}

/** Of the protocol: unset, and error. */
const failed = 2;

/**
 * Spans as OTLP's JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding): ids in hex digits, numbers of 64
 * bits as texts, enumerations as numbers. The same as a request of OTLP/HTTP, and as a line of an OTLP file.
 */
export function otlpOf(spans: readonly Span[], { resource, version }: SpanOrigin): JsonObject {
  const scopeSpans = [{ scope: { name: "tiphys", version }, spans: spans.map(spanOf) }];
  return { resourceSpans: [{ resource: { attributes: attributesOf(resource) }, scopeSpans }] };
}

function spanOf(span: Span): JsonObject {
  const { traceId, spanId, parentId, isSampled, name, kind, startMs, endMs, attributes, links, error } = span;
  return {
    traceId,
    spanId,
    ...(parentId === undefined ? {} : { parentSpanId: parentId }),
    flags: isSampled ? 1 : 0,
    name,
    kind: spanKinds[kind],
    startTimeUnixNano: nanoseconds(startMs),
    endTimeUnixNano: nanoseconds(Math.max(startMs, endMs)),
    attributes: attributesOf(attributes),
    ...(links.length === 0 ? {} : { links: links.map((link) => ({ ...link })) }),
    ...(error === undefined ? {} : { status: { code: failed, message: error } }),
  };
}

function nanoseconds(ms: number): string {
  return String(BigInt(Math.round(ms)) * 1_000_000n);
}

function attributesOf(attributes: Attributes): JsonValue[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: anyValueOf(value) }));
}

function anyValueOf(value: AttributeValue): JsonObject {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value === "number") {
    return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  }
  return { arrayValue: { values: value.map((one) => ({ stringValue: one })) } };
}
