import { TerminalError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";

/** A file below the source's path. */
export interface SourceFile {
  /** Relative to the source's path, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** An object as its source says, before namespace and tracking are added. */
export interface RenderedManifest {
  readonly object: JsonObject;
  /** Where it stands; `line` counts from 1, items of a List carry the line of the List. */
  readonly file: string;
  readonly line: number;
}

/** The codes by which users of the original know failures. */
export type FailureCode = "FailedPrecondition" | "Unknown";

/** A source that cannot be rendered as it stands: another revision may help, a retry does not. */
export class RenderError extends TerminalError {
  readonly failure: FailureCode;
  constructor(failure: FailureCode, message: string, cause?: unknown) {
    super("RENDER_FAILED", message, cause);
    this.failure = failure;
  }
}

/**
 * The message of the condition ComparisonError for a source that could not be rendered. `index` counts from 1.
 */
export function targetStateMessage(error: RenderError, index: number, count: number): string {
  const where = `failed to generate manifest for source ${index} of ${count}`;
  return `Failed to load target state: ${where}: rpc error: code = ${error.failure} desc = ${error.message}`;
}
