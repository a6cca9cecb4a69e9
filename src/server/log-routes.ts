import { type Request, type Response, Router } from "express";
import { objectsOf, textOf } from "../api/fields.ts";
import { EngineError, messageOf } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import type { KubeClient, LogQuery } from "../kube/kube.ts";
import { flagOf } from "./application-edit-routes.ts";
import { type ApplicationList, appNamespaceOf, findApplication, refOf, textParameter } from "./application-query.ts";
import type { ApplicationLooks } from "./application-resource-routes.ts";
import { whenGone } from "./gone.ts";
import { type LogLine, logFilter, logLineOf, mergeLogs } from "./log-lines.ts";
import { numberOf } from "./questions.ts";

/** As the original's `server.maxPodLogsToRender`. */
const maxPods = 10;
/** A reader that is so far behind is let go. */
const maxBehindBytes = 16 * 1024 * 1024;

/** `/api/v1/applications/{name}/logs` and `…/pods/{podName}/logs` (spec argo-cd-surface 6.2): lines of JSON. */
export function logRoutes(applications: ApplicationList, looks: ApplicationLooks): Router {
  const router = Router();
  const serve = async (request: Request, response: Response, podName: string): Promise<void> => {
    const found = findApplication(applications, textOf(request.params.name as never), appNamespaceOf(request));
    const pods = podsIn(await looks.tree(refOf(found)), {
      ...queryOf(request),
      ...(podName === "" ? {} : { kind: "Pod", group: "", name: podName }),
    });
    if (podName !== "" && pods.length === 0) throw new EngineError("NOT_FOUND", `Pod "${podName}" not found`);
    if (pods.length > maxPods) {
      throw new EngineError("USAGE", "Max pods to view logs are reached. Please provide more granular query");
    }
    await send(request, response, pods, looks.cluster(refOf(found)));
  };
  router.get("/:name/logs", (request, response) => serve(request, response, textParameter(request, "podName") ?? ""));
  router.get("/:name/pods/:podName/logs", (request, response) => serve(request, response, request.params.podName));
  return router;
}

interface Pod {
  readonly namespace: string;
  readonly name: string;
}

type NodeQuery = Readonly<Record<"group" | "kind" | "namespace" | "name", string>>;

function queryOf(request: Request): NodeQuery {
  const text = (name: string): string => textParameter(request, name) ?? "";
  return { group: text("group"), kind: text("kind"), namespace: text("namespace"), name: text("resourceName") };
}

/** The Pods among the nodes that are asked for, and below them; the newest first. */
function podsIn(tree: JsonObject, wanted: NodeQuery): readonly Pod[] {
  const nodes = objectsOf(tree.nodes);
  const parentsOf = new Map(
    nodes.map((node) => [textOf(node.uid), objectsOf(node.parentRefs).map((one) => textOf(one.uid))]),
  );
  const selected = new Set(nodes.filter((node) => isWanted(node, wanted)).map((node) => textOf(node.uid)));
  const isBelow = (uid: string, depth = 0): boolean =>
    selected.has(uid) || (depth < 20 && (parentsOf.get(uid) ?? []).some((parent) => isBelow(parent, depth + 1)));
  return nodes
    .filter((node) => textOf(node.kind) === "Pod" && textOf(node.group) === "" && isBelow(textOf(node.uid)))
    .toSorted((a, b) => (textOf(a.createdAt) < textOf(b.createdAt) ? 1 : -1))
    .map((node) => ({ namespace: textOf(node.namespace), name: textOf(node.name) }));
}

/** The core's group is written "", which an absent one is, too: a kind says which is meant. */
function isWanted(node: JsonObject, { group, kind, namespace, name }: NodeQuery): boolean {
  const isGroup = group === "" ? kind !== "Pod" || textOf(node.group) === "" : textOf(node.group) === group;
  const isSame = (wanted: string, found: unknown): boolean => wanted === "" || wanted === found;
  return isGroup && isSame(kind, node.kind) && isSame(namespace, node.namespace) && isSame(name, node.name);
}

async function send(request: Request, response: Response, pods: readonly Pod[], kube: KubeClient): Promise<void> {
  const query = logQueryOf(request);
  const passes = logFilter(textParameter(request, "filter") ?? "", flagOf(request, "matchCase", false));
  const until = Date.parse(textParameter(request, "untilTime") ?? "");
  const gone = whenGone(response);
  const read = (pod: Pod) => readPod(pod, query, kube, gone);
  const write = (value: object): void => {
    if (!response.headersSent) response.status(200).type("application/json").set("cache-control", "no-cache");
    response.write(`${JSON.stringify(value)}\n`);
    if (response.writableLength > maxBehindBytes) response.destroy();
  };
  const line = (one: LogLine): boolean => {
    if (!Number.isNaN(until) && Date.parse(one.time) > until) return false;
    if (passes(one.content)) write({ result: shown(one, false) });
    return true;
  };
  try {
    if (query.follow === true) await Promise.all(pods.map(async (pod) => each(read(pod), line)));
    else await each(mergeLogs(pods.map(read)), line);
    write({ result: shown({ content: "", time: "", pod: "" }, true) });
  } catch (error) {
    if (gone.aborted) return;
    if (!response.headersSent) throw error;
    write({ error: { message: messageOf(error), grpc_code: 13 } });
  }
  response.end();
}

async function each(lines: AsyncIterable<LogLine>, take: (line: LogLine) => boolean): Promise<void> {
  for await (const line of lines) if (!take(line)) return;
}

async function* readPod(pod: Pod, query: LogQuery, kube: KubeClient, signal: AbortSignal): AsyncGenerator<LogLine> {
  const container = query.container ?? (await containerOf(pod, kube, signal));
  const one = { ...query, ...(container === undefined ? {} : { container }) };
  for await (const text of kube.logs(pod, one, signal)) yield logLineOf(text, pod.name);
}

/** As kubectl: the one that an annotation names, else the first. */
async function containerOf(
  { namespace, name }: Pod,
  kube: KubeClient,
  signal: AbortSignal,
): Promise<string | undefined> {
  const pod = await kube.get({ apiVersion: "v1", kind: "Pod", namespace, name }, signal);
  const named = pod?.metadata.annotations?.["kubectl.kubernetes.io/default-container"];
  const [first] = objectsOf((pod?.spec as JsonObject | undefined)?.containers);
  return named ?? (first === undefined ? undefined : textOf(first.name));
}

function logQueryOf(request: Request): LogQuery {
  const container = textParameter(request, "container");
  const sinceTime = textParameter(request, "sinceTime");
  const [since = 0, tail = 0] = [numberOf(request, "sinceSeconds"), numberOf(request, "tailLines")];
  return {
    follow: flagOf(request, "follow", false),
    previous: flagOf(request, "previous", false),
    ...(container === undefined ? {} : { container }),
    ...(sinceTime === undefined ? {} : { sinceTime }),
    ...(since > 0 ? { sinceSeconds: since } : {}),
    ...(tail > 0 ? { tailLines: tail } : {}),
  };
}

function shown({ content, time, pod }: LogLine, isLast: boolean): object {
  return { content, timeStamp: time || null, timeStampStr: time, podName: pod, last: isLast };
}
