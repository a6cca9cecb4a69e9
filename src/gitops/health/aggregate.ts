import { isHook, isSkipped } from "../../api/resource-annotations.ts";
import type { KubeObject } from "../../objects/object.ts";
import { assessObject } from "./assess.ts";
import { builtInChecks, type HealthChecks } from "./checks.ts";
import { type Health, type HealthStatus, health, isWorse } from "./health.ts";

/** What should be and what is; one of them may be missing. */
export interface HealthPair {
  readonly target?: KubeObject;
  readonly live?: KubeObject;
}

export interface ApplicationHealth {
  readonly health: Health;
  /** One for each pair, in order; undefined where the kind has none or the pair does not count. */
  readonly resources: readonly (Health | undefined)[];
  /** Why the health of an object could not be found out. */
  readonly problems: readonly string[];
}

const ignoreHealthcheck = "argocd.argoproj.io/ignore-healthcheck";
const maxNamed = 3;

/**
 * The worst health of all live objects that count (spec argo-cd-engine 5.3). Missing only when none is there. `self` is
 * the Application's own `namespace/name`, which never counts for itself.
 */
export function aggregateHealth(
  pairs: readonly HealthPair[],
  self: string,
  users: HealthChecks = builtInChecks,
): ApplicationHealth {
  const counted = pairs.map((pair) => assessPair(pair, self, users));
  return { ...worstOf(counted), problems: counted.flatMap(({ problem }) => problem ?? []) };
}

function worstOf(counted: readonly CountedHealth[]): Omit<ApplicationHealth, "problems"> {
  const worst = counted.reduce<HealthStatus>((worst, { counts, own }) => {
    return counts && own && isWorse(own.status, worst) ? own.status : worst;
  }, "Healthy");
  const present = counted.filter(({ isResource }) => isResource);
  const isMissing = present.length > 0 && !present.some(({ live }) => live !== undefined);
  const resources = counted.map(({ own }) => own);
  if (isMissing) return { health: health("Missing"), resources };
  if (worst === "Healthy") return { health: health("Healthy"), resources };
  const causes = counted.filter(({ counts, own }) => counts && own?.status === worst);
  return { health: health(worst, causedBy(causes.flatMap(({ live }) => (live ? [live] : [])))), resources };
}

interface CountedHealth {
  readonly isResource: boolean;
  readonly counts: boolean;
  readonly live?: KubeObject;
  readonly own?: Health;
  readonly problem?: string;
}

function assessPair({ target, live }: HealthPair, self: string, users: HealthChecks): CountedHealth {
  if (target && isSkipped(target.metadata.annotations ?? {})) return { isResource: false, counts: false };
  if (live && isHook(live.metadata.annotations ?? {})) return { isResource: false, counts: false };
  if (live === undefined) return { isResource: true, counts: false, own: health("Missing") };
  const present = { isResource: true, live };
  if (live.metadata.annotations?.[ignoreHealthcheck] === "true") return { ...present, counts: false };
  const isApplication = live.kind === "Application" && live.apiVersion.startsWith("argoproj.io/");
  if (isApplication && `${live.metadata.namespace}/${live.metadata.name}` === self)
    return { ...present, counts: false };
  const { health: own, problem } = assessObject(live, users);
  if (own === undefined) return { ...present, counts: false };
  const isUnclear = isApplication && (own.status === "Missing" || own.status === "Unknown");
  const why = problem === undefined ? {} : { problem: failureOf(live, problem) };
  return { ...present, counts: !isUnclear, own, ...why };
}

function failureOf({ kind, metadata: { name, namespace = "" } }: KubeObject, problem: string): string {
  return `failed to get resource health for "${kind}" with name "${name}" in namespace "${namespace}": ${problem}`;
}

function causedBy(objects: readonly KubeObject[]): string {
  const named = objects.slice(0, maxNamed).map(nameOf).join(", ");
  const more = objects.length > maxNamed ? ` and ${objects.length - maxNamed} more` : "";
  return `Caused by ${named}${more}`;
}

function nameOf({ apiVersion, kind, metadata: { namespace, name } }: KubeObject): string {
  const group = apiVersion.includes("/") ? `${apiVersion.slice(0, apiVersion.indexOf("/"))}/` : "";
  return `${group}${kind}:${namespace ? `${namespace}/` : ""}${name}`;
}
