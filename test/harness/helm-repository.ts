import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { chartArchive } from "./tar.ts";

/** A Helm repository over HTTP on loopback: an index and what it names. */
export interface HelmServer extends AsyncDisposable {
  readonly url: string;
  /** Paths that were asked for, in order, with what they were answered. */
  readonly requests: readonly string[];
  /** `authorization` of each request. */
  readonly authorizations: readonly string[];
  /** Publishes a version; gives its archive. */
  publish(chart: string, version: string, files?: Readonly<Record<string, string>>, more?: Published): Buffer;
  /** Answers in place of the repository; false: it answers itself. */
  answer: (request: IncomingMessage, response: ServerResponse) => boolean;
}

export interface Published {
  /** In place of the archive that holds the files. */
  readonly archive?: Buffer;
  /** In place of its own: "" for none. */
  readonly digest?: string;
  /** In place of a path of this server. */
  readonly url?: string;
}

export interface HelmServerTls {
  readonly cert: string;
  readonly key: string;
  /** Clients have to show a certificate of it. */
  readonly clientCa: string;
}

/** `login`: `user:password`, without which nothing is answered; over TLS where there is a certificate. */
export async function startHelmServer(login?: string, tls?: HelmServerTls): Promise<HelmServer> {
  const entries = new Map<string, object[]>();
  const archives = new Map<string, Buffer>();
  const requests: string[] = [];
  const authorizations: string[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const { url = "", headers } = request;
    authorizations.push(headers.authorization ?? "");
    response.on("close", () => requests.push(`${url} ${response.statusCode}`));
    if (result.answer(request, response)) return;
    const wanted = login === undefined ? undefined : `Basic ${Buffer.from(login).toString("base64")}`;
    if (wanted !== undefined && headers.authorization !== wanted) return void response.writeHead(401).end();
    const found = url === "/charts/index.yaml" ? index() : archives.get(url);
    if (found === undefined) return void response.writeHead(404).end();
    const etag = `"${createHash("sha256").update(found).digest("hex")}"`;
    if (headers["if-none-match"] === etag) return void response.writeHead(304).end();
    response.writeHead(200, { etag }).end(found);
  };
  const client = { ca: tls?.clientCa, requestCert: true, rejectUnauthorized: true };
  const server = tls === undefined ? createServer(answer) : createTlsServer({ ...tls, ...client }, answer);
  const index = (): Buffer => {
    const lines = [...entries].map(([chart, versions]) => `  ${chart}: ${JSON.stringify(versions)}`);
    return Buffer.from(`apiVersion: v1\nentries:\n${lines.join("\n")}\n`);
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const result: HelmServer = {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${(server.address() as AddressInfo).port}/charts`,
    requests,
    authorizations,
    publish(chart, version, files = {}, more = {}) {
      const archive = more.archive ?? chartArchive(chart, version, files);
      const name = `${chart}-${version}.tgz`;
      archives.set(`/charts/${name}`, archive);
      const digest = more.digest ?? createHash("sha256").update(archive).digest("hex");
      const entry = { name: chart, version, urls: [more.url ?? name], ...(digest === "" ? {} : { digest }) };
      entries.set(chart, [entry, ...(entries.get(chart) ?? [])]);
      return archive;
    },
    answer: () => false,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
  return result;
}
