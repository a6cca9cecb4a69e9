import { EngineError } from "../base/errors.ts";
import type { SecretKeySelector, SecretReader } from "../events/sources/source.ts";
import type { KubeClient } from "../kube/kube.ts";

/** Secrets and ConfigMaps of one namespace, read at each call. `kube` acts as the object's service account. */
export function createSecretReader(kube: KubeClient, namespace: string): SecretReader {
  return {
    async read({ name, key }) {
      const secret = await kube.get({ apiVersion: "v1", kind: "Secret", namespace, name });
      const encoded = stringAt(secret?.data, key);
      if (encoded === undefined) throw missing("Secret", secret, namespace, { name, key });
      return trimOneNewline(Buffer.from(encoded, "base64").toString("utf8"));
    },
    async readConfigMap({ name, key }) {
      const map = await kube.get({ apiVersion: "v1", kind: "ConfigMap", namespace, name });
      const text = stringAt(map?.data, key);
      if (text === undefined) throw missing("ConfigMap", map, namespace, { name, key });
      return trimOneNewline(text);
    },
  };
}

function stringAt(data: unknown, key: string): string | undefined {
  if (typeof data !== "object" || data === null || !Object.hasOwn(data, key)) return undefined;
  const value = (data as Record<string, unknown>)[key];
  return typeof value === "string" ? value : undefined;
}

/** As the originals do (spec argo-events 1.3). */
function trimOneNewline(text: string): string {
  return text.endsWith("\n") ? text.slice(0, -1) : text;
}

function missing(kind: string, found: unknown, namespace: string, { name, key }: SecretKeySelector): EngineError {
  const message = found
    ? `${kind} "${name}" in namespace "${namespace}" has no key "${key}"`
    : `there is no ${kind} "${name}" in namespace "${namespace}", whose key "${key}" is read`;
  return new EngineError("SECRET_MISSING", message);
}
