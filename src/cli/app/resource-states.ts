import { objectOf, textOf } from "../../api/fields.ts";
import type { JsonObject } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";
import { oneLine, operationStateOf, resourcesOf, syncResultsOf } from "./application.ts";

/** One object of an Application, as tables show it. */
export interface ResourceState {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly status: string;
  readonly health: string;
  readonly hook: string;
  readonly message: string;
}

/** `[!]GROUP:KIND:[NAMESPACE/]NAME`; `*` stands for any. */
export interface ResourcePattern {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
  /** Absent: any. */
  readonly namespace?: string;
  readonly exclude: boolean;
}

type Named = Pick<ResourceState, "group" | "kind" | "namespace" | "name">;

/** Those that the last operation touched, in its order, then the others by name. */
export function resourceStates(
  application: KubeObject,
  selected: readonly ResourcePattern[] = [],
): readonly ResourceState[] {
  const live = new Map(resourcesOf(application).map((resource) => [keyOf(namedOf(resource)), resource]));
  const results = syncResultsOf(operationStateOf(application));
  const touched = results.map((result) => stateOfResult(result, live.get(keyOf(namedOf(result)))));
  const seen = new Set(touched.map(keyOf));
  const others = [...live].filter(([key]) => !seen.has(key)).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const states = [...touched, ...others.map(([, resource]) => stateOfLive(resource))];
  return states.filter((state) => isSelected(state, selected));
}

/** Whether a pattern includes it and none excludes it; with no pattern that includes, all are included. */
export function isSelected(resource: Named, patterns: readonly ResourcePattern[]): boolean {
  const included = patterns.filter(({ exclude }) => !exclude);
  const excluded = patterns.filter(({ exclude }) => exclude);
  const isIncluded = included.length === 0 || included.some((pattern) => fits(resource, pattern));
  return isIncluded && !excluded.some((pattern) => fits(resource, pattern));
}

/** `group/kind/namespace/name` */
export function keyOf({ group, kind, namespace, name }: Named): string {
  return `${group}/${kind}/${namespace}/${name}`;
}

export function namedOf(resource: JsonObject): Named {
  return {
    group: textOf(resource.group),
    kind: textOf(resource.kind),
    namespace: textOf(resource.namespace),
    name: textOf(resource.name),
  };
}

/** A hook, and what is not live any more, shows how the operation did; all else its state now. */
function stateOfResult(result: JsonObject, live: JsonObject | undefined): ResourceState {
  const hook = textOf(result.hookType);
  const now = live !== undefined && hook === "" ? stateOfLive(live) : undefined;
  return {
    ...namedOf(result),
    status: now?.status ?? textOf(result.hookPhase),
    health: now?.health ?? textOf(result.status),
    hook,
    message: oneLine(textOf(result.message)),
  };
}

function stateOfLive(resource: JsonObject): ResourceState {
  const status = textOf(resource.status);
  return { ...namedOf(resource), status, health: textOf(objectOf(resource.health).status), hook: "", message: "" };
}

function fits(resource: Named, pattern: ResourcePattern): boolean {
  const { group, kind, name, namespace = "*" } = pattern;
  const same = (wanted: string, found: string) => wanted === "*" || wanted === found;
  return (
    same(group, resource.group) &&
    same(kind, resource.kind) &&
    same(name, resource.name) &&
    same(namespace, resource.namespace)
  );
}
