import { type Request, Router } from "express";
import { objectOf, textOf } from "../api/fields.ts";
import { argoApiVersion } from "../api/resources.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import type { KubeClient } from "../kube/kube.ts";
import type { KubeObject } from "../objects/object.ts";
import { textsIn } from "./access/access-state.ts";
import {
  type ApplicationList,
  appNamespaceOf,
  controllerNamespace,
  findApplication,
  objectQueryOf,
  projectOf,
  shown,
} from "./application-query.ts";
import { type ApplicationLooks, findPart, liveOf, shownLive } from "./application-resource-routes.ts";
import { listClusters } from "./cluster-routes.ts";
import { deepLinks } from "./deep-links.ts";

/** `/api/v1/applications/NAME/links` and `…/resource/links` (spec argo-cd-surface 6.2, 8.11), of argocd-cm. */
export function applicationLinkRoutes(
  applications: ApplicationList,
  looks: ApplicationLooks,
  kube: KubeClient,
): Router {
  const router = Router();
  const subjectsOf = async (application: KubeObject) => {
    const [cluster, project] = await Promise.all([
      clusterOf(kube, application),
      kube.get(projectRef(projectOf(application.spec))),
    ]);
    return { application: shown(application), cluster, project: project && shown(project) };
  };
  const find = (request: Request): KubeObject =>
    findApplication(applications, textOf(request.params.name as JsonValue), appNamespaceOf(request));
  router.get("/:name/links", async (request, response) => {
    const subjects = await subjectsOf(find(request));
    response.json({ items: deepLinks("application.links", await settingOf(kube, "application.links"), subjects) });
  });
  router.get("/:name/resource/links", async (request, response) => {
    const application = find(request);
    const part = await findPart(application, objectQueryOf(request), looks);
    const resource = shownLive(await liveOf(part.kube, part.ref), looks.maskedAnnotations());
    const subjects = { ...(await subjectsOf(application)), resource };
    response.json({ items: deepLinks("resource.links", await settingOf(kube, "resource.links"), subjects) });
  });
  return router;
}

/** `/api/v1/projects/NAME/links`; `read` finds the project. */
export function projectLinkRoutes(kube: KubeClient, read: (name: string) => Promise<KubeObject>): Router {
  const router = Router();
  router.get("/:name/links", async (request, response) => {
    const project = shown(await read(request.params.name));
    response.json({ items: deepLinks("project.links", await settingOf(kube, "project.links"), { project }) });
  });
  return router;
}

async function settingOf(kube: KubeClient, key: string): Promise<string> {
  const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: controllerNamespace, name: "argocd-cm" };
  return textsIn((await kube.get(ref))?.data)[key] ?? "";
}

function projectRef(name: string) {
  return { apiVersion: argoApiVersion, kind: "AppProject", namespace: controllerNamespace, name };
}

/** The destination, as links know it. */
async function clusterOf(kube: KubeClient, { spec }: KubeObject): Promise<JsonObject | undefined> {
  const destination = objectOf(objectOf(spec as JsonValue | undefined).destination);
  const [byServer, byName] = [textOf(destination.server), textOf(destination.name)];
  const found = (await listClusters(kube)).find(({ server, name }) =>
    byServer === "" ? name === byName : server === byServer,
  );
  if (found === undefined) return undefined;
  const { config: _config, ...shownFields } = found;
  return shownFields;
}
