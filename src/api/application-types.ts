import type { JsonObject } from "../base/json.ts";
import type { With, WrittenOf } from "../base/schema-type.ts";
import type { appProjectSchema } from "./app-project-schema.ts";
import type { applicationSchema, operationSchema } from "./application-schema.ts";
import type { sourceSchema } from "./application-source-schema.ts";
import type { applicationStatusSchema } from "./application-status-schema.ts";
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
  readonly spec: ApplicationSpec;
  readonly status: JsonObject;
}

export type ApplicationSpec = WrittenOf<typeof applicationSchema>;

export type ApplicationStatus = WrittenOf<typeof applicationStatusSchema>;

/** Fields that are not listed are kept as written. */
export type ApplicationSource = WrittenOf<typeof sourceSchema>;

export type DirectoryOptions = NonNullable<ApplicationSource["directory"]>;

/** One of `server` and `name` names the cluster. */
export type Destination = ApplicationSpec["destination"];

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

export type IgnoreRule = NonNullable<ApplicationSpec["ignoreDifferences"]>[number];

type OperationSpec = WrittenOf<typeof operationSchema>;

export interface Operation {
  readonly sync?: SyncOperation;
  readonly initiatedBy: NonNullable<OperationSpec["initiatedBy"]>;
  readonly retry?: RetryPolicy;
  readonly info: NonNullable<OperationSpec["info"]>;
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

export type ResourceSelection = With<
  NonNullable<NonNullable<OperationSpec["sync"]>["resources"]>[number],
  "group" | "kind" | "name"
>;

export type AppProjectSpec = WrittenOf<typeof appProjectSchema>;

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
  readonly syncWindows: NonNullable<AppProjectSpec["syncWindows"]>;
  readonly orphanedResources?: NonNullable<AppProjectSpec["orphanedResources"]>;
  readonly roles: NonNullable<AppProjectSpec["roles"]>;
  readonly permitOnlyProjectScopedClusters: boolean;
  /** As written, without nulls. */
  readonly spec: AppProjectSpec;
}

/** A name is for kinds of the cluster only. */
export type KindPattern = NonNullable<AppProjectSpec["clusterResourceWhitelist"]>[number];
