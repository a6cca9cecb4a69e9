import { type Request, Router } from "express";
import { objectOf, textOf } from "../api/fields.ts";
import { EngineError } from "../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import type { KubeClient } from "../kube/kube.ts";
import { callerOf, demand, scopedObject } from "./access/caller.ts";
import { type ApplicationList, findApplication, objectNameOf, textParameter } from "./application-query.ts";
import { bodyObject, jsonBody } from "./body.ts";
import type { TestRepository } from "./repository-routes.ts";
import { findRepository, objectOfRepository, repositoryValues } from "./repository-values.ts";
import { listSecrets } from "./stored-secret.ts";

/** See `controllers/applications/repository-looks.ts`. */
export interface RepositoryLooks {
  refs(
    url: string,
    project: string,
  ): Promise<{ readonly branches: readonly string[]; readonly tags: readonly string[] }>;
  tags(url: string, project: string): Promise<readonly string[]>;
  charts(url: string, project: string): Promise<readonly object[]>;
  apps(url: string, project: string, revision: string): Promise<readonly object[]>;
  details(source: JsonObject, project: string, appName: string): Promise<JsonObject>;
}

export interface RepositoryDetailDeps {
  readonly kube: KubeClient;
  readonly testRepository: TestRepository;
  readonly repositories: RepositoryLooks;
}

/** What `/api/v1/repositories/URL/…` answers for forms (spec argo-cd-surface 6.2). Nothing is stored. */
export function repositoryDetailRoutes(deps: RepositoryDetailDeps, applications: ApplicationList): Router {
  const { kube, repositories: looks, testRepository } = deps;
  const router = Router();
  router.get("/:repo/refs", async (request, response) => {
    const { url, project } = await permitted(request, kube);
    response.json(await looks.refs(url, project));
  });
  router.get("/:repo/oci-tags", async (request, response) => {
    const { url, project } = await permitted(request, kube);
    response.json({ branches: [], tags: await looks.tags(url, project) });
  });
  router.get("/:repo/helmcharts", async (request, response) => {
    const { url, project } = await permitted(request, kube);
    response.json({ items: await looks.charts(url, project) });
  });
  router.get("/:repo/apps", async (request, response) => {
    const { url, project } = await permitted(request, kube);
    response.json({ items: await looks.apps(url, project, textParameter(request, "revision") ?? "") });
  });
  router.post("/:repo/appdetails", ...jsonBody(), async (request, response) => {
    const { source, appName, appProject } = bodyObject(request);
    const name = textOf(appName);
    const { url, project } = await permitted(request, kube, textOf(appProject) || undefined);
    if (name !== "") checkApplication(request, applications, name, project);
    const given = isJsonObject(source) ? source : {};
    if (textOf(given.repoURL) !== "" && textOf(given.repoURL) !== url) {
      throw new EngineError("USAGE", `source.repoURL: "${textOf(given.repoURL)}" must be that of the path, "${url}"`);
    }
    response.json(await looks.details({ ...given, repoURL: url }, project, name));
  });
  router.post("/:repo/validate", ...jsonBody(), async (request, response) => {
    const values = repositoryValues({ ...givenFields(request), repo: String(request.params.repo) });
    demand(callerOf(request), "repositories", "create", objectOfRepository(values));
    const templates = (await listSecrets(kube, "repo-creds")).map((one) => one.values);
    try {
      await testRepository({ values, templates });
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      throw new EngineError("USAGE", `Unable to connect to repository: ${error.message}`, error);
    }
    response.json({});
  });
  return router;
}

/**
 * Who may see a repository may look into it. One that nobody told of is looked into by whoever may make Applications of it:
 * everybody else would have the engine ask any server. @throws EngineError FORBIDDEN
 */
async function permitted(request: Request, kube: KubeClient, project = textParameter(request, "appProject")) {
  const caller = callerOf(request);
  const url = String(request.params.repo);
  const found = findRepository(await listSecrets(kube, "repository"), url, project);
  demand(caller, "repositories", "get", found ? objectOfRepository(found.values) : scopedObject(project, url));
  if (found === undefined) {
    const name = textParameter(request, "appName") ?? "*";
    demand(caller, "applications", "create", `${project ?? "default"}/${name}`);
  }
  return { url, project: project ?? "" };
}

/** As the original: what an Application that is there is made of, only those see who may see it. */
function checkApplication(request: Request, applications: ApplicationList, name: string, project: string): void {
  const found = lookFor(applications, name);
  const object = found === undefined ? `${project || "default"}/${name}` : objectNameOf(found);
  demand(callerOf(request), "applications", found === undefined ? "create" : "get", object);
}

function lookFor(applications: ApplicationList, name: string) {
  try {
    return findApplication(applications, name, undefined);
  } catch (error) {
    if (error instanceof EngineError && error.code === "NOT_FOUND") return undefined;
    throw error;
  }
}

/** Of the query, as the original's clients send them, and of the body, where secrets are better off. */
function givenFields(request: Request): JsonObject {
  const spelled: Readonly<Record<string, string>> = {
    enableOci: "enableOCI",
    insecureOciForceHttp: "insecureOCIForceHttp",
  };
  const query = Object.entries(request.query).map(([name, value]): [string, JsonValue] => {
    const field = Object.hasOwn(spelled, name) ? (spelled[name] ?? name) : name;
    return [field, value === "true" ? true : value === "false" ? false : typeof value === "string" ? value : ""];
  });
  return { ...Object.fromEntries(query), ...objectOf(request.body as JsonValue | undefined) };
}
