import { objectOf, textOf } from "../../api/fields.ts";
import type { Manifest } from "../../api/manifest.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { listManifestFiles, readManifestFiles } from "../../controllers/manifest-files.ts";
import type { SecretKeySelector, SecretReader } from "../../events/sources/source.ts";

/** Every object of the files. @throws EngineError MANIFEST_UNREADABLE */
export async function readObjects(paths: readonly string[]): Promise<readonly JsonObject[]> {
  const found: Manifest[] = [];
  for (const path of paths) {
    for (const manifests of (await readManifestFiles((await listManifestFiles(path)).keys())).values()) {
      if (manifests instanceof EngineError) throw manifests;
      found.push(...manifests);
    }
  }
  return found.map(({ object }) => object);
}

/** Secrets and ConfigMaps of files, whatever namespace they name; what they lack is read by `others`. */
export function createDeclaredReader(objects: readonly JsonObject[], others: SecretReader | undefined): SecretReader {
  const find = (kind: string, { name, key }: SecretKeySelector): string | undefined => {
    const object = objects.find((one) => one.kind === kind && textOf(objectOf(one.metadata).name) === name);
    const { data, stringData } = object ?? {};
    const plain = kind === "Secret" ? objectOf(stringData)[key] : objectOf(data)[key];
    if (typeof plain === "string") return plain;
    const encoded = kind === "Secret" ? objectOf(data)[key] : undefined;
    return typeof encoded === "string" ? Buffer.from(encoded, "base64").toString("utf8") : undefined;
  };
  const missing = (kind: string, { name, key }: SecretKeySelector): EngineError => {
    const next = `name the file that has it with --objects${others === undefined ? ", or its cluster with --kubeconfig" : ""}`;
    return new EngineError("SECRET_MISSING", `${kind} "${name}" with the key "${key}" is in no file: ${next}`);
  };
  const readerOf = (kind: string, ask: SecretReader["read"] | undefined) => async (selector: SecretKeySelector) => {
    const text = find(kind, selector);
    if (text !== undefined) return text.endsWith("\n") ? text.slice(0, -1) : text; // spec argo-events 1.3
    if (ask === undefined) throw missing(kind, selector);
    return ask(selector);
  };
  return { read: readerOf("Secret", others?.read), readConfigMap: readerOf("ConfigMap", others?.readConfigMap) };
}
