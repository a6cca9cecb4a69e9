import { isJsonObject, type JsonObject, type JsonValue, parseJson } from "../base/json.ts";
import { objectAt } from "./kinds.ts";
import type { ResourceRequest } from "./request.ts";
import { StatusError } from "./status-error.ts";
import type { ObjectStore } from "./store.ts";

type Left = (object: JsonObject) => string | undefined;

const always =
  (text: string): Left =>
  () =>
    text;

const policies = always("admission policies are stored and not evaluated by this API");
const fairness = always("priority and fairness are stored and have no effect: this API does not shape traffic");

/** What can be stored and does nothing here, which a real cluster would act on: by group and kind. */
const leftOut: Readonly<Record<string, Left>> = {
  "admissionregistration.k8s.io/MutatingWebhookConfiguration": always(
    "mutating webhooks are stored and not called by this API: objects stay as they are sent",
  ),
  "admissionregistration.k8s.io/MutatingAdmissionPolicy": policies,
  "admissionregistration.k8s.io/MutatingAdmissionPolicyBinding": policies,
  "admissionregistration.k8s.io/ValidatingAdmissionPolicy": policies,
  "admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding": policies,
  "flowcontrol.apiserver.k8s.io/FlowSchema": fairness,
  "flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration": fairness,
  "apiregistration.k8s.io/APIService": (object) =>
    isJsonObject(objectAt(object, "spec").service) ? aggregation(nameOf(object)) : undefined,
  "apiextensions.k8s.io/CustomResourceDefinition": (object) =>
    objectAt(objectAt(object, "spec"), "conversion").strategy === "Webhook"
      ? "conversion webhooks are not called by this API: versions differ in apiVersion only"
      : undefined,
  "rbac.authorization.k8s.io/ClusterRole": (object) =>
    isJsonObject(object.aggregationRule) ? "aggregationRule has no effect in this API: write the rules out" : undefined,
  "/Namespace": (object) =>
    Object.keys(objectAt(objectAt(object, "metadata"), "labels")).some((key) => key.startsWith(podSecurity))
      ? `${podSecurity}* labels are kept and not enforced by this API`
      : undefined,
};

const podSecurity = "pod-security.kubernetes.io/";

function aggregation(name: string): string {
  return `aggregated API servers are not served by this API: APIService ${name} names one`;
}

function nameOf(object: JsonObject): string {
  const name: JsonValue | undefined = objectAt(object, "metadata").name;
  return typeof name === "string" ? name : "";
}

/** Tells whoever stores an object what of it has no effect. */
export function warnOfLeftOut(target: ResourceRequest, object: JsonObject): void {
  const { group, kind } = target.resource;
  const text = target.subresource === undefined ? leftOut[`${group}/${kind}`]?.(object) : undefined;
  if (text !== undefined) target.warnings.push(text);
}

/** Refuses what an aggregated API server would answer. @throws StatusError 501 */
export function refuseAggregated(store: ObjectStore, [root, group, version]: readonly string[]): void {
  if (root !== "apis" || group === undefined || version === undefined) return;
  const name = `${version}.${group}`;
  const text = store.read("apiregistration.k8s.io/apiservices", "", name);
  const service: unknown = text === undefined ? undefined : parseJson(text);
  if (!isJsonObject(service) || !isJsonObject(objectAt(service, "spec").service)) return;
  throw new StatusError(501, "NotImplemented", aggregation(name), {});
}
