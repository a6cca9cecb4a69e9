import { Router } from "express";
import { parseAppProject } from "../api/app-project.ts";
import { projectProblems } from "../api/app-project-rules.ts";
import { parseApplication } from "../api/application.ts";
import type { Application, AppProject } from "../api/application-types.ts";
import { objectOf, textOf } from "../api/fields.ts";
import { argoApiVersion } from "../api/resources.ts";
import type { Clock } from "../base/clock.ts";
import { EngineError } from "../base/errors.ts";
import { isJsonObject, type JsonValue } from "../base/json.ts";
import { formatProblems } from "../base/schema.ts";
import { checkDestination } from "../gitops/project/destination-check.ts";
import { defaultProject } from "../gitops/project/project.ts";
import { checkSource } from "../gitops/project/source-check.ts";
import type { KubeClient } from "../kube/kube.ts";
import type { KubeObject, ObjectRef } from "../objects/object.ts";
import { callerOf, demand } from "./access/caller.ts";
import { isRead } from "./access/identify.ts";
import {
  type ApplicationList,
  byName,
  controllerNamespace,
  projectOf,
  shown,
  textParameter,
} from "./application-query.ts";
import { bodyObject, jsonBody } from "./body.ts";
import { projectLinkRoutes } from "./link-routes.ts";
import { projectDetailRoutes } from "./project-detail-routes.ts";
import { demandProjectChange } from "./project-rights.ts";

const kind = { apiVersion: argoApiVersion, kind: "AppProject" };

/** `/api/v1/projects` (spec argo-cd-surface 6.2, 2.11). */
export function projectRoutes(kube: KubeClient, applications: ApplicationList, clock: Clock): Router {
  const router = Router();
  router.get("/", async (request, response) => {
    const { items, resourceVersion } = await kube.list(kind, { namespace: controllerNamespace });
    const name = textParameter(request, "name");
    const all = items.some((one) => one.metadata.name === "default") ? items : [...items, fallback()];
    const caller = callerOf(request);
    const found = all
      .filter((one) => name === undefined || one.metadata.name === name)
      .filter((one) => caller.may("projects", "get", one.metadata.name ?? ""))
      .toSorted(byName);
    response.json({ metadata: { resourceVersion }, items: found.map(shown) });
  });
  router.use("/:name", (request, _, next) => {
    // Changes have rights of their own; what only shows needs this one.
    if (isRead(request)) demand(callerOf(request), "projects", "get", String(request.params.name));
    next();
  });
  router.get("/:name", async (request, response) => void response.json(shown(await read(kube, request.params.name))));
  router.post("/", ...jsonBody(), async (request, response) => {
    const { project, upsert } = bodyObject(request);
    const wanted = projectIn(project);
    const name = wanted.metadata.name ?? "";
    const caller = callerOf(request);
    demand(caller, "projects", "create", name);
    const now = await kube.get(refOf(name));
    if (now === undefined) {
      response.json(shown(await kube.create(wanted, { fieldManager: "tiphys" })));
      return;
    }
    const isSame = JSON.stringify(now.spec) === JSON.stringify(wanted.spec);
    if (!isSame && upsert !== true) {
      throw new EngineError("USAGE", "existing project spec is different, use upsert flag to force update");
    }
    if (!isSame) await demandProjectChange(caller, now, wanted, kube);
    response.json(shown(isSame ? now : await update(kube, now, wanted, applications)));
  });
  router.put("/:name", ...jsonBody(), async (request, response) => {
    const wanted = projectIn(bodyObject(request).project);
    if (wanted.metadata.name !== request.params.name) {
      throw new EngineError("USAGE", "project.metadata.name: must be that of the path");
    }
    const caller = callerOf(request);
    demand(caller, "projects", "update", String(request.params.name));
    const now = await kube.get(refOf(request.params.name ?? ""));
    await demandProjectChange(caller, now ?? fallback(), wanted, kube);
    const written =
      now === undefined && request.params.name === "default"
        ? await kube.create(wanted, { fieldManager: "tiphys" })
        : await update(kube, await read(kube, request.params.name ?? ""), wanted, applications);
    response.json(shown(written));
  });
  router.delete("/:name", async (request, response) => {
    demand(callerOf(request), "projects", "delete", request.params.name);
    await remove(kube, request.params.name, applications);
    response.json({});
  });
  router.get("/:name/events", async (request, response) => {
    const { metadata } = await read(kube, request.params.name);
    const options = { namespace: controllerNamespace };
    const { items, resourceVersion } = await kube.list({ apiVersion: "v1", kind: "Event" }, options);
    const isOf = ({ involvedObject }: KubeObject): boolean => {
      const about = objectOf(involvedObject as JsonValue | undefined);
      return about.kind === "AppProject" && about.name === metadata.name;
    };
    response.json({ kind: "EventList", apiVersion: "v1", metadata: { resourceVersion }, items: items.filter(isOf) });
  });
  const readProject = (name: string): Promise<KubeObject> => read(kube, name);
  router.use(projectDetailRoutes(kube, readProject, clock), projectLinkRoutes(kube, readProject));
  return router;
}

function refOf(name: string): ObjectRef {
  return { ...kind, namespace: controllerNamespace, name };
}

async function read(kube: KubeClient, name: string): Promise<KubeObject> {
  const found = await kube.get(refOf(name));
  if (found !== undefined) return found;
  if (name === "default") return fallback();
  throw new EngineError("NOT_FOUND", `appprojects.argoproj.io "${name}" not found`);
}

/** The one that is there when nobody made it. */
function fallback(): KubeObject {
  return { ...kind, metadata: { name: "default", namespace: controllerNamespace }, spec: defaultProject("").spec };
}

/** @throws EngineError USAGE with every problem */
function projectIn(value: JsonValue | undefined): KubeObject {
  const { metadata, spec } = objectOf(value);
  const given = objectOf(metadata);
  if (textOf(given.name) === "") throw new EngineError("USAGE", "project.metadata.name: must be given");
  const project = {
    ...kind,
    metadata: { ...given, namespace: controllerNamespace } as KubeObject["metadata"],
    spec: isJsonObject(spec) ? spec : {},
  };
  const parsed = parse(project);
  const problems = projectProblems(parsed.metadata, objectOf(spec));
  if (problems.length > 0) throw new EngineError("USAGE", formatProblems(problems));
  return project;
}

function parse(project: KubeObject): AppProject {
  try {
    return parseAppProject(project).resource;
  } catch (error) {
    throw error instanceof EngineError ? new EngineError("USAGE", error.message, error) : error;
  }
}

async function update(kube: KubeClient, now: KubeObject, wanted: KubeObject, applications: ApplicationList) {
  checkApplications(parse(now), parse(wanted), applications);
  const { labels = now.metadata.labels ?? {}, annotations = now.metadata.annotations ?? {} } = wanted.metadata;
  const { finalizers = now.metadata.finalizers ?? [] } = wanted.metadata;
  const metadata = { ...now.metadata, labels, annotations, finalizers };
  return kube.update({ ...now, metadata, spec: wanted.spec }, { fieldManager: "tiphys" });
}

/** An update may not take away what Applications use. @throws EngineError USAGE that names them */
function checkApplications(before: AppProject, after: AppProject, applications: ApplicationList): void {
  const broken = applications.list().flatMap((object) => {
    const application = tryParse(object);
    if (application === undefined || projectOf(object.spec) !== after.metadata.name) return [];
    return isPermitted(before, application) && !isPermitted(after, application) ? [object.metadata.name ?? ""] : [];
  });
  if (broken.length === 0) return;
  const names = broken.toSorted().join(", ");
  throw new EngineError(
    "USAGE",
    `as a result of project update ${broken.length} applications are not permitted any more: ${names}`,
  );
}

function tryParse(object: KubeObject): Application | undefined {
  try {
    return parseApplication(object).resource;
  } catch (error) {
    if (error instanceof EngineError) return undefined; // it does not work in any project
    throw error;
  }
}

function isPermitted(project: AppProject, { sources, destination }: Application): boolean {
  const { server = "", name = "", namespace = "" } = destination;
  if (sources.some(({ repoURL }) => !checkSource(project, repoURL).permitted)) return false;
  return checkDestination(project, { server, name }, namespace).permitted;
}

async function remove(kube: KubeClient, name: string, applications: ApplicationList): Promise<void> {
  if (name === "default") throw new EngineError("USAGE", `name "default" is reserved and cannot be deleted`);
  await read(kube, name);
  const users = applications.list().filter(({ spec }) => projectOf(spec) === name).length;
  if (users > 0) throw new EngineError("USAGE", `project is referenced by ${users} applications`);
  await kube.delete(refOf(name));
}
