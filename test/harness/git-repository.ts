import { execFile } from "node:child_process";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { tempDir } from "./temp-dir.ts";

const exec = promisify(execFile);

const identity = {
  GIT_AUTHOR_NAME: "Ada",
  GIT_AUTHOR_EMAIL: "ada@example.com",
  GIT_COMMITTER_NAME: "Ada",
  GIT_COMMITTER_EMAIL: "ada@example.com",
  GIT_AUTHOR_DATE: "2026-01-02T03:04:05+02:00",
  GIT_COMMITTER_DATE: "2026-01-02T03:04:05+02:00",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_TERMINAL_PROMPT: "0",
};

/** Runs the real `git`; its output without white space at the ends. */
export async function git(cwd: string, args: readonly string[], input?: string | Buffer): Promise<string> {
  const env = { PATH: process.env.PATH ?? "", HOME: cwd, ...identity };
  const running = exec("git", [...args], { cwd, env, timeout: 30_000 });
  if (input !== undefined) running.child.stdin?.end(input);
  return (await running).stdout.trim();
}

export interface TestRepository extends AsyncDisposable {
  readonly path: string;
  /** `file://…` */
  readonly url: string;
  git(...args: string[]): Promise<string>;
  /** Empties the working folder: the next commit has its own files only. */
  clear(): Promise<void>;
  /** Writes the files, commits everything and gives the commit. */
  commit(files: Readonly<Record<string, string>>, subject?: string): Promise<string>;
  /** A commit whose tree is made of raw entries, as no `git add` would: for hostile trees. */
  rawCommit(entries: readonly (readonly [mode: string, name: string, content: string])[], ref: string): Promise<string>;
}

/** A repository with a working folder, on `main`, without commits; its ids are made with `format`. */
export async function createTestRepository(format: "sha1" | "sha256" = "sha1"): Promise<TestRepository> {
  const directory = await tempDir();
  const { path } = directory;
  const run = (...args: string[]): Promise<string> => git(path, args);
  await run("init", "--quiet", "-b", "main", `--object-format=${format}`);
  await run("config", "uploadpack.allowFilter", "true");
  return {
    path,
    url: `file://${path}`,
    git: run,
    async clear() {
      const names = (await readdir(path)).filter((name) => name !== ".git");
      await Promise.all(names.map((name) => rm(join(path, name), { recursive: true })));
    },
    async commit(files, subject = "Change") {
      for (const [name, text] of Object.entries(files)) {
        await mkdir(dirname(join(path, name)), { recursive: true });
        await writeFile(join(path, name), text);
      }
      await run("add", "-A");
      await run("commit", "--quiet", "--allow-empty", "-m", subject);
      return run("rev-parse", "HEAD");
    },
    async rawCommit(entries, ref) {
      const parts: Buffer[] = [];
      for (const [mode, name, content] of entries) {
        const isId = /^[0-9a-f]{40}$/.test(content);
        const id = isId ? content : await git(path, ["hash-object", "-w", "--stdin"], content);
        parts.push(Buffer.from(`${mode} ${name}\0`), Buffer.from(id, "hex"));
      }
      const args = ["hash-object", "-t", "tree", "-w", "--literally", "--stdin"];
      const tree = await git(path, args, Buffer.concat(parts));
      const commit = await run("commit-tree", tree, "-m", "Raw");
      await run("update-ref", ref, commit);
      return commit;
    },
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}
