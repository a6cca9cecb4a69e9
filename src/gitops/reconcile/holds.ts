import { createHash } from "node:crypto";
import type { Application } from "../../api/application-types.ts";
import { objectOf, textOf } from "../../api/fields.ts";
import { type Instant, isoTime } from "../../base/clock.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonValue } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";
import { parseLabelSelector, SelectorError } from "../../objects/selector.ts";
import { readTime } from "./timestamps.ts";

/** On the Application: why nothing is synced by itself; until when; who says so. */
export const holdAnnotation = "tiphys.io/hold";
export const holdUntilAnnotation = "tiphys.io/hold-until";
export const holdByAnnotation = "tiphys.io/hold-by";

/** On a ConfigMap of the controller's namespace that is a hold of many Applications. */
export const holdLabel = "tiphys.io/hold";

/** Which Applications a hold is for. */
export type HoldScope =
  | { readonly kind: "application"; readonly application: string }
  /** By labels of the Application. */
  | { readonly kind: "selector"; readonly selector: string }
  /** By the URL or the name of the destination's cluster. */
  | { readonly kind: "cluster"; readonly cluster: string }
  | { readonly kind: "all" };

/** Automated syncs do not begin meanwhile; syncs by hand do. */
export interface Hold {
  /** Of its ConfigMap; "" for one that stands on an Application. */
  readonly name: string;
  readonly scope: HoldScope;
  readonly reason: string;
  /** "": not known. */
  readonly owner: string;
  /** Absent: until somebody ends it. */
  readonly until?: Instant;
}

/** The hold that stands on the Application itself; also one that is over. */
export function ownHold({ metadata }: { readonly metadata: KubeObject["metadata"] }): Hold | undefined {
  const { namespace = "", name = "", annotations = {} } = metadata;
  const reason = annotations[holdAnnotation];
  if (reason === undefined) return undefined;
  const until = readTime(annotations[holdUntilAnnotation]);
  return {
    name: "",
    scope: { kind: "application", application: `${namespace}/${name}` },
    reason,
    owner: annotations[holdByAnnotation] ?? "",
    ...(until === undefined ? {} : { until }),
  };
}

/** A ConfigMap as the hold that it is. One that cannot be read holds everything: it was not made for nothing. */
export function holdOf(configMap: KubeObject): Hold {
  const { name = "" } = configMap.metadata;
  const { reason, owner, until, selector, cluster, all } = objectOf(configMap.data as JsonValue | undefined);
  const scopes: readonly (HoldScope | undefined)[] = [
    textOf(selector) === "" ? undefined : { kind: "selector", selector: textOf(selector) },
    textOf(cluster) === "" ? undefined : { kind: "cluster", cluster: textOf(cluster) },
    textOf(all) === "true" ? { kind: "all" } : undefined,
  ];
  const [scope, ...more] = scopes.filter((one) => one !== undefined);
  const end = readTime(until);
  const problem =
    scope === undefined || more.length > 0
      ? 'its data must have one of selector, cluster and all: "true"'
      : scope.kind === "selector"
        ? selectorProblem(scope.selector)
        : undefined;
  const wrong =
    problem ?? (until !== undefined && end === undefined ? `until: "${textOf(until)}" is no time` : undefined);
  if (wrong !== undefined || scope === undefined) {
    return { name, scope: { kind: "all" }, reason: `hold ${name} cannot be read: ${wrong}`, owner: textOf(owner) };
  }
  return { name, scope, reason: textOf(reason), owner: textOf(owner), ...(end === undefined ? {} : { until: end }) };
}

/** The ConfigMap of a hold: one for each scope, so that a second one takes the place of the first. */
export function holdManifest(hold: Omit<Hold, "name">, namespace: string): KubeObject {
  const { scope, reason, owner, until } = hold;
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: holdName(scope), namespace, labels: { [holdLabel]: "true" } },
    data: {
      reason,
      owner,
      ...(until === undefined ? {} : { until: isoTime(until) }),
      ...(scope.kind === "selector" ? { selector: scope.selector } : {}),
      ...(scope.kind === "cluster" ? { cluster: scope.cluster } : {}),
      ...(scope.kind === "all" ? { all: "true" } : {}),
    },
  };
}

/** @throws EngineError USAGE for a selector that cannot be read */
export function checkScope(scope: HoldScope): void {
  const problem = scope.kind === "selector" ? selectorProblem(scope.selector) : undefined;
  if (problem !== undefined) throw new EngineError("USAGE", problem);
}

export function holdName(scope: HoldScope): string {
  if (scope.kind === "all") return "tiphys-hold-all";
  const text =
    scope.kind === "selector" ? scope.selector : scope.kind === "cluster" ? scope.cluster : scope.application;
  return `tiphys-hold-${scope.kind}-${createHash("sha256").update(text).digest("hex").slice(0, 10)}`;
}

export function isHoldOver({ until }: Pick<Hold, "until">, now: Instant): boolean {
  return until !== undefined && until <= now;
}

/** `cluster`: the one that the destination means. */
export function isHeldBy(
  { scope }: Pick<Hold, "scope">,
  { metadata }: { readonly metadata: Pick<Application["metadata"], "namespace" | "name" | "labels"> },
  cluster: { readonly server: string; readonly name: string },
): boolean {
  switch (scope.kind) {
    case "application":
      return scope.application === `${metadata.namespace}/${metadata.name}`;
    case "selector":
      return parseLabelSelector(scope.selector)(metadata.labels);
    case "cluster":
      return scope.cluster === cluster.name || withoutSlash(scope.cluster) === withoutSlash(cluster.server);
    case "all":
      return true;
  }
}

/** `it is on hold: incident (anna, tiphys-hold-all)` */
export function holdText({ name, reason, owner }: Hold): string {
  const told = [owner, name].filter((text) => text !== "").join(", ");
  return `it is on hold: ${reason}${told === "" ? "" : ` (${told})`}`;
}

function selectorProblem(selector: string): string | undefined {
  try {
    parseLabelSelector(selector);
    return undefined;
  } catch (error) {
    if (error instanceof SelectorError) return `selector: ${error.message}`;
    throw error;
  }
}

function withoutSlash(server: string): string {
  return server.endsWith("/") ? server.slice(0, -1) : server;
}
