import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from "@grpc/grpc-js";
import { decodeFields, encodeBytes, encodeFlag } from "../../src/base/protobuf.ts";

export interface TriggerCall {
  readonly method: string;
  readonly key: string;
  /** The fields of the request, as texts, by number. */
  readonly fields: Readonly<Record<number, string>>;
}

export interface TriggerServer extends AsyncDisposable {
  readonly port: number;
  readonly calls: readonly TriggerCall[];
  /** What it gives as the resource, what its policy says, and whether it refuses to execute. */
  resource: string;
  isMet: boolean;
  refuses: boolean;
}

/** A real gRPC server of the original's `triggers.Trigger`. `tls`: PEM texts. */
export async function startTriggerServer(tls?: {
  readonly cert: string;
  readonly key: string;
}): Promise<TriggerServer> {
  const server = new Server();
  const calls: TriggerCall[] = [];
  const own = { resource: '{"kind":"Made","metadata":{}}', isMet: true, refuses: false };
  const answers = {
    FetchResource: () => encodeBytes(1, Buffer.from(own.resource)),
    Execute: () => encodeBytes(1, Buffer.from("executed")),
    ApplyPolicy: () =>
      Buffer.concat([encodeFlag(1, own.isMet), encodeBytes(2, Buffer.from(own.isMet ? "" : "not yet there"))]),
  };
  const bytes = (value: Buffer): Buffer => value;
  const shape = {
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  };
  for (const [method, answer] of Object.entries(answers)) {
    server.addService(
      { [method]: { ...shape, path: `/triggers.Trigger/${method}` } },
      {
        [method](call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) {
          const fields = [...decodeFields(call.request)].map(
            (field) => [field.number, field.bytes.toString()] as const,
          );
          const key = String(call.metadata.get("idempotency-key")[0] ?? "");
          calls.push({ method, key, fields: Object.fromEntries(fields) });
          if (own.refuses && method === "Execute") reply({ code: status.INTERNAL, details: "no room" });
          else reply(null, answer());
        },
      },
    );
  }
  const credentials = tls
    ? ServerCredentials.createSsl(null, [{ cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) }])
    : ServerCredentials.createInsecure();
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return Object.assign(own, {
    port,
    calls,
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
    },
  });
}
