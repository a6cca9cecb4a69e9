import type { AppProject } from "../../api/application-types.ts";
import { compilePathGlob } from "../../base/path-glob.ts";
import { normalizeRepository } from "./source-check.ts";

/** What must be signed, and by whom (spec argo-cd-engine 7.10). */
export interface SignaturePolicy {
  /** head: the commit, or the annotated tag; strict: its ancestors, too, back to a seal. */
  readonly mode: "head" | "strict";
  /** Ids of GPG keys, or fingerprints of SSH keys: `SHA256:…`. */
  readonly keys: readonly string[];
}

/** What a project wants of a Git repository; undefined: nothing. A problem keeps its Applications from syncing. */
export function signaturePolicy(
  { spec }: Pick<AppProject, "spec">,
  repoURL: string,
): SignaturePolicy | { readonly problem: string } | undefined {
  if (spec.sourceIntegrity === undefined) {
    const keys = (spec.signatureKeys ?? []).map(({ keyID }) => keyID);
    return keys.length === 0 ? undefined : { mode: "head", keys };
  }
  const policies = (spec.sourceIntegrity.git?.policies ?? []).filter(({ repos }) => fits(repos, repoURL));
  const [policy] = policies;
  if (policies.length > 1) {
    return { problem: `${policies.length} sourceIntegrity policies of the project fit ${repoURL}, expected one` };
  }
  if (policy === undefined || policy.gpg.mode === "none") return undefined;
  const { mode, keys } = policy.gpg;
  if (mode === "head" || mode === "strict") return { mode, keys };
  return { problem: `sourceIntegrity of the project has the mode "${mode}", expected none, head or strict` };
}

function fits(repos: readonly { readonly url: string }[], repoURL: string): boolean {
  const url = normalizeRepository(repoURL);
  const matches = (pattern: string): boolean =>
    pattern === "*" || compilePathGlob(normalizeRepository(pattern), { dialect: "gobwas", separator: "/" })(url);
  const denials = repos.filter((repo) => repo.url.startsWith("!"));
  if (denials.some((repo) => matches(repo.url.slice(1)))) return false;
  return repos.some((repo) => !repo.url.startsWith("!") && matches(repo.url));
}
