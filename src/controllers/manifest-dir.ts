import { readdir, readFile, stat } from "node:fs/promises";
import { extname, join, relative } from "node:path";
import { type Manifest, parseManifests } from "../api/manifest.ts";
import { type Clock, sleepFor } from "../base/clock.ts";
import { messageOf, TerminalError } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import type { Logger } from "../base/log.ts";
import type { KubeClient } from "../kube/kube.ts";
import { type KubeObject, type ObjectRef, refText } from "../objects/object.ts";

/** How often files are looked at; a change is seen after at most this. */
const pollMs = 500;
const maxFiles = 10_000;
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

export function createManifestDir(deps: ManifestDirDeps): ManifestDir {
  const { path, kube, clock, log } = deps;
  /** By file: its fingerprint, and the objects applied from it. */
  const applied = new Map<string, { readonly fingerprint: string; readonly objects: readonly Manifest[] }>();

  async function applyAll(signal: AbortSignal): Promise<number> {
    const files = await listFiles(path);
    const manifests: Manifest[] = [];
    for (const [file, fingerprint] of files) {
      const objects = await readManifests(path, file);
      applied.set(file, { fingerprint, objects });
      manifests.push(...objects);
    }
    for (const manifest of inOrder(manifests)) await apply(manifest, signal);
    return manifests.length;
  }

  async function apply(manifest: Manifest, signal: AbortSignal): Promise<void> {
    const object = manifest.object as unknown as KubeObject;
    try {
      const ref = await refOf(kube, object, signal);
      await kube.patch(
        ref,
        "application/apply-patch+yaml",
        manifest.object as JsonObject,
        { fieldManager, force: true },
        signal,
      );
    } catch (error) {
      throw new TerminalError("MANIFEST_INVALID", `${manifest.file}:${manifest.line}: ${messageOf(error)}`, error);
    }
  }

  function held(): Map<string, KubeObject> {
    const objects = [...applied.values()].flatMap((entry) =>
      entry.objects.map(({ object }) => object as unknown as KubeObject),
    );
    return new Map(objects.map((object) => [keyOf(object), object]));
  }

  async function followOnce(signal: AbortSignal): Promise<void> {
    const files = await listFiles(path);
    const before = held();
    for (const [file, fingerprint] of files) {
      if (applied.get(file)?.fingerprint !== fingerprint) await follow(file, fingerprint, signal);
    }
    for (const file of applied.keys()) if (!files.has(file)) applied.delete(file);
    const now = held();
    for (const [key, object] of before) if (!now.has(key)) await remove(object, signal);
  }

  async function follow(file: string, fingerprint: string, signal: AbortSignal): Promise<void> {
    const old = applied.get(file)?.objects ?? [];
    try {
      const objects = await readManifests(path, file);
      applied.set(file, { fingerprint, objects });
      for (const manifest of inOrder(objects)) await apply(manifest, signal);
      log.info("manifests applied", { file, objects: objects.length });
    } catch (error) {
      applied.set(file, { fingerprint, objects: old });
      log.error("a manifest could not be applied", { file, error });
    }
  }

  async function remove(object: KubeObject, signal: AbortSignal): Promise<void> {
    const ref = await refOf(kube, object, signal);
    await kube.delete(ref, {}, signal);
    log.info("deleted, since no file holds it any more", { object: refText(ref) });
  }

  return {
    applyAll,
    async watch(signal) {
      while (!signal.aborted) {
        await sleepFor(clock, pollMs, signal).catch(() => undefined);
        if (signal.aborted) return;
        await followOnce(signal).catch((error: unknown) => {
          if (!signal.aborted) log.warn("manifests could not be followed, will retry", { error });
        });
      }
    },
  };
}

/** Files of manifests under `path`, with what changes when they do. */
async function listFiles(path: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const names = await list(path);
  for (const file of names.sort()) {
    if (files.size >= maxFiles)
      throw new TerminalError("MANIFEST_UNREADABLE", `"${path}" holds over ${maxFiles} files`);
    const { mtimeMs, size } = await stat(file);
    files.set(file, `${mtimeMs} ${size}`);
  }
  return files;
}

async function list(path: string): Promise<string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path];
    const entries = await readdir(path, { withFileTypes: true, recursive: true });
    return entries
      .filter((entry) => entry.isFile() && [".yaml", ".yml", ".json"].includes(extname(entry.name)))
      .map((entry) => join(entry.parentPath, entry.name))
      .filter(
        (file) =>
          !relative(path, file)
            .split("/")
            .some((part) => part.startsWith(".") || part === "node_modules"),
      );
  } catch (error) {
    throw new TerminalError("MANIFEST_UNREADABLE", `"${path}" cannot be read: ${messageOf(error)}`, error);
  }
}

async function readManifests(root: string, file: string): Promise<readonly Manifest[]> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw new TerminalError("MANIFEST_UNREADABLE", `"${file}" cannot be read: ${messageOf(error)}`, error);
  }
  return parseManifests(text, relative(root, file) === "" ? file : join(root, relative(root, file)));
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
