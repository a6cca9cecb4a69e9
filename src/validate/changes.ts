import { isDeepStrictEqual } from "node:util";
import { errorAt, objectOf, textOf } from "../api/fields.ts";
import { isJsonObject, type JsonObject } from "../base/json.ts";
import type { Problem } from "../base/schema.ts";

/** What the original refuses only when an EventBus is changed: its data would stay behind (spec argo-events 7.6). */
export function changeProblems(object: JsonObject, old: JsonObject): readonly Problem[] {
  if (object.kind !== "EventBus") return [];
  const [now, before] = [objectOf(object.spec), objectOf(old.spec)];
  if (["nats", "jetstream", "kafka"].some((kind) => isJsonObject(now[kind]) !== isJsonObject(before[kind]))) {
    return [errorAt("spec", "Can not change event bus implementation", "make a second EventBus, and delete this one")];
  }
  return [...natsProblems(objectOf(now.nats), objectOf(before.nats)), ...streamProblems(now, before)];
}

function natsProblems(now: JsonObject, before: JsonObject): Problem[] {
  for (const [from, to] of [
    ["exotic", "native"],
    ["native", "exotic"],
  ] as const) {
    if (!isJsonObject(before[from]) || !isJsonObject(now[to]) || isJsonObject(before[to])) continue;
    return [errorAt("spec.nats", `Can not change NATS event bus implementation from ${from} to ${to}`)];
  }
  return ["native", "exotic"].flatMap((kind) => {
    const [auth, old] = [now, before].map((nats) => textOf(objectOf(nats[kind]).auth) || "none");
    const path = `spec.nats.${kind}.auth`;
    return auth === old ? [] : [errorAt(path, `"${path}" is immutable, can not be updated`)];
  });
}

function streamProblems(now: JsonObject, before: JsonObject): Problem[] {
  const [config, old] = [now, before].map((spec) => textOf(objectOf(spec.jetstream).streamConfig));
  const path = "spec.jetstream.streamConfig";
  return config === old ? [] : [errorAt(path, `"${path}" is immutable, can not be updated`)];
}

/**
 * An object that was stored before anybody looked at it can still be deleted (finalizers are removed by an update) and
 * get its status, labels and annotations: what was bad stays as it is.
 */
export function isHousekeeping(object: JsonObject, old: JsonObject): boolean {
  if (objectOf(object.metadata).deletionTimestamp !== undefined) return true;
  return isDeepStrictEqual([object.spec, object.operation], [old.spec, old.operation]);
}
