import { listOf, objectOf, textOf } from "../../api/fields.ts";
import { argoApiVersion } from "../../api/resources.ts";
import type { Clock } from "../../base/clock.ts";
import { TerminalError } from "../../base/errors.ts";
import type { JsonValue } from "../../base/json.ts";
import type { GitOpsPlan, GitOpsRequest, GitOpsTarget } from "../../events/triggers/trigger.ts";
import type { KubeClient } from "../../kube/kube.ts";
import type { KubeObject, ObjectRef } from "../../objects/object.ts";
import type { ResourceName } from "../../record/records.ts";
import { askedEvent } from "./application-requests.ts";
import type { ReconcileStream } from "./reconcile-stream.ts";

export interface GitOpsTargetDeps {
  readonly requests: Pick<ReconcileStream, "store">;
  readonly clock: Clock;
}

/**
 * What `gitOps` triggers reach: an Application is asked, its own Sensor decides. The trigger's user needs the right to
 * patch the Application, which a dry run shows (DESIGN section 6).
 */
export function createGitOpsTarget({ requests, clock }: GitOpsTargetDeps): GitOpsTarget {
  return {
    async plan(request, kube, signal) {
      return planOf(request, await readApplication(request.application, kube, signal));
    },
    async request(request, kube, signal) {
      const { application, operation, key, by, sync } = request;
      await readApplication(application, kube, signal);
      const ref = refOf(application);
      await kube.patch(ref, "application/merge-patch+json", { metadata: {} }, { dryRun: true }, signal);
      const name = `${application.namespace}/${application.name}`;
      const asked = { application: name, id: key, operation, by: `Sensor ${by.namespace}/${by.name}` };
      await requests.store(name, askedEvent({ ...asked, ...(sync ? { sync } : {}) }, clock.now()));
      return { message: `asked Application ${name} to ${verbs[operation]}`, objects: [ref] };
    },
  };
}

const verbs = { refresh: "refresh", hardRefresh: "refresh and render anew", sync: "sync" } as const;

function refOf({ namespace, name }: ResourceName): ObjectRef & { namespace: string } {
  return { apiVersion: argoApiVersion, kind: "Application", namespace, name };
}

async function readApplication(name: ResourceName, kube: KubeClient, signal: AbortSignal): Promise<KubeObject> {
  const found = await kube.get(refOf(name), signal);
  if (found !== undefined) return found;
  throw new TerminalError("NOT_FOUND", `there is no Application "${name.name}" in namespace "${name.namespace}"`);
}

function planOf({ application, operation }: GitOpsRequest, object: KubeObject): GitOpsPlan {
  const status = objectOf(object.status as JsonValue | undefined);
  const sync = objectOf(status.sync);
  const differing = listOf(status.resources)
    .map(objectOf)
    .filter((resource) => resource.status === "OutOfSync");
  return {
    application,
    operation,
    syncStatus: textOf(sync.status) || "Unknown",
    healthStatus: textOf(objectOf(status.health).status) || "Unknown",
    revision: textOf(sync.revision),
    outOfSync: differing.map(({ group, kind, namespace, name }) =>
      [group, kind, namespace, name].map((part) => textOf(part)).join("/"),
    ),
  };
}
