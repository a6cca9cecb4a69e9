import { textOf, warningAt } from "../../api/fields.ts";
import { TerminalError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { nextHop } from "./hops.ts";
import { has, ownTriggerSchema, type TriggerRule } from "./rules.ts";
import { parametersSchema } from "./schemas.ts";
import type { Firing, GitOpsPlan, GitOpsRequest, GitOpsTarget, TriggerContext, TriggerKind } from "./trigger.ts";

/** What is asked for, and what that would meet. */
export interface GitOpsEffect {
  readonly request: GitOpsRequest;
  readonly meets: GitOpsPlan;
}

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

/** Ours. */
export const gitOpsSchema = {
  type: "object",
  description: "Asks for an Application to be compared with Git again, or synced.",
  required: ["application"],
  properties: {
    operation: {
      type: "string",
      enum: ["sync", "refresh", "hardRefresh"],
      default: "sync",
      description: "refresh: compare with what Git says now; hardRefresh: and render anew; sync: and apply it.",
    },
    application: { type: "string", minLength: 1, description: "The Application's name." },
    namespace: { type: "string", minLength: 1, default: "argocd", description: "The Application's namespace." },
    revision: { type: "string", description: "Of a sync: what to sync to; default: what the source names." },
    prune: { type: "boolean", default: false, description: "Of a sync: whether what Git lacks is deleted." },
    dryRun: { type: "boolean", default: false, description: "Of a sync: whether nothing is changed." },
    syncOptions: {
      type: "array",
      items: { type: "string", minLength: 1 },
      default: [],
      description: "Of a sync: Key=value, for example ServerSideApply=true.",
    },
    parameters: ownParametersSchema,
  },
} as const satisfies JsonSchema;

type GitOpsSpec = SpecOf<typeof gitOpsSchema>;

/** What is for a sync only. */
const syncOnly = ["revision", "prune", "dryRun", "syncOptions"] as const;

const operationRule: TriggerRule = (spec, path) => {
  const operation = textOf(spec.operation) || "sync";
  if (operation === "sync") return [];
  return syncOnly
    .filter((field) => has(spec[field]) && spec[field] !== false)
    .map((field) => warningAt(`${path}.${field}`, `has no effect: the operation is ${operation}, not sync`));
};

const schema = ownTriggerSchema<GitOpsSpec>(gitOpsSchema, operationRule);

/**
 * Asks, as the Sensor's service account, for a reconcile of one Application. The request is stored; the reconcile flow
 * acts on it afterwards, so that success says "asked for", not "synced".
 * @throws TerminalError TRIGGER_UNSUPPORTED where nothing reconciles
 */
export const gitOpsTrigger: TriggerKind<GitOpsSpec, GitOpsEffect> = {
  schema,
  async plan(spec, firing, context, signal) {
    const target = targetOf(context);
    const request = requestOf(withParameters(spec, context), firing);
    return { request, meets: await target.plan(request, context.kube, signal) };
  },
  async apply({ request }, _firing, context, signal) {
    return targetOf(context).request(request, context.kube, signal);
  },
  async preview({ meets, request }) {
    const { application, syncStatus, healthStatus, revision, outOfSync } = meets;
    const name = `${application.namespace}/${application.name}`;
    const at = revision === "" ? "" : ` at ${revision.slice(0, 7)}`;
    const state = `it is ${syncStatus}${at}, ${healthStatus}`;
    const diff = outOfSync.map((object) => ` differs: ${object}`);
    const summary = `would ask Application ${name} to ${request.operation}: ${state}`;
    return { summary, ...(diff.length > 0 && { diff }) };
  },
};

function targetOf({ gitOps }: TriggerContext): GitOpsTarget {
  if (gitOps) return gitOps;
  throw new TerminalError("TRIGGER_UNSUPPORTED", "gitOps: this engine does not reconcile Applications");
}

/** Parsed again: what events put in must hold as much as what the user wrote. */
function withParameters({ parameters = [], ...block }: GitOpsSpec, context: TriggerContext): GitOpsSpec {
  if (parameters.length === 0) return block;
  const changed = context.parameters.apply(block satisfies JsonObject, parameters, "gitOps.parameters");
  return schema.parse(changed, "gitOps");
}

function requestOf(spec: GitOpsSpec, firing: Firing): GitOpsRequest {
  const { key, sensor } = firing;
  const { operation, application, namespace, revision, prune, dryRun, syncOptions } = spec;
  const common = { application: { namespace, name: application }, operation, key, by: sensor, hop: nextHop(firing) };
  if (operation !== "sync") return common;
  return { ...common, sync: { ...(revision ? { revision } : {}), prune, dryRun, syncOptions } };
}
