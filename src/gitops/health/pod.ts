import { isHook } from "../../api/resource-annotations.ts";
import type { JsonObject } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";
import { fieldsOf, listOf, numberOf, textOf } from "./fields.ts";
import { type Health, health } from "./health.ts";

const ignoreRestartPolicy = "argocd.argoproj.io/ignore-restart-policy";

export function assessPod(pod: KubeObject): Health {
  const status = fieldsOf(pod.status);
  const isLasting = isLongRunning(pod);
  const containers = listOf(status.containerStatuses);
  const failing = isLasting ? failingMessages(containers) : [];
  if (failing.length > 0) return health("Degraded", failing.join(", "));
  const message = textOf(status.message);
  switch (textOf(status.phase)) {
    case "Pending":
      return health("Progressing", message);
    case "Succeeded":
      return health("Healthy", message);
    case "Failed":
      return health("Degraded", message || failureOf(status));
    case "Running":
      if (isLasting) return assessRunning(status, containers, message);
      return health(isShort(pod) ? "Progressing" : "Unknown", message);
    default:
      return health("Unknown", message);
  }
}

function isShort({ spec }: KubeObject): boolean {
  const policy = textOf(fieldsOf(spec).restartPolicy);
  return policy === "Never" || policy === "OnFailure";
}

function isLongRunning(pod: KubeObject): boolean {
  if (textOf(fieldsOf(pod.spec).restartPolicy) === "Always") return true;
  const annotations = pod.metadata.annotations ?? {};
  return isShort(pod) && annotations[ignoreRestartPolicy] === "true" && !isHook(annotations);
}

/** One for each container that waits for a bad reason. */
function failingMessages(containers: readonly JsonObject[]): readonly string[] {
  return containers.flatMap((container) => {
    const { reason, message } = fieldsOf(fieldsOf(container.state).waiting);
    const why = textOf(reason);
    const isBad = why.startsWith("Err") || why.endsWith("Error") || why.endsWith("BackOff");
    return isBad ? [textOf(message)] : [];
  });
}

function failureOf(status: JsonObject): string {
  for (const container of [...listOf(status.initContainerStatuses), ...listOf(status.containerStatuses)]) {
    const end = fieldsOf(fieldsOf(container.state).terminated);
    if (textOf(end.message) !== "") return textOf(end.message);
    if (end.reason === "OOMKilled") return "OOMKilled";
    const code = numberOf(end.exitCode);
    if (code !== 0) return `container "${textOf(container.name)}" failed with exit code ${code}`;
  }
  return "";
}

function assessRunning(status: JsonObject, containers: readonly JsonObject[], message: string): Health {
  const isReady = listOf(status.conditions).some((condition) => {
    return condition.type === "Ready" && condition.status === "True";
  });
  if (isReady) return health("Healthy", message);
  const hasEnded = containers.some((container) => fieldsOf(container.lastState).terminated !== undefined);
  return health(hasEnded ? "Degraded" : "Progressing", message);
}
