import { TerminalError } from "../../src/base/errors.ts";
import { createSchema, type Problem, type Schema } from "../../src/base/schema.ts";

export function manifest(kind: string, spec: unknown, more: object = {}): unknown {
  return { apiVersion: "argoproj.io/v1alpha1", kind, metadata: { name: "x", namespace: "ns" }, spec, ...more };
}

/** One line each, the suggestion in brackets. */
export function linesOf(problems: readonly Problem[]): string[] {
  return problems.map(({ path, message, suggestion }) => {
    return `${path}: ${message}${suggestion === undefined ? "" : ` (${suggestion})`}`;
  });
}

/** The message of the TerminalError that `read` throws; undefined when it does not. */
export function faultOf(read: () => unknown): string | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    if (error instanceof TerminalError && error.code === "MANIFEST_INVALID") return error.message;
    throw error;
  }
}

export const logSchema: Schema<unknown> = createSchema({
  type: "object",
  description: "Logs.",
  properties: { intervalSeconds: { type: "integer", description: "Without effect.", default: 7 } },
});

export const urlSchema: Schema<unknown> = createSchema({
  type: "object",
  description: "Calls.",
  required: ["url"],
  properties: {
    url: { type: "string", description: "Where." },
    payload: { type: "array", description: "What.", items: {} },
  },
});
