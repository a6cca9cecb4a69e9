import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A server that plays MinIO's ListenBucketNotification as documented: lines of JSON, and spaces in between. Each object of it is `object`. It `refuses` all, or those without its `accessKey`. */
export async function startBucket(object = "") {
  const calls: { readonly request: IncomingMessage; readonly response: ServerResponse }[] = [];
  const own = { refuses: false, accessKey: undefined as string | undefined };
  const server = createServer((request, response) => {
    const [, key] = /Credential=([^/]*)\//.exec(request.headers.authorization ?? "") ?? [];
    if (own.refuses || (own.accessKey !== undefined && key !== own.accessKey)) {
      response.writeHead(403).end("<Error><Code>InvalidAccessKeyId</Code></Error>");
      return;
    }
    if (!new URL(request.url ?? "", "http://localhost").searchParams.has("events")) {
      response.writeHead(200).end(object);
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(" ");
    calls.push({ request, response });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return Object.assign(own, {
    endpoint: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    write: (text: string) => calls.at(-1)?.response.write(text),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  });
}
