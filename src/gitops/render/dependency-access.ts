import type { RepositoryAccess } from "../source/source.ts";
import type { Job } from "./plan.ts";

/** How the project reaches the repository of a dependency; undefined: without credentials. */
export function dependencyAccess(url: string, { settings, context }: Job): RepositoryAccess | undefined {
  const { access } = settings;
  if (access === undefined) return undefined;
  const found = access(url, context.project);
  // Users declare registries without the scheme.
  const plain = url.replace(/^oci:\/\//, "");
  return saysSomething(found) || plain === url ? found : access(plain, context.project);
}

function saysSomething({ basic, tls, isPlainHttp, proxy }: RepositoryAccess): boolean {
  return [basic, tls.certificate, proxy].some((one) => one !== undefined) || isPlainHttp;
}
