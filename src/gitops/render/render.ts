import { TerminalError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import type { SourceTree } from "../source/source.ts";

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

export type SourceType = "Helm" | "Kustomize" | "Directory" | "Plugin";

/** What one source says at one revision. */
export interface RenderedSource {
  readonly manifests: readonly JsonObject[];
  readonly type: SourceType;
}

/** What rendering needs of a tree of files. */
export type InputTree = Omit<SourceTree, "checkout">;

export type InputTreesByRef = ReadonlyMap<string, InputTree>;

/** What charts may ask of the cluster: `v1.32.3`, and `apps/v1` beside `apps/v1/Deployment`, sorted. */
export interface ClusterVersions {
  readonly kubeVersion: string;
  readonly apiVersions: readonly string[];
}

/** What a source's manifests may depend on beside its files (spec argo-cd-engine 7.3). */
export interface RenderContext {
  /** Without a namespace before it: the default name of a Helm release. */
  readonly appName: string;
  /** As trackings name the Application. */
  readonly instance: string;
  readonly project: string;
  /** The destination's; "" for none. */
  readonly namespace: string;
  /** Whether `$name/…` means another source at all; else it is a variable. */
  readonly isMultiSource: boolean;
  /** Refs of sources that are charts: they cannot be referred to. */
  readonly chartRefs?: readonly string[];
  /** Whether the project lets charts be taken from a repository; absent: from all. */
  readonly isPermitted?: (repository: string) => boolean;
  /** Asked only when a tool could tell the difference; undefined: no cluster is known. */
  readonly versions?: (signal: AbortSignal) => Promise<ClusterVersions>;
}

/** Told what a rendering does: for people who ask why. */
export interface RenderLog {
  step(name: string, ms: number): void;
  /** `from`: where the result comes from, if there is one. */
  found?(result: RenderFacts): void;
}

export interface RenderFacts {
  readonly key: string;
  readonly from: "made" | "memory" | "disk" | "failed";
  /** Whether the whole tree stands in the key. */
  readonly isWhole: boolean;
  readonly reads: readonly { readonly ref: string; readonly path: string; readonly id: string | undefined }[];
  readonly facts: readonly (readonly [name: string, value: string])[];
}

/** The codes by which users of the original know failures. */
export type FailureCode = "FailedPrecondition" | "NotFound" | "PermissionDenied" | "Unknown";

/** A source that cannot be rendered as it stands: another revision may help, a retry does not. */
export class RenderError extends TerminalError {
  readonly failure: FailureCode;
  constructor(failure: FailureCode, message: string, cause?: unknown) {
    super("RENDER_FAILED", message, cause);
    this.failure = failure;
  }
}

/** A tool ran and refused: with files that were not handed to it, it may not. */
export class ToolRefusal extends RenderError {}

/**
 * The message of the condition ComparisonError for a source that could not be rendered. `index` counts from 1.
 */
export function targetStateMessage(error: RenderError, index: number, count: number): string {
  const where = `failed to generate manifest for source ${index} of ${count}`;
  return `Failed to load target state: ${where}: rpc error: code = ${error.failure} desc = ${error.message}`;
}
