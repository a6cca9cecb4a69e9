import { errorAt, objectOf, textOf, warningAt } from "../../api/fields.ts";
import { parseNanoseconds } from "../../base/duration.ts";
import type { JsonObject } from "../../base/json.ts";
import { InvalidManifest, type JsonSchema, type Schema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { has, ownTriggerSchema, type TriggerRule } from "./rules.ts";
import { parametersSchema } from "./schemas.ts";

/** A `dest` is needed: there is no sense in replacing the whole block. */
const ownParametersSchema = {
  ...parametersSchema,
  description: "Set fields of this block from events, for example revision; checked again after that.",
  items: {
    ...parametersSchema.items,
    required: ["src", "dest"],
    properties: {
      ...parametersSchema.items.properties,
      dest: { type: "string", minLength: 1, description: "The field." },
    },
  },
} as const satisfies JsonSchema;

const selectorSchema = {
  type: "object",
  description: "The Applications of the namespace with these labels, instead of one by its name.",
  properties: {
    matchLabels: {
      type: "object",
      description: "Labels with their values.",
      additionalProperties: { type: "string" },
    },
    matchExpressions: {
      type: "array",
      description: "Demands on labels; all must hold.",
      items: {
        type: "object",
        description: "A demand.",
        required: ["key", "operator"],
        properties: {
          key: { type: "string", minLength: 1, description: "The label." },
          operator: {
            type: "string",
            enum: ["In", "NotIn", "Exists", "DoesNotExist"],
            description: "How it is compared.",
          },
          values: { type: "array", items: { type: "string" }, default: [], description: "What it is compared with." },
        },
      },
    },
  },
} as const satisfies JsonSchema;

const sourceSchema = {
  type: "object",
  description:
    "Of a sync: written into the Application's spec first, so that it lasts; each value in place of the one of its name.",
  properties: {
    position: { type: "integer", minimum: 1, default: 1, description: "Which of several sources, from 1 on." },
    targetRevision: { type: "string", description: "What is followed from then on: a branch, tag, commit or version." },
    helm: {
      type: "object",
      description: "Of a chart.",
      properties: {
        parameters: {
          type: "array",
          description: "Single values, by name.",
          items: {
            type: "object",
            description: "A value, by its path.",
            required: ["name", "value"],
            properties: {
              name: { type: "string", minLength: 1, description: "A path into the values." },
              value: { type: "string", description: "The value." },
              forceString: { type: "boolean", description: "Whether it stays text, even if it looks like a number." },
            },
          },
        },
        values: { type: "string", description: "Values as YAML, in place of those that are there." },
        valuesObject: {
          type: "object",
          description: "Values, merged into those that are there.",
          "x-kubernetes-preserve-unknown-fields": true,
        },
      },
    },
    kustomize: {
      type: "object",
      description: "Of a kustomization.",
      properties: {
        images: {
          type: "array",
          items: { type: "string", minLength: 1 },
          description: "Images, by name: [old=]new[:tag|@digest]",
        },
      },
    },
  },
} as const satisfies JsonSchema;

const waitSchema = {
  type: "object",
  description:
    "Whether the trigger waits for what becomes of a sync or rollback; without it success says that it was asked for.",
  properties: {
    until: {
      type: "string",
      enum: ["operation", "synced", "healthy"],
      default: "healthy",
      description: "operation: until it has succeeded; synced: and nothing differs; healthy: and all objects are well.",
    },
    timeout: { type: "string", default: "10m", description: "How long at most; then the trigger fails." },
  },
} as const satisfies JsonSchema;

/** Ours. */
export const gitOpsSchema = {
  type: "object",
  description: "Asks for an Application, or several, to be compared with Git again, synced or rolled back.",
  properties: {
    operation: {
      type: "string",
      enum: ["sync", "refresh", "hardRefresh", "rollback", "revert", "terminate"],
      default: "sync",
      description:
        "refresh: compare with what Git says now; hardRefresh: and render anew; sync: and apply it; rollback: back to an earlier sync; revert: the same by a commit to Git; terminate: end the operation in progress.",
    },
    application: { type: "string", minLength: 1, description: "The Application's name." },
    selector: selectorSchema,
    namespace: { type: "string", minLength: 1, default: "argocd", description: "The Application's namespace." },
    revision: { type: "string", description: "Of a sync: what to sync to, once; default: what the source names." },
    prune: {
      type: "boolean",
      default: false,
      description: "Of a sync or rollback: whether what Git lacks is deleted.",
    },
    dryRun: { type: "boolean", default: false, description: "Of a sync or rollback: whether nothing is changed." },
    syncOptions: {
      type: "array",
      items: { type: "string", minLength: 1 },
      default: [],
      description: "Of a sync: Key=value, for example ServerSideApply=true.",
    },
    source: sourceSchema,
    historyId: {
      type: "integer",
      minimum: 0,
      description:
        "Of a rollback or revert: the id in the Application's history; default: the last of something else than the last sync was for, or Git says.",
    },
    branch: {
      type: "string",
      minLength: 1,
      description: "Of a revert: where the commit is pushed, for a pull request; default: the branch of the source.",
    },
    wait: waitSchema,
    parameters: ownParametersSchema,
  },
} as const satisfies JsonSchema;

export type GitOpsSpec = SpecOf<typeof gitOpsSchema>;

/** Which operations a field is for. */
const fieldsFor: Readonly<Record<string, readonly string[]>> = {
  revision: ["sync"],
  syncOptions: ["sync"],
  source: ["sync"],
  prune: ["sync", "rollback"],
  dryRun: ["sync", "rollback"],
  wait: ["sync", "rollback"],
  historyId: ["rollback", "revert"],
  branch: ["revert"],
};

const operationRule: TriggerRule = (spec, path) => {
  const operation = textOf(spec.operation) || "sync";
  return Object.entries(fieldsFor)
    .filter(([field, operations]) => has(spec[field]) && spec[field] !== false && !operations.includes(operation))
    .map(([field, operations]) =>
      warningAt(`${path}.${field}`, `has no effect: the operation is ${operation}, not ${operations.join(" or ")}`),
    );
};

/** Exactly one of both. */
const whichRule: TriggerRule = (spec, path) => {
  if (!has(spec.application) && !has(spec.selector)) return [errorAt(`${path}.application`, "is required")];
  if (!has(spec.selector)) return [];
  if (has(spec.application)) return [errorAt(`${path}.selector`, "cannot stand beside application")];
  const { matchLabels, matchExpressions } = objectOf(spec.selector);
  const isEmpty = Object.keys(objectOf(matchLabels)).length === 0 && !has(matchExpressions);
  return isEmpty ? [errorAt(`${path}.selector`, "is empty: it would mean all Applications of the namespace")] : [];
};

const timeoutRule: TriggerRule = (spec, path) => {
  const { timeout } = objectOf(spec.wait);
  const text = textOf(timeout);
  if (text === "" || (parseNanoseconds(text) ?? 0n) > 0n) return [];
  return [errorAt(`${path}.wait.timeout`, `"${text}" must be a duration above 0, for example 10m`)];
};

const checked = ownTriggerSchema<GitOpsSpec>(gitOpsSchema, whichRule, operationRule, timeoutRule);

/** What events put in must hold as much as what the user wrote: `parse` applies the rules, too. */
export const gitOpsTriggerSchema: Schema<GitOpsSpec> = {
  ...checked,
  parse(value, path) {
    const spec = checked.parse(value, path);
    const problems = [whichRule, timeoutRule].flatMap((rule) => rule(value as JsonObject, path));
    if (problems.length > 0) throw new InvalidManifest(problems);
    return spec;
  },
};

/** As in `?labelSelector=`. */
export function selectorText({ matchLabels = {}, matchExpressions = [] }: NonNullable<GitOpsSpec["selector"]>): string {
  const labels = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`);
  const demands = matchExpressions.map(({ key, operator, values }) => {
    if (operator === "Exists") return key;
    if (operator === "DoesNotExist") return `!${key}`;
    return `${key} ${operator === "In" ? "in" : "notin"} (${values.join(",")})`;
  });
  return [...labels, ...demands].join(",");
}
