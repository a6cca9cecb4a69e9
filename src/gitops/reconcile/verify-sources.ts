import type { Application, ApplicationSource, AppProject } from "../../api/application-types.ts";
import { EngineError } from "../../base/errors.ts";
import { signaturePolicy } from "../project/integrity.ts";
import type { GitSources } from "../source/source.ts";
import type { FoundCondition } from "./conditions.ts";
import { kindOfSource } from "./resolve-source.ts";

export interface VerifyDeps {
  readonly sources: GitSources;
  /** False: signatures are not looked at (ARGOCD_GPG_ENABLED). Default: true. */
  readonly verifiesSignatures?: boolean | undefined;
}

/** Whether the project trusts signed commits only, of any of the sources. */
export function mustBeSigned({ sources }: Application, project: AppProject, deps: VerifyDeps): boolean {
  if (deps.verifiesSignatures === false) return false;
  return sources.some((source) => policyFor(source, project) !== undefined);
}

function policyFor(source: ApplicationSource, project: AppProject): ReturnType<typeof signaturePolicy> {
  return kindOfSource(source) === "git" ? signaturePolicy(project, source.repoURL) : undefined;
}

/**
 * What is wrong with the signatures that the project wants, as conditions: they keep the Application from syncing, and say
 * nothing of its status (spec argo-cd-engine 7.10). `revisions` are what the sources were resolved to, `asked` what for.
 * Of several sources each problem begins with the name of its own, or its place where it has none.
 */
export async function verifySources(
  { sources, isMultiSource, project: name }: Application,
  project: AppProject,
  { revisions, asked }: { readonly revisions: readonly string[]; readonly asked: readonly (string | undefined)[] },
  deps: VerifyDeps,
  signal: AbortSignal,
): Promise<readonly FoundCondition[]> {
  if (deps.verifiesSignatures === false) return [];
  const git = deps.sources.ofProject(name);
  const found: FoundCondition[] = [];
  for (const [index, source] of sources.entries()) {
    const commit = revisions[index];
    const policy = policyFor(source, project);
    if (policy === undefined || commit === undefined) continue;
    const revision = asked[index] ?? source.targetRevision ?? "";
    const signed = { commit, revision, tagPrefix: source.tagPrefix };
    const problems =
      "problem" in policy
        ? [policy.problem]
        : await git.verify(source.repoURL, signed, policy, signal).catch((error: unknown) => asProblem(error, signal));
    const where = isMultiSource ? `${source.name || `source ${index + 1} of ${sources.length}`}: ` : "";
    found.push(...problems.map((problem) => ({ type: "ComparisonError" as const, message: where + problem })));
  }
  return found;
}

/** What could not be looked at is not trusted. */
function asProblem(error: unknown, signal: AbortSignal): readonly string[] {
  signal.throwIfAborted();
  if (!(error instanceof EngineError)) throw error;
  return [`GIT/GPG: signatures could not be verified: ${error.message}`];
}
