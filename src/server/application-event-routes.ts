import { type Request, Router } from "express";
import { objectsOf, textOf } from "../api/fields.ts";
import { EngineError } from "../base/errors.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import type { KubeClient } from "../kube/kube.ts";
import type { KubeObject } from "../objects/object.ts";
import { type ApplicationList, appNamespaceOf, findApplication, refOf, textParameter } from "./application-query.ts";
import type { ApplicationLooks } from "./application-resource-routes.ts";

/** An object that Kubernetes Events are about. */
interface Subject {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/**
 * `/api/v1/applications/NAME/events` (spec argo-cd-surface 6.2): what is told of the Application itself stands in the engine's
 * cluster, what is told of an object of its tree where that object is. Of other objects nothing is told.
 */
export function applicationEventRoutes(
  applications: ApplicationList,
  looks: Pick<ApplicationLooks, "cluster" | "liveTree">,
  engine: KubeClient | undefined,
): Router {
  const router = Router();
  router.get("/:name/events", async (request, response) => {
    const found = findApplication(applications, textOf(request.params.name as JsonValue), appNamespaceOf(request));
    const wanted = subjectOf(request);
    if (wanted === undefined) {
      const { namespace = "", name = "", uid = "" } = found.metadata;
      response.json(engine === undefined ? listOf([], "") : await eventsOf(engine, { namespace, name, uid }));
      return;
    }
    const subject = within(await looks.liveTree(refOf(found)), wanted, found);
    response.json(await eventsOf(looks.cluster(refOf(found)), subject));
  });
  return router;
}

/** Undefined: the Application itself is meant. */
function subjectOf(request: Request): Subject | undefined {
  const text = (name: string): string => textParameter(request, name) ?? "";
  const [name, namespace, uid] = [text("resourceName"), text("resourceNamespace"), text("resourceUID")];
  return name === "" && uid === "" ? undefined : { name, namespace, uid };
}

/** The node that is asked for, with all of its name. @throws EngineError USAGE when the tree does not have it */
function within(tree: JsonObject, { namespace, name, uid }: Subject, application: KubeObject): Subject {
  const nodes = [...objectsOf(tree.nodes), ...objectsOf(tree.orphanedNodes)].map((node) => ({
    namespace: textOf(node.namespace),
    name: textOf(node.name),
    uid: textOf(node.uid),
  }));
  const found = nodes.find(
    (node) =>
      (name === "" || node.name === name) &&
      (namespace === "" || node.namespace === namespace) &&
      (uid === "" || node.uid === uid),
  );
  if (found !== undefined) return found;
  throw new EngineError("USAGE", `${name || uid} not found as part of application ${application.metadata.name}`);
}

async function eventsOf(kube: KubeClient, { namespace, name, uid }: Subject): Promise<object> {
  const fields = { "involvedObject.name": name, "involvedObject.namespace": namespace, "involvedObject.uid": uid };
  const given = Object.entries(fields).filter(([, value]) => value !== "");
  // Events of what has no namespace stand in `default`.
  const { items, resourceVersion } = await kube.list(
    { apiVersion: "v1", kind: "Event" },
    { namespace: namespace || "default", fieldSelector: given.map(([field, value]) => `${field}=${value}`).join(",") },
  );
  return listOf(items, resourceVersion);
}

function listOf(items: readonly KubeObject[], resourceVersion: string): object {
  return { kind: "EventList", apiVersion: "v1", metadata: { resourceVersion }, items };
}
