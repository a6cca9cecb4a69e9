import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { startGitServer } from "./git-server.ts";

/** Why tests that need git-lfs are skipped; in CI it has to be there. */
export function gitLfsMissing(): string | undefined {
  try {
    execFileSync("git", ["lfs", "version"], { stdio: "ignore" });
    return undefined;
  } catch (error) {
    if (process.env.CI === "true") throw error;
    return "git-lfs is not installed";
  }
}

/** A Git server with large files beside it, by the batch API: uploads and downloads. */
export interface LfsServer extends AsyncDisposable {
  /** Of the repository `demo`, which has one file. */
  readonly url: string;
  /** The same, for those who may push. */
  readonly pushUrl: string;
  readonly objects: Map<string, Buffer>;
  /** `method path` of requests for large files. */
  readonly requests: string[];
  /** In place of the answer of the batch API, where it is said. */
  lie: string | undefined;
}

/** `token`: what requests for large files must show as `authorization`. */
export async function startLfsServer(token?: string): Promise<LfsServer> {
  await using stack = new AsyncDisposableStack();
  const served = stack.use(await startGitServer());
  await served.server.createServedRepository("demo", { "a.txt": "small" });
  const objects = new Map<string, Buffer>();
  const requests: string[] = [];
  const server = createServer((incoming, outgoing) => {
    const { url = "", method = "" } = incoming;
    if (!/\/info\/lfs\/|^\/objects\//.test(url)) return forward(incoming, outgoing, served.server.port);
    requests.push(`${method} ${url}`);
    const isKnown = token === undefined || incoming.headers.authorization === token;
    if (!isKnown) return void outgoing.writeHead(401).end();
    if (result.lie !== undefined && url.endsWith("/objects/batch")) return void outgoing.end(result.lie);
    void answer(incoming, outgoing, objects).catch(() => outgoing.writeHead(500).end());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stack.defer(async () => {
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  });
  const owned = stack.move();
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const pushUrl = new URL(served.server.pushUrlOf("demo"));
  pushUrl.host = host;
  const result: LfsServer = {
    url: `http://${host}/demo.git`,
    pushUrl: pushUrl.href,
    objects,
    requests,
    lie: undefined,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
  return result;
}

async function answer(incoming: IncomingMessage, outgoing: ServerResponse, objects: Map<string, Buffer>) {
  const body = Buffer.concat(await incoming.toArray());
  const { url = "", method = "", headers } = incoming;
  const oid = url.split("/").at(-1) ?? "";
  if (url.startsWith("/objects/")) {
    if (method === "PUT") objects.set(oid, body);
    const content = objects.get(oid);
    return void outgoing.writeHead(content === undefined ? 404 : 200).end(method === "GET" ? content : "");
  }
  if (!url.endsWith("/objects/batch")) return void outgoing.writeHead(404).end();
  const asked = JSON.parse(body.toString("utf8")) as {
    operation: string;
    objects: readonly { oid: string; size: number }[];
  };
  const found = asked.objects.map((object) => {
    const action = { href: `http://${headers.host}/objects/${object.oid}` };
    const isThere = objects.has(object.oid);
    const isWanted = asked.operation === "upload" ? !isThere : isThere;
    return { ...object, ...(isWanted ? { actions: { [asked.operation]: action } } : {}) };
  });
  outgoing.writeHead(200, { "content-type": "application/vnd.git-lfs+json" });
  outgoing.end(JSON.stringify({ transfer: "basic", objects: found }));
}

function forward(incoming: IncomingMessage, outgoing: ServerResponse, port: number): void {
  const { method, url: path, headers } = incoming;
  const options = { host: "127.0.0.1", port, method, path, headers: { ...headers, host: `127.0.0.1:${port}` } };
  const onward = request(options, (from) => {
    outgoing.writeHead(from.statusCode ?? 500, from.headers);
    from.pipe(outgoing);
  });
  incoming.pipe(onward);
}

export function oidOf(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}
