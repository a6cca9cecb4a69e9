import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { text } from "node:stream/consumers";

export interface SinkRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A server on a loopback port of its own that keeps every request in order and answers 200. */
export interface HttpSink extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly SinkRequest[];
}

export async function startHttpSink(): Promise<HttpSink> {
  const requests: SinkRequest[] = [];
  const server = createServer((request, response) => {
    void text(request).then(
      (body) => {
        requests.push({ method: request.method ?? "", path: request.url ?? "", headers: request.headers, body });
        response.end("ok");
      },
      () => response.destroy(), // The sender died half way: nothing was received.
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
