import type { ApplicationSource } from "../../api/application-types.ts";
import type { RenderContext } from "./render.ts";

/** What sources may use as `$NAME` (spec argo-cd-engine 7.3). */
export function buildEnvironment(
  { repoURL, path = "", targetRevision = "" }: ApplicationSource,
  revision: string,
  { instance, namespace, project }: RenderContext,
): ReadonlyMap<string, string> {
  return new Map([
    ["ARGOCD_APP_NAME", instance],
    ["ARGOCD_APP_NAMESPACE", namespace],
    ["ARGOCD_APP_PROJECT_NAME", project],
    ["ARGOCD_APP_REVISION", revision],
    ["ARGOCD_APP_REVISION_SHORT", revision.slice(0, 7)],
    ["ARGOCD_APP_REVISION_SHORT_8", revision.slice(0, 8)],
    ["ARGOCD_APP_SOURCE_REPO_URL", repoURL],
    ["ARGOCD_APP_SOURCE_PATH", path],
    ["ARGOCD_APP_SOURCE_TARGET_REVISION", targetRevision],
  ]);
}

/**
 * `$NAME` and `${NAME}` replaced as Go's `os.Expand` does: unknown names become empty, `$$` is a dollar, `${` that nothing
 * closes goes, a dollar before anything else stays.
 */
export function substitute(text: string, variable: (name: string) => string | undefined): string {
  return text.replaceAll(/\$(?:\{([^}]*)\}|([A-Za-z_]\w*)|([*#$@!?\-0-9])|\{)/g, (_all, braced, plain, special) => {
    const name: string = braced ?? plain ?? special ?? "";
    return name === "$" ? "$" : (variable(name) ?? "");
  });
}
