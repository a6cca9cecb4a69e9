import type { JsonObject } from "../../base/json.ts";
import type { With, WrittenOf } from "../../base/schema-type.ts";
import type { ResourceMeta } from "../resources.ts";
import type { selectorSchema } from "./application-set-fields.ts";
import type { GeneratorKind } from "./application-set-generator-schema.ts";
import type { applicationSetSchema } from "./application-set-schema.ts";

/** An ApplicationSet with its defaults (spec argo-cd-surface 1.1). */
export interface ApplicationSet {
  readonly metadata: ResourceMeta;
  readonly finalizers: readonly string[];
  /** RFC 3339; "" while nobody deleted it. */
  readonly deletedAt: string;
  readonly goTemplate: boolean;
  readonly goTemplateOptions: readonly string[];
  /** An entry with several kinds is one generator for each, in the order of `generatorKinds`. */
  readonly generators: readonly Generator[];
  /** As written, without nulls. */
  readonly template: ApplicationTemplate;
  /** "" when there is none. */
  readonly templatePatch: string;
  readonly preserveResourcesOnDeletion: boolean;
  /** Absent: what the engine's policy says. */
  readonly applicationsSync?: ApplicationsSync;
  readonly strategy: RolloutStrategy;
  readonly preservedFields: { readonly annotations: readonly string[]; readonly labels: readonly string[] };
  readonly ignoreApplicationDifferences: readonly ApplicationIgnoreRule[];
  /** As written, without nulls. */
  readonly spec: ApplicationSetSpec;
  readonly status: JsonObject;
}

export type ApplicationSetSpec = WrittenOf<typeof applicationSetSchema>;

/** One generator of an entry. Its text may have parameters of the first child of a matrix in it. */
export interface Generator {
  readonly kind: GeneratorKind;
  /** As written, without nulls; children of matrix and merge stand in its `generators` (`readGenerators`). */
  readonly spec: JsonObject;
  /** That of the entry: sets that do not fit are dropped. Absent: all are kept. */
  readonly selector?: Selector;
  /** Wins over the ApplicationSet's, field by field; never empty. */
  readonly template?: JsonObject;
  /** Where it stands: `spec.generators[0].list`. */
  readonly path: string;
}

export interface Selector {
  readonly matchLabels: Readonly<Record<string, string>>;
  readonly matchExpressions: readonly MatchExpression[];
}

/** The operator is In, NotIn, Exists or DoesNotExist, unless the user wrote another, which is an error when it is used. */
export type MatchExpression = With<NonNullable<WrittenOf<typeof selectorSchema>["matchExpressions"]>[number], "values">;

export interface ApplicationTemplate {
  readonly metadata: JsonObject;
  readonly spec: JsonObject;
}

export type ApplicationsSync = NonNullable<NonNullable<ApplicationSetSpec["syncPolicy"]>["applicationsSync"]>;

export interface RolloutStrategy {
  /** Any other text than RollingSync counts as AllAtOnce. */
  readonly type: "AllAtOnce" | "RollingSync";
  /** Empty for AllAtOnce. */
  readonly steps: readonly RolloutStep[];
  readonly deletesInReverse: boolean;
}

export interface RolloutStep {
  /** Operators are In and NotIn, unless the user wrote another. */
  readonly matchExpressions: readonly MatchExpression[];
  /** A number or a share such as "10%"; absent: all. */
  readonly maxUpdate?: number | string;
}

/** Without a name: of every Application. */
export type ApplicationIgnoreRule = With<
  NonNullable<ApplicationSetSpec["ignoreApplicationDifferences"]>[number],
  "jsonPointers" | "jqPathExpressions"
>;
