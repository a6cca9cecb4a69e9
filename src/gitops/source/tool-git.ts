import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { configEnv } from "./git-command.ts";
import { type GitSession, openGitSession } from "./git-session.ts";
import type { Access } from "./mirror.ts";
import { type RepositoryUrl, sshHost } from "./repository-url.ts";
import type { RepositoryAccess, ToolGit } from "./source.ts";

/** Whatever a configuration of this machine says does not count. */
const safeEnv = {
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_TERMINAL_PROMPT: "0",
  GIT_ALLOW_PROTOCOL: "https:http:ssh",
};

/**
 * Credentials of several repositories for one run of Git. Each is bound to its repository's own address; those of the
 * last one also to its whole server, for what that repository is made of may lie beside it.
 */
export async function openToolGit(
  accesses: readonly Pick<Access, "repository" | "rights" | "show">[],
  directory: string,
  signal: AbortSignal,
): Promise<ToolGit> {
  await using stack = new AsyncDisposableStack();
  const config: (readonly [string, string])[] = [["core.hooksPath", "/dev/null"]];
  const env: Record<string, string> = { ...safeEnv };
  const hosts: string[] = [];
  const excepted: string[] = [];
  for (const [index, { repository, rights: access, show }] of accesses.entries()) {
    const { rights, basic } = await show(signal);
    const shown = repository.transport === "http" ? { basic } : { basic: undefined };
    const options = { repository, access: { ...access, ...rights }, ...shown, directory, name: String(index) };
    const isHttp = repository.transport === "http";
    const session = stack.use(await openGitSession(isHttp ? withoutProxy(options) : options));
    const isLast = index === accesses.length - 1;
    const { proxy, noProxy } = options.access;
    // Of this repository alone; in the environment it would be that of all.
    if (proxy !== undefined && isHttp) {
      config.push(...boundKeys(`http.${repository.origin}/.proxy`, repository, isLast, proxy));
      if (noProxy) excepted.push(noProxy);
    }
    config.push(...Object.entries(session.config).flatMap(([key, value]) => boundKeys(key, repository, isLast, value)));
    const { GIT_SSH_COMMAND: _command, GIT_SSH_VARIANT: _variant, ...own } = session.env;
    Object.assign(env, own);
    hosts.push(...hostBlock(repository, session));
  }
  if (excepted.length > 0) Object.assign(env, { no_proxy: excepted.join(","), NO_PROXY: excepted.join(",") });
  if (hosts.length > 0) Object.assign(env, await sshEnv(hosts, directory, stack));
  const owned = stack.move();
  return { env: { ...env, ...configEnv(config) }, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function withoutProxy<Options extends { readonly access: RepositoryAccess }>(options: Options): Options {
  const { proxy: _proxy, noProxy: _noProxy, ...access } = options.access;
  return { ...options, access };
}

/** Of settings for an origin: those for the repository, spelled with `.git` and without. */
function boundKeys(
  key: string,
  { origin, url }: RepositoryUrl,
  isOfServer: boolean,
  value: string,
): readonly (readonly [string, string])[] {
  const bare = url.replace(/\/+$/, "").replace(/\.git$/, "");
  const [before = "", after = ""] = key.split(/(?<=^(?:http|credential)\.)/u);
  if (!after.startsWith(origin)) return isOfServer ? [[key, value]] : [];
  const name = after.slice(after.lastIndexOf("."));
  const own = [bare, `${bare}.git`].map((one) => [`${before}${one}${name}`, value] as const);
  return isOfServer ? [...own, [key, value]] : own;
}

function hostBlock(repository: RepositoryUrl, { sshConfig }: GitSession): readonly string[] {
  if (sshConfig === undefined) return [];
  return [`Host ${sshHost(repository).host.replace(/^.*@/, "")}`, `  Include "${sshConfig}"`];
}

async function sshEnv(lines: readonly string[], directory: string, stack: AsyncDisposableStack) {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(directory, "ssh-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "config");
  const all = [...lines, "Host *", "  BatchMode yes", "  StrictHostKeyChecking yes", "  UserKnownHostsFile /dev/null"];
  await writeFile(path, `${all.join("\n")}\n`, { mode: 0o600 });
  return { GIT_SSH_COMMAND: `ssh -F '${path}'`, GIT_SSH_VARIANT: "ssh" };
}
