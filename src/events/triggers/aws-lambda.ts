import type { JsonSchema } from "../../base/schema.ts";
import { prefers, requires, triggerSchema } from "./rules.ts";
import { parametersSchema, payloadSchema, secretKeySchema } from "./schemas.ts";

/** spec argo-events 6.5.4, 1.6 */
export const awsLambdaSchema = {
  type: "object",
  description: "Invokes a function of AWS Lambda.",
  required: ["functionName", "region", "payload"],
  properties: {
    functionName: { type: "string", minLength: 1, description: "The function's name or ARN." },
    region: { type: "string", minLength: 1, description: "The AWS region." },
    accessKey: { ...secretKeySchema, description: "Access key; without keys the surroundings' credentials count." },
    secretKey: { ...secretKeySchema, description: "Secret key; goes with `accessKey`." },
    roleARN: { type: "string", description: "A role to assume; with it the keys have no effect." },
    invocationType: {
      type: "string",
      description: "Whether the answer is awaited, or the event only handed over, or only checked.",
      enum: ["RequestResponse", "Event", "DryRun"],
      default: "RequestResponse",
    },
    payload: payloadSchema,
    parameters: parametersSchema,
  },
} as const satisfies JsonSchema;

export const awsLambdaTrigger = triggerSchema(
  awsLambdaSchema,
  requires({
    functionName: "function name is not specified",
    region: "region in not specified",
    payload: "payload parameters are not specified",
  }),
  prefers("roleARN", "accessKey"),
  prefers("roleARN", "secretKey"),
);
