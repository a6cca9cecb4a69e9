import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/** Below what systems give to connections and to those who ask for any port: nobody but another test takes one of these. */
const lowest = 15_000;
const highest = 32_000;
const maxTries = 50;

/** A loopback port that was free a moment ago. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < maxTries; tries++) {
    const port = randomInt(lowest, highest);
    if (await isFree(port)) return port;
  }
  throw new Error(`no port between ${lowest} and ${highest} is free`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const failed = once(server, "error").then(() => false);
  const open = once(server, "listening").then(() => true);
  server.listen(port, "127.0.0.1");
  const isOpen = await Promise.race([open, failed]);
  server.close();
  if (isOpen) await once(server, "close");
  return isOpen;
}
