import { createPublicKey, verify } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface PubSubMessage {
  readonly data: string;
  readonly messageId: string;
  readonly publishTime: string;
  readonly attributes?: object;
}

type Answer = readonly [status: number, value: unknown];
type Body = Record<string, unknown>;

/**
 * A server that plays the parts of the REST API that are used, as its documentation has them, with its messages in memory.
 * `key`: the account's private key (PEM); assertions that it did not sign get no token, and nothing is done without one.
 */
export async function startPubSub(key?: string) {
  let current = key;
  let tokens = 1;
  const subscriptions = new Map<string, string>();
  const topics = new Set<string>();
  const waiting = new Map<string, PubSubMessage>();
  const asked: { readonly path: string; readonly body: string; readonly authorization: string }[] = [];
  let lastAck = 0;
  const make = (name: string, body: Body): Answer => {
    if (name.includes("/topics/")) topics.add(name);
    else if (topics.has(String(body.topic))) subscriptions.set(name, String(body.topic));
    else return [404, { error: { message: "no topic" } }];
    return [200, {}];
  };
  const act = (action: string | undefined, body: Body): object => {
    if (action === "testIamPermissions") return { permissions: body.permissions };
    if (action === "acknowledge") for (const id of body.ackIds as string[]) waiting.delete(id);
    if (action !== "pull") return {};
    const first = [...waiting].slice(0, Number(body.maxMessages));
    return { receivedMessages: first.map(([ackId, message]) => ({ ackId, message })) };
  };
  const answer = (method: string, path: string, body: Body): Answer => {
    const [name = "", action] = path.slice("/v1/".length).split(":");
    if (method === "PUT") return make(name, body);
    if (!subscriptions.has(name)) return [404, { error: { message: "no subscription" } }];
    if (method === "GET") return [200, { topic: subscriptions.get(name) }];
    if (method === "DELETE") subscriptions.delete(name);
    return [200, act(action, body)];
  };
  const server = createServer((request, response) => {
    void text(request).then(
      (body) => {
        const { method = "", url = "" } = request;
        asked.push({ path: url, body, authorization: request.headers.authorization ?? "" });
        const token = `t-${tokens}`;
        const isRefused = current !== undefined && request.headers.authorization !== `Bearer ${token}`;
        const parsed = url === "/token" || body === "" ? {} : JSON.parse(body);
        const [status, value] =
          url === "/token" ? tokenFor(body, token, current) : isRefused ? refusal : answer(method, url, parsed);
        setTimeout(() => response.writeHead(status).end(JSON.stringify(value)), 5);
      },
      () => response.destroy(),
    );
  });
  await listen(server, 0);
  const { port } = server.address() as AddressInfo;
  const end = async (): Promise<void> => {
    if (!server.listening) return;
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  };
  return {
    url: `http://127.0.0.1:${port}`,
    subscriptions,
    topics,
    waiting,
    asked,
    /** Another key of the account; tokens of the old one are good for nothing. */
    rotate(other: string): void {
      current = other;
      tokens++;
    },
    publish: (message: PubSubMessage) => void waiting.set(`a${++lastAck}`, message),
    kill: end,
    start: () => listen(server, port),
    [Symbol.asyncDispose]: end,
  };
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
}

const refusal: Answer = [401, { error: { message: "Request had invalid authentication credentials." } }];

function tokenFor(body: string, token: string, key: string | undefined): Answer {
  const assertion = new URLSearchParams(body).get("assertion") ?? "";
  const [head = "", claims = "", signature = ""] = assertion.split(".");
  const isSigned =
    key === undefined ||
    verify("RSA-SHA256", Buffer.from(`${head}.${claims}`), createPublicKey(key), Buffer.from(signature, "base64url"));
  return isSigned ? [200, { access_token: token, expires_in: 3600 }] : [400, { error: "invalid_grant" }];
}
