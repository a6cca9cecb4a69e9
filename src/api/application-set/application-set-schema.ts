import type { JsonSchema } from "../../base/schema.ts";
import { flag, list, object, text, texts, textsByName, time, whole, wholeOrText } from "../application-fields.ts";
import { applicationSchema } from "../application-schema.ts";
import { generatorSchema } from "./application-set-generator-schema.ts";

/** `spec.template`, and the `template` of a generator. */
export const templateSchema = object(
  "The Application that is made from each set.",
  {
    metadata: object("Its metadata.", {
      name: text("Its name, with parameters in it, so that each is another."),
      namespace: text("Kept for the original: the namespace is the ApplicationSet's."),
      labels: textsByName("Its labels."),
      annotations: textsByName("Its annotations."),
      finalizers: texts("Its finalizers; none: the one that deletes its objects with it."),
    }),
    spec: applicationSchema,
  },
  ["metadata", "spec"],
);

const stepSchema = object("One step.", {
  matchExpressions: list(
    "Labels of the step's Applications; all must hold, none: every Application.",
    object("One condition.", {
      key: text("The label."),
      operator: text("In or NotIn."),
      values: texts("Its values."),
    }),
  ),
  maxUpdate: wholeOrText("How many at once: a number, or a share such as 10%; absent: all, 0: never by itself."),
});

const strategySchema = object("In which order Applications are synced.", {
  type: { ...text("AllAtOnce or RollingSync."), default: "AllAtOnce" },
  rollingSync: object("Step by step.", { steps: list("The steps, in order.", stepSchema) }),
  deletionOrder: { ...text("AllAtOnce or, with RollingSync, Reverse."), default: "AllAtOnce" },
});

/** The ApplicationSet's `spec` (spec argo-cd-surface 1.1). */
export const applicationSetSchema = object(
  "Makes Applications from a template and sets of parameters.",
  {
    generators: list("Where the sets of parameters come from.", generatorSchema),
    template: templateSchema,
    goTemplate: { ...flag("Whether templates are Go templates: {{ .name }} instead of {{ name }}."), default: false },
    goTemplateOptions: texts("Options of Go templates: missingkey=error"),
    templatePatch: text("A template whose result, as YAML or JSON, is merged into each Application."),
    syncPolicy: object("What is done with Applications that are there.", {
      preserveResourcesOnDeletion: {
        ...flag("Whether Applications do not delete their objects when they are deleted."),
        default: false,
      },
      applicationsSync: {
        ...text("What may be done with Applications. Default: all, sync."),
        enum: ["create-only", "create-update", "create-delete", "sync"] as const,
      },
    }),
    strategy: strategySchema,
    preservedFields: object("Keys of Applications that are left alone.", {
      annotations: texts("Annotations."),
      labels: texts("Labels."),
    }),
    ignoreApplicationDifferences: list(
      "Fields of Applications that are left alone.",
      object("One rule.", {
        name: text("The Application's name. Default: any."),
        jsonPointers: texts("Fields, as JSON pointers."),
        jqPathExpressions: texts("Fields, as jq paths."),
      }),
    ),
    applyNestedSelectors: flag("Without effect: selectors of nested generators always count."),
  },
  ["generators", "template"],
) satisfies JsonSchema;

/** The ApplicationSet's `status` (1.1, 1.13, 1.14). */
export const applicationSetStatusSchema = object("What is known about it.", {
  conditions: list(
    "How it is.",
    object("One condition.", {
      type: text("ErrorOccurred, ParametersGenerated, ResourcesUpToDate, RolloutProgressing or InvalidRolloutConfig."),
      status: text("True, False or Unknown."),
      reason: text("Why, in one word."),
      message: text("Why."),
      lastTransitionTime: time("Since when."),
    }),
  ),
  applicationStatus: list(
    "How far a rollout is.",
    object("One Application.", {
      application: text("Its name."),
      status: text("Waiting, Pending, Progressing or Healthy."),
      step: text("Its step, from 1; -1: none."),
      message: text("Why."),
      targetRevisions: texts("The revisions that it is to be synced to."),
      lastTransitionTime: time("Since when."),
    }),
  ),
  resources: list(
    "Its Applications, sorted by name.",
    object("One Application.", {
      group: text("Its API group."),
      version: text("Its API version."),
      kind: text("Its kind."),
      namespace: text("Its namespace."),
      name: text("Its name."),
      status: text("Synced, OutOfSync or Unknown."),
      health: object("Its health.", {
        status: text("Healthy, Suspended, Progressing, Missing, Degraded or Unknown."),
        message: text("Why."),
        lastTransitionTime: time("Since when."),
      }),
    }),
  ),
  resourcesCount: whole("How many Applications there are; `resources` may have fewer."),
  health: object("Whether it works.", {
    status: text("Healthy, Progressing, Degraded or Unknown."),
    message: text("Why."),
    lastTransitionTime: time("Since when."),
  }),
});
