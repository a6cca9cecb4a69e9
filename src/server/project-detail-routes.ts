import { type Request, Router } from "express";
import { parseAppProject } from "../api/app-project.ts";
import { textOf } from "../api/fields.ts";
import { argoApiVersion } from "../api/resources.ts";
import type { Clock } from "../base/clock.ts";
import { EngineError, messageOf } from "../base/errors.ts";
import { isJsonObject, type JsonObject } from "../base/json.ts";
import { readGlobalProjects } from "../gitops/project/global-projects.ts";
import { activeWindows } from "../gitops/project/windows.ts";
import type { KubeClient } from "../kube/kube.ts";
import type { KubeObject } from "../objects/object.ts";
import { controllerNamespace, shown } from "./application-query.ts";
import { listSecrets } from "./stored-secret.ts";

/** What belongs to one project: `/api/v1/projects/NAME/…` (spec argo-cd-surface 6.2). */
export function projectDetailRoutes(
  kube: KubeClient,
  read: (name: string) => Promise<KubeObject>,
  clock: Clock,
): Router {
  const router = Router();
  const nameIn = ({ params }: Request): string => String(params.name);
  router.get("/:name/detailed", async (request, response) => {
    const project = await read(nameIn(request));
    const ofProject = async (type: "repository" | "cluster") =>
      (await listSecrets(kube, type)).map(({ values }) => values).filter((one) => one.project === nameIn(request));
    const repositories = (await ofProject("repository")).map(
      ({ url = "", type, name = "", project: owner = "" }): JsonObject => ({
        repo: url,
        type: type || "git",
        name,
        project: owner,
      }),
    );
    const clusters = (await ofProject("cluster")).map(
      ({ server = "", name = "", project: owner = "" }): JsonObject => ({
        server,
        name: name || server,
        project: owner,
      }),
    );
    const globalProjects = (await globalsOf(project)).map(shown);
    response.json({ project: shown(project), globalProjects, repositories, clusters });
  });
  router.get("/:name/globalprojects", async (request, response) => {
    response.json({ items: (await globalsOf(await read(nameIn(request)))).map(shown) });
  });
  router.get("/:name/syncwindows", async (request, response) => {
    const { syncWindows } = parseAppProject(await read(nameIn(request))).resource;
    response.json({ windows: activeWindows(syncWindows, clock.now()) });
  });

  /** Those whose rules the project inherits, in their order. */
  async function globalsOf({ metadata: { name, labels = {} } }: KubeObject): Promise<readonly KubeObject[]> {
    const config = await kube.get({
      apiVersion: "v1",
      kind: "ConfigMap",
      namespace: controllerNamespace,
      name: "argocd-cm",
    });
    const text = isJsonObject(config?.data) ? textOf(config.data.globalProjects) : "";
    const names = declaredIn(text).filter((one) => one.name !== name && one.appliesTo(labels));
    const ref = { apiVersion: argoApiVersion, kind: "AppProject", namespace: controllerNamespace };
    const found = await Promise.all(names.map((one) => kube.get({ ...ref, name: one.name })));
    return found.filter((one) => one !== undefined);
  }
  return router;
}

/** @throws EngineError USAGE when nobody could inherit, since the setting cannot be read */
function declaredIn(text: string) {
  try {
    return readGlobalProjects(text);
  } catch (error) {
    throw new EngineError("USAGE", `globalProjects of argocd-cm cannot be read: ${messageOf(error)}`, error);
  }
}
