import { shownProxy } from "../../base/http-proxy.ts";
import { proxyEnv } from "../source/git-session.ts";
import { shownRepositoryUrl } from "../source/repository-url.ts";
import type { RepositoryAccess } from "../source/source.ts";
import { dependencyAccess } from "./dependency-access.ts";
import type { Job } from "./plan.ts";
import { RenderError } from "./render.ts";

const variables = ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"];

/**
 * The proxies for one run of a tool that reads these repositories: each one's own, else that of the source's repository, as
 * in the original; empty where the engine's own count. A tool knows one proxy, and hosts without one.
 * @throws RenderError for repositories that need different ones
 */
export function proxyVariables(urls: readonly string[], job: Job): Readonly<Record<string, string>> {
  const { settings, context, source } = job;
  const ofSource = settings.access?.(source.repoURL, context.project);
  const routes = urls.length === 0 ? [routeOf(undefined, ofSource)] : urls.map((url) => routeOf(url, ofSource, job));
  const proxies = [...new Set(routes.flatMap(({ proxy }) => proxy ?? []))];
  const [proxy, ...others] = proxies;
  if (proxy === undefined) return {};
  const direct = routes.filter((route) => route.proxy === undefined);
  const hasOwn = variables.some((name) => settings.tools.env[name]);
  if (others.length > 0 || (direct.length > 0 && hasOwn)) throw needDifferent(routes);
  const excepted = [
    ...routes.flatMap(({ noProxy }) => (noProxy ? [noProxy] : [])),
    ...direct.flatMap(({ url }) => hostOf(url)),
  ];
  return proxyEnv({ proxy, noProxy: [...new Set(excepted)].join(",") });
}

interface Route {
  readonly url: string;
  readonly proxy?: string | undefined;
  readonly noProxy?: string | undefined;
}

function routeOf(url: string | undefined, ofSource: RepositoryAccess | undefined, job?: Job): Route {
  const own = url === undefined || job === undefined ? undefined : dependencyAccess(url, job);
  const { proxy, noProxy } = own?.proxy === undefined ? (ofSource ?? {}) : own;
  return { url: url ?? "", proxy, noProxy };
}

function hostOf(url: string): readonly string[] {
  const host = URL.parse(url.includes("://") ? url : `oci://${url}`)?.hostname;
  return host === undefined ? [] : [host];
}

function needDifferent(routes: readonly Route[]): RenderError {
  const shown = routes.map(({ url, proxy }) => {
    const through = proxy === undefined ? "the engine's" : shownProxy(proxy);
    return `${shownRepositoryUrl(url)} through ${through}`;
  });
  const how = "give their Secrets one proxy, or keep the charts in the repository (helm dependency build)";
  return new RenderError("Unknown", `one run of a tool cannot use several proxies: ${shown.join(", ")}; ${how}`);
}
