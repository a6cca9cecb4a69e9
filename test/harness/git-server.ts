import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { type GitServer, type GitServerOptions, openGitServer, type Push } from "../../src/local/git-server.ts";
import { tempDir } from "./temp-dir.ts";

export interface TestGitServer extends AsyncDisposable {
  readonly directory: string;
  readonly server: GitServer;
  readonly pushes: readonly Push[];
}

export const gitPassword = "pa ss/wörd:1";

/** The engine's own Git server, on repositories in a directory of its own. */
export async function startGitServer(options: Partial<GitServerOptions> = {}): Promise<TestGitServer> {
  const directory = await tempDir();
  const pushes: Push[] = [];
  const server = await openGitServer({
    directory: join(directory.path, "repos"),
    host: "127.0.0.1",
    port: 0,
    password: gitPassword,
    tool: { command: "git", env: { PATH: process.env.PATH ?? "" } },
    onPush: (push) => {
      pushes.push(push);
    },
    clock: systemClock,
    log: silentLogger,
    ...options,
  });
  return {
    directory: directory.path,
    server,
    pushes,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}
