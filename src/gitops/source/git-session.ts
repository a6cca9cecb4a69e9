import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { TerminalError } from "../../base/errors.ts";
import { decoded, type RepositoryUrl } from "./repository-url.ts";
import type { Credentials, RepositoryAccess } from "./source.ts";

/** What one call of Git is told of credentials. Disposal removes the files that hold keys. */
export interface GitSession extends AsyncDisposable {
  readonly config: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  /** Of ssh: its configuration. */
  readonly sshConfig?: string;
}

export interface GitSessionOptions {
  readonly repository: RepositoryUrl;
  readonly access: RepositoryAccess;
  /** Those that are used: of the access, the URL, or made for an App. */
  readonly basic: Credentials | undefined;
  /** Part of the names of variables: of several sessions for one process. */
  readonly name?: string;
  /** Where files may be written that this process alone reads. */
  readonly directory: string;
}

/** Reads two variables, so that neither the process list nor the configuration holds what is in them. */
function credentialHelper(username: string, password: string): string {
  return `!printf "username=%s\\npassword=%s\\n" "$${username}" "$${password}" #`;
}

/** @throws TerminalError GIT_REFUSED for credentials that no server can have given */
export async function openGitSession(options: GitSessionOptions): Promise<GitSession> {
  const { transport } = options.repository;
  if (transport === "file") return { config: {}, env: {}, [Symbol.asyncDispose]: async () => undefined };
  const files = createKeyFiles(options.directory);
  try {
    const parts = transport === "ssh" ? await sshSession(options, files) : await httpSession(options, files);
    return { ...parts, [Symbol.asyncDispose]: files.remove };
  } catch (error) {
    await files.remove();
    throw error;
  }
}

async function httpSession({ repository, access, basic, name = "" }: GitSessionOptions, files: KeyFiles) {
  const { tls } = access;
  const config: Record<string, string> = {};
  const env: Record<string, string> = { ...proxyEnv(access) };
  const header = headerOf(access, basic);
  if (header !== undefined) {
    config[`http.${repository.origin}/.extraHeader`] = `Authorization: ${checked(header, repository)}`;
    // Git would send the header on to wherever it is led.
    config[`http.${repository.origin}/.followRedirects`] = "false";
  } else if (basic !== undefined) {
    // For this origin only: a server that redirects elsewhere does not get them sent there.
    const [username, password] = [`TIPHYS_GIT_USERNAME${name}`, `TIPHYS_GIT_PASSWORD${name}`];
    config[`credential.${repository.origin}.helper`] = credentialHelper(username, password);
    env[username] = checked(basic.username || "git", repository);
    env[password] = checked(basic.password, repository);
  }
  const own = `http.${repository.origin}/`;
  if (tls.isInsecure) config[`${own}.sslVerify`] = "false";
  if (tls.authorities !== undefined) config[`${own}.sslCAInfo`] = await files.write("authorities", tls.authorities);
  if (tls.certificate !== undefined && tls.key !== undefined) {
    config[`${own}.sslCert`] = await files.write("certificate", tls.certificate);
    config[`${own}.sslKey`] = await files.write("key", tls.key);
  }
  return { config, env };
}

/** A header that is sent unasked, where one is wanted. */
function headerOf({ bearerToken, isBasicForced }: RepositoryAccess, basic: Credentials | undefined) {
  if (bearerToken !== undefined && basic === undefined) return `Bearer ${bearerToken}`;
  if (!isBasicForced || basic === undefined) return undefined;
  return `Basic ${Buffer.from(`${basic.username || "git"}:${basic.password}`).toString("base64")}`;
}

/** A line feed would begin another field of Git's protocol. */
function checked(text: string, { url }: RepositoryUrl): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (!/[\u0000-\u001f]/.test(text)) return text;
  throw new TerminalError("GIT_REFUSED", `the credentials of "${url}" have control characters`);
}

/** Of any program: where the proxy is said, in all spellings that are in use. */
export function proxyEnv({ proxy, noProxy }: Pick<RepositoryAccess, "proxy" | "noProxy">): Record<string, string> {
  if (proxy === undefined) return {};
  const names = ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
  const without = { no_proxy: noProxy ?? "", NO_PROXY: noProxy ?? "" };
  return { ...Object.fromEntries(names.map((name) => [name, proxy])), ...without };
}

/** Git starts ssh by a command line: it holds a path of ours, and nothing that a user wrote. */
async function sshSession({ access }: GitSessionOptions, files: KeyFiles) {
  const { sshPrivateKey, knownHosts, isHostKeyIgnored, proxy } = access;
  const identity =
    sshPrivateKey === undefined ? "none" : quoted(await files.write("identity", withLineEnd(sshPrivateKey)));
  const known = isHostKeyIgnored ? "/dev/null" : quoted(await files.write("known_hosts", withLineEnd(knownHosts)));
  const lines = [
    `IdentityFile ${identity}`,
    "IdentitiesOnly yes",
    "IdentityAgent none",
    `PubkeyAuthentication ${sshPrivateKey === undefined ? "no" : "yes"}`,
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "BatchMode yes",
    `StrictHostKeyChecking ${isHostKeyIgnored ? "no" : "yes"}`,
    `UserKnownHostsFile ${known}`,
    "GlobalKnownHostsFile /dev/null",
    "UpdateHostKeys no",
    "ConnectTimeout 15",
    "ServerAliveInterval 15",
    "ServerAliveCountMax 4",
    "ForwardAgent no",
    "ForwardX11 no",
    "ClearAllForwardings yes",
    "PermitLocalCommand no",
    "LogLevel ERROR",
    ...proxyCommand(proxy),
  ];
  const path = await files.write("config", `${lines.join("\n")}\n`);
  const env = { GIT_SSH_COMMAND: `ssh -F '${path}'`, GIT_SSH_VARIANT: "ssh", ...socksLogin(proxy) };
  return { config: {}, env, sshConfig: path };
}

/** As the original: only SOCKS 5 leads ssh, by a program that has to be installed; proxies for HTTP are left out. */
function proxyCommand(proxy: string | undefined): readonly string[] {
  const url = proxy === undefined ? undefined : URL.parse(proxy);
  if (url?.protocol !== "socks5:" || !/^[\w.:[\]-]+$/.test(url.host)) return [];
  return [`ProxyCommand connect-proxy -S ${url.host} -5 %h %p`];
}

/** Connect-proxy reads them there: a command line is in the process list. */
function socksLogin(proxy: string | undefined): Readonly<Record<string, string>> {
  const { username = "", password = "" } = (proxy === undefined ? undefined : URL.parse(proxy)) ?? {};
  if (username === "") return {};
  return { SOCKS5_USER: decoded(username), SOCKS5_PASSWD: decoded(password) };
}

function withLineEnd(text: string): string {
  return text.endsWith("\n") ? text : `${text}\n`;
}

function quoted(path: string): string {
  return `"${path}"`;
}

interface KeyFiles {
  /** Writes a file that this user alone reads; gives its path. */
  write(name: string, text: string): Promise<string>;
  readonly remove: () => Promise<void>;
}

/** @throws TerminalError CONFIG_INVALID where the folder's name cannot be written into a configuration of ssh */
function createKeyFiles(directory: string): KeyFiles {
  let folder: string | undefined;
  return {
    async write(name, text) {
      if (/["'%\n$\\]/.test(directory)) {
        const message = `the data directory "${directory}" has quotes, % or $ in its name: ssh cannot be told of it`;
        throw new TerminalError("CONFIG_INVALID", message);
      }
      if (folder === undefined) {
        await mkdir(directory, { recursive: true, mode: 0o700 });
        folder = await mkdtemp(join(directory, "keys-"));
      }
      const path = join(folder, name);
      await writeFile(path, text, { mode: 0o600 });
      return path;
    },
    async remove() {
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}
