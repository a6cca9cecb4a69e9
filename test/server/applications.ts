import { EngineError } from "../../src/base/errors.ts";
import type { JsonObject } from "../../src/base/json.ts";
import { silentLogger } from "../../src/base/log.ts";
import { createMetrics } from "../../src/base/metrics.ts";
import type { History } from "../../src/ledger/history.ts";
import type { KubeObject } from "../../src/objects/object.ts";
import type { ResourceName } from "../../src/record/records.ts";
import type { ApplicationLooks } from "../../src/server/application-resource-routes.ts";
import type { ApplicationAccess } from "../../src/server/application-routes.ts";
import { openServer, type ServerOptions } from "../../src/server/server.ts";

export type Parts = Readonly<Record<string, unknown>> & { readonly metadata?: object; readonly spec?: object };

/** An Application of resourceVersion 1; `parts` go on top of it. */
export function applicationObject(namespace: string, name: string, parts: Parts = {}): KubeObject {
  const source = { repoURL: `https://git.example/${name}`, path: "deploy" };
  const destination = { server: "https://kubernetes.default.svc", namespace: "shop" };
  return {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Application",
    ...parts,
    metadata: { namespace, name, resourceVersion: "1", ...parts.metadata },
    spec: { source, destination, ...parts.spec },
  };
}

export interface Applications extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
  /** What was done, in order. */
  readonly asked: object[];
  /** By `namespace/name`; what is there now. */
  readonly stored: Map<string, KubeObject>;
  /** What a refresh answers. */
  onRefresh: (found: KubeObject) => KubeObject | Promise<KubeObject>;
  /** Called after the operation is set. */
  onSync: (ref: ResourceName) => void;
  /** Called before an Application is read. */
  onFind: (ref: ResourceName) => void;
}

/** The API on a random port over plain Applications: a sync only sets `operation`, and nothing works on it. */
export async function openApplications(
  all: readonly KubeObject[] | undefined,
  {
    looks,
    ...more
  }: Pick<ServerOptions, "refreshTimeoutMs" | "control" | "edits" | "clock"> & {
    readonly looks?: Partial<ApplicationLooks>;
  } = {},
): Promise<Applications> {
  const key = ({ namespace, name }: { namespace?: string; name?: string }) => `${namespace}/${name}`;
  const stored = new Map((all ?? []).map((one) => [key(one.metadata), one]));
  const asked: object[] = [];
  const hooks = {
    onRefresh: (found: KubeObject): KubeObject | Promise<KubeObject> => found,
    onSync: (_ref: ResourceName): void => undefined,
    onFind: (_ref: ResourceName): void => undefined,
  };
  const known = (ref: ResourceName): KubeObject => {
    const found = stored.get(key(ref));
    if (!found) throw new EngineError("NOT_FOUND", `applications.argoproj.io "${ref.name}" not found`);
    return found;
  };
  const applications: ApplicationAccess = {
    list: () => [...stored.values()],
    find(namespace, name) {
      owned.onFind({ namespace, name });
      return stored.get(key({ namespace, name }));
    },
    async sync(ref, operation) {
      const found = known(ref);
      if (found.operation) throw new EngineError("SYNC_REFUSED", "another operation is already in progress");
      asked.push({ sync: ref, operation });
      const resourceVersion = String(Number(found.metadata.resourceVersion) + 1);
      const { operationState: _, ...status } = (found.status ?? {}) as JsonObject;
      const changed = { ...found, metadata: { ...found.metadata, resourceVersion }, status, operation };
      stored.set(key(ref), changed);
      owned.onSync(ref);
      return changed;
    },
    async refresh(ref, hard) {
      asked.push({ refresh: ref, hard });
      return owned.onRefresh(known(ref));
    },
    sensor: (ref) => ({ kind: "Sensor", metadata: { ...ref } }),
  };
  const token = "the-token";
  const none = () => Promise.reject(new Error("history is not asked"));
  const noWindows: ApplicationLooks = {
    windows: () => ({ assigned: [], active: [], canSync: true }),
    cluster() {
      throw new Error("no cluster is asked");
    },
    maskedAnnotations: () => ["team/token"],
    manifests: none,
    manifestsOf: none,
    managed: none,
    tree: none,
    liveTree: none,
    commit: none,
    chart: none,
    artifact: none,
  };
  const history: History = {
    event: none,
    find: none,
    record: none,
    events: none,
    records: none,
    exportPage: none,
    causes: none,
    effects: none,
    caughtUp: async () => undefined,
  };
  const server = await openServer({
    host: "127.0.0.1",
    port: 0,
    token,
    metrics: createMetrics(),
    notReady: () => undefined,
    log: silentLogger,
    history,
    why: none,
    send: none,
    ...more,
    ...(all ? { applications, looks: { ...noWindows, ...looks } } : {}),
  });
  const owned: Applications = {
    url: server.url,
    token,
    asked,
    stored,
    ...hooks,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
  return owned;
}
