import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { Socket } from "node:net";
import { text } from "node:stream/consumers";

export interface SinkRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A server on a loopback port of its own that answers 200 and keeps every request in order, unless `onRequest` takes them. */
export interface HttpSink extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly SinkRequest[];
}

/** `onRequest`: it is answered once that resolves. */
export async function startHttpSink(
  onRequest?: (request: SinkRequest, from: Socket) => Promise<void>,
): Promise<HttpSink> {
  const requests: SinkRequest[] = [];
  const take = async (request: SinkRequest, from: Socket): Promise<void> => {
    if (onRequest) await onRequest(request, from);
    else requests.push(request);
  };
  const server = createServer((request, response) => {
    void text(request).then(
      async (body) => {
        const { method = "", url = "", headers } = request;
        await take({ method, path: url, headers, body }, request.socket);
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
