import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { type ChartSourcesOptions, createChartSources } from "../../../src/gitops/source/chart-sources.ts";
import { type GitSourcesOptions, openGitSources } from "../../../src/gitops/source/git-sources.ts";
import { anonymousAccess, type ChartSources, type GitSources } from "../../../src/gitops/source/source.ts";
import { tempDir } from "../../harness/temp-dir.ts";

export interface SourceRig extends AsyncDisposable {
  readonly directory: string;
  readonly sources: GitSources;
  /** How many Git commands of this name ran so far. */
  count(command: string): Promise<number>;
  /** How many Git commands ran so far, each a process with what it starts itself. */
  calls(): Promise<number>;
  /** Process lists, arguments and all: what anybody on the machine could have seen. */
  seen(): Promise<string>;
}

/** Sources over a `git` that writes down each call. */
export async function openSources(options: Partial<GitSourcesOptions> = {}): Promise<SourceRig> {
  const directory = await tempDir();
  const log = join(directory.path, "calls");
  const command = join(directory.path, "git-logged");
  await writeFile(log, "");
  await writeFile(command, `#!/bin/sh\necho "$$ $*" >>"${log}"\nexec git "$@"\n`, { mode: 0o755 });
  const sources = await openGitSources({
    directory: join(directory.path, "git"),
    tool: { command, env: { PATH: process.env.PATH ?? "" } },
    access: () => anonymousAccess,
    allowLocal: true,
    clock: systemClock,
    log: silentLogger,
    ...options,
  });
  const seen = (): Promise<string> => readFile(log, "utf8");
  return {
    directory: directory.path,
    sources,
    seen,
    calls: async () => (await seen()).split("\n").length - 1,
    async count(name) {
      const calls = (await seen()).split("\n").map((line) => line.split(" ").slice(1));
      return calls.filter((words) => words[words[0] === "-c" ? 2 : 0] === name).length;
    },
    async [Symbol.asyncDispose]() {
      await sources[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

/** Charts by the real client; `limits` and `access` as the test wants them. */
export function openCharts(directory: string, options: Partial<ChartSourcesOptions> = {}): ChartSources {
  return createChartSources({ directory, access: () => anonymousAccess, env: {}, clock: systemClock, ...options });
}

export const never = new AbortController().signal;
