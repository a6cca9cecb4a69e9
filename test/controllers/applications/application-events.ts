import { parseApplication } from "../../../src/api/application.ts";
import type { Application } from "../../../src/api/application-types.ts";
import type { JsonObject, JsonValue } from "../../../src/base/json.ts";
import type { ReceivedEvent } from "../../../src/events/sensor/state.ts";
import type { Reason } from "../../../src/gitops/reconcile/request.ts";
import { normaliseRepositoryUrl } from "../../../src/gitops/source/repository-url.ts";

/** An Application as the API stores it. */
export function application(spec: JsonObject, metadata: JsonObject = {}): Application {
  return parseApplication({
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Application",
    metadata: { name: "guestbook", namespace: "argocd", uid: "u1", ...metadata },
    spec: { destination: { server: "https://kubernetes.default.svc" }, ...spec },
  }).resource;
}

/** An event of the built-in EventSource. */
export function builtIn(reason: Reason, data: JsonValue, eventSource = "tiphys"): ReceivedEvent {
  const time = "2026-01-01T00:00:00.000Z";
  const type = `tiphys.${reason}`;
  return {
    event: { id: "e1", source: eventSource, type, subject: reason, time, datacontenttype: "application/json", data },
    head: { id: "e1", namespace: "", eventSource, event: reason, type, time, bus: "system", sequence: 1, storedAt: 0 },
  };
}

/** Of a push or a poll: what events say about one ref. */
export function moved(repoURL: string, ref: string, isDefaultBranch = false): JsonObject {
  const repository = normaliseRepositoryUrl(repoURL);
  const revision = ref.split("/").slice(2).join("/");
  return { repository, url: repoURL, ref, revision, before: "0", after: "1", isDefaultBranch };
}
