import { InvalidArgumentError } from "commander";
import { formatDuration } from "../../base/duration.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import type { KubeObject } from "../../objects/object.ts";
import { resourcesOf } from "./application.ts";
import { isSelected, namedOf, type ResourcePattern } from "./resource-states.ts";
import { type RevisionFlags, revisionsOf } from "./revision-flags.ts";

/** The flags of `app sync` that make the request. */
export interface RequestFlags extends RevisionFlags {
  readonly resource: readonly ResourcePattern[];
  readonly prune?: true;
  readonly dryRun?: true;
  readonly force?: true;
  readonly replace?: true;
  readonly serverSide?: true;
  readonly applyOutOfSyncOnly?: true;
  readonly strategy: "apply" | "hook";
  readonly info: readonly string[];
  readonly retryLimit: number;
  /** Milliseconds. */
  readonly retryBackoffDuration: number;
  readonly retryBackoffMaxDuration: number;
  readonly retryBackoffFactor: number;
  readonly retryRefresh?: true;
}

/** @throws EngineError NOT_FOUND when `--resource` fits no object of the Application */
export function syncBodyOf(flags: RequestFlags, application: KubeObject): JsonObject {
  const { revision, revisions, sourcePositions } = revisionsOf(flags, application);
  const { prune = false, dryRun = false, force = false, strategy, retryLimit } = flags;
  const items = [
    ...(flags.replace ? ["Replace=true"] : []),
    ...(flags.serverSide ? ["ServerSideApply=true"] : []),
    ...(flags.applyOutOfSyncOnly ? ["ApplyOutOfSyncOnly=true"] : []),
  ];
  const resources = selectedResources(flags.resource, application);
  return {
    prune,
    dryRun,
    strategy: { [strategy]: { force } },
    ...(revision === undefined ? {} : { revision }),
    ...(revisions.length === 0 ? {} : { revisions, sourcePositions: sourcePositions.map(Number) }),
    ...(resources.length === 0 ? {} : { resources }),
    ...(items.length === 0 ? {} : { syncOptions: { items } }),
    ...(flags.info.length === 0 ? {} : { infos: flags.info.map(infoOf) }),
    ...(retryLimit === 0 ? {} : { retryStrategy: retryOf(flags) }),
  };
}

function retryOf(flags: RequestFlags): JsonObject {
  return {
    limit: flags.retryLimit,
    backoff: {
      duration: formatDuration(flags.retryBackoffDuration),
      maxDuration: formatDuration(flags.retryBackoffMaxDuration),
      factor: flags.retryBackoffFactor,
    },
    ...(flags.retryRefresh ? { refresh: true } : {}),
  };
}

function selectedResources(patterns: readonly ResourcePattern[], application: KubeObject): readonly JsonObject[] {
  if (patterns.length === 0) return [];
  const all = resourcesOf(application).map(namedOf);
  const chosen = all.filter((resource) => isSelected(resource, patterns));
  if (chosen.length > 0) return chosen.map((resource) => ({ ...resource }));
  throw new EngineError("NOT_FOUND", `no object of the Application fits --resource ${patterns.map(shown).join(", ")}`);
}

function shown({ exclude, group, kind, namespace, name }: ResourcePattern): string {
  return `${exclude ? "!" : ""}${group}:${kind}:${namespace === undefined ? "" : `${namespace}/`}${name}`;
}

function infoOf(text: string): JsonObject {
  const [name = "", ...value] = text.split("=");
  return { name, value: value.join("=") };
}

/** `[!]GROUP:KIND:[NAMESPACE/]NAME` */
export function parseResource(text: string, earlier: readonly ResourcePattern[]): readonly ResourcePattern[] {
  const exclude = text.startsWith("!");
  const [group = "", kind = "", place = "", ...rest] = (exclude ? text.slice(1) : text).split(":");
  const [name = "", namespace, ...more] = place.split("/").toReversed();
  if (kind === "" || name === "" || namespace === "" || rest.length + more.length > 0) {
    throw new InvalidArgumentError(`"${text}" must be [!]GROUP:KIND:[NAMESPACE/]NAME.`);
  }
  return [...earlier, { group, kind, name, ...(namespace === undefined ? {} : { namespace }), exclude }];
}

/** `key=value` */
export function parseInfo(text: string, earlier: readonly string[]): readonly string[] {
  if (text.indexOf("=") > 0) return [...earlier, text];
  throw new InvalidArgumentError(`"${text}" must be KEY=VALUE.`);
}
