import { type Request, Router } from "express";
import { listOf, objectOf, textOf } from "../api/fields.ts";
import type { Clock } from "../base/clock.ts";
import { EngineError, messageOf } from "../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { timeText } from "../gitops/reconcile/timestamps.ts";
import type { KubeClient } from "../kube/kube.ts";
import type { KubeObject } from "../objects/object.ts";
import { callerOf, demand, scopedObject } from "./access/caller.ts";
import { flagOf } from "./application-edit-routes.ts";
import { type ApplicationList, textParameter, textParameters } from "./application-query.ts";
import { bodyObject, jsonBody } from "./body.ts";
import { changedCluster } from "./cluster-change.ts";
import { makeToken } from "./cluster-token.ts";
import { deleteSecret, fnv32a, listSecrets, ownLabels, type StoredSecret, writeSecret } from "./stored-secret.ts";

/** A cluster that Applications can name now. */
export interface ConnectedCluster {
  readonly server: string;
  readonly name: string;
  readonly kube: KubeClient;
  /** What is watched there. */
  readonly live: { size(): { readonly kinds: number; readonly objects: number } };
  /** What it says of itself. */
  readonly versions?: (signal: AbortSignal) => Promise<{
    readonly kubeVersion: string;
    readonly apiVersions: readonly string[];
  }>;
}

export interface ClusterRouteDeps {
  readonly kube: KubeClient;
  clusters(): readonly ConnectedCluster[];
}

const inCluster = "https://kubernetes.default.svc";
const testTimeoutMs = 5_000;
/** A newer one has what is known of the cluster read anew (spec argo-cd-engine 6.1). */
const refreshAnnotation = "argocd.argoproj.io/refresh";

/** `/api/v1/clusters` (spec argo-cd-surface 6.2, 9.6): Secrets, and the cluster of the engine. Credentials are not shown. */
export function clusterRoutes(deps: ClusterRouteDeps, applications: ApplicationList, clock: Clock): Router {
  const { kube } = deps;
  const router = Router();
  const show = async (cluster: JsonObject): Promise<JsonObject> => ({
    ...cluster,
    info: await infoOf(cluster, deps, applications, clock),
  });
  router.get("/", async (request, response) => {
    const [server, name] = [textParameter(request, "server"), textParameter(request, "name")];
    const caller = callerOf(request);
    const wanted = (await all(kube))
      .filter(
        ({ json }) => (server === undefined || json.server === server) && (name === undefined || json.name === name),
      )
      .filter(({ json }) => caller.may("clusters", "get", objectOfCluster(json)));
    response.json({ metadata: {}, items: await Promise.all(wanted.map(({ json }) => show(json))) });
  });
  router.get(
    "/:id",
    async (request, response) => void response.json(await show((await find(kube, request, "get")).json)),
  );
  router.post("/", ...jsonBody(), async (request, response) => {
    const wanted = bodyObject(request);
    const known = (await all(kube)).find(({ json }) => json.server === wanted.server);
    demand(callerOf(request), "clusters", "create", objectOfCluster(wanted));
    if (known?.stored !== undefined) demand(callerOf(request), "clusters", "update", objectOfCluster(known.json));
    if (known?.stored !== undefined && !flagOf(request, "upsert", false)) {
      throw new EngineError("USAGE", "existing cluster spec is different; use upsert flag to force update");
    }
    await write(kube, wanted, known?.stored);
    response.json(await show(clusterJson(wanted, valuesFrom(wanted))));
  });
  router.put("/:id", ...jsonBody(), async (request, response) => {
    const found = await find(kube, request, "update");
    const now = { ...found.json, ...(found.stored && { config: configIn(found.stored.values.config) }) };
    const merged = changedCluster(now, bodyObject(request), textParameters(request, "updatedFields"));
    demand(callerOf(request), "clusters", "update", objectOfCluster(merged));
    await write(kube, merged, found.stored);
    response.json(await show(clusterJson(merged, valuesFrom(merged))));
  });
  router.post("/:id/invalidate-cache", ...jsonBody(), async (request, response) => {
    const { stored, json } = await find(kube, request, "update");
    if (stored === undefined) throw ownCluster(json);
    const { labels, annotations } = ownLabels(stored.object);
    const more = { labels, annotations: { ...annotations, [refreshAnnotation]: timeText(clock.now()) } };
    await writeSecret(kube, { name: "", type: "cluster", values: stored.values, ...more }, stored.object);
    response.json(await show(json));
  });
  router.post("/:id/rotate-auth", ...jsonBody(), async (request, response) => {
    const { stored, json } = await find(kube, request, "update");
    if (stored === undefined) throw ownCluster(json);
    await rotateAuth(stored, deps);
    response.json({});
  });
  router.delete("/:id", async (request, response) => {
    const { stored, json } = await find(kube, request, "delete");
    if (stored === undefined) throw ownCluster(json);
    await deleteSecret(kube, stored.object);
    response.json({});
  });
  return router;
}

function ownCluster({ server }: JsonObject): EngineError {
  return new EngineError("USAGE", `the cluster ${textOf(server)} is the engine's own`);
}

/** Another token for the service account, in place of the one that is stored. */
async function rotateAuth({ object, values }: StoredSecret, { kube, clusters }: ClusterRouteDeps): Promise<void> {
  const connected = clusters().find(({ server }) => server === values.server);
  if (connected === undefined) throw new EngineError("USAGE", notConnected.state.message);
  const config = configIn(values.config);
  const { token, forgetOld } = await makeToken(connected.kube, textOf(config.bearerToken));
  const renewed = { ...values, config: JSON.stringify({ ...config, bearerToken: token }) };
  await writeSecret(kube, { name: "", type: "cluster", values: renewed, ...ownLabels(object) }, object);
  await forgetOld();
}

function objectOfCluster({ server, project }: JsonObject): string {
  return scopedObject(textOf(project), textOf(server));
}

interface Found {
  readonly json: JsonObject;
  readonly stored: StoredSecret | undefined;
}

/** All of them, without credentials. */
export async function listClusters(kube: KubeClient): Promise<readonly JsonObject[]> {
  return (await all(kube)).map(({ json }) => json);
}

async function all(kube: KubeClient): Promise<readonly Found[]> {
  const stored = await listSecrets(kube, "cluster");
  const found = stored.map((one): Found => ({ stored: one, json: clusterJson(ownLabels(one.object), one.values) }));
  const hasOwn = found.some(({ json }) => json.server === inCluster);
  const own = { server: inCluster, name: "in-cluster", config: { tlsClientConfig: { insecure: false } } };
  return hasOwn ? found : [{ stored: undefined, json: own }, ...found];
}

/** By server, or by name where `id.type` says so; a text without `://` is a name, too. */
async function find(kube: KubeClient, request: Request, action: string): Promise<Found> {
  const id = String(request.params.id);
  const type = textParameter(request, "id.type") ?? (id.includes("://") ? "server" : "name");
  const isName = type === "name" || type === "name_escaped";
  const text = type === "name_escaped" ? decodeURIComponent(id) : id;
  const found = (await all(kube)).find(({ json }) => (isName ? json.name : json.server) === text);
  // Who may not see it does not learn that it is there.
  demand(callerOf(request), "clusters", action, found === undefined ? text : objectOfCluster(found.json));
  if (found !== undefined) return found;
  throw new EngineError("NOT_FOUND", `cluster "${text}" not found`);
}

/** Of a Secret's values; the credentials in `config` are left out. */
function clusterJson({ labels, annotations }: JsonObject, values: Readonly<Record<string, string>>): JsonObject {
  const { server = "", name = "", namespaces = "", clusterResources, shard, project } = values;
  const { tlsClientConfig } = configIn(values.config);
  const { insecure = false, serverName } = objectOf(tlsClientConfig);
  const list = namespaces.split(",").flatMap((one) => one.trim() || []);
  return {
    server,
    name: name || server,
    config: { tlsClientConfig: { insecure, ...(serverName === undefined ? {} : { serverName }) } },
    ...(list.length === 0 ? {} : { namespaces: list }),
    ...(clusterResources === "true" ? { clusterResources: true } : {}),
    ...(shard === undefined || shard === "" ? {} : { shard: Number(shard) }),
    ...(project ? { project } : {}),
    ...(isJsonObject(labels) && Object.keys(labels).length > 0 ? { labels } : {}),
    ...(isJsonObject(annotations) && Object.keys(annotations).length > 0 ? { annotations } : {}),
  };
}

function configIn(text: string | undefined): JsonObject {
  try {
    const value: unknown = JSON.parse(text ?? "{}");
    return isJsonObject(value) ? value : {};
  } catch {
    return {}; // what is wrong with it is told where it is used
  }
}

function valuesFrom(cluster: JsonObject): Record<string, string> {
  const { server, name, namespaces, clusterResources, shard, project, config } = cluster;
  return {
    server: textOf(server),
    name: textOf(name),
    namespaces: listOf(namespaces).map(textOf).join(","),
    clusterResources: clusterResources === true ? "true" : "",
    shard: typeof shard === "number" ? String(shard) : "",
    project: textOf(project),
    config: JSON.stringify(objectOf(config)),
  };
}

async function write(kube: KubeClient, cluster: JsonObject, known: StoredSecret | undefined): Promise<void> {
  const values = valuesFrom(cluster);
  const url = URL.parse(values.server ?? "");
  if (url === null || !["http:", "https:"].includes(url.protocol)) {
    throw new EngineError("USAGE", `server: "${values.server}" must be a URL such as https://10.0.0.1:6443`);
  }
  const name = `cluster-${url.hostname.toLowerCase().replace(/[^a-z0-9.-]/g, "-")}-${fnv32a(values.server ?? "")}`;
  const given = { labels: textsIn(cluster.labels), annotations: textsIn(cluster.annotations) };
  await writeSecret(kube, { name, type: "cluster", values, ...given }, known?.object);
}

function textsIn(value: JsonValue | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(objectOf(value)).map(([key, text]) => [key, textOf(text)]));
}

async function infoOf(
  { server, name }: JsonObject,
  { clusters }: ClusterRouteDeps,
  applications: ApplicationList,
  clock: Clock,
): Promise<JsonObject> {
  const connected = clusters().find((one) => one.server === server);
  const told = connected === undefined ? notConnected : await askCluster(connected);
  const isHere = ({ spec }: KubeObject): boolean => {
    const { destination } = isJsonObject(spec) ? spec : {};
    const { server: byServer, name: byName } = objectOf(destination);
    return textOf(byServer) === "" ? textOf(byName) === textOf(name) : byServer === server;
  };
  const { state, ...more } = told;
  const size = connected?.live.size();
  return {
    connectionState: { ...state, attemptedAt: timeText(clock.now()) },
    ...more,
    applicationsCount: applications.list().filter(isHere).length,
    ...(size && { cacheInfo: { resourcesCount: size.objects, apisCount: size.kinds } }),
  };
}

const notConnected = { state: { status: "Unknown", message: "this engine is not connected to it" } };

/** Whether it answers, and takes us for somebody: a version is told to strangers, too. */
async function askCluster({ kube, versions }: ConnectedCluster) {
  const signal = AbortSignal.timeout(testTimeoutMs);
  const resourceAttributes = { verb: "list", resource: "pods" };
  const question = { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview", metadata: {} };
  try {
    await kube.create({ ...question, spec: { resourceAttributes } } as KubeObject, {}, signal);
    const told = await versions?.(signal);
    const state = { status: "Successful", message: "" };
    return told ? { state, serverVersion: told.kubeVersion, apiVersions: [...told.apiVersions] } : { state };
  } catch (error) {
    return { state: { status: "Failed", message: messageOf(error) } };
  }
}
