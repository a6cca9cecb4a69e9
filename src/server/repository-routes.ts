import { type Request, Router } from "express";
import { textOf } from "../api/fields.ts";
import type { Clock } from "../base/clock.ts";
import { EngineError, messageOf } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import { timeText } from "../gitops/reconcile/timestamps.ts";
import type { KubeClient } from "../kube/kube.ts";
import { callerOf, demand, scopedObject } from "./access/caller.ts";
import { flagOf } from "./application-edit-routes.ts";
import { textParameter } from "./application-query.ts";
import { bodyObject, jsonBody } from "./body.ts";
import {
  findRepository,
  hasCredentials,
  isSameRepository,
  isSameUrl,
  objectOfRepository,
  repositoryJson,
  repositoryValues,
  saysSame,
  templateFor,
} from "./repository-values.ts";
import {
  deleteSecret,
  fnv32a,
  listSecrets,
  type SecretType,
  type StoredSecret,
  type Values,
  writeSecret,
} from "./stored-secret.ts";

/** Asks the server of a repository, in the way its Secret and the templates say; rejects with why it cannot be read. */
export type TestRepository = (repository: {
  readonly values: Values;
  readonly templates: readonly Values[];
}) => Promise<void>;

export interface RepositoryRouteDeps {
  readonly kube: KubeClient;
  readonly testRepository: TestRepository;
}

/** How long the state of a connection counts. */
const keptMs = 60_000;

/** `/api/v1/repositories` (spec argo-cd-surface 6.2). Credentials are not shown. */
export function repositoryRoutes(
  { kube, testRepository }: RepositoryRouteDeps,
  clock: Clock,
  type: SecretType,
): Router {
  const router = Router();
  const states = new Map<string, { readonly state: JsonObject; readonly atMs: number }>();
  const templates: SecretType = type === "repository" ? "repo-creds" : "repo-write-creds";
  const resource = type === "repository" ? "repositories" : "write-repositories";

  async function stateOf(values: Values, creds: readonly StoredSecret[], isForced: boolean): Promise<JsonObject> {
    const key = JSON.stringify([values, templateFor(values.url ?? "", creds)?.values]);
    const known = states.get(key);
    if (known !== undefined && !isForced && clock.monotonicMs() - known.atMs < keptMs) return known.state;
    const state = { ...(await test(values, creds, testRepository)), attemptedAt: timeText(clock.now()) };
    if (states.size > 1_000) states.clear();
    states.set(key, { state, atMs: clock.monotonicMs() });
    return state;
  }
  async function show(
    { values }: StoredSecret,
    creds: readonly StoredSecret[],
    isForced: boolean,
  ): Promise<JsonObject> {
    const inherited = hasCredentials(values) ? undefined : templateFor(values.url ?? "", creds);
    const connectionState = await stateOf(values, creds, isForced);
    return {
      ...repositoryJson(values),
      ...(inherited === undefined ? {} : { inheritedCreds: true, username: inherited.values.username ?? "" }),
      connectionState,
    };
  }
  const find = async (request: Request, action: string): Promise<StoredSecret> => {
    const url = String(request.params.repo);
    const project = textParameter(request, "appProject");
    const found = findRepository(await listSecrets(kube, type), url, project);
    // Who may not see it does not learn that it is there.
    const object = found === undefined ? scopedObject(project, url) : objectOfRepository(found.values);
    demand(callerOf(request), resource, action, object);
    // What belongs to all is read by a project, and not changed in its name.
    const isOwn = action === "get" || project === undefined || (found?.values.project ?? "") === project;
    if (found !== undefined && isOwn) return found;
    throw new EngineError("NOT_FOUND", `repo "${url}" not found`);
  };
  router.get("/", async (request, response) => {
    const [all, creds] = await Promise.all([listSecrets(kube, type), listSecrets(kube, templates)]);
    const isForced = flagOf(request, "forceRefresh", false);
    const wanted = all.filter(wantedBy(request, resource));
    response.json({ metadata: {}, items: await Promise.all(wanted.map((one) => show(one, creds, isForced))) });
  });
  router.get("/:repo", async (request, response) => {
    const creds = await listSecrets(kube, templates);
    response.json(await show(await find(request, "get"), creds, flagOf(request, "forceRefresh", false)));
  });
  router.post("/", ...jsonBody(), async (request, response) => {
    const values = repositoryValues(bodyObject(request));
    const known = (await listSecrets(kube, type)).find((one) => isSameRepository(one.values, values));
    demand(callerOf(request), resource, known === undefined ? "create" : "update", objectOfRepository(values));
    if (known !== undefined && saysSame(known.values, values)) {
      response.json(repositoryJson(values));
      return;
    }
    if (known !== undefined && !flagOf(request, "upsert", false)) throw different();
    await check(kube, values, templates, testRepository);
    const name = `${type === "repository" ? "repo" : "repo-write"}-${fnv32a(values.url ?? "", values.project ?? "")}`;
    await writeSecret(kube, { name, type, values }, known?.object);
    response.json(repositoryJson(values));
  });
  router.put("/:repo", ...jsonBody(), async (request, response) => {
    const known = await find(request, "update");
    const values = edited(known.values, sameUrl(known.values, bodyObject(request)));
    demand(callerOf(request), resource, "update", objectOfRepository(values));
    await check(kube, values, templates, testRepository);
    await writeSecret(kube, { name: "", type, values }, known.object);
    response.json(repositoryJson(values));
  });
  router.delete("/:repo", async (request, response) => {
    await deleteSecret(kube, (await find(request, "delete")).object);
    response.json({});
  });
  return router;
}

function different(): EngineError {
  return new EngineError("USAGE", "existing repository spec is different; use upsert flag to force update");
}

/** Of those that the caller may see. */
function wantedBy(request: Request, resource: string): (repository: StoredSecret) => boolean {
  const [repo, project] = [textParameter(request, "repo"), textParameter(request, "appProject")];
  return ({ values }) =>
    (repo === undefined || isSameUrl(values.url ?? "", repo)) &&
    (project === undefined || values.project === project) &&
    callerOf(request).may(resource, "get", objectOfRepository(values));
}

/** @throws EngineError USAGE for another URL: that would be another repository */
function sameUrl({ url = "" }: Values, body: JsonObject): JsonObject {
  const repo = textOf(body.repo);
  if (repo === "" || isSameUrl(repo, url)) return body;
  throw new EngineError("USAGE", `repo: "${repo}" must be "${url}", as in the path: add the other as a new repository`);
}

/** The URL stays: what is stored must not be tried on another server. */
function edited(known: Values, body: JsonObject): Values {
  return { ...known, ...repositoryValues({ ...body, repo: known.url ?? "" }) };
}

async function check(
  kube: KubeClient,
  values: Values,
  templates: SecretType,
  testRepository: TestRepository,
): Promise<void> {
  const { status, message } = await test(values, await listSecrets(kube, templates), testRepository);
  if (status === "Failed") throw new EngineError("USAGE", textOf(message));
}

async function test(
  values: Values,
  templates: readonly StoredSecret[],
  testRepository: TestRepository,
): Promise<JsonObject> {
  try {
    await testRepository({ values, templates: templates.map((one) => one.values) });
    return { status: "Successful", message: "" };
  } catch (error) {
    return { status: "Failed", message: `Unable to connect to repository: ${messageOf(error)}` };
  }
}
