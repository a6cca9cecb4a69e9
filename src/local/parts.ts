import { isJsonObject } from "../base/json.ts";
import { signAccountToken } from "./access/account-tokens.ts";
import { tokenAnswer, tokenWish } from "./access/reviews.ts";
import { deleteObject } from "./deletes.ts";
import { objectAt } from "./kinds.ts";
import type { Plane } from "./plane.ts";
import { type ResourceRequest, readObjectBody } from "./request.ts";
import { badRequest, methodNotAllowed, StatusError, unknownPath } from "./status-error.ts";
import { needObject } from "./stored-object.ts";

type Part = (plane: Plane, target: ResourceRequest, name: string) => Promise<Response>;

/** Subresources of one kind only, by `kind/subresource`. */
const parts: Readonly<Record<string, Part>> = {
  "Pod/log": serveLog,
  "Pod/eviction": evict,
  "ServiceAccount/token": giveToken,
  "Pod/exec": notServed("exec"),
  "Pod/attach": notServed("attach"),
  "Pod/portforward": notServed("port-forward"),
  "Pod/proxy": notServed("proxy"),
  "Service/proxy": notServed("proxy"),
  "Node/proxy": notServed("proxy"),
};

/** @throws StatusError 404 for a part that the kind does not have, 501 for one that nothing is behind */
export function servePart(plane: Plane, target: ResourceRequest, name: string, subresource: string): Promise<Response> {
  const key = `${target.resource.kind}/${subresource}`;
  const part = target.resource.custom === undefined && Object.hasOwn(parts, key) ? parts[key] : undefined;
  if (part === undefined) throw unknownPath();
  return part(plane, target, name);
}

function notServed(what: string): Part {
  return async (plane, target, name) => {
    needObject(plane, target, name);
    const message = `${what} is not possible: workloads of this API are ${plane.isSimulated ? "simulated" : "stored only"}, no container runs`;
    throw new StatusError(501, "NotImplemented", message, {});
  };
}

/** There are no logs: the text says what the Pod is, and how it was told to end. */
async function serveLog(plane: Plane, target: ResourceRequest, name: string): Promise<Response> {
  if (target.request.method !== "GET") throw methodNotAllowed();
  const pod = needObject(plane, target, name);
  const container = containerOf(pod, name, target.query.get("container"));
  const place = `${String(objectAt(pod, "metadata").namespace)}/${name}`;
  const how = plane.isSimulated ? "simulated" : "stored only";
  const { phase = "Pending", message } = objectAt(pod, "status");
  const said = typeof message === "string" ? `: ${message}` : "";
  const lines = [
    `[tiphys] workloads are ${how}: no container runs, so Pod ${place} (container ${container}) has no logs.`,
    `[tiphys] phase ${String(phase)}${said}`,
  ];
  const at = target.query.get("timestamps") === "true" ? `${String(objectAt(pod, "metadata").creationTimestamp)} ` : "";
  const last = Number(target.query.get("tailLines") ?? lines.length);
  const shown = last > 0 ? lines.slice(-last) : [];
  const text = shown.map((line) => `${at}${line}\n`).join("");
  return new Response(text, { headers: { "content-type": "text/plain" } });
}

function containerOf(pod: Parameters<typeof objectAt>[0], name: string, wanted: string | null): string {
  const { containers, initContainers } = objectAt(pod, "spec");
  const list = [containers, initContainers].flatMap((one) => (Array.isArray(one) ? one.filter(isJsonObject) : []));
  const names = list.map((one) => String(one.name));
  if (wanted !== null && wanted !== "" && !names.includes(wanted)) {
    throw badRequest(`container ${wanted} is not valid for pod ${name}`);
  }
  return wanted || (names[0] ?? "");
}

/** A deletion; no disruption budget speaks against it here. */
async function evict(plane: Plane, target: ResourceRequest, name: string): Promise<Response> {
  if (target.request.method !== "POST") throw methodNotAllowed();
  const body = await readObjectBody(target.request);
  await deleteObject(plane, { ...target, subresource: undefined }, name, objectAt(body, "deleteOptions"));
  const status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 };
  return new Response(JSON.stringify(status), { status: 201, headers: { "content-type": "application/json" } });
}

async function giveToken(plane: Plane, target: ResourceRequest, name: string): Promise<Response> {
  if (target.request.method !== "POST") throw methodNotAllowed();
  const body = await readObjectBody(target.request);
  const account = needObject(plane, target, name);
  const now = plane.clock.now();
  const wish = tokenWish(body, now);
  const { uid = "", namespace = "" } = objectAt(account, "metadata");
  const token = { namespace: String(namespace), name, uid: String(uid), ...wish };
  const text = tokenAnswer(body, signAccountToken(plane.secret, token, now), wish);
  return new Response(text, { status: 201, headers: { "content-type": "application/json" } });
}
