import { errorAt, textOf } from "../../api/fields.ts";
import type { JsonSchema } from "../../base/schema.ts";
import { artifactSchema, sourceRule } from "./artifact.ts";
import { requires, type TriggerRule, triggerSchema } from "./rules.ts";
import { resourceParametersSchema } from "./schemas.ts";

const operations = ["submit", "submit-from", "resubmit", "resume", "retry", "stop", "suspend", "terminate"] as const;

/** spec argo-events 6.4.2 */
export const argoWorkflowSchema = {
  type: "object",
  description: "An operation on a Workflow of Argo Workflows.",
  required: ["source", "operation"],
  properties: {
    source: { ...artifactSchema, description: "The Workflow, or what names it. The first counts." },
    operation: {
      type: "string",
      description: "What is done; `submit-from` starts a WorkflowTemplate or CronWorkflow. There is no default.",
      enum: operations,
    },
    parameters: resourceParametersSchema,
    args: {
      type: "array",
      description: "Arguments as those of the `argo` command: `-p`, `name=value`.",
      items: { type: "string" },
    },
  },
} as const satisfies JsonSchema;

const operationRule: TriggerRule = ({ operation }, path) => {
  const known: readonly string[] = operations;
  if (known.includes(textOf(operation))) return [];
  const message = `unknown operation type ${textOf(operation)}`;
  return [errorAt(`${path}.operation`, message, `one of ${operations.join(", ")}`)];
};

export const argoWorkflowTrigger = triggerSchema(
  argoWorkflowSchema,
  requires({ source: "argoWorkflow trigger does not contain an absolute action" }),
  operationRule,
  sourceRule,
);
