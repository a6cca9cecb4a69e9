import { type Request, Router } from "express";
import { textOf } from "../api/fields.ts";
import { type Clock, isoTime } from "../base/clock.ts";
import { EngineError, messageOf } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import { normaliseRepositoryUrl } from "../gitops/source/repository-url.ts";
import type { KubeClient } from "../kube/kube.ts";
import { callerOf, demand, scopedObject } from "./access/caller.ts";
import { flagOf } from "./application-edit-routes.ts";
import { textParameter } from "./application-query.ts";
import { bodyObject, jsonBody } from "./body.ts";
import {
  deleteSecret,
  fnv32a,
  listSecrets,
  type SecretType,
  type StoredSecret,
  type Values,
  writeSecret,
} from "./stored-secret.ts";

/** Asks the server of a repository; rejects with why it cannot be read. */
export type TestRepository = (repository: {
  readonly url: string;
  readonly type: string;
  readonly username: string;
  readonly password: string;
}) => Promise<void>;

export interface RepositoryRouteDeps {
  readonly kube: KubeClient;
  readonly testRepository: TestRepository;
}

/** Fields of the API that a Secret has under the same name (spec argo-cd-surface 9.6); `true` and `false` are texts there. */
const texts = [
  "name",
  "type",
  "project",
  "proxy",
  "noProxy",
  "githubAppEnterpriseBaseUrl",
  "githubAppID",
  "githubAppInstallationID",
  "azureServicePrincipalClientId",
  "azureServicePrincipalTenantId",
  "azureActiveDirectoryEndpoint",
];
const flags = [
  "insecure",
  "enableLfs",
  "enableOCI",
  "insecureOCIForceHttp",
  "forceHttpBasicAuth",
  "useAzureWorkloadIdentity",
];
const numbers = ["depth"];
/** Never shown. */
const secrets = [
  ...["username", "password", "bearerToken", "sshPrivateKey", "tlsClientCertData", "tlsClientCertKey"],
  ...["githubAppPrivateKey", "gcpServiceAccountKey", "azureServicePrincipalClientSecret"],
];

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

  async function stateOf(values: Values, isForced: boolean): Promise<JsonObject> {
    const key = JSON.stringify(values);
    const known = states.get(key);
    if (known !== undefined && !isForced && clock.monotonicMs() - known.atMs < keptMs) return known.state;
    const state = { ...(await test(values, testRepository)), attemptedAt: isoTime(clock.now()) };
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
    const connectionState = await stateOf({ ...inherited?.values, ...values }, isForced);
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
    if (found !== undefined) return found;
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
    const values = valuesIn(bodyObject(request));
    const known = (await listSecrets(kube, type)).find((one) => isSame(one.values, values));
    demand(callerOf(request), resource, known === undefined ? "create" : "update", objectOfRepository(values));
    if (known !== undefined && !flagOf(request, "upsert", false)) {
      throw new EngineError("USAGE", "existing repository spec is different; use upsert flag to force update");
    }
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
  return { ...known, ...valuesIn({ ...body, repo: known.url ?? "" }) };
}

/** `/api/v1/repocreds`: credentials of all repositories whose URL begins with `url`. */
export function repositoryCredentialRoutes(kube: KubeClient, type: "repo-creds" | "repo-write-creds"): Router {
  const router = Router();
  const resource = type === "repo-creds" ? "repositories" : "write-repositories";
  const find = async (request: Request, action: string): Promise<StoredSecret> => {
    const url = String(request.params.url);
    demand(callerOf(request), resource, action, url);
    const found = (await listSecrets(kube, type)).find(({ values }) => values.url === url);
    if (found !== undefined) return found;
    throw new EngineError("NOT_FOUND", `credentials template "${url}" not found`);
  };
  router.get("/", async (request, response) => {
    const caller = callerOf(request);
    const shown = (await listSecrets(kube, type)).filter(({ values }) => caller.may(resource, "get", values.url ?? ""));
    response.json({ metadata: {}, items: shown.map(({ values }) => credentialsJson(values)) });
  });
  router.post("/", ...jsonBody(), async (request, response) => {
    const values = valuesIn({ ...bodyObject(request), repo: textOf(bodyObject(request).url) });
    const known = (await listSecrets(kube, type)).find((one) => one.values.url === values.url);
    demand(callerOf(request), resource, known === undefined ? "create" : "update", values.url ?? "");
    if (known !== undefined && !flagOf(request, "upsert", false)) {
      throw new EngineError(
        "USAGE",
        "existing repository credentials spec is different; use upsert flag to force update",
      );
    }
    const name = `${type === "repo-creds" ? "creds" : "creds-write"}-${fnv32a(values.url ?? "")}`;
    await writeSecret(kube, { name, type, values }, known?.object);
    response.json(credentialsJson(values));
  });
  router.put("/:url", ...jsonBody(), async (request, response) => {
    const known = await find(request, "update");
    const values = edited(known.values, bodyObject(request));
    await writeSecret(kube, { name: "", type, values }, known.object);
    response.json(credentialsJson(values));
  });
  router.delete("/:url", async (request, response) => {
    await deleteSecret(kube, (await find(request, "delete")).object);
    response.json({});
  });
  return router;
}

/** The project's own goes before one without a project (spec argo-cd-surface 2.12). */
function findRepository(
  all: readonly StoredSecret[],
  url: string,
  project: string | undefined,
): StoredSecret | undefined {
  const same = all.filter(({ values }) => isSameUrl(values.url ?? "", url));
  const own = same.find(({ values }) => (values.project ?? "") === (project ?? ""));
  return own ?? (project === undefined ? same[0] : undefined);
}

function objectOfRepository({ project, url = "" }: Values): string {
  return scopedObject(project, url);
}

function isSame(a: Values, b: Values): boolean {
  return isSameUrl(a.url ?? "", b.url ?? "") && (a.project ?? "") === (b.project ?? "");
}

function isSameUrl(a: string, b: string): boolean {
  return normaliseRepositoryUrl(a) === normaliseRepositoryUrl(b);
}

/** The one with the longest prefix. */
function templateFor(url: string, all: readonly StoredSecret[]): StoredSecret | undefined {
  const fitting = all.filter(({ values }) => values.url && url.startsWith(values.url));
  return fitting.toSorted((a, b) => (b.values.url ?? "").length - (a.values.url ?? "").length)[0];
}

function hasCredentials(values: Values): boolean {
  return secrets.some((key) => (values[key] ?? "") !== "");
}

function repositoryJson(values: Values): JsonObject {
  return {
    repo: values.url ?? "",
    type: values.type || "git",
    ...picked(values, texts, (text) => text),
    ...picked(values, flags, (text) => text === "true"),
    ...picked(values, numbers, Number),
    ...(hasCredentials(values) ? { username: values.username ?? "", hasCredentials: true } : {}),
  };
}

function credentialsJson(values: Values): JsonObject {
  return {
    url: values.url ?? "",
    username: values.username ?? "",
    ...picked(values, ["type", "proxy"], (text) => text),
    hasSshKey: (values.sshPrivateKey ?? "") !== "",
    hasTlsKey: (values.tlsClientCertKey ?? "") !== "",
  };
}

function picked(
  values: Values,
  names: readonly string[],
  read: (text: string) => string | boolean | number,
): JsonObject {
  return Object.fromEntries(names.flatMap((name) => (values[name] ? [[name, read(values[name])] as const] : [])));
}

/** @throws EngineError USAGE without a URL */
function valuesIn(body: JsonObject): Values {
  const url = textOf(body.repo).trim();
  if (url === "") throw new EngineError("USAGE", "repo: must be given");
  const names = [...texts, ...flags, ...numbers, ...secrets];
  const given = names.flatMap((name) => {
    const value = body[name];
    const isFine = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
    return isFine && value !== "" && value !== false ? [[name, String(value)] as const] : [];
  });
  return { url, ...Object.fromEntries(given) };
}

async function check(
  kube: KubeClient,
  values: Values,
  templates: SecretType,
  testRepository: TestRepository,
): Promise<void> {
  const inherited = hasCredentials(values)
    ? undefined
    : templateFor(values.url ?? "", await listSecrets(kube, templates));
  const { status, message } = await test({ ...inherited?.values, ...values }, testRepository);
  if (status === "Failed") throw new EngineError("USAGE", textOf(message));
}

async function test(values: Values, testRepository: TestRepository): Promise<JsonObject> {
  const { url = "", type = "git", username = "", password = "" } = values;
  if (type !== "git" && type !== "")
    return { status: "Unknown", message: `repositories of type ${type} are not tested` };
  try {
    await testRepository({ url, type, username, password: password || (values.bearerToken ?? "") });
    return { status: "Successful", message: "" };
  } catch (error) {
    return { status: "Failed", message: `Unable to connect to repository: ${messageOf(error)}` };
  }
}
