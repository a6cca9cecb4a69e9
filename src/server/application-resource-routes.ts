import { type Request, Router } from "express";
import { listOf, objectOf, objectsOf, textOf } from "../api/fields.ts";
import { EngineError } from "../base/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { maskSecrets } from "../gitops/diff/mask.ts";
import { normalizeSecret } from "../gitops/diff/normalize.ts";
import type { KubeClient, PatchType } from "../kube/kube.ts";
import type { KubeObject, ObjectRef } from "../objects/object.ts";
import type { ResourceName } from "../record/records.ts";
import { callerOf } from "./access/caller.ts";
import { demandPart } from "./access/rights.ts";
import { flagOf } from "./application-edit-routes.ts";
import {
  appNamespaceOf,
  findApplication,
  type ObjectQuery,
  objectQueryOf,
  refOf,
  textParameter,
  textParameters,
} from "./application-query.ts";
import type { ApplicationAccess } from "./application-routes.ts";
import { jsonBody } from "./body.ts";
import { selectionOf } from "./field-selection.ts";
import { levelsOf, nodesOf } from "./tree-levels.ts";

/** What is asked of Applications that is not in them; see `controllers/applications/application-looks.ts`. */
export interface ApplicationLooks {
  manifests(
    ref: ResourceName,
    revisions: readonly (string | undefined)[],
  ): Promise<{
    readonly manifests: readonly JsonObject[];
    readonly revisions: readonly string[];
    readonly types: readonly string[];
  }>;
  /** Of the files of an archive (tar, gzip), in place of the source's. */
  manifestsOf(
    ref: ResourceName,
    archive: Buffer,
  ): Promise<{ readonly manifests: readonly JsonObject[]; readonly type: string }>;
  managed(ref: ResourceName): Promise<readonly ShownResource[]>;
  tree(ref: ResourceName): Promise<JsonObject>;
  liveTree(ref: ResourceName): Promise<JsonObject>;
  maskedAnnotations(): readonly string[];
  cluster(ref: ResourceName): KubeClient;
  commit(ref: ResourceName, revision: string, sourceIndex: number): Promise<ShownCommit>;
  /** Of the chart of a source, and of an artifact. */
  chart(ref: ResourceName, revision: string, sourceIndex: number): Promise<JsonObject>;
  artifact(ref: ResourceName, revision: string, sourceIndex: number): Promise<JsonObject>;
  windows(ref: ResourceName): {
    readonly assigned: readonly ShownWindow[];
    readonly active: readonly ShownWindow[];
    readonly canSync: boolean;
  };
}

interface ShownCommit {
  readonly author: string;
  readonly email: string;
  readonly date: string;
  readonly message: string;
  readonly tags: readonly string[];
}

interface ShownWindow {
  readonly kind?: string;
  readonly schedule?: string;
  readonly duration?: string;
  readonly manualSync?: boolean;
}

interface ShownResource {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly isHook: boolean;
  readonly isModified: boolean;
  readonly resourceVersion: string;
  readonly live: JsonObject | null;
  readonly target: JsonObject | null;
  readonly normalizedLive: JsonObject | null;
  readonly predictedLive: JsonObject | null;
}

/** What stands below one Application of `/api/v1/applications` (spec argo-cd-surface 6.2). */
export function applicationResourceRoutes(applications: ApplicationAccess, looks: ApplicationLooks): Router {
  const router = Router();
  const find = (request: Request): KubeObject =>
    findApplication(applications, textOf(request.params.name as JsonValue), appNamespaceOf(request));
  router.get("/:name/manifests", async (request, response) => {
    const found = find(request);
    const { manifests, revisions, types } = await looks.manifests(refOf(found), revisionsIn(request, found));
    response.json({
      ...manifestsJson(manifests, found, looks),
      revision: revisions[0] ?? "",
      sourceType: types[0] ?? "",
    });
  });
  router.get("/:name/managed-resources", async (request, response) => {
    const all = await looks.managed(refOf(find(request)));
    response.json(selectionOf(request)({ items: all.filter(selectorOf(request)).map(managedJson) }));
  });
  router.get("/:name/syncwindows", (request, response) => {
    const { assigned, active, canSync } = looks.windows(refOf(find(request)));
    const shown = (windows: readonly ShownWindow[]) =>
      windows.map(({ kind, schedule, duration, manualSync = false }) => ({ kind, schedule, duration, manualSync }));
    response.json({ activeWindows: shown(active), assignedWindows: shown(assigned), canSync });
  });
  router.get("/:name/resource-tree", async (request, response) => {
    const levels = levelsOf(request);
    const tree = await looks.tree(refOf(find(request)));
    const isWanted = selectorOf(request);
    const nodes = levels === undefined ? objectsOf(tree.nodes) : nodesOf(objectsOf(tree.nodes), levels);
    response.json({ ...tree, nodes: nodes.filter((node) => isWanted(nameIn(node))) });
  });
  router.get("/:name/revisions/:revision/metadata", async (request, response) => {
    const index = sourceIndexIn(request);
    const { author, email, date, message, tags } = await looks.commit(
      refOf(find(request)),
      request.params.revision,
      index,
    );
    const second = date.replace(/\.\d{3}Z$/, "Z"); // as Go writes it, and jq's fromdate reads it
    const by = email === "" ? author : `${author} <${email}>`;
    response.json({ author: by, date: second, ...(tags.length === 0 ? {} : { tags }), message });
  });
  for (const [path, look] of [
    ["chartdetails", looks.chart],
    ["ocimetadata", looks.artifact],
  ] as const) {
    router.get(`/:name/revisions/:revision/${path}`, async (request, response) => {
      response.json(await look(refOf(find(request)), String(request.params.revision), sourceIndexIn(request)));
    });
  }
  liveRoutes(router, find, looks);
  return router;
}

/** What answers of manifests have in common. */
export function manifestsJson(
  manifests: readonly JsonObject[],
  application: KubeObject,
  looks: Pick<ApplicationLooks, "maskedAnnotations">,
): JsonObject {
  const { server, name, namespace } = objectOf(specOf(application).destination);
  return {
    manifests: manifests.map((manifest) => JSON.stringify(shownTarget(manifest, looks.maskedAnnotations()))),
    namespace: textOf(namespace),
    server: textOf(server) || textOf(name),
  };
}

function liveRoutes(router: Router, find: (request: Request) => KubeObject, looks: ApplicationLooks): void {
  const findOwned = async (request: Request, verb: "update" | "delete") => {
    const [application, query] = [find(request), objectQueryOf(request)];
    const part = await findPart(application, query, looks);
    demandPart(callerOf(request), verb, application, { ...query, namespace: part.ref.namespace ?? "" });
    return part;
  };
  router.get("/:name/resource", async (request, response) => {
    const { ref, kube } = await findPart(find(request), objectQueryOf(request), looks);
    response.json({ manifest: JSON.stringify(shownLive(await liveOf(kube, ref), looks.maskedAnnotations())) });
  });
  router.post("/:name/resource", ...jsonBody(), async (request, response) => {
    const { ref, kube } = await findOwned(request, "update");
    const type = patchTypeIn(request);
    const { body } = request as { body: JsonValue };
    const patch = typeof body === "string" ? parsePatch(body) : body;
    const written = await kube.patch(ref, type, patch as JsonObject, { fieldManager: "tiphys" });
    response.json({ manifest: JSON.stringify(shownLive(written, looks.maskedAnnotations())) });
  });
  router.delete("/:name/resource", async (request, response) => {
    const { ref, kube } = await findOwned(request, "delete");
    const orphan = flagOf(request, "orphan", false);
    const propagationPolicy = orphan ? "Orphan" : flagOf(request, "force", false) ? "Background" : "Foreground";
    if (!(await kube.delete(ref, { propagationPolicy }))) throw missing(ref);
    response.json({});
  });
}

/**
 * The object that is asked for, which must be in the Application's tree: nothing else is reached through it. What is in the
 * cluster is enough: the repository may be away.
 */
export async function findPart(application: KubeObject, wanted: ObjectQuery, looks: ApplicationLooks) {
  const { group, kind, namespace, name } = wanted;
  const tree = await looks.liveTree(refOf(application));
  const node = objectsOf(tree.nodes).find((one) => {
    const found = nameIn(one);
    const isSame = found.group === group && found.kind === kind && found.name === name;
    return isSame && (namespace === "" || found.namespace === namespace);
  });
  if (node === undefined) {
    const what = [kind, group, name].filter((text) => text !== "").join(" ");
    throw new EngineError("USAGE", `${what} not found as part of application ${application.metadata.name}`);
  }
  const version = wanted.version || textOf(node.version);
  const ref: ObjectRef = {
    apiVersion: group === "" ? version : `${group}/${version}`,
    kind: textOf(node.kind),
    name: textOf(node.name),
    ...(textOf(node.namespace) === "" ? {} : { namespace: textOf(node.namespace) }),
  };
  return { ref, kube: looks.cluster(refOf(application)) };
}

/** @throws EngineError NOT_FOUND */
export async function liveOf(kube: KubeClient, ref: ObjectRef): Promise<KubeObject> {
  const found = await kube.get(ref);
  if (found !== undefined) return found;
  throw missing(ref);
}

function missing({ kind, name }: ObjectRef): EngineError {
  return new EngineError("NOT_FOUND", `${kind} "${name}" not found`);
}

/** Values of Secrets are never shown, nor those of annotations that are said to be sensitive. */
export function shownLive(object: KubeObject, annotations: readonly string[]): JsonObject {
  const plain = object as unknown as JsonObject;
  if (object.apiVersion !== "v1" || object.kind !== "Secret") return plain;
  return maskSecrets({ target: {}, live: plain }, { annotations }).live;
}

/** Whoever may see an Application may not see what its Secrets hold (spec argo-cd-surface 6.4). */
function shownTarget(manifest: JsonObject, annotations: readonly string[]): JsonObject {
  if (manifest.apiVersion !== "v1" || manifest.kind !== "Secret") return manifest;
  return maskSecrets({ target: normalizeSecret(manifest), live: {} }, { annotations }).target;
}

const patchTypes: readonly PatchType[] = [
  "application/merge-patch+json",
  "application/json-patch+json",
  "application/strategic-merge-patch+json",
];

function patchTypeIn(request: Request): PatchType {
  const text = textParameter(request, "patchType") ?? "application/merge-patch+json";
  const found = patchTypes.find((type) => type === text);
  if (found !== undefined) return found;
  throw new EngineError("USAGE", `patchType: "${text}" must be one of ${patchTypes.join(", ")}`);
}

function parsePatch(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (error) {
    throw new EngineError("USAGE", "patch: must be JSON", error);
  }
}

function sourceIndexIn(request: Request): number {
  const text = textParameter(request, "sourceIndex") ?? "0";
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new EngineError("USAGE", `sourceIndex: "${text}" must be a number from 0 on`);
}

function revisionsIn(request: Request, application: KubeObject): readonly (string | undefined)[] {
  const { sources } = specOf(application);
  const one = textParameter(request, "revision");
  const several = textParameters(request, "revisions");
  if (several.length === 0) return one === undefined ? [] : [one];
  const positions = textParameters(request, "sourcePositions").map(Number);
  if (positions.length !== several.length) {
    throw new EngineError("USAGE", "revisions and sourcePositions must be as many");
  }
  const count = Math.max(1, listOf(sources).length);
  if (positions.some((position) => !(position >= 1 && position <= count))) {
    throw new EngineError("USAGE", `sourcePositions: must be between 1 and ${count}`);
  }
  return Array.from({ length: count }, (_, at) => several[positions.indexOf(at + 1)]);
}

function specOf({ spec }: KubeObject): JsonObject {
  return isJsonObject(spec) ? spec : {};
}

interface Named {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

function nameIn({ group, kind, namespace, name }: JsonObject): Named {
  return { group: textOf(group), kind: textOf(kind), namespace: textOf(namespace), name: textOf(name) };
}

/** By `group`, `kind`, `namespace` and `name` of the query. */
function selectorOf(request: Request): (object: Named) => boolean {
  const wanted = (["group", "kind", "namespace", "name"] as const).flatMap((field) => {
    const text = request.query[field] === undefined ? undefined : textParameter(request, field);
    return text === undefined ? [] : [[field, text] as const];
  });
  return (object) => wanted.every(([field, text]) => object[field] === text);
}

function managedJson({ isHook, isModified, live: now, target, normalizedLive, predictedLive, ...rest }: ShownResource) {
  return {
    ...rest,
    ...(isHook ? { hook: true } : {}),
    modified: isModified,
    liveState: JSON.stringify(now),
    targetState: JSON.stringify(target),
    normalizedLiveState: JSON.stringify(normalizedLive),
    predictedLiveState: JSON.stringify(predictedLive),
  };
}
