import type { Application } from "../../api/application-types.ts";
import { EngineError, messageOf } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import type { KubeClient } from "../../kube/kube.ts";
import type { KubeObject } from "../../objects/object.ts";
import { fieldManager } from "../diff/last-applied.ts";
import { type Served, servedPart } from "../diff/server-side.ts";
import { syncIdentity } from "../project/service-account.ts";
import type { Place } from "./destination.ts";
import type { ReconcileSettings } from "./settings.ts";

export interface ServerAnswers {
  /** By target. */
  readonly served: ReadonlyMap<KubeObject, Served>;
  /** Why the server's answer for an object is not known: then nothing is said of any (spec argo-cd-engine 3.1). */
  readonly problems: readonly string[];
}

const maxParallel = 8;

/**
 * Asks the cluster by dry runs what applying would make of objects that are there. Objects of one side only are not sent.
 * @throws the signal's reason when it aborts
 */
export async function askServer(
  targets: readonly KubeObject[],
  kube: KubeClient,
  options: { readonly includeWebhooks: boolean },
  signal: AbortSignal,
): Promise<ServerAnswers> {
  const served = new Map<KubeObject, Served>();
  const problems: string[] = [];
  const waiting = targets.values();
  const work = async (): Promise<void> => {
    for (const target of waiting) {
      try {
        served.set(target, servedPart(await dryRun(target, kube, signal), options));
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof EngineError)) throw error;
        problems.push(problemOf(target, error));
      }
    }
  };
  await Promise.all(Array.from({ length: maxParallel }, work));
  return { served, problems: problems.sort() };
}

/** As whom a server is asked: as a sync would ask it (spec argo-cd-engine 4.13); text: why it may not be asked. */
export function serverOf(
  { destination: { namespace = "" }, metadata }: Application,
  { project, cluster }: Place,
  { resources }: ReconcileSettings,
): KubeClient | string {
  const identity = syncIdentity(project, cluster, namespace, metadata.namespace, resources.impersonation);
  if (identity.kind === "refused") return identity.reason;
  return identity.kind === "user" ? cluster.kube.as(identity.user) : cluster.kube;
}

function dryRun(target: KubeObject, kube: KubeClient, signal: AbortSignal): Promise<KubeObject> {
  const { apiVersion, kind, metadata } = target;
  const { name = "", namespace } = metadata;
  const ref = { apiVersion, kind, name, ...(namespace ? { namespace } : {}) };
  const options = { fieldManager, force: true, dryRun: true };
  return kube.patch(ref, "application/apply-patch+yaml", target as unknown as JsonObject, options, signal);
}

function problemOf({ kind, metadata: { name } }: KubeObject, error: EngineError): string {
  const what = `error running server side apply in dryrun mode for resource ${kind}/${name}`;
  return `Failed to compare desired state to live state: failed to calculate diff: ${what}: ${messageOf(error)}`;
}
