import type { Application } from "../../api/application-types.ts";
import { listOf, objectOf, textOf } from "../../api/fields.ts";
import type { JsonObject, JsonValue } from "../../base/json.ts";
import { imagesIn } from "../../gitops/reconcile/images.ts";
import { manifestsDigest } from "../../gitops/reconcile/manifests-digest.ts";
import { type TouchedObject, touchedBy } from "../../gitops/reconcile/touched.ts";
import type { TaskRun } from "../../gitops/sync/sync.ts";
import type { SyncRecord } from "../../record/records.ts";
import { decisionOf, orderOf, resultsIn, revisionsIn, supersededIn } from "./operation-progress.ts";
import { withoutCredentials } from "./push-events.ts";

export type SyncRecordDraft = Omit<SyncRecord, "id">;

/** What this process knows of an operation, and its state does not say. */
export interface Brought {
  readonly manifests?: string;
  readonly images?: readonly string[];
  readonly sources?: NonNullable<SyncRecord["sources"]>;
  readonly runs?: ReadonlyMap<string, TaskRun> | undefined;
}

export type DeployedBefore = Pick<SyncRecord, "before" | "isReturn">;

const maxObjects = 100;
const maxObjectsLength = 48 * 1024;
const maxSources = 20;
const maxImages = 20;

/** `wanted`: with the sources of the operation. */
export function broughtBy(wanted: Application, manifests: readonly JsonObject[]): Brought {
  const images = [...new Set(manifests.flatMap(imagesIn))].slice(0, maxImages);
  return {
    manifests: manifestsDigest(manifests),
    ...(images.length === 0 ? {} : { images }),
    sources: shownSources(wanted.sources as readonly unknown[] as readonly JsonObject[]),
  };
}

/** The record of an operation that ended: what was brought where, by whom or what, how, and in place of what. */
export function syncRecordOf(
  application: Application,
  state: JsonObject,
  told: Pick<SyncRecord, "key" | "startedAt" | "at"> & { readonly brought: Brought },
): SyncRecordDraft {
  const { namespace, name, uid } = application.metadata;
  const { key, startedAt, at, brought } = told;
  const { runs, ...what } = brought;
  const result = objectOf(state.syncResult);
  const revisions = revisionsIn(result);
  return {
    kind: "sync",
    at,
    causes: [decisionOf(objectOf(state.operation)) ?? `operation/${namespace}/${name}`],
    key,
    application: { namespace, name, uid },
    project: application.project,
    destination: shownDestination(application.destination),
    startedAt,
    revisions,
    ...deployedBefore(listOf(application.status.history), revisions),
    ...what,
    phase: state.phase === "Succeeded" || state.phase === "Failed" ? state.phase : "Error",
    ...orderOf(objectOf(state.operation)),
    ...supersededIn(result),
    retries: typeof state.retryCount === "number" ? state.retryCount : 0,
    message: textOf(state.message),
    objects: objectsOf(touchedBy({ resources: resultsIn(state), ...(runs === undefined ? {} : { runs }) })),
  };
}

export function shownDestination({ server, name, namespace }: Application["destination"]) {
  return { ...(server ? { server } : {}), ...(name ? { name } : {}), ...(namespace ? { namespace } : {}) };
}

/** A record has to fit into a message of the ledger: where names are long, what failed is said in fewer words. */
function objectsOf(touched: readonly TouchedObject[]): readonly TouchedObject[] {
  const first = touched.slice(0, maxObjects);
  if (JSON.stringify(first).length <= maxObjectsLength) return first;
  return first.map(({ message, ...rest }) =>
    message === undefined ? rest : { ...rest, message: message.slice(0, 64) },
  );
}

/** What a history, oldest first, says was deployed before a sync that is not in it. */
export function deployedBefore(history: readonly JsonValue[], revisions: readonly string[]): DeployedBefore {
  const deployed = history.map((entry) => revisionsIn(objectOf(entry)));
  const before = deployed.at(-1);
  if (before === undefined) return {};
  const text = revisions.join();
  const isReturn = before.join() !== text && deployed.some((earlier) => earlier.join() === text);
  return { before, ...(isReturn ? { isReturn } : {}) };
}

/** Sources as they may be shown. */
export function shownSources(sources: readonly JsonValue[]): NonNullable<SyncRecord["sources"]> {
  return sources.slice(0, maxSources).map((one) => {
    const { repoURL, path, chart } = objectOf(one);
    const what = textOf(chart) ? { chart: textOf(chart) } : textOf(path) ? { path: textOf(path) } : {};
    return { repoURL: withoutCredentials(textOf(repoURL)), ...what };
  });
}
