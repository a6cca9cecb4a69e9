import { TerminalError } from "../../base/errors.ts";
import { memoize } from "../../base/memo.ts";
import { cloudAccountOf } from "./cloud-account.ts";
import { normaliseRepositoryUrl, shownRepositoryUrl } from "./repository-url.ts";
import type { FindAccess, GitHubApp, RepositoryAccess } from "./source.ts";

/** A Secret with the label `argocd.argoproj.io/secret-type`, decoded (spec argo-cd-engine 6.8). */
export interface RepositorySecret {
  readonly name: string;
  /** `repository`: of this URL; `repo-creds`: of all URLs that begin so. */
  readonly type: "repository" | "repo-creds";
  readonly data: Readonly<Record<string, string>>;
}

export interface DeclaredAccess {
  readonly secrets: readonly RepositorySecret[];
  /** `ssh_known_hosts` of argocd-ssh-known-hosts-cm. */
  readonly knownHosts: string;
  /** argocd-tls-certs-cm: PEM by host. */
  readonly certificates: Readonly<Record<string, string>>;
}

/** What `repo-creds` supply where the repository's own Secret says none of the first group. */
const credentialKeys = [
  "username",
  "password",
  "bearerToken",
  "sshPrivateKey",
  "tlsClientCertData",
  "tlsClientCertKey",
  "githubAppPrivateKey",
  "githubAppID",
  "githubAppInstallationID",
  "githubAppEnterpriseBaseUrl",
  "gcpServiceAccountKey",
  "azureServicePrincipalClientId",
  "azureServicePrincipalClientID",
  "azureServicePrincipalClientSecret",
  "azureServicePrincipalTenantId",
  "azureServicePrincipalTenantID",
  "azureActiveDirectoryEndpoint",
  "useAzureWorkloadIdentity",
  "forceHttpBasicAuth",
];
const settingKeys = ["type", "enableOCI", "insecureOCIForceHttp", "proxy", "noProxy"];

/** Repositories by project whose access is known without being worked out. */
const maxKnown = 10_000;

type Data = RepositorySecret["data"];

/**
 * Looks up what was declared: the Secret of the repository in the Application's project, else one without a project;
 * without credentials the longest prefix in `repo-creds` supplies them. Unknown repositories are read without any.
 */
export function createFindAccess({ secrets, knownHosts, certificates }: DeclaredAccess): FindAccess {
  const repositories = new Map<string, RepositorySecret>();
  for (const secret of inOrder(secrets.filter(({ type }) => type === "repository"))) {
    const key = keyOf(secret.data.project ?? "", normaliseRepositoryUrl(secret.data.url ?? ""));
    if (secret.data.url && !repositories.has(key)) repositories.set(key, secret);
  }
  const prefixes = inOrder(secrets.filter(({ type, data }) => type === "repo-creds" && data.url))
    .map((secret) => ({ secret, prefix: normalisePrefix(secret.data.url ?? "") }))
    .sort((a, b) => b.prefix.length - a.prefix.length);

  const find = (project: string, repository: string): RepositoryAccess => {
    const url = normaliseRepositoryUrl(repository);
    const own = repositories.get(keyOf(project, url)) ?? repositories.get(keyOf("", url));
    const supplier = prefixes.find(({ prefix }) => startsWith(url, prefix))?.secret;
    const data = { ...own?.data, ...supplied(own?.data ?? {}, supplier?.data ?? {}) };
    const name = own?.name ?? supplier?.name ?? "";
    const host = hostOf(repository);
    const authorities = Object.hasOwn(certificates, host) ? certificates[host] : undefined;
    const hostKeys = { knownHosts, authorities };
    return accessOf(name, data, own?.data.project ?? "", hostKeys);
  };
  // Each look at a file asks; what was declared does not change.
  const known = memoize((asked) => find(...splitAt(asked, asked.indexOf("\n"))), maxKnown);
  return (repository, project) => known(`${project}\n${repository}`);
}

function splitAt(text: string, at: number): [before: string, after: string] {
  return [text.slice(0, at), text.slice(at + 1)];
}

/** Of two that say the same, the one that comes first by name counts. */
function inOrder(secrets: readonly RepositorySecret[]): readonly RepositorySecret[] {
  return [...secrets].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function keyOf(project: string, url: string): string {
  return `${project} ${url}`;
}

function normalisePrefix(url: string): string {
  const host = /^(?:[\w.+-]+@)([\w.-]+):?$/.exec(url.trim())?.[1];
  return host === undefined ? normaliseRepositoryUrl(url) : `ssh://${host.toLowerCase()}`;
}

/** A prefix may end within a name of the path, but never within the host. */
function startsWith(url: string, prefix: string): boolean {
  if (!url.startsWith(prefix)) return false;
  const isWithinPath = prefix.replace(/^[a-z]+:\/\//, "").includes("/");
  return isWithinPath || url.length === prefix.length || url[prefix.length] === "/";
}

function supplied(own: Data, supplier: Data): Data {
  const hasCredentials = credentialKeys.some((key) => own[key]);
  const keys = hasCredentials ? settingKeys : [...credentialKeys, ...settingKeys];
  return Object.fromEntries(keys.flatMap((key) => (!own[key] && supplier[key] ? [[key, supplier[key]]] : [])));
}

function hostOf(repository: string): string {
  const text = repository.includes("://") ? repository : `https://${repository}`;
  return URL.parse(text)?.hostname ?? "";
}

function accessOf(
  name: string,
  data: Data,
  scope: string,
  { knownHosts, authorities }: { readonly knownHosts: string; readonly authorities: string | undefined },
): RepositoryAccess {
  const { username = "", password = "", type } = data;
  const isInsecure = isTrue(data.insecure) || isTrue(data.insecureIgnoreHostKey);
  return {
    type: type === "helm" || type === "oci" ? type : "git",
    scope,
    ...(username || password ? { basic: { username, password } } : {}),
    isBasicForced: isTrue(data.forceHttpBasicAuth),
    ...texts(data, { bearerToken: "bearerToken", sshPrivateKey: "sshPrivateKey", proxy: "proxy", noProxy: "noProxy" }),
    ...gitHubAppOf(name, data),
    ...cloudOf(name, data),
    isHostKeyIgnored: isInsecure,
    knownHosts,
    tls: {
      isInsecure,
      ...(authorities === undefined ? {} : { authorities }),
      ...texts(data, { certificate: "tlsClientCertData", key: "tlsClientCertKey" }),
    },
    hasLfs: isTrue(data.enableLfs),
    ...depthOf(name, data),
    isOci: isTrue(data.enableOCI) || type === "oci",
    isPlainHttp: isTrue(data.insecureOCIForceHttp),
  };
}

function texts<Name extends string>(
  data: Data,
  names: Readonly<Record<Name, string>>,
): { readonly [N in Name]?: string } {
  const entries = Object.entries<string>(names).flatMap(([name, key]) => (data[key] ? [[name, data[key]]] : []));
  return Object.fromEntries(entries);
}

function gitHubAppOf(name: string, data: Data): { readonly gitHubApp?: GitHubApp } {
  const { githubAppPrivateKey, githubAppID, githubAppInstallationID, githubAppEnterpriseBaseUrl } = data;
  if (!githubAppPrivateKey) return {};
  for (const [key, value] of Object.entries({ githubAppID, githubAppInstallationID })) {
    if (value && /^\d+$/.test(value)) continue;
    const message = `Secret "${name}": ${key} is "${shownRepositoryUrl(value ?? "")}", expected the App's number`;
    throw new TerminalError("GIT_AUTH_FAILED", message);
  }
  const gitHubApp = {
    id: githubAppID ?? "",
    installationId: githubAppInstallationID ?? "",
    privateKey: githubAppPrivateKey,
    ...(githubAppEnterpriseBaseUrl ? { baseUrl: githubAppEnterpriseBaseUrl } : {}),
  };
  return { gitHubApp };
}

/**
 * A password goes before an account. Charts and artifacts are not read with one: registries want such tokens changed for
 * their own, each cloud in its way.
 */
function cloudOf(name: string, data: Data): Pick<RepositoryAccess, "cloudAccount"> {
  const cloudAccount = data.password ? undefined : cloudAccountOf(`Secret "${name}"`, data);
  if (cloudAccount === undefined) return {};
  if (data.type !== "helm" && data.type !== "oci" && !isTrue(data.enableOCI)) return { cloudAccount };
  const what = cloudAccount.kind === "google" ? "gcpServiceAccountKey" : "an Azure identity";
  const message = `Secret "${name}": ${what} is not supported for charts and artifacts: use username and password`;
  throw new TerminalError("GIT_AUTH_FAILED", message);
}

/** 0, and none at all: everything. */
function depthOf(name: string, { depth = "" }: Data): Pick<RepositoryAccess, "depth"> {
  const text = depth.trim();
  if (/^0*$/.test(text)) return {};
  if (/^\d{1,9}$/.test(text)) return { depth: Number(text) };
  const message = `Secret "${name}": depth is "${shownRepositoryUrl(text.slice(0, 100))}", expected a number of commits, 0 for all`;
  throw new TerminalError("GIT_REFUSED", message);
}

/** As Go's ParseBool; anything else is false. */
function isTrue(text = ""): boolean {
  return ["1", "t", "T", "true", "TRUE", "True"].includes(text.trim());
}
