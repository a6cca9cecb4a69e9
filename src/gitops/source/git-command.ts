import type { Readable } from "node:stream";
import { type ChildResult, runChild } from "../../base/child.ts";
import type { Clock } from "../../base/clock.ts";
import { createSlots } from "../../base/slots.ts";
import { openGitSession } from "./git-session.ts";
import { createLanes } from "./lanes.ts";
import { type RepositoryUrl, sshHost } from "./repository-url.ts";
import type { Credentials, GitLimits, RepositoryAccess } from "./source.ts";

export interface GitTool {
  /** A path, or a name looked up in `env.PATH`. */
  readonly command: string;
  /** What Git needs of the engine's environment: PATH, proxies, certificates. */
  readonly env: Readonly<Record<string, string>>;
}

export interface GitCall {
  /** Options and refs apart by `--` where a ref comes from a user. */
  readonly args: readonly string[];
  readonly input?: string | AsyncIterable<Uint8Array>;
  readonly maxOutputBytes?: number;
  readonly consume?: (stdout: Readable) => Promise<void>;
}

export interface RemoteCall extends GitCall {
  readonly repository: RepositoryUrl;
  readonly access: RepositoryAccess;
  /** In place of those of `access`. */
  readonly basic: Credentials | undefined;
  readonly timeoutMs: number;
  /** Of refs: it does not wait behind fetches. */
  readonly isList?: boolean;
}

/** Runs Git on a bare mirror. Exit codes are results; see `runChild` for what it throws. */
export interface GitCommand {
  /** Never uses the network: objects that were not fetched are missing. */
  local(gitDir: string, call: GitCall, signal: AbortSignal): Promise<ChildResult>;
  /** As `local`, without a limit in time and of number: whoever keeps it open counts it. */
  reader(gitDir: string, call: GitCall, signal: AbortSignal): Promise<ChildResult>;
  /** Rewrites what the mirror holds into one pack. */
  repack(gitDir: string, signal: AbortSignal): Promise<ChildResult>;
  /** A command on the repository's server, over ssh. `command` is read by a shell there. */
  ssh(call: Omit<RemoteCall, "args">, command: string, signal: AbortSignal): Promise<ChildResult>;
  /** The server is the remote `origin`. */
  remote(gitDir: string, call: RemoteCall, signal: AbortSignal): Promise<ChildResult>;
}

const defaultOutputBytes = 64 * 1024 * 1024;

/**
 * Whatever a repository or the machine's configuration says, Git runs nothing and asks nobody. The configuration comes
 * from the environment: it is in no process list and no file, and the mirrors' own files say nothing.
 */
const safeConfig: Readonly<Record<string, string>> = {
  "core.hooksPath": "/dev/null",
  "core.fsmonitor": "false",
  "gc.auto": "0",
  "maintenance.auto": "false",
  "protocol.ext.allow": "never",
  "credential.helper": "",
  "http.lowSpeedLimit": "100",
  "http.lowSpeedTime": "60",
  "fetch.recurseSubmodules": "false",
};

const safeEnv: Readonly<Record<string, string>> = {
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_ATTR_NOSYSTEM: "1",
  GIT_TERMINAL_PROMPT: "0",
  GIT_ASKPASS: "",
  GIT_ALLOW_PROTOCOL: "https:http:ssh:file",
  GIT_NO_REPLACE_OBJECTS: "1",
  GIT_LITERAL_PATHSPECS: "1",
  GIT_LFS_SKIP_SMUDGE: "1",
  HOME: "/dev/null",
  LC_ALL: "C",
};

export interface GitCommandDeps {
  readonly tool: GitTool;
  readonly clock: Clock;
  readonly limits: GitLimits;
  /** For files that last as long as one call. */
  readonly directory: string;
}

export function createGitCommand({ tool, clock, limits, directory }: GitCommandDeps): GitCommand {
  const locals = createSlots(limits.maxLocalChildren);
  const lanes = createLanes(clock, limits);

  function run(gitDir: string, call: GitCall, more: Extra, signal: AbortSignal): Promise<ChildResult> {
    const { args, input, consume, maxOutputBytes = defaultOutputBytes } = call;
    const env = {
      ...tool.env,
      ...safeEnv,
      GIT_DIR: gitDir,
      ...more.env,
      ...configEnv(Object.entries({ ...safeConfig, ...more.config })),
    };
    return runChild(
      {
        command: tool.command,
        args,
        cwd: gitDir,
        env,
        timeoutMs: more.timeoutMs,
        maxOutputBytes,
        label: `git ${args[0] === "-c" ? args[2] : args[0]}`,
        ...(input === undefined ? {} : { input }),
        ...(consume === undefined ? {} : { consume }),
      },
      clock,
      signal,
    );
  }

  const onHost = <T>(
    { repository, isList = false }: Pick<RemoteCall, "repository" | "isList">,
    work: () => Promise<T>,
    signal: AbortSignal,
  ) => lanes.run({ origin: repository.origin, repository: repository.mirrorKey, isList }, work, signal);

  return {
    async local(gitDir, call, signal) {
      using _place = await locals.take(signal);
      return await run(gitDir, call, { config: {}, env: {}, timeoutMs: limits.localTimeoutMs }, signal);
    },
    reader: (gitDir, call, signal) =>
      run(gitDir, call, { config: {}, env: {}, timeoutMs: Number.POSITIVE_INFINITY }, signal),
    async repack(gitDir, signal) {
      using _place = await locals.take(signal);
      const extra = { config: promisor, env: {}, timeoutMs: limits.fetchTimeoutMs };
      return await run(gitDir, { args: ["repack", "-a", "-d", "-q"] }, extra, signal);
    },
    ssh(call, command, signal) {
      const work = async (): Promise<ChildResult> => {
        await using session = await openGitSession({ ...call, directory });
        const { host, port } = sshHost(call.repository);
        const args = ["-F", session.sshConfig ?? "/dev/null", "-p", port, "--", host, command];
        const limits = { timeoutMs: call.timeoutMs, maxOutputBytes: 1024 * 1024 };
        const env = { ...session.env, PATH: tool.env.PATH ?? "", LC_ALL: "C" };
        return await runChild({ command: "ssh", args, cwd: directory, env, ...limits, label: "ssh" }, clock, signal);
      };
      return onHost(call, work, signal);
    },
    remote(gitDir, call, signal) {
      const work = async (): Promise<ChildResult> => {
        await using session = await openGitSession({ ...call, directory });
        const config = { ...remoteConfig(call), ...session.config };
        return await run(gitDir, call, { config, env: session.env, timeoutMs: call.timeoutMs }, signal);
      };
      return onHost(call, work, signal);
    },
  };
}

interface Extra {
  readonly config: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/** Says that objects may be missing because the server has them. Not part of the mirror: a local read must not fetch. */
const promisor = { "remote.origin.promisor": "true", "remote.origin.partialclonefilter": "blob:none" };

/** The filter is asked for where the server has it; others send everything. */
function remoteConfig({ repository }: RemoteCall): Record<string, string> {
  return {
    ...promisor,
    "remote.origin.url": repository.url,
    "fetch.unpackLimit": "1",
    // A server may lead to another address, but not to another way of reaching one.
    "protocol.allow": "never",
    [`protocol.${repository.transport}.allow`]: "always",
    ...(repository.transport === "http" ? { "protocol.https.allow": "always" } : {}),
  };
}

/** Later entries go before earlier ones, as in a file. */
export function configEnv(entries: readonly (readonly [key: string, value: string])[]): Record<string, string> {
  const pairs = entries.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return { ...Object.fromEntries(pairs), GIT_CONFIG_COUNT: String(entries.length) };
}
