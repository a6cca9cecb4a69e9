import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import type { Certificate } from "../../../src/local/certificate.ts";
import { startGitServer } from "../../harness/git-server.ts";

export interface Door extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** `authorization` of each request. */
  readonly seen: string[];
}

/** A server in front of a served repository: over TLS where there is a certificate, and for whom `isLetIn` says. `change`: what becomes of its answers. */
export async function startDoor(
  isLetIn: (request: IncomingMessage, response: ServerResponse) => boolean,
  tls?: Certificate & { readonly clientCa?: string },
  files: Readonly<Record<string, string>> = { a: "1" },
  change: (path: string, answer: Buffer) => Buffer | undefined = (_path, answer) => answer,
): Promise<Door> {
  const stack = new AsyncDisposableStack();
  const served = stack.use(await startGitServer());
  await served.server.createServedRepository("demo", files);
  const seen: string[] = [];
  const answer = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    seen.push(incoming.headers.authorization ?? "");
    if (!isLetIn(incoming, outgoing)) return;
    const { method, url: path, headers } = incoming;
    const host = `127.0.0.1:${served.server.port}`;
    const onward = request({
      host: "127.0.0.1",
      port: served.server.port,
      method,
      path,
      headers: { ...headers, host },
    });
    onward.on("response", (from) => {
      buffer(from).then(
        (answer) => {
          const changed = change(path ?? "", answer);
          const { "content-length": _length, "transfer-encoding": _encoding, ...headers } = from.headers;
          outgoing.writeHead(from.statusCode ?? 500, headers);
          // Undefined: the connection breaks in the middle.
          if (changed === undefined) outgoing.write(answer.subarray(0, -20), () => outgoing.destroy());
          else outgoing.end(changed);
        },
        () => outgoing.destroy(),
      );
    });
    incoming.pipe(onward);
  };
  const client = tls?.clientCa === undefined ? {} : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: true };
  const server = tls === undefined ? createServer(answer) : createTlsServer({ ...tls, ...client }, answer);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stack.defer(async () => {
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  });
  const { port } = server.address() as AddressInfo;
  const url = `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}/demo.git`;
  return { url, port, seen, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

export const refuse = (response: ServerResponse): false => {
  response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
  return false;
};
