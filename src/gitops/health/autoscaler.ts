import { EngineError, messageOf } from "../../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";
import { entryOf, fieldsOf, listOf, textOf } from "./fields.ts";
import { type Health, health } from "./health.ts";

const conditionsAnnotation = "autoscaling.alpha.kubernetes.io/conditions";

/** Reasons for which it cannot scale, by type of condition. */
const failures: Readonly<Record<string, readonly string[]>> = {
  AbleToScale: ["FailedGetScale", "FailedUpdateScale"],
  ScalingActive: [
    ...["FailedGetResourceMetric", "FailedGetObjectMetric", "FailedGetPodsMetric"],
    ...["FailedGetExternalMetric", "FailedComputeMetricsReplicas", "InvalidSelector"],
  ],
};

/** v1 keeps its conditions in an annotation. @throws EngineError MANIFEST_INVALID when that cannot be read */
export function assessAutoscaler(autoscaler: KubeObject): Health {
  const isV1 = autoscaler.apiVersion === "autoscaling/v1";
  const conditions = isV1 ? annotated(autoscaler) : listOf(fieldsOf(autoscaler.status).conditions);
  const failed = conditions.find(({ type, reason }) => entryOf(failures, textOf(type))?.includes(textOf(reason)));
  if (failed !== undefined) return health("Degraded", textOf(failed.message));
  const working = conditions.find(({ type, status }) => {
    return (type === "AbleToScale" || type === "ScalingLimited") && status === "True";
  });
  return working === undefined
    ? health("Progressing", "Waiting to Autoscale")
    : health("Healthy", textOf(working.message));
}

function annotated({ metadata: { annotations = {} } }: KubeObject): readonly JsonObject[] {
  const text = annotations[conditionsAnnotation];
  if (text === undefined) return [];
  const value = readAnnotation(text);
  if (value === null) return [];
  if (!Array.isArray(value)) throw unreadable("it is no list");
  return value.filter(isJsonObject);
}

function readAnnotation(text: string): JsonValue {
  try {
    return parseJson(text);
  } catch (error) {
    throw unreadable(messageOf(error));
  }
}

function unreadable(why: string): EngineError {
  return new EngineError("MANIFEST_INVALID", `failed to convert conditions annotation to typed: ${why}`);
}
