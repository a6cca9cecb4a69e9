import { once } from "node:events";
import { createConnection, createServer, type Socket } from "node:net";

/** A loopback port that stays, in front of one that moves: what a Service or a load balancer is to a server. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** Where connections go from now on; those that there are end with their server. */
  pointTo(port: number): void;
  /** Ends the connections that there are; until `heal` new ones end at once. */
  cut(): void;
  heal(): void;
  /** Ends the connections that there are; the next ones are taken. */
  cutOnce(): void;
  /** Connections stay and new ones are taken, but nothing goes through until `resume`. */
  stall(): void;
  resume(): void;
}

export async function startTcpProxy(target: number): Promise<TcpProxy> {
  let current = target;
  let isCut = false;
  let isStalled = false;
  const sockets = new Map<Socket, Socket>();
  const server = createServer((client) => {
    if (isCut) {
      client.on("error", () => undefined).destroy();
      return;
    }
    const upstream = createConnection(current, "127.0.0.1");
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.set(socket, other);
      socket.setNoDelay(true);
      if (!isStalled) socket.pipe(other);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const endAll = (): void => {
    for (const socket of sockets.keys()) socket.destroy();
  };
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    pointTo: (port) => {
      current = port;
    },
    cut() {
      isCut = true;
      endAll();
    },
    heal() {
      isCut = false;
    },
    cutOnce: endAll,
    stall() {
      isStalled = true;
      for (const [socket, other] of sockets) socket.unpipe(other);
    },
    resume() {
      isStalled = false;
      for (const [socket, other] of sockets) socket.pipe(other);
    },
    async [Symbol.asyncDispose]() {
      server.close();
      endAll();
      await once(server, "close");
    },
  };
}
