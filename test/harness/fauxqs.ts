import { existsSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { projectRoot } from "./run.ts";
import { accepts, missing, type ServerProcess, startServer } from "./server-process.ts";

/** fauxqs, a stand-in of AWS's queues (npm, pinned in `test/tools/fauxqs`): it looks at no signature, and is fast. */
export interface Fauxqs extends ServerProcess {
  readonly url: string;
}

/** Where CI installs it. */
const module = join(projectRoot, ".tools/fauxqs/node_modules/fauxqs/dist/app.js");

export const fauxqsMissing = missing("fauxqs", existsSync(module));

export async function startFauxqs(): Promise<Fauxqs> {
  const port = await freePort();
  const server = await startServer({
    name: "fauxqs",
    command: process.execPath,
    args: [join(projectRoot, "test/harness/fauxqs-server.ts"), module, String(port)],
    isReady: () => accepts(port),
  });
  return {
    ...server,
    get pid() {
      return server.pid;
    },
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
