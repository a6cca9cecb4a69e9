import { createHmac, randomUUID } from "node:crypto";
import { type HttpSink, type SinkRequest, startAnswering } from "./http-sink.ts";

interface Held {
  readonly id: string;
  readonly text: string;
  receipt: string;
  visibleAt: number;
}

export interface AzureQueueServer extends AsyncDisposable, Pick<HttpSink, "requests"> {
  readonly port: number;
  /** As it is now. */
  readonly connectionString: string;
  readonly messages: Held[];
  put(text: string): void;
  /** Another key of the account. */
  rotate(): void;
}

const account = "tiphys";
const keyOf = (text: string): string => Buffer.from(text).toString("base64");

/**
 * A stand-in of Azure's queue service as documented, which checks Shared Key signatures: one queue, `orders`. `secondMs`: how
 * long a second is for which a message is hidden.
 */
export async function startAzureQueue({ secondMs = 1_000 } = {}): Promise<AzureQueueServer> {
  const messages: Held[] = [];
  let key = keyOf("the key of the account");
  const answer = (request: SinkRequest): { readonly status: number; readonly body?: string } => {
    const url = new URL(request.path, "http://localhost");
    if (request.headers.authorization !== `SharedKey ${account}:${signatureOf(request, url, key)}`) {
      return { status: 403, body: "<Error><Code>AuthenticationFailed</Code></Error>" };
    }
    const [, id] = /^\/tiphys\/orders\/messages(?:\/(.+))?$/.exec(url.pathname) ?? [];
    if (request.method === "GET") return { status: 200, body: take(url.searchParams) };
    const found = messages.findIndex((one) => one.id === id && one.receipt === url.searchParams.get("popreceipt"));
    const held = messages[found];
    if (held === undefined) return { status: 404, body: "<Error><Code>MessageNotFound</Code></Error>" };
    if (request.method === "DELETE") messages.splice(found, 1);
    else held.visibleAt = Date.now() + secondMs * Number(url.searchParams.get("visibilitytimeout"));
    return { status: 204 };
  };
  function take(query: URLSearchParams): string {
    const now = Date.now();
    const free = messages.filter(({ visibleAt }) => visibleAt <= now).slice(0, Number(query.get("numofmessages")));
    for (const held of free) {
      held.receipt = randomUUID();
      held.visibleAt = now + secondMs * Number(query.get("visibilitytimeout"));
    }
    const list = free.map(
      ({ id, text, receipt }) =>
        `<QueueMessage><MessageId>${id}</MessageId><InsertionTime>Thu, 01 Jan 2026 00:00:00 GMT</InsertionTime>` +
        `<PopReceipt>${receipt}</PopReceipt><MessageText>${escaped(text)}</MessageText></QueueMessage>`,
    );
    return `<?xml version="1.0"?><QueueMessagesList>${list.join("")}</QueueMessagesList>`;
  }
  const sink = await startAnswering(answer);
  const put = (text: string): void => void messages.push({ id: randomUUID(), text, receipt: "", visibleAt: 0 });
  return {
    port: Number(new URL(sink.url).port),
    get connectionString() {
      return `AccountName=${account};AccountKey=${key};QueueEndpoint=${sink.url}/${account};`;
    },
    messages,
    requests: sink.requests,
    put,
    rotate() {
      key = keyOf("another key of the account");
    },
    [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
  };
}

function signatureOf({ method, headers }: SinkRequest, url: URL, key: string): string {
  const lines = [method, "", "", "", "", "", "", "", "", "", "", ""];
  const named = [`x-ms-date:${headers["x-ms-date"]}`, `x-ms-version:${headers["x-ms-version"]}`];
  const query = [...url.searchParams.keys()].sort().map((name) => `${name}:${url.searchParams.get(name)}`);
  const text = [...lines, ...named, `/${account}${url.pathname}`, ...query].join("\n");
  return createHmac("sha256", Buffer.from(key, "base64")).update(text).digest("base64");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
