import { existsSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { projectRoot } from "./run.ts";
import { accepts, type HttpServerProcess, missing, startHttpServer } from "./server-process.ts";

/** Where CI installs it. */
const module = join(projectRoot, ".tools/fauxqs/node_modules/fauxqs/dist/app.js");

export const fauxqsMissing = missing("fauxqs", existsSync(module));

/** fauxqs, a stand-in of AWS's queues (npm, pinned in `test/tools/fauxqs`): it looks at no signature, and is fast. */
export async function startFauxqs(): Promise<HttpServerProcess> {
  const port = await freePort();
  const command = {
    name: "fauxqs",
    command: process.execPath,
    args: [join(projectRoot, "test/harness/fauxqs-server.ts"), module, String(port)],
    isReady: () => accepts(port),
  };
  return startHttpServer(command, port);
}
