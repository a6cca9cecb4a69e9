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

export interface SinkAnswer {
  readonly status: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Keeps every request in order, and answers as `answer` says. */
export function startAnswering(answer: (request: SinkRequest) => SinkAnswer | Promise<SinkAnswer>): Promise<HttpSink> {
  return startServer(async (request, keep) => {
    keep(request);
    return answer(request);
  });
}

/** `onRequest`: it is answered once that resolves. */
export function startHttpSink(onRequest?: (request: SinkRequest, from: Socket) => Promise<void>): Promise<HttpSink> {
  return startServer(async (request, keep, from) => {
    if (onRequest) await onRequest(request, from);
    else keep(request);
    return { status: 200, body: "ok" };
  });
}

type Handle = (request: SinkRequest, keep: (request: SinkRequest) => void, from: Socket) => Promise<SinkAnswer>;

async function startServer(handle: Handle): Promise<HttpSink> {
  const requests: SinkRequest[] = [];
  const keep = (request: SinkRequest): void => void requests.push(request);
  const server = createServer((request, response) => {
    void text(request).then(
      async (body) => {
        const { method = "", url = "", headers } = request;
        const answer = await handle({ method, path: url, headers, body }, keep, request.socket);
        response.writeHead(answer.status, answer.headers ?? {}).end(answer.body);
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
