import { request } from "node:http";
import type { JsonObject } from "../../../src/base/json.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { createOutgoingFetch } from "../../../src/engine/outgoing.ts";
import { openIngress } from "../../../src/events/sources/ingress.ts";
import type { SourceContext, SourceKind } from "../../../src/events/sources/source.ts";
import { type RecordedContext, recordedContext } from "./source-context.ts";

const owner = { namespace: "default", name: "es", uid: "1", createdAt: "2026-01-01T00:00:00Z" };

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string | Buffer;
}

export interface ServedSource extends AsyncDisposable {
  readonly context: RecordedContext;
  readonly url: string;
  send(sent: Sent): Promise<Answer>;
  /** Ends it as a change of the EventSource would; again by itself on disposal. */
  stop(): Promise<void>;
}

/** Runs a source of an HTTP kind behind a real listener. `secrets` may be changed while it runs. */
export async function serveSource<Spec>(
  kind: SourceKind<Spec>,
  spec: JsonObject,
  secrets: Record<string, string> = {},
  parts: Partial<SourceContext> = {},
): Promise<ServedSource> {
  const parsed = kind.schema.parse(spec, "spec.kind.e");
  const stack = new AsyncDisposableStack();
  const ingress = stack.use(await openIngress({ host: "127.0.0.1", port: 0, log: silentLogger }));
  const end = new AbortController();
  const http = ingress.mountFor(owner, "e", () => undefined);
  const context = recordedContext(
    { http, fetch: createOutgoingFetch({ allowLoopback: true }, stack), ...parts },
    secrets,
  );
  const running = kind.run(parsed, context, end.signal);
  const stop = async (): Promise<void> => {
    end.abort();
    await running;
  };
  return {
    context,
    stop,
    url: `${ingress.url}/webhooks/default/es/e`,
    send: (sent) => send(ingress.port, { ...sent, path: `/webhooks/default/es/e${sent.path ?? ""}` }),
    async [Symbol.asyncDispose]() {
      await stop();
      await stack.disposeAsync();
    },
  };
}

function send(port: number, { method = "POST", path = "", headers = {}, body }: Sent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: "127.0.0.1", port, method, path, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }));
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}
