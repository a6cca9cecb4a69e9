import { isJsonObject, type JsonObject } from "../base/json.ts";
import type { Problem } from "../base/schema.ts";
import { errorAt, textOf } from "./fields.ts";

/** A field that must be there (and not ""), with the original's words when it is not. */
type Required = readonly (readonly [field: string, message: string])[];

/** For kinds whose adapter comes later (spec argo-events 6.7); an adapter's own schema says it otherwise. */
const requiredFields: Readonly<Record<string, Required>> = {
  k8s: [["source", "k8s trigger does not contain an absolute action"]],
  argoWorkflow: [["source", "argoWorkflow trigger does not contain an absolute action"]],
  http: [["url", "server URL is not specified"]],
  awsLambda: [
    ["functionName", "function name is not specified"],
    ["region", "region in not specified"],
    ["payload", "payload parameters are not specified"],
  ],
  openWhisk: [
    ["actionName", "action name is not specified"],
    ["host", "host URL is not specified"],
    ["payload", "payload parameters are not specified"],
  ],
  kafka: [
    ["url", "broker url must not be empty"],
    ["payload", "payload must not be empty"],
    ["topic", "topic must not be empty"],
  ],
  nats: [
    ["url", "nats server url can't be empty"],
    ["subject", "nats subject can't be empty"],
    ["payload", "payload can't be nil"],
  ],
  slack: [["slackToken", "slack token can't be empty"]],
  email: [["host", "host can't be empty"]],
  custom: [
    ["serverURL", "custom trigger gRPC server url is not defined"],
    ["spec", "trigger body can't be empty"],
  ],
};

const knownOperations: Readonly<Record<string, readonly string[]>> = {
  k8s: ["", "create", "update", "patch", "delete"],
  argoWorkflow: ["submit", "submit-from", "resubmit", "resume", "retry", "stop", "suspend", "terminate"],
};

const httpMethods = ["", "GET", "DELETE", "PATCH", "POST", "PUT"];

export function checkKindRules(spec: JsonObject, kind: string, path: string): Problem[] {
  const problems = (requiredFields[kind] ?? [])
    .filter(([field]) => spec[field] === undefined || spec[field] === "")
    .map(([field, message]) => errorAt(`${path}.${field}`, message));
  const operation = textOf(spec.operation);
  if (knownOperations[kind]?.includes(operation) === false) {
    problems.push(errorAt(`${path}.operation`, `unknown operation type ${operation}`));
  }
  return [...problems, ...checkOddRules(spec, kind, path)];
}

function checkOddRules(spec: JsonObject, kind: string, path: string): Problem[] {
  switch (kind) {
    case "http":
      if (httpMethods.includes(textOf(spec.method))) return [];
      return [errorAt(`${path}.method`, "only GET, DELETE, PATCH, POST and PUT methods are supported")];
    case "email": {
      const port = spec.port ?? 0;
      if (typeof port === "number" && port >= 0 && port <= 65_535) return [];
      return [errorAt(`${path}.port`, `port: ${JSON.stringify(port)}, port should be between 0-65535`)];
    }
    case "custom":
      if (spec.secure !== true || isJsonObject(spec.certSecret)) return [];
      return [errorAt(`${path}.certSecret`, "certSecret can't be nil when the trigger server connection is secure")];
    case "openWhisk": {
      const token = spec.authToken;
      if (!isJsonObject(token) || (textOf(token.name) !== "" && textOf(token.key) !== "")) return [];
      return [errorAt(`${path}.authToken`, "auth token key and name must be specified")];
    }
    default:
      return [];
  }
}
