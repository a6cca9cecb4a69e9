import { isJsonObject, type JsonObject, type JsonValue } from "../../base/json.ts";
import type { ServedResource } from "../resources.ts";

export interface Webhook {
  readonly name: string;
  readonly clientConfig: JsonObject;
  readonly rules: readonly JsonObject[];
  readonly ignoresFailure: boolean;
  readonly timeoutMs: number;
  readonly hasSideEffects: boolean;
  readonly namespaceSelector: JsonObject;
  readonly objectSelector: JsonObject;
}

/** The webhooks of a ValidatingWebhookConfiguration. */
export function readWebhooks(configuration: JsonObject): readonly Webhook[] {
  const { webhooks } = configuration;
  return (Array.isArray(webhooks) ? webhooks.filter(isJsonObject) : []).map((one) => ({
    name: String(one.name ?? ""),
    clientConfig: objectOf(one.clientConfig),
    rules: Array.isArray(one.rules) ? one.rules.filter(isJsonObject) : [],
    ignoresFailure: one.failurePolicy === "Ignore",
    timeoutMs: Math.min(30, typeof one.timeoutSeconds === "number" ? one.timeoutSeconds : 10) * 1_000,
    hasSideEffects: one.sideEffects !== "None" && one.sideEffects !== "NoneOnDryRun",
    namespaceSelector: objectOf(one.namespaceSelector),
    objectSelector: objectOf(one.objectSelector),
  }));
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

export interface Written {
  readonly operation: string;
  readonly resource: ServedResource;
  readonly labels: unknown;
  readonly oldLabels: unknown;
  /** Of its namespace; undefined for what is in none. */
  readonly namespaceLabels: unknown;
}

/** Whether the webhook is asked about a write. */
export function isFor(webhook: Webhook, written: Written): boolean {
  const { resource, operation } = written;
  // As a real server, so that a webhook cannot lock people out of its own configuration.
  if (resource.group === "admissionregistration.k8s.io") return false;
  const isRuled = webhook.rules.some(
    ({ operations, apiGroups, apiVersions, resources, scope = "*" }) =>
      includes(operations, operation) &&
      includes(apiGroups, resource.group) &&
      includes(apiVersions, resource.version) &&
      (includes(resources, resource.plural) || includes(resources, "*/*")) &&
      (scope === "*" || (scope === "Namespaced") === resource.namespaced),
  );
  const { namespaceLabels, labels, oldLabels } = written;
  return (
    isRuled &&
    (namespaceLabels === undefined || selects(webhook.namespaceSelector, namespaceLabels)) &&
    (selects(webhook.objectSelector, labels) || selects(webhook.objectSelector, oldLabels))
  );
}

function includes(list: JsonValue | undefined, value: string): boolean {
  return Array.isArray(list) && (list.includes("*") || list.includes(value));
}

/** `matchLabels` and `matchExpressions`; an empty selector selects all. */
export function selects(selector: JsonObject, labels: unknown): boolean {
  const given = isJsonObject(labels) ? labels : {};
  const { matchExpressions } = selector;
  const expressions = Array.isArray(matchExpressions) ? matchExpressions.filter(isJsonObject) : [];
  return (
    Object.entries(objectOf(selector.matchLabels)).every(([name, value]) => given[name] === value) &&
    expressions.every((expression) => fits(expression, given))
  );
}

function fits({ key, operator, values }: JsonObject, labels: JsonObject): boolean {
  const value = labels[String(key)];
  const isIn = value !== undefined && Array.isArray(values) && values.includes(value);
  switch (operator) {
    case "In":
      return isIn;
    case "NotIn":
      return !isIn;
    case "Exists":
      return value !== undefined;
    default:
      return operator === "DoesNotExist" && value === undefined;
  }
}
