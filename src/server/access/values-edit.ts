import { EngineError } from "../../base/errors.ts";
import type { KubeClient } from "../../kube/kube.ts";
import type { KubeObject } from "../../objects/object.ts";
import { controllerNamespace } from "../application-query.ts";
import { decodedTexts, textsIn } from "./access-state.ts";
import type { Texts } from "./accounts.ts";

const maxAttempts = 10;

type Change = (values: Texts) => Readonly<Record<string, string | null>>;

/**
 * Writes what `change` makes of a Secret's values, and makes the Secret where it is missing; keys that `change` leaves out
 * stay, those that are null go. Asked again when somebody else wrote meanwhile.
 */
export function editSecret(kube: KubeClient, name: string, change: Change): Promise<void> {
  return edit(kube, { kind: "Secret", name }, change);
}

/** The same of a ConfigMap. */
export function editConfigMap(kube: KubeClient, name: string, change: Change): Promise<void> {
  return edit(kube, { kind: "ConfigMap", name }, change);
}

interface Place {
  readonly kind: "Secret" | "ConfigMap";
  readonly name: string;
}

async function edit(kube: KubeClient, { kind, name }: Place, change: Change): Promise<void> {
  const isSecret = kind === "Secret";
  const ref = { apiVersion: "v1", kind, namespace: controllerNamespace, name };
  const written = (text: string): string => (isSecret ? Buffer.from(text).toString("base64") : text);
  for (let attempt = 1; ; attempt++) {
    const now = await kube.get(ref);
    const changes = change(isSecret ? decodedTexts(now?.data) : textsIn(now?.data));
    const data = Object.fromEntries([
      ...Object.entries(textsIn(now?.data)).filter(([key]) => !Object.hasOwn(changes, key)),
      ...Object.entries(changes).flatMap(([key, value]) => (value === null ? [] : [[key, written(value)] as const])),
    ]);
    try {
      if (now === undefined) await kube.create(fresh({ kind, name }, data), { fieldManager: "tiphys" });
      else await kube.update({ ...now, data } as KubeObject, { fieldManager: "tiphys" });
      return;
    } catch (error) {
      const isConflict = error instanceof EngineError && error.code === "API_CONFLICT";
      if (!isConflict || attempt === maxAttempts) throw error;
    }
  }
}

function fresh({ kind, name }: Place, data: Texts): KubeObject {
  const labels = { "app.kubernetes.io/part-of": "argocd", "app.kubernetes.io/name": name };
  const metadata = { name, namespace: controllerNamespace, labels };
  return { apiVersion: "v1", kind, metadata, ...(kind === "Secret" ? { type: "Opaque" } : {}), data } as KubeObject;
}
