import type { JsonObject } from "../../base/json.ts";
import type { LedgerRecord } from "../../record/records.ts";
import { traceContextOf } from "../../record/trace-context.ts";
import { cdeventOf, removalOf } from "./cdevents.ts";

export const exportFormats = ["jsonl", "cloudevents", "cdevents"] as const;
export type ExportFormat = (typeof exportFormats)[number];

/** A record in a form of others; undefined where that has none for it. `source`: who tells, a URI reference. */
export function exported(record: LedgerRecord, format: ExportFormat, source: string): unknown {
  switch (format) {
    case "jsonl":
      return record;
    case "cloudevents":
      return cloudeventOf(record, source);
    case "cdevents":
      if (record.kind === "sync") return cdeventOf(record, source);
      return record.kind === "observation" ? removalOf(record, source) : undefined;
  }
}

/** A CloudEvent of structured mode, with the whole record as its data. */
function cloudeventOf(record: LedgerRecord, source: string): JsonObject {
  const { id, kind, at } = record;
  const subject = subjectOf(record);
  const { traceparent } = ("traceparent" in record && traceContextOf(record.traceparent)) || {};
  return {
    specversion: "1.0",
    id,
    source,
    type: `tiphys.ledger.${kind}`,
    ...(subject === undefined ? {} : { subject }),
    time: new Date(at).toISOString(),
    datacontenttype: "application/json",
    ...(traceparent === undefined ? {} : { traceparent }),
    data: JSON.parse(JSON.stringify(record)) as JsonObject,
  };
}

function subjectOf(record: LedgerRecord): string | undefined {
  if ("application" in record) return `${record.application.namespace}/${record.application.name}`;
  return "sensor" in record ? `${record.sensor.namespace}/${record.sensor.name}` : undefined;
}
