import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";

export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  readonly body: Record<string, unknown>;
}

/** The hooks API of a service as its documentation has it: lists by pages, numbers for ids, a token in a header. */
export interface HookApi extends AsyncDisposable {
  readonly url: string;
  /** What was asked of it, without what only reads. */
  readonly writes: ApiRequest[];
  /** By the path of their owner, such as `/repos/o/r`. */
  readonly hooks: Map<string, Record<string, unknown>[]>;
  /** What the header must be; can be changed. */
  token: string;
}

export interface HookApiOptions {
  readonly header: string;
  readonly token: string;
  /** What stands before the owner in paths. */
  readonly prefix: string;
  readonly updateMethod: "PATCH" | "PUT";
  /** Other requests, e.g. for tokens. Undefined: not found. */
  readonly other?: (request: ApiRequest, authorization: string) => object | undefined;
}

export async function startHookApi(options: HookApiOptions): Promise<HookApi> {
  const { header, prefix, updateMethod, other } = options;
  const hooks: HookApi["hooks"] = new Map();
  const writes: ApiRequest[] = [];
  const api = { token: options.token };
  let lastId = 0;

  function change(request: ApiRequest, owner: string, id: number): readonly [number, unknown] {
    const own = hooks.get(owner) ?? [];
    const found = own.find((hook) => hook.id === id);
    if (!found) return [404, { message: "Not Found" }];
    if (request.method === "DELETE") {
      const left = own.filter((hook) => hook !== found);
      hooks.set(owner, left);
      return [204, undefined];
    }
    if (request.method !== updateMethod) return [405, { message: "Method Not Allowed" }];
    Object.assign(found, request.body);
    return [200, found];
  }

  function answer(request: ApiRequest, query: URLSearchParams): readonly [number, unknown] {
    const match = /^(.*)\/hooks(?:\/(\d+))?$/.exec(request.path.slice(prefix.length));
    if (!match || !request.path.startsWith(prefix)) return [404, { message: "Not Found" }];
    const owner = match[1] ?? "";
    const own = hooks.get(owner) ?? [];
    if (request.method === "GET") {
      const size = Number(query.get("per_page") ?? 30);
      const first = (Number(query.get("page") ?? 1) - 1) * size;
      return [200, own.slice(first, first + size)];
    }
    writes.push(request);
    if (request.method !== "POST") return change(request, owner, Number(match[2]));
    const hook = { id: ++lastId, ...request.body };
    hooks.set(owner, [...own, hook]);
    return [201, hook];
  }

  function respond(request: ApiRequest, query: URLSearchParams, given: string): readonly [number, unknown] {
    const special = other?.(request, given);
    if (special) return [201, special];
    return given === api.token ? answer(request, query) : [401, { message: "Bad credentials" }];
  }

  const server = createServer((incoming, response) => {
    void text(incoming).then((body) => {
      const { pathname, searchParams } = new URL(incoming.url ?? "", "http://localhost");
      const request = { method: incoming.method ?? "", path: pathname, body: body ? JSON.parse(body) : {} };
      const given = String(incoming.headers[header] ?? "");
      const [status, value] = respond(request, searchParams, given);
      response.writeHead(status, { "content-type": "application/json" });
      response.end(value === undefined ? undefined : JSON.stringify(value));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return Object.assign(api, {
    url: `http://127.0.0.1:${address.port}`,
    writes,
    hooks,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  });
}
