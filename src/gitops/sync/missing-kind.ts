import { EngineError } from "../../base/errors.ts";
import { isJsonObject } from "../../base/json.ts";
import type { KubeClient } from "../../kube/kube.ts";
import type { SyncTask } from "./sync.ts";

/** Whether it says that the cluster does not know the kind. */
export function isMissingKind(error: EngineError): boolean {
  if (error.code !== "API_NOT_FOUND") return false;
  return error.message.includes("the server has no kind") || error.message.includes("could not find the requested");
}

/** What is missing, and which version is there instead, in the words by which users of the original know it. */
export async function missingKindText(
  { key: { group, kind, namespace, name }, version }: SyncTask,
  kube: KubeClient,
  signal: AbortSignal,
): Promise<string> {
  const resource = namespace === "" ? name : `${namespace}/${name}`;
  const what = `${group}/${kind}`;
  const [other] = await versionsOf(group, kind, kube, signal);
  if (other === undefined) {
    return (
      `The Kubernetes API could not find ${what} for requested resource ${resource}. ` +
      `Make sure the "${kind}" CRD is installed on the destination cluster.`
    );
  }
  return (
    `The Kubernetes API could not find version "${version}" of ${what} for requested resource ${resource}. ` +
    `Version "${other}" of ${what} is installed on the destination cluster.`
  );
}

/** A group has a few; of more the first ones are asked. */
const maxVersions = 10;

/** Those in which the cluster knows the kind, its favourite first. None where it cannot be asked. */
async function versionsOf(
  group: string,
  kind: string,
  kube: KubeClient,
  signal: AbortSignal,
): Promise<readonly string[]> {
  try {
    const versions = versionsIn(await kube.document(group === "" ? "/api" : `/apis/${group}`, signal));
    const found: string[] = [];
    for (const version of versions.slice(0, maxVersions)) {
      if (await isThere(group === "" ? version : `${group}/${version}`, kind, kube, signal)) found.push(version);
    }
    return found;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof EngineError) return []; // it only helps to say more
    throw error;
  }
}

function versionsIn(document: unknown): readonly string[] {
  const versions = isJsonObject(document) && Array.isArray(document.versions) ? document.versions : [];
  return versions.flatMap((item: unknown) => {
    const version = isJsonObject(item) ? item.version : item;
    return typeof version === "string" ? [version] : [];
  });
}

async function isThere(apiVersion: string, kind: string, kube: KubeClient, signal: AbortSignal): Promise<boolean> {
  try {
    await kube.isNamespaced({ apiVersion, kind }, signal);
    return true;
  } catch (error) {
    if (error instanceof EngineError && error.code === "API_NOT_FOUND") return false;
    throw error;
  }
}
