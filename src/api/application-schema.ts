import type { JsonSchema } from "../base/schema.ts";
import { flag, list, namedValue, object, text, texts, textsByName, whole } from "./application-fields.ts";
import { hydratorSchema, sourceSchema } from "./application-source-schema.ts";

export const retrySchema = object("How a failed sync is tried again.", {
  limit: { ...whole("How often; 0: never, negative: without end."), default: 0 },
  backoff: object("The pauses.", {
    duration: { ...text("The first pause: a duration, or seconds as a plain number."), default: "5s" },
    factor: { ...whole("Each pause is so many times the one before."), default: 2 },
    maxDuration: { ...text("The longest pause; 0 or less: no upper bound."), default: "3m" },
  }),
  refresh: { ...flag("Whether a retry takes the newest revision."), default: false },
});

const destinationSchema = object("Where the objects go: `server` or `name`, and `namespace`.", {
  server: text("The cluster's URL."),
  name: text("The cluster's name, instead of `server`."),
  namespace: text("For objects that name none."),
});

const syncPolicySchema = object("When and how it syncs.", {
  automated: object("Syncs by itself; absent: people start syncs.", {
    enabled: { ...flag("Whether it does."), default: true },
    prune: { ...flag("Whether objects that are not in the source any more are deleted."), default: false },
    selfHeal: { ...flag("Whether changes made in the cluster are undone."), default: false },
    allowEmpty: { ...flag("Whether everything may be deleted."), default: false },
  }),
  syncOptions: texts("Options, as Key=value."),
  retry: retrySchema,
  managedNamespaceMetadata: object("For the namespace that CreateNamespace=true makes.", {
    labels: textsByName("Its labels."),
    annotations: textsByName("Its annotations."),
  }),
});

const ignoreRuleSchema = object(
  "One rule.",
  {
    group: text("The API group, as a glob; empty: core."),
    kind: text("The kind, as a glob."),
    name: text("The name. Default: any."),
    namespace: text("The namespace. Default: any."),
    jsonPointers: texts("Fields, as JSON pointers: /spec/replicas"),
    jqPathExpressions: texts("Fields, as jq paths."),
    managedFieldsManagers: texts("Fields that these managers own."),
  },
  ["kind"],
);

/** The Application's `spec` (spec argo-cd-engine 1.1 to 1.4). */
export const applicationSchema = object(
  "Keeps objects of a cluster at what a repository says.",
  {
    source: sourceSchema,
    sources: list("Several sources; used instead of `source`.", sourceSchema),
    sourceHydrator: hydratorSchema,
    destination: destinationSchema,
    project: { ...text("The AppProject."), default: "default" },
    syncPolicy: syncPolicySchema,
    ignoreDifferences: list("Differences that do not count.", ignoreRuleSchema),
    info: list("Shown to people.", namedValue),
    revisionHistoryLimit: { ...whole("How many syncs are remembered; 0: none."), default: 10 },
  },
  // The original's CRD demands `project`, too, but its controller reads none as "default": a warning.
  ["destination"],
) satisfies JsonSchema;

const forced = { force: { ...flag("Whether objects that cannot be changed are made anew."), default: false } } as const;

/** The Application's `operation` (1.5). */
export const operationSchema = object("What is to be done now; removed when it is done.", {
  sync: object("A sync.", {
    revision: text("Default: the source's targetRevision."),
    revisions: texts("One for each source."),
    source: sourceSchema,
    sources: list("Instead of the spec's.", sourceSchema),
    prune: { ...flag("Whether objects that are not in the source any more are deleted."), default: false },
    dryRun: { ...flag("Whether nothing is changed."), default: false },
    syncStrategy: object("With hooks (the default) or without.", {
      apply: object("Without hooks.", forced),
      hook: object("With hooks.", forced),
    }),
    resources: list(
      "Only these objects, without hooks.",
      object(
        "One object.",
        {
          group: text("Its API group."),
          kind: text("Its kind."),
          name: text("Its name."),
          namespace: text("Its namespace."),
          exclude: flag("Kept for the original."),
        },
        ["kind", "name"],
      ),
    ),
    manifests: texts("Instead of the source's."),
    syncOptions: texts("Options, as Key=value."),
    autoHealAttemptsCount: whole("How often self-heal tried."),
  }),
  initiatedBy: object("Who asked.", {
    username: text("A person."),
    automated: { ...flag("Whether the engine itself did."), default: false },
  }),
  info: list("Shown to people.", namedValue),
  retry: retrySchema,
}) satisfies JsonSchema;
