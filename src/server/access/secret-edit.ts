import { EngineError } from "../../base/errors.ts";
import type { KubeClient } from "../../kube/kube.ts";
import type { KubeObject } from "../../objects/object.ts";
import { controllerNamespace } from "../application-query.ts";
import { decodedTexts, textsIn } from "./access-state.ts";
import type { Texts } from "./accounts.ts";

const maxAttempts = 10;

/**
 * Writes what `change` makes of a Secret's values, and makes the Secret where it is missing; keys that `change` leaves out
 * stay. Asked again when somebody else wrote meanwhile. Returns what `change` returned last.
 */
export async function editSecret(
  kube: KubeClient,
  name: string,
  change: (values: Texts) => Readonly<Record<string, string | null>>,
): Promise<void> {
  const ref = { apiVersion: "v1", kind: "Secret", namespace: controllerNamespace, name };
  for (let attempt = 1; ; attempt++) {
    const now = await kube.get(ref);
    const changes = change(decodedTexts(now?.data));
    const data = Object.fromEntries([
      ...Object.entries(textsIn(now?.data)).filter(([key]) => !(key in changes)),
      ...Object.entries(changes).flatMap(([key, value]) =>
        value === null ? [] : [[key, Buffer.from(value).toString("base64")] as const],
      ),
    ]);
    try {
      if (now === undefined) await kube.create(fresh(name, data), { fieldManager: "tiphys" });
      else await kube.update({ ...now, data } as KubeObject, { fieldManager: "tiphys" });
      return;
    } catch (error) {
      const isConflict = error instanceof EngineError && error.code === "API_CONFLICT";
      if (!isConflict || attempt === maxAttempts) throw error;
    }
  }
}

function fresh(name: string, data: Texts): KubeObject {
  const labels = { "app.kubernetes.io/part-of": "argocd", "app.kubernetes.io/name": name };
  const metadata = { name, namespace: controllerNamespace, labels };
  return { apiVersion: "v1", kind: "Secret", metadata, type: "Opaque", data } as KubeObject;
}
