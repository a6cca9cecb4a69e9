import { objectOf } from "../api/fields.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import type { ApplicationController } from "../controllers/applications/application.ts";
import { type ApplicationStore, readApplication } from "../controllers/applications/application-store.ts";
import { clusterOf, type Directory } from "../gitops/reconcile/destination.ts";
import { type Hold, isHeldBy } from "../gitops/reconcile/holds.ts";

/** Where the Applications are looked at; nowhere here while `running` is absent. */
interface Asked {
  readonly running?: { readonly controller: Pick<ApplicationController, "offerLocal"> };
}

/** Has all Applications looked at whose spec is concerned. */
export function requestAllOf(
  store: ApplicationStore | undefined,
  { running }: Asked,
  { what, id, concerns }: { what: string; id: string; concerns: (spec: JsonObject) => boolean },
): void {
  for (const { metadata, spec } of store?.list() ?? []) {
    if (!concerns(objectOf(spec as JsonValue | undefined))) continue;
    const application = `${metadata.namespace}/${metadata.name}`;
    void running?.controller.offerLocal({ reason: "spec", application, id, what, level: 2 });
  }
}

/** Has all Applications looked at that a hold is for, or was. */
export function requestHeld(
  store: ApplicationStore | undefined,
  { running }: Asked,
  directory: Directory,
  holds: readonly Hold[],
  what: string,
): void {
  for (const object of store?.list() ?? []) {
    const application = readApplication(object);
    if ("problem" in application) continue;
    const cluster = clusterOf(application, directory.clusters());
    if (typeof cluster === "string" || !holds.some((hold) => isHeldBy(hold, application, cluster))) continue;
    const key = `${application.metadata.namespace}/${application.metadata.name}`;
    void running?.controller.offerLocal({ reason: "spec", application: key, id: `spec/${key}/hold`, what, level: 1 });
  }
}

/** Has an Application looked at that needs another one, of which something is new. */
export function requestNeedy({ running }: Asked, application: string, what: string): void {
  const id = `spec/${application}/needs`;
  void running?.controller.offerLocal({ reason: "spec", application, id, what, level: 1 });
}
