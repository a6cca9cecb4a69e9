import { objectOf, textOf } from "../../api/fields.ts";
import type { JsonObject } from "../../base/json.ts";
import { stateIn } from "./manifests.ts";

/** What is compared of one object: as it is, and as it would be. */
export interface Sides {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly before: JsonObject | undefined;
  readonly after: JsonObject | undefined;
}

/** Secrets and hooks are left out. */
export function isShown({ kind, group, hook }: JsonObject): boolean {
  return hook !== true && !(kind === "Secret" && textOf(group) === "");
}

export function namesOf({ group, kind, namespace, name }: JsonObject): Omit<Sides, "before" | "after"> {
  return { group: textOf(group), kind: textOf(kind), namespace: textOf(namespace), name: textOf(name) };
}

export function sidesOf(item: JsonObject): Sides {
  const [live, target] = [stateIn(textOf(item.liveState)), stateIn(textOf(item.targetState))];
  if (live === undefined || target === undefined) return { ...namesOf(item), before: live, after: target };
  if (item.modified !== true) return { ...namesOf(item), before: live, after: live };
  const before = stateIn(textOf(item.normalizedLiveState));
  return { ...namesOf(item), before, after: stateIn(textOf(item.predictedLiveState)) };
}

/** Each target with the object that it is of, in whole; and those that no target is left for. */
export function paired(managed: readonly JsonObject[], targets: readonly JsonObject[]) {
  const left = new Set(managed.filter(({ liveState }) => stateIn(textOf(liveState)) !== undefined));
  const pairs = targets.map((target) => {
    const { group, kind, namespace, name } = namesOfTarget(target);
    const item = [...left].find((one) => {
      const found = namesOf(one);
      const isSame = found.group === group && found.kind === kind && found.name === name;
      return isSame && (namespace === "" || found.namespace === namespace);
    });
    if (item !== undefined) left.delete(item);
    return { target: item === undefined ? target : wholeTarget(target, item), item };
  });
  const gone = [...left].map(
    (item): Sides => ({ ...sidesOf(item), before: stateIn(textOf(item.liveState)), after: undefined }),
  );
  return { pairs, gone };
}

export function namesOfTarget({ apiVersion, kind, metadata }: JsonObject): Omit<Sides, "before" | "after"> {
  const { name, namespace } = objectOf(metadata);
  const group = textOf(apiVersion).includes("/") ? (textOf(apiVersion).split("/")[0] ?? "") : "";
  return { group, kind: textOf(kind), namespace: textOf(namespace), name: textOf(name) };
}

/** With what the engine adds to every target: its namespace and who owns it. */
function wholeTarget(target: JsonObject, item: JsonObject): JsonObject {
  const metadata = objectOf(target.metadata);
  const tracking = "argocd.argoproj.io/tracking-id";
  const owner = objectOf(objectOf(stateIn(textOf(item.liveState))?.metadata).annotations)[tracking];
  const annotations = { ...objectOf(metadata.annotations), ...(owner === undefined ? {} : { [tracking]: owner }) };
  const { namespace } = namesOf(item);
  return { ...target, metadata: { ...metadata, ...(namespace === "" ? {} : { namespace }), annotations } };
}
