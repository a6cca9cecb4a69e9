import type { JsonObject } from "../base/json.ts";
import type { ResourceMeta } from "./resources.ts";

/** An Application with its defaults (spec argo-cd-engine 1.1 to 1.6). */
export interface Application {
  readonly metadata: ResourceMeta;
  readonly finalizers: readonly string[];
  /** RFC 3339; "" while nobody deleted it. */
  readonly deletedAt: string;
  /** Never empty. */
  readonly project: string;
  /** Those in effect: the hydrator's sync source, else `sources`, else the one `source`. */
  readonly sources: readonly ApplicationSource[];
  readonly isMultiSource: boolean;
  readonly destination: Destination;
  readonly syncPolicy: SyncPolicy;
  readonly ignoreDifferences: readonly IgnoreRule[];
  /** How many entries of `status.history` are kept. */
  readonly revisionHistoryLimit: number;
  /** What somebody asks to be done now; removed when it is done. */
  readonly operation?: Operation;
  /** As written, without nulls. */
  readonly spec: JsonObject;
  readonly status: JsonObject;
}

/** Fields that are not listed are kept as written. */
export interface ApplicationSource {
  readonly repoURL: string;
  readonly path?: string;
  readonly targetRevision?: string;
  readonly tagPrefix?: string;
  readonly chart?: string;
  readonly ref?: string;
  readonly name?: string;
  readonly helm?: JsonObject;
  readonly kustomize?: JsonObject;
  readonly directory?: DirectoryOptions;
  readonly plugin?: JsonObject;
}

export interface DirectoryOptions {
  readonly recurse?: boolean;
  /** Globs over paths below the source's path. */
  readonly include?: string;
  readonly exclude?: string;
  readonly disableExtensionFilter?: boolean;
  readonly jsonnet?: JsonObject;
}

/** One of `server` and `name` names the cluster. */
export interface Destination {
  readonly server?: string;
  readonly name?: string;
  readonly namespace?: string;
}

export interface SyncPolicy {
  /** Absent: syncs are started by people only. */
  readonly automated?: { readonly prune: boolean; readonly selfHeal: boolean; readonly allowEmpty: boolean };
  /** `Key=value`. */
  readonly syncOptions: readonly string[];
  readonly retry?: RetryPolicy;
  readonly managedNamespaceMetadata?: {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
}

export interface RetryPolicy {
  /** 0: none; negative: without end. */
  readonly limit: number;
  readonly durationMs: number;
  readonly factor: number;
  /** 0 or less: no upper bound. */
  readonly maxDurationMs: number;
  /** Whether a retry takes the newest revision. */
  readonly refresh: boolean;
}

export interface IgnoreRule {
  readonly group?: string;
  readonly kind: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly jsonPointers?: readonly string[];
  readonly jqPathExpressions?: readonly string[];
  readonly managedFieldsManagers?: readonly string[];
}

export interface Operation {
  readonly sync?: SyncOperation;
  readonly initiatedBy: { readonly username?: string; readonly automated?: boolean };
  readonly retry?: RetryPolicy;
  readonly info: readonly JsonObject[];
  /** As written. */
  readonly raw: JsonObject;
}

export interface SyncOperation {
  readonly revision?: string;
  readonly revisions: readonly string[];
  readonly prune: boolean;
  readonly dryRun: boolean;
  /** apply: hooks are left out. No strategy means hook. */
  readonly strategy: "apply" | "hook";
  readonly force: boolean;
  /** Empty: all. */
  readonly resources: readonly ResourceSelection[];
  readonly manifests: readonly string[];
  readonly syncOptions: readonly string[];
  readonly autoHealAttemptsCount: number;
}

export interface ResourceSelection {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

/** spec argo-cd-surface 2.1 */
export interface AppProject {
  readonly metadata: ResourceMeta;
  readonly description: string;
  readonly sourceRepos: readonly string[];
  readonly destinations: readonly Destination[];
  readonly sourceNamespaces: readonly string[];
  readonly clusterResourceWhitelist: readonly KindPattern[];
  readonly clusterResourceBlacklist: readonly KindPattern[];
  /** Absent: all; empty: none. */
  readonly namespaceResourceWhitelist?: readonly KindPattern[];
  readonly namespaceResourceBlacklist: readonly KindPattern[];
  readonly syncWindows: readonly JsonObject[];
  readonly orphanedResources?: JsonObject;
  readonly roles: readonly JsonObject[];
  readonly permitOnlyProjectScopedClusters: boolean;
  /** As written, without nulls. */
  readonly spec: JsonObject;
}

export interface KindPattern {
  readonly group: string;
  readonly kind: string;
  /** For kinds of the cluster only. */
  readonly name?: string;
}
