import { flag, list, object, open, text, texts, textsByName, time, whole } from "./application-fields.ts";

// Sources stand in it as snapshots: their fields are those of the spec, and are not repeated here.

const health = object("Whether it works.", {
  status: text("Healthy, Suspended, Progressing, Missing, Degraded or Unknown."),
  message: text("Why."),
  lastTransitionTime: time("Since when it has this status."),
});

const initiatedBy = object("Who asked.", {
  username: text("A person."),
  automated: flag("Whether the engine itself did."),
});

const resourceSchema = object("One object.", {
  group: text("Its API group."),
  version: text("Its API version."),
  kind: text("Its kind."),
  namespace: text("Its namespace."),
  name: text("Its name."),
  status: text("Synced, OutOfSync or Unknown."),
  health,
  hook: flag("Whether it is a hook."),
  requiresPruning: flag("Whether it is not in the source any more."),
  requiresDeletionConfirmation: flag("Whether somebody has to confirm that it is deleted."),
  syncWave: whole("Its wave."),
});

const resultSchema = object("What a sync did with one object.", {
  group: text("Its API group."),
  version: text("Its API version."),
  kind: text("Its kind."),
  namespace: text("Its namespace."),
  name: text("Its name."),
  status: text("Synced, SyncFailed, Pruned or PruneSkipped."),
  message: text("Why."),
  hookType: text("Of a hook: PreSync, Sync, PostSync, SyncFail or PostDelete."),
  hookPhase: text("Running, Terminating, Failed, Error or Succeeded."),
  syncPhase: text("The phase in which it was applied."),
  images: texts("Its images."),
  uid: text("Of a hook: which object it was that ran."),
});

const revisionFields = {
  revision: text("The revision, as it was resolved."),
  revisions: texts("One for each source."),
} as const;

const snapshot = {
  source: open("The source: fields as in `spec.source`."),
  sources: list("The sources: fields as in `spec.sources`.", open("One source.")),
} as const;

const operationState = object("The last operation, or the one that runs.", {
  operation: open("What was asked: fields as in `operation`."),
  phase: text("Running, Terminating, Failed, Error or Succeeded."),
  message: text("Why."),
  syncResult: object("What a sync has done.", {
    ...revisionFields,
    ...snapshot,
    managedNamespaceMetadata: object("Of the namespace that was made.", {
      labels: textsByName("Its labels."),
      annotations: textsByName("Its annotations."),
    }),
    resources: list("Object by object.", resultSchema),
    supersededBy: texts("Ours: the newer revisions that took its place while it waited, one for each source."),
  }),
  startedAt: time("When it began."),
  finishedAt: time("When it ended."),
  retryCount: whole("How often it was tried again."),
});

const hydration = {
  drySHA: text("The commit that was rendered."),
  hydratedSHA: text("The commit with the result."),
  sourceHydrator: open("What was asked: fields as in `spec.sourceHydrator`."),
} as const;

/** The Application's `status` (spec argo-cd-engine 1.6). */
export const applicationStatusSchema = object("What is known about it.", {
  sync: object("Whether the cluster is at what the source says.", {
    status: text("Synced, OutOfSync or Unknown."),
    comparedTo: object("What was compared with.", {
      ...snapshot,
      destination: open("The destination: fields as in `spec.destination`."),
      ignoreDifferences: list("Fields as in `spec.ignoreDifferences`.", open("One rule.")),
    }),
    ...revisionFields,
  }),
  health,
  resources: list("Its objects, sorted by group, kind, namespace and name.", resourceSchema),
  history: list(
    "The last syncs, oldest first.",
    object("One sync.", {
      id: whole("Counts up."),
      ...revisionFields,
      ...snapshot,
      deployStartedAt: time("When it began."),
      deployedAt: time("When it ended."),
      initiatedBy,
    }),
  ),
  conditions: list(
    "What is wrong or worth a word.",
    object("One condition.", {
      type: text("Names that end with Error are errors."),
      message: text("What it is."),
      lastTransitionTime: time("Since when."),
    }),
  ),
  reconciledAt: time("When the last comparison began."),
  observedAt: time("Kept for the original, not written."),
  operationState,
  sourceType: text("Helm, Kustomize, Directory or Plugin."),
  sourceTypes: texts("One for each source."),
  summary: object("Over all objects.", {
    externalURLs: texts("Where people reach it."),
    images: texts("Its images."),
    isAppOfApps: flag("Whether Applications are among its objects."),
  }),
  resourceHealthSource: text("appTree: health stands in the tree only."),
  controllerNamespace: text("The namespace of the engine."),
  sourceHydrator: object("What the hydrator did.", {
    currentOperation: object("The operation that runs, or the last.", {
      startedAt: time("When it began."),
      finishedAt: time("When it ended."),
      phase: text("Hydrating, Failed or Hydrated."),
      message: text("Why."),
      ...hydration,
    }),
    lastSuccessfulOperation: object("The last that succeeded.", hydration),
    lastComparedDryRevision: text("The dry revision that was compared last."),
  }),
});
