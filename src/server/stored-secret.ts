import { isJsonObject } from "../base/json.ts";
import type { KubeClient } from "../kube/kube.ts";
import type { KubeObject } from "../objects/object.ts";
import { controllerNamespace } from "./application-query.ts";

/** Values of `argocd.argoproj.io/secret-type` (spec argo-cd-surface 9.6). */
export type SecretType = "cluster" | "repository" | "repository-write" | "repo-creds" | "repo-write-creds";

export type Values = Readonly<Record<string, string>>;

export interface StoredSecret {
  readonly object: KubeObject;
  readonly values: Values;
}

const typeLabel = "argocd.argoproj.io/secret-type";

/** Those of the controller's namespace, by name. */
export async function listSecrets(
  kube: KubeClient,
  type: SecretType,
  signal?: AbortSignal,
): Promise<readonly StoredSecret[]> {
  const options = { namespace: controllerNamespace, labelSelector: `${typeLabel}=${type}` };
  const { items } = await kube.list({ apiVersion: "v1", kind: "Secret" }, options, signal);
  return items.map((object) => ({ object, values: valuesOf(object) }));
}

function valuesOf({ data }: KubeObject): Values {
  const entries = Object.entries(isJsonObject(data) ? data : {});
  return Object.fromEntries(
    entries.flatMap(([key, value]) =>
      typeof value === "string" ? [[key, Buffer.from(value, "base64").toString("utf8")] as const] : [],
    ),
  );
}

export interface SecretDraft {
  readonly name: string;
  readonly type: SecretType;
  readonly values: Values;
  readonly labels?: Values;
  readonly annotations?: Values;
}

/** Makes the Secret, or replaces what `known` holds. */
export async function writeSecret(kube: KubeClient, draft: SecretDraft, known: KubeObject | undefined): Promise<void> {
  const { name, type, values, labels = {}, annotations = {} } = draft;
  const data = Object.fromEntries(
    Object.entries(values)
      .filter(([, value]) => value !== "")
      .map(([key, value]) => [key, Buffer.from(value).toString("base64")]),
  );
  const metadata = {
    ...known?.metadata,
    name: known?.metadata.name ?? name,
    namespace: controllerNamespace,
    labels: { ...labels, [typeLabel]: type },
    annotations: { "managed-by": "argocd.argoproj.io", ...annotations },
  };
  const object = { apiVersion: "v1", kind: "Secret", metadata, type: "Opaque", data };
  if (known === undefined) await kube.create(object, { fieldManager: "tiphys" });
  else await kube.update(object, { fieldManager: "tiphys" });
}

export async function deleteSecret(kube: KubeClient, { metadata }: KubeObject): Promise<void> {
  await kube.delete({ apiVersion: "v1", kind: "Secret", namespace: controllerNamespace, name: metadata.name ?? "" });
}

/** Labels and annotations that people gave. */
export function ownLabels({ metadata }: KubeObject): { readonly labels: Values; readonly annotations: Values } {
  const { [typeLabel]: _, ...labels } = metadata.labels ?? {};
  const { "managed-by": __, ...annotations } = metadata.annotations ?? {};
  return { labels, annotations };
}

/** 32-bit FNV-1a of the texts, one after the other, in decimal: part of the Secrets' names. */
export function fnv32a(...texts: readonly string[]): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(texts.join(""))) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return String(hash);
}
