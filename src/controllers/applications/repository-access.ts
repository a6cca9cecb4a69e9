import { EngineError } from "../../base/errors.ts";
import { isJsonObject, type JsonValue } from "../../base/json.ts";
import type { DeclaredAccess, RepositorySecret } from "../../gitops/source/repository-secrets.ts";
import { createFindAccess } from "../../gitops/source/repository-secrets.ts";
import type { FindAccess, RepositoryAccess } from "../../gitops/source/source.ts";
import type { WatchCache } from "../../kube/kube.ts";
import type { KubeObject } from "../../objects/object.ts";

export const secretTypeLabel = "argocd.argoproj.io/secret-type";
export const knownHostsName = "argocd-ssh-known-hosts-cm";
export const keyringName = "argocd-gpg-keys-cm";
export const certificatesName = "argocd-tls-certs-cm";

export interface RepositoryAccessDeps {
  /** Of the controller's namespace, with the label above. */
  readonly secrets: WatchCache;
  /** The ConfigMap of that name alone. */
  readonly knownHosts: WatchCache;
  readonly certificates: WatchCache;
  readonly namespace: string;
}

type Data = RepositorySecret["data"];

export interface DeclaredRepositories {
  readonly access: FindAccess;
  /**
   * With these Secrets in place of those that are there, decoded: of the repository, and of templates. Whom hosts are trusted
   * to be is as declared. @throws TerminalError GIT_AUTH_FAILED for credentials that cannot be used
   */
  accessBy(repository: Data, templates: readonly Data[]): RepositoryAccess;
}

/**
 * How repositories are reached, as Secrets and ConfigMaps say now. `onChange` is called after each change of them, once
 * they were read.
 */
export function createRepositoryAccess(
  { secrets, knownHosts, certificates, namespace }: RepositoryAccessDeps,
  onChange: () => void,
): DeclaredRepositories {
  let compiled: FindAccess | undefined;
  let isRead = false;
  const caches = [secrets, knownHosts, certificates];
  for (const cache of caches) {
    cache.onChange(({ isInitial }) => {
      compiled = undefined;
      if (!isInitial && isRead) onChange();
    });
  }
  void Promise.all(caches.map(({ synced }) => synced)).then(() => {
    isRead = true;
  });

  const read = (): DeclaredAccess => ({
    secrets: [...secrets.items()].flatMap((secret) => repositorySecret(secret) ?? []),
    knownHosts: textsIn(knownHosts.find(namespace, knownHostsName)).ssh_known_hosts ?? "",
    certificates: textsIn(certificates.find(namespace, certificatesName)),
  });

  const checkRead = (): void => {
    if (!isRead) throw new EngineError("REPOSITORY_FAILED", "repository Secrets were not read yet");
  };
  return {
    access(repository, project) {
      checkRead();
      compiled ??= createFindAccess(read());
      return compiled(repository, project);
    },
    accessBy(repository, templates) {
      checkRead();
      const own = { name: "repository", type: "repository", data: repository } as const;
      const others = templates.map((data, at) => ({ name: `creds-${at}`, type: "repo-creds", data }) as const);
      const { url = "", project = "" } = repository;
      return createFindAccess({ ...read(), secrets: [own, ...others] })(url, project);
    },
  };
}

/** Repositories that belong to a project alone, as the Secrets of them say now. */
export function createScopedRepositories(secrets: WatchCache): (project: string) => readonly string[] {
  let byProject: ReadonlyMap<string, readonly string[]> | undefined;
  secrets.onChange(() => {
    byProject = undefined;
  });
  return (project) => {
    byProject ??= scopedRepositories(secrets);
    return byProject.get(project) ?? [];
  };
}

/** Public keys of GPG, as argocd-gpg-keys-cm has them now. `onChange` is told of the first list, too. */
export function createKeyring(cache: WatchCache, namespace: string, onChange: () => void): () => readonly string[] {
  cache.onChange(onChange);
  return () => Object.values(textsIn(cache.find(namespace, keyringName)));
}

function scopedRepositories(secrets: WatchCache): ReadonlyMap<string, readonly string[]> {
  const byProject = new Map<string, string[]>();
  for (const secret of secrets.items()) {
    const { type, data } = repositorySecret(secret) ?? {};
    const { project, url } = data ?? {};
    if (type !== "repository" || !project || !url) continue;
    byProject.set(project, [...(byProject.get(project) ?? []), url]);
  }
  return byProject;
}

/** A Secret of a server, decoded; undefined for one of another kind. */
export function repositorySecret(secret: KubeObject): RepositorySecret | undefined {
  const type = secret.metadata.labels?.[secretTypeLabel];
  if (type !== "repository" && type !== "repo-creds") return undefined;
  const data = Object.entries(textsIn(secret)).map(([key, encoded]) => [key, decoded(encoded)] as const);
  return { name: secret.metadata.name ?? "", type, data: Object.fromEntries(data) };
}

function decoded(encoded: string): string {
  return Buffer.from(encoded, "base64").toString("utf8");
}

function textsIn(object: KubeObject | undefined): Readonly<Record<string, string>> {
  const data = object?.data as JsonValue | undefined;
  if (!isJsonObject(data)) return {};
  return Object.fromEntries(
    Object.entries(data).flatMap(([key, value]) => (typeof value === "string" ? [[key, value]] : [])),
  );
}
