import { Metadata, Server, ServerCredentials, type ServerWritableStream, status } from "@grpc/grpc-js";
import { encodeEventSource } from "../../src/events/sources/generic-messages.ts";

type Call = ServerWritableStream<Buffer, Buffer>;

export interface EventServer extends AsyncDisposable {
  readonly url: string;
  readonly calls: Call[];
  /** Sends an event to the caller; false when it has to wait. */
  send(payload: string): boolean;
  /** Of requests without the token: refused. */
  token: string | undefined;
  /** It says nothing before its first event, as servers in Go. */
  isSilent: boolean;
}

/** A real gRPC server of the original's contract; the messages are made by the same few bytes of protobuf. */
export async function startEventServer(): Promise<EventServer> {
  const server = new Server();
  const calls: Call[] = [];
  const own = { token: undefined as string | undefined, isSilent: false };
  const bytes = (value: Buffer): Buffer => value;
  const definition = {
    StartEventSource: {
      path: "/generic.Eventing/StartEventSource",
      requestStream: false,
      responseStream: true,
      requestSerialize: bytes,
      requestDeserialize: bytes,
      responseSerialize: bytes,
      responseDeserialize: bytes,
    },
  };
  server.addService(definition, {
    StartEventSource(call: Call) {
      if (own.token !== undefined && call.metadata.get("authorization")[0] !== `Bearer ${own.token}`) {
        call.emit("error", { code: status.UNAUTHENTICATED, details: "bad token" });
        return;
      }
      calls.push(call);
      if (!own.isSilent) call.sendMetadata(new Metadata());
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return Object.assign(own, {
    url: `127.0.0.1:${port}`,
    calls,
    send: (payload: string) =>
      calls.at(-1)?.write(encodeEventSource({ name: "any", config: Buffer.from(payload) })) ?? false,
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
    },
  });
}
