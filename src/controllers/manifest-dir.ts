import type { Manifest } from "../api/manifest.ts";
import { type Clock, sleepFor } from "../base/clock.ts";
import { messageOf, TerminalError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { KubeClient } from "../kube/kube.ts";
import { type KubeObject, type ObjectRef, refText } from "../objects/object.ts";
import { listManifestFiles, readManifestFile } from "./manifest-files.ts";

/** How often files are looked at; a change is seen after at most this. */
const pollMs = 500;
const fieldManager = "tiphys-up";

export interface ManifestDirDeps {
  /** A directory, read with its folders, or one file. */
  readonly path: string;
  readonly kube: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface ManifestDir {
  /**
   * Applies every manifest once, in an order in which each finds what it needs (namespaces and CRDs first).
   * @throws TerminalError MANIFEST_UNREADABLE or what the API says of the first manifest that it refuses.
   */
  applyAll(signal: AbortSignal): Promise<number>;
  /**
   * Follows the files until `signal` aborts: what changed is applied, what vanished from them is deleted. A file that
   * cannot be read is logged, and what it held before stays.
   */
  watch(signal: AbortSignal): Promise<void>;
}

/** Does no I/O until it is told to. */
export function createManifestDir(deps: ManifestDirDeps): ManifestDir {
  return new FollowedDir(deps);
}

interface Applied {
  readonly fingerprint: string;
  readonly objects: readonly Manifest[];
}

/**
 * A file is new (nothing applied from it), applied (its fingerprint is known), or changed. A changed file is read and
 * applied; if that fails, its new fingerprint is kept with the objects it held before, so that nothing of it is deleted
 * and it is not tried again until it changes. A file that is gone gives up its objects. An object is deleted once no
 * file holds it, after every change of the same look was applied: so it may move from file to file.
 */
class FollowedDir implements ManifestDir {
  readonly #deps: ManifestDirDeps;
  readonly #applied = new Map<string, Applied>();

  constructor(deps: ManifestDirDeps) {
    this.#deps = deps;
  }

  async applyAll(signal: AbortSignal): Promise<number> {
    const manifests: Manifest[] = [];
    for (const [file, fingerprint] of await listManifestFiles(this.#deps.path)) {
      const objects = await readManifestFile(file);
      this.#applied.set(file, { fingerprint, objects });
      manifests.push(...objects);
    }
    for (const manifest of inOrder(manifests)) await this.#apply(manifest, signal);
    return manifests.length;
  }

  async watch(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    while (!signal.aborted) {
      await sleepFor(clock, pollMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      await this.#look(signal).catch((error: unknown) => {
        if (!signal.aborted) log.warn("manifests could not be followed, will retry", { error });
      });
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const files = await listManifestFiles(this.#deps.path);
    const before = this.#held();
    for (const [file, fingerprint] of files) {
      if (this.#applied.get(file)?.fingerprint !== fingerprint) await this.#follow(file, fingerprint, signal);
    }
    for (const file of this.#applied.keys()) if (!files.has(file)) this.#applied.delete(file);
    const now = this.#held();
    for (const [key, object] of before) if (!now.has(key)) await this.#remove(object, signal);
  }

  #held(): ReadonlyMap<string, KubeObject> {
    const objects = [...this.#applied.values()].flatMap((entry) => entry.objects.map(objectOf));
    return new Map(objects.map((object) => [keyOf(object), object]));
  }

  async #follow(file: string, fingerprint: string, signal: AbortSignal): Promise<void> {
    const { log } = this.#deps;
    const old = this.#applied.get(file)?.objects ?? [];
    try {
      const objects = await readManifestFile(file);
      this.#applied.set(file, { fingerprint, objects });
      for (const manifest of inOrder(objects)) await this.#apply(manifest, signal);
      log.info("manifests applied", { file, objects: objects.length });
    } catch (error) {
      this.#applied.set(file, { fingerprint, objects: old });
      log.error("a manifest could not be applied", { file, error });
    }
  }

  async #apply(manifest: Manifest, signal: AbortSignal): Promise<void> {
    const { kube } = this.#deps;
    try {
      const ref = await refOf(kube, objectOf(manifest), signal);
      await kube.patch(ref, "application/apply-patch+yaml", manifest.object, { fieldManager, force: true }, signal);
    } catch (error) {
      throw new TerminalError("MANIFEST_INVALID", `${manifest.file}:${manifest.line}: ${messageOf(error)}`, error);
    }
  }

  async #remove(object: KubeObject, signal: AbortSignal): Promise<void> {
    const { kube, log } = this.#deps;
    const ref = await refOf(kube, object, signal);
    await kube.delete(ref, {}, signal);
    log.info("deleted, since no file holds it any more", { object: refText(ref) });
  }
}

function objectOf({ object }: Manifest): KubeObject {
  return object as unknown as KubeObject;
}

/** What others need comes first; among the rest the order of the files stands. */
const firstKinds = [
  "Namespace",
  "CustomResourceDefinition",
  "ServiceAccount",
  "Secret",
  "ConfigMap",
  "EventBus",
  "Sensor",
];

function inOrder(manifests: readonly Manifest[]): readonly Manifest[] {
  const rank = ({ object }: Manifest): number => {
    const index = firstKinds.indexOf(String(object.kind));
    return index === -1 ? firstKinds.length : index;
  };
  return [...manifests].sort((a, b) => rank(a) - rank(b));
}

async function refOf(kube: KubeClient, object: KubeObject, signal: AbortSignal): Promise<ObjectRef> {
  const { apiVersion, kind, metadata } = object;
  if (!metadata?.name) throw new TerminalError("MANIFEST_INVALID", `${kind ?? "an object"}: metadata.name is required`);
  const namespaced = await kube.isNamespaced({ apiVersion, kind }, signal);
  return {
    apiVersion,
    kind,
    name: metadata.name,
    ...(namespaced ? { namespace: metadata.namespace ?? "default" } : {}),
  };
}

function keyOf({ apiVersion, kind, metadata }: KubeObject): string {
  return [apiVersion, kind, metadata?.namespace ?? "default", metadata?.name].join("/");
}
