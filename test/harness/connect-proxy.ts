import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";

export interface ConnectProxy extends AsyncDisposable {
  /** `http://user:secret@127.0.0.1:…` */
  readonly url: string;
  /** Targets that were asked for, in order. */
  readonly targets: string[];
}

/** A proxy for CONNECT that wants `user:secret`. */
export async function openConnectProxy(): Promise<ConnectProxy> {
  const targets: string[] = [];
  const sockets = new Set<Socket>();
  const wanted = `Basic ${Buffer.from("user:secret").toString("base64")}`;
  const server = createServer((_, response) => void response.writeHead(405).end());
  server.on("connect", (request, client: Socket) => {
    sockets.add(client);
    client.on("error", () => client.destroy());
    if (request.headers["proxy-authorization"] !== wanted) {
      client.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
      return;
    }
    const target = request.url ?? "";
    targets.push(target);
    const [host = "", port = ""] = target.split(":");
    const upstream = connect(Number(port), host, () => {
      client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      upstream.pipe(client);
      client.pipe(upstream);
    });
    sockets.add(upstream);
    upstream.on("error", () => client.destroy());
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://user:secret@127.0.0.1:${(server.address() as AddressInfo).port}`,
    targets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
