import { mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { type ChildCall, runChild } from "../base/child.ts";
import type { Clock } from "../base/clock.ts";
import { EngineError, TerminalError } from "../base/errors.ts";
import { servedGitEnv } from "./git-backend.ts";

export interface SeedDeps {
  readonly directory: string;
  readonly tool: { readonly command: string; readonly env: Readonly<Record<string, string>> };
  readonly clock: Clock;
}

/** The folder of a repository that is being made; it does not end in `.git`, so it is not served. */
export const seedPrefix = "new-";

/** Path → content. */
export type SeedFiles = Readonly<Record<string, string | Uint8Array>>;

/** Makes `<name>.git` with one commit of the files on `main`; whole or not at all. */
export async function seedRepository(deps: SeedDeps, name: string, files: SeedFiles): Promise<void> {
  const made = await mkdtemp(join(deps.directory, seedPrefix));
  try {
    await git(deps, made, ["init", "--bare", "--quiet", "--template=", "--initial-branch=main"]);
    await git(deps, made, ["fast-import", "--quiet"], firstCommit(files, Math.floor(deps.clock.now() / 1000)));
    await rename(made, join(deps.directory, `${name}.git`));
  } catch (error) {
    await rm(made, { recursive: true, force: true });
    throw error;
  }
}

async function git(
  { tool, clock }: SeedDeps,
  gitDir: string,
  args: readonly string[],
  input?: Uint8Array,
): Promise<void> {
  const call: ChildCall = {
    command: tool.command,
    args,
    cwd: gitDir,
    env: { ...tool.env, ...servedGitEnv, GIT_DIR: gitDir },
    ...(input === undefined ? {} : { input }),
    timeoutMs: 60_000,
    maxOutputBytes: 1024 * 1024,
    label: `git ${args[0]}`,
  };
  const { code, stderr } = await runChild(call, clock, new AbortController().signal);
  if (code !== 0) throw new EngineError("GIT_FAILED", `failed to make a repository: ${stderr.trim().slice(0, 300)}`);
}

/** In the language of `git fast-import`. */
function firstCommit(files: SeedFiles, seconds: number): Uint8Array {
  const who = `Tiphys <tiphys@localhost> ${seconds} +0000`;
  const message = "First commit";
  const head = `commit refs/heads/main\nauthor ${who}\ncommitter ${who}\ndata ${message.length}\n${message}\n`;
  const changes = Object.entries(files).flatMap(([path, content]) => {
    if (!isPlainPath(path))
      throw new TerminalError("CONFIG_INVALID", `"${path}" is no path for a file of a repository`);
    const bytes = Buffer.from(content);
    return [Buffer.from(`M 100644 inline ${path}\ndata ${bytes.length}\n`), bytes, Buffer.from("\n")];
  });
  return Buffer.concat([Buffer.from(head), ...changes, Buffer.from("\n")]);
}

function isPlainPath(path: string): boolean {
  const parts = path.split("/");
  return !/["\n\0]/.test(path) && parts.every((part) => !["", ".", "..", ".git"].includes(part.toLowerCase()));
}
