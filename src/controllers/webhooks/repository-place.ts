import { normaliseRepositoryUrl } from "../../gitops/source/repository-url.ts";

/**
 * Where a repository is, the same for all ways to reach it: scheme, user, port, `ssh.` before the host, case and `.git`
 * do not count (spec argo-cd-surface 4.4), and neither does how Azure DevOps spells paths for ssh. Undefined: on no host.
 */
export function placeOf(url: string): string | undefined {
  const parsed = URL.parse(normaliseRepositoryUrl(url));
  if (parsed === null || parsed.hostname === "") return undefined;
  const host = parsed.hostname.toLowerCase().replace(/^(?:ssh|altssh)\./, "");
  const path = decoded(parsed.pathname)
    .replace(/^\/+|\/+$/g, "")
    .toLowerCase();
  return path === "" ? undefined : `${host}/${host === "dev.azure.com" ? azurePath(path) : path}`;
}

/** `v3/org/project/repository` of ssh is `org/project/_git/repository` of https. */
function azurePath(path: string): string {
  const [version, organisation, project, ...rest] = path.split("/");
  return version === "v3" && rest.length === 1 ? `${organisation}/${project}/_git/${rest[0]}` : path;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a lone "%"
  }
}
