import {
  certificatesName,
  createKeyring,
  createRepositoryAccess,
  createScopedRepositories,
  keyringName,
  knownHostsName,
  secretTypeLabel,
} from "../controllers/applications/repository-access.ts";
import type { FindAccess } from "../gitops/source/source.ts";
import type { ListOptions, WatchCache } from "../kube/kube.ts";
import { createWatchCache } from "../kube/watch-cache.ts";
import { controllerNamespace, type Parts } from "./parts.ts";

export interface RepositoryAccessListeners {
  readonly onAccess: () => void;
  readonly onKeyring: () => void;
}

export interface RepositoryFacts {
  readonly access: FindAccess;
  /** Those that belong to a project alone. */
  readonly scoped: (project: string) => readonly string[];
  readonly keyring: () => readonly string[];
}

/** Follows the Secrets and ConfigMaps that say how repositories are reached, and who may sign. */
export function openRepositoryAccess(
  { stack, nursery, kube, clock, log }: Parts,
  { onAccess, onKeyring }: RepositoryAccessListeners,
): RepositoryFacts {
  const follow = (
    kind: string,
    what: string,
    options: Pick<ListOptions, "labelSelector" | "fieldSelector">,
  ): WatchCache => {
    const all = { namespace: controllerNamespace, ...options };
    const cache = createWatchCache({ client: kube, kind: { apiVersion: "v1", kind }, options: all, clock, log });
    stack.use(nursery.start(what, (signal) => cache.run(signal)));
    return cache;
  };
  const configMap = (name: string): WatchCache => follow("ConfigMap", name, { fieldSelector: `metadata.name=${name}` });
  const secrets = follow("Secret", "repository Secrets", {
    labelSelector: `${secretTypeLabel} in (repository,repo-creds)`,
  });
  const caches = { secrets, knownHosts: configMap(knownHostsName), certificates: configMap(certificatesName) };
  return {
    access: createRepositoryAccess({ ...caches, namespace: controllerNamespace }, onAccess),
    scoped: createScopedRepositories(secrets),
    keyring: createKeyring(configMap(keyringName), controllerNamespace, onKeyring),
  };
}
