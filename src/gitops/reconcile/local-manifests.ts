import type { Application } from "../../api/application-types.ts";
import { listOf, objectOf, textOf } from "../../api/fields.ts";
import { parseManifests } from "../../api/manifest.ts";
import { EngineError, TerminalError } from "../../base/errors.ts";
import { type Rendered, TargetError } from "./target.ts";

/** How messages about them begin. */
export const localManifestsMessage = "Failed to load local manifests";

/** What the last operation brought along: it stays in force until the next one (spec argo-cd-engine 2.6). */
export function manifestsInForce({ status }: Application): readonly string[] {
  const { sync } = objectOf(objectOf(status.operationState).operation);
  return listOf(objectOf(sync).manifests).map(textOf);
}

/**
 * What an operation brings along in place of its sources: `operation.sync.manifests`, one object in each text. They belong to
 * no commit.
 * `mustBeSigned`: the project trusts signed commits of a source only.
 * @throws TargetError when one cannot be read, or it must be signed
 */
export function localManifests(texts: readonly string[], mustBeSigned: boolean): Rendered {
  if (mustBeSigned) {
    const message = "Cannot use local manifests when source integrity is enforced";
    throw new TargetError(message, new TerminalError("MANIFEST_INVALID", message));
  }
  try {
    const manifests = texts.flatMap((text, index) =>
      parseManifests(text, `operation.sync.manifests[${index}]`).map(({ object }) => object),
    );
    return { revisions: [], types: [], manifests, parts: [manifests] };
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new TargetError(`${localManifestsMessage}: ${error.message}`, error);
  }
}
