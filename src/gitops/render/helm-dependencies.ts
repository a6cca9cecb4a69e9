import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RepositoryAccess } from "../source/source.ts";
import { dependencyAccess } from "./dependency-access.ts";
import type { Job } from "./plan.ts";
import { proxyVariables } from "./tool-proxy.ts";
import type { WorkingFolder } from "./working-folder.ts";

/** `input`: what it reads, so that no list of processes shows it; `env`: beside what every call gets. */
export type RunHelm = (
  args: readonly string[],
  label: string,
  more?: { readonly input?: string | undefined; readonly env?: Readonly<Record<string, string>> },
) => Promise<string>;

/** `helm dependency build`. Repositories have to be known by name, and registries logged in to, before. */
export async function buildDependencies(
  helm: RunHelm,
  folder: WorkingFolder,
  repositories: readonly string[],
  job: Job,
): Promise<void> {
  const registries = new Map<string, RepositoryAccess>();
  for (const url of repositories) {
    const access = dependencyAccess(url, job);
    if (/^https?:\/\//.test(url)) await addRepository(helm, folder, url, access, job);
    const [, host] = /^oci:\/\/([^/]+)/.exec(url) ?? [];
    if (host === undefined || access === undefined || registries.has(host)) continue;
    registries.set(host, access);
    await logIn(helm, folder, { host, access, env: proxyVariables([url], job) });
  }
  const args = ["dependency", "build", ".", ...(await registryArgs(folder, [...registries.values()]))];
  await helm(args, "helm dependency build", { env: proxyVariables(repositories, job) });
}

/** A build reads all registries in one way: certificates are those of all, where all have some, and of one client. */
async function registryArgs(
  folder: WorkingFolder,
  registries: readonly RepositoryAccess[],
): Promise<readonly string[]> {
  const [first] = registries;
  if (first === undefined) return [];
  const known = registries.flatMap(({ tls }) => tls.authorities ?? []);
  const isKnown = known.length === registries.length;
  const { authorities: _one, ...client } = first.tls;
  const tls = { ...client, ...(isKnown ? { authorities: [...new Set(known)].join("\n") } : {}) };
  return [
    ...(registries.some(({ isPlainHttp }) => isPlainHttp) ? ["--plain-http"] : []),
    ...(registries.every((one) => one.tls.isInsecure) ? ["--insecure-skip-tls-verify"] : []),
    ...(await certificateArgs(folder, "registries", { tls })),
  ];
}

async function addRepository(
  helm: RunHelm,
  folder: WorkingFolder,
  url: string,
  access: RepositoryAccess | undefined,
  job: Job,
): Promise<void> {
  const name = createHash("sha256").update(url).digest("hex").slice(0, 16);
  const { basic } = access ?? {};
  const args = [
    ...["repo", "add", name, url],
    ...(job.source.helm?.passCredentials === true ? ["--pass-credentials"] : []),
    ...(basic === undefined ? [] : ["--username", basic.username, "--password-stdin"]),
    ...(access?.tls.isInsecure ? ["--insecure-skip-tls-verify"] : []),
    ...(await certificateArgs(folder, name, access)),
  ];
  await helm(args, "helm repo add", { input: basic?.password, env: proxyVariables([url], job) });
}

interface Login {
  readonly host: string;
  readonly access: RepositoryAccess;
  readonly env: Readonly<Record<string, string>>;
}

async function logIn(helm: RunHelm, folder: WorkingFolder, { host, access, env }: Login): Promise<void> {
  const { basic, isPlainHttp, tls } = access;
  if (basic === undefined) return;
  const args = [
    ...["registry", "login", host, "--username", basic.username, "--password-stdin"],
    ...(isPlainHttp ? ["--plain-http"] : []),
    ...(tls.isInsecure ? ["--insecure"] : []),
    ...(await certificateArgs(folder, createHash("sha256").update(host).digest("hex").slice(0, 16), access)),
  ];
  await helm(args, "helm registry login", { input: basic.password, env });
}

async function certificateArgs(
  { home }: WorkingFolder,
  name: string,
  access: Pick<RepositoryAccess, "tls"> | undefined,
) {
  const { authorities, certificate, key } = access?.tls ?? {};
  const files = [
    ["--ca-file", authorities],
    ["--cert-file", key && certificate],
    ["--key-file", certificate && key],
  ] as const;
  const args: string[] = [];
  for (const [flag, text] of files) {
    if (!text) continue;
    const path = join(home, `${name}${flag}`);
    await writeFile(path, text, { mode: 0o600 });
    args.push(flag, path);
  }
  return args;
}
