import type { AppProject } from "../../api/application-types.ts";
import { compilePathGlob } from "../../base/path-glob.ts";
import { permitted, refused, type Verdict } from "./project.ts";

/** Whether the project's Applications may use the repository (spec argo-cd-surface 2.2). */
export function checkSource(project: AppProject, repoURL: string): Verdict {
  const url = normalizeRepository(repoURL);
  const no = refused(`application repo ${repoURL} is not permitted in project '${project.metadata.name}'`);
  let isPermitted = false;
  for (const pattern of project.sourceRepos) {
    const isDeny = pattern.startsWith("!");
    const matches = matchesRepository(isDeny ? pattern.slice(1) : pattern, url);
    if (isDeny && matches) return no;
    isPermitted ||= isDeny || matches;
  }
  return isPermitted ? permitted : no;
}

function matchesRepository(pattern: string, url: string): boolean {
  if (pattern === "*") return true;
  return compilePathGlob(normalizeRepository(pattern), { dialect: "gobwas", separator: "/" })(url);
}

/** The same text for the ways in which one repository is written; `http` and `https` stay apart. */
export function normalizeRepository(url: string): string {
  const text = url
    .trim()
    .toLowerCase()
    .replace(/\.git$/, "");
  if (text.startsWith("ssh://")) return text.slice("ssh://".length);
  if (text.includes("://")) return text;
  // user@host:path, as scp writes it
  return text.replace(/^([^/:@]+@[^/:]+):/, "$1/");
}
