import type { Clock } from "../../base/clock.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import type { KubeClient } from "../../kube/kube.ts";
import type { HookSecrets } from "./webhook.ts";

export interface HookSettings {
  readonly secret: HookSecrets;
  /** The largest body. */
  readonly maxBytes: number;
}

export interface HookSettingsDeps {
  readonly kube: KubeClient;
  /** Where `argocd-secret` and `argocd-cm` are. */
  readonly controllerNamespace: string;
  readonly clock: Clock;
}

/** A flood of requests is not passed on to the cluster: what was read counts this long. */
const keptMs = 1_000;
const readTimeoutMs = 5_000;
const defaultMaxMegabytes = 50;

/** Reads them when they are asked for. @throws EngineError API_* while the cluster does not answer */
export function createHookSettings(deps: HookSettingsDeps): () => Promise<HookSettings> {
  let known: { readonly settings: Promise<HookSettings>; readonly atMs: number } | undefined;
  return () => {
    const now = deps.clock.monotonicMs();
    if (known === undefined || now - known.atMs >= keptMs) {
      const settings = readSettings(deps);
      settings.catch(() => {
        known = undefined; // a failure is not kept
      });
      known = { settings, atMs: now };
    }
    return known.settings;
  };
}

async function readSettings({ kube, controllerNamespace: namespace }: HookSettingsDeps): Promise<HookSettings> {
  const signal = AbortSignal.timeout(readTimeoutMs);
  const read = (kind: "Secret" | "ConfigMap", name: string) =>
    kube.get({ apiVersion: "v1", kind, namespace, name }, signal);
  const [main, config] = await Promise.all([read("Secret", "argocd-secret"), read("ConfigMap", "argocd-cm")]);
  const values = decoded(main?.data);
  const others = new Map<string, ReadonlyMap<string, string>>();
  for (const value of values.values()) {
    const { name } = referenceIn(value) ?? {};
    if (name === undefined || others.has(name)) continue;
    const secret = await read("Secret", name);
    const isOurs = secret?.metadata.labels?.["app.kubernetes.io/part-of"] === "argocd";
    others.set(name, isOurs ? decoded(secret.data) : new Map());
  }
  const megabytes = Number(fieldsOf(config?.data)["webhook.maxPayloadSizeMB"] ?? defaultMaxMegabytes);
  return {
    secret: (key) => resolve(values.get(key), values, others),
    maxBytes: (megabytes > 0 ? megabytes : defaultMaxMegabytes) * 1024 * 1024,
  };
}

/**
 * `$key` is another value of the Secret, `$secret:key` one of a Secret that is part of argocd (spec argo-cd-surface 3.9);
 * one that leads nowhere is taken as it is written, so that nothing is accepted that nobody could sign.
 */
function resolve(
  value: string | undefined,
  values: ReadonlyMap<string, string>,
  others: ReadonlyMap<string, ReadonlyMap<string, string>>,
): string | undefined {
  const reference = value === undefined ? undefined : referenceIn(value);
  if (reference === undefined) return value;
  const from = reference.name === undefined ? values : others.get(reference.name);
  return from?.get(reference.key) || value;
}

function referenceIn(value: string): { readonly name?: string; readonly key: string } | undefined {
  const found = /^\$(?:([a-z0-9.-]+):)?([A-Za-z0-9._-]+)$/.exec(value);
  if (found?.[2] === undefined) return undefined;
  return { key: found[2], ...(found[1] === undefined ? {} : { name: found[1] }) };
}

/** Without a line break at the end, which editors put there. */
function decoded(data: unknown): ReadonlyMap<string, string> {
  const entries = Object.entries(fieldsOf(data)).flatMap(([key, value]) =>
    typeof value === "string" ? [[key, Buffer.from(value, "base64").toString("utf8").replace(/\n$/, "")] as const] : [],
  );
  return new Map(entries);
}

function fieldsOf(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {};
}
