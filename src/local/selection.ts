import type { KubeObject } from "../objects/object.ts";
import { type Matcher, parseFieldSelector, parseLabelSelector, SelectorError } from "../objects/selector.ts";
import { badRequest } from "./status-error.ts";

/** Objects of the selection, or undefined for "all of them": then nothing needs to be parsed. */
export function matcherOf(query: URLSearchParams): Matcher<KubeObject> | undefined {
  const labels = query.get("labelSelector");
  const fields = query.get("fieldSelector");
  try {
    const byLabels = labels ? parseLabelSelector(labels) : undefined;
    const byFields = fields ? parseFieldSelector(fields, extraFields) : undefined;
    if (byLabels === undefined && byFields === undefined) return undefined;
    return (object) => (byLabels?.(object.metadata.labels ?? {}) ?? true) && (byFields?.(object) ?? true);
  } catch (error) {
    if (error instanceof SelectorError) throw badRequest(error.message);
    throw error;
  }
}

/** Fields that built-in kinds let select by; taken for any kind. */
const extraFields = [
  "status.phase",
  "type",
  "spec.nodeName",
  "involvedObject.name",
  "involvedObject.kind",
  "involvedObject.namespace",
  "involvedObject.uid",
  "reason",
];
