import { isDeepStrictEqual } from "node:util";
import type { Application, ApplicationSource } from "../../api/application-types.ts";
import { listOf, objectOf, textOf } from "../../api/fields.ts";
import { type RefreshPath, refreshPaths } from "../../api/refresh-paths.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { compilePathGlob } from "../../base/path-glob.ts";
import type { SourceTree } from "../source/source.ts";
import { hasSameSources } from "./compared-to.ts";
import { resolveTree } from "./resolve-source.ts";
import { renderTarget, type TargetDeps } from "./target.ts";

/** As it stands now. */
export interface RenderedNow {
  /** One for each source. */
  readonly revisions: readonly string[];
  readonly manifests: readonly JsonObject[];
}

/** Nothing is fetched that is there. */
const asRecorded = { level: 1, hard: false, seen: [] } as const;

/**
 * Whether the revisions of the last sync and those of now may differ in anything that this Application is about (spec
 * argo-cd-engine 2.12). Only an Application with the annotation `manifest-generate-paths` can say that they do not: no
 * file at one of its paths was touched. What is rendered is compared, too, which the original does not do: paths that were
 * written too narrowly keep nothing back. Whatever cannot be found out is a yes.
 */
export async function mayContainChanges(
  application: Application,
  now: RenderedNow,
  deps: TargetDeps,
  signal: AbortSignal,
): Promise<boolean> {
  const before = attemptedRevisions(application);
  const annotations = application.metadata.annotations ?? {};
  if (refreshPaths(annotations).length === 0 || before === undefined || before.includes("")) return true;
  if (before.length !== now.revisions.length || isDeepStrictEqual(before, now.revisions)) return true;
  try {
    for (const [index, source] of application.sources.entries()) {
      const paths = refreshPaths(annotations, source.path);
      const revisions = [before[index] ?? "", now.revisions[index] ?? ""] as const;
      if (await isTouched(source, paths, revisions, application.project, deps, signal)) return true;
    }
    const rendered = await renderTarget(application, before, asRecorded, undefined, deps, signal);
    return !isDeepStrictEqual(rendered.manifests, now.manifests);
  } catch (error) {
    if (signal.aborted || !(error instanceof EngineError)) throw error;
    return true;
  }
}

/** Of the last operation, if it was of these sources. */
function attemptedRevisions(application: Application): readonly string[] | undefined {
  const result = objectOf(objectOf(application.status.operationState).syncResult);
  if (!hasSameSources(application, result)) return undefined;
  return application.isMultiSource ? listOf(result.revisions).map(textOf) : [textOf(result.revision)];
}

async function isTouched(
  source: ApplicationSource,
  paths: readonly RefreshPath[],
  [before, now]: readonly [string, string],
  project: string,
  deps: TargetDeps,
  signal: AbortSignal,
): Promise<boolean> {
  if (before === now) return false;
  const treeAt = (revision: string): Promise<SourceTree> =>
    resolveTree({ source, revision, project }, asRecorded, deps, signal);
  const [old, fresh] = [await treeAt(before), await treeAt(now)];
  for (const path of paths) {
    const [a, b] = [await idsAt(old, path, signal), await idsAt(fresh, path, signal)];
    if (!isDeepStrictEqual(a, b)) return true;
  }
  return false;
}

/** What names the content at a path; of a glob, of all files that it matches. */
async function idsAt(tree: SourceTree, { path, isGlob }: RefreshPath, signal: AbortSignal): Promise<unknown> {
  const own = await tree.treeId(path, signal);
  if (!isGlob || own !== undefined) return own;
  const folder = path.replace(/[*?[\\].*$/s, "").replace(/(^|\/)[^/]*$/, "");
  if ((await tree.treeId(folder, signal)) === undefined) return [];
  const matches = compilePathGlob(path, { separator: "/", dialect: "go" });
  const files = await tree.listFiles(folder, signal);
  return files.filter((file) => matches(file.path)).map((file) => [file.path, file.id]);
}
