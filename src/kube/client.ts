import { EngineError } from "../base/errors.ts";
import { isJsonObject, parseJson } from "../base/json.ts";
import type { Logger } from "../base/log.ts";
import { memoize } from "../base/memo.ts";
import { TextRequest } from "../base/text-body.ts";
import { type GroupVersionKind, type KubeObject, type ObjectRef, refOf, refText } from "../objects/object.ts";
import { apiError } from "./api-error.ts";
import { createDiscovery, type Discovery, versionPath } from "./discovery.ts";
import type { KubeClient, KubeList, ListOptions, LogQuery, WriteOptions } from "./kube.ts";
import { ownSignal } from "./own-signal.ts";
import { readLines, readWatchEvents } from "./watch-stream.ts";

export interface KubeClientOptions {
  /** The control plane's own `fetch`, or one over the network. */
  readonly fetch: (request: Request, beforeSend?: () => void) => Promise<Response>;
  /** `fetch` answers in this process, and is given requests that only it can read. */
  readonly isInProcess?: boolean;
  /** `https://host:port`, without a slash at the end. */
  readonly baseUrl: string;
  readonly token?: string;
  /** The User-Agent: how the server's audit log names who asks. */
  readonly agent?: string;
  readonly log: Logger;
}

/** The whole object is the second choice: some servers know nothing else. */
const metadataOnly = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
const pageSize = 500;
/** A list is at most this many pages: a server whose pages never end must not fill the memory. */
const maxPages = 2_000;

/** Users whose clients are kept: many Sensors have the service account of their namespace. */
const maxUsers = 1_000;

/** A client without state but the discovery cache, which clients made by `as` share. */
export function createKubeClient(options: KubeClientOptions): KubeClient {
  const http = new KubeHttp(options, undefined);
  const discovery = createDiscovery((path, signal) => http.document(path, signal));
  const as = memoize((user): KubeClient => clientOf(new KubeHttp(options, user), discovery, as), maxUsers);
  return clientOf(http, discovery, as);
}

function clientOf(http: KubeHttp, discovery: Discovery, as: KubeClient["as"]): KubeClient {
  async function pathOf(
    ref: GroupVersionKind & { namespace?: string; name?: string },
    signal?: AbortSignal,
    all = false,
  ) {
    const kind = await discovery.find(ref, signal);
    const namespace = all ? ref.namespace : (ref.namespace ?? "default");
    const inNamespace = kind.namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : "";
    const name = ref.name === undefined ? "" : `/${encodeURIComponent(ref.name)}`;
    return `${versionPath(ref.apiVersion)}${inNamespace}/${kind.plural}${name}`;
  }

  return {
    async get(ref, signal) {
      const path = await pathOf(ref, signal);
      return http.exchange("get", ref, path, { signal }, async (response) =>
        response.status === 404 ? discard(response) : readObject("get", ref, response),
      );
    },
    async list(kind, listOptions = {}, signal) {
      const path = await pathOf({ ...kind, ...namespaceOf(listOptions) }, signal, true);
      return listPages(http, kind, path, listOptions, signal);
    },
    async create(object, writeOptions, signal) {
      const ref = refOf(object);
      const path = await pathOf({ ...ref, name: undefined } as GroupVersionKind & { namespace?: string }, signal);
      const init = writeInit("POST", object, writeOptions, signal);
      return http.write("create", ref, path + writeQuery(writeOptions, false), init);
    },
    async update(object, writeOptions, signal) {
      const ref = refOf(object);
      const path = (await pathOf(ref, signal)) + writeQuery(writeOptions);
      return http.write("update", ref, path, writeInit("PUT", object, writeOptions, signal));
    },
    async patch(ref, type, patch, writeOptions, signal) {
      const path = (await pathOf(ref, signal)) + writeQuery(writeOptions);
      const init = { ...writeInit("PATCH", patch, writeOptions, signal), type };
      if (!writeOptions?.isAnswerUnread) return http.write("patch", ref, path, init);
      return http.exchange("patch", ref, path, { ...init, accept: metadataOnly }, (response) => unread(ref, response));
    },
    async delete(ref, writeOptions, signal) {
      const path = (await pathOf(ref, signal)) + writeQuery(writeOptions);
      const init = { method: "DELETE", ...deleteBody(writeOptions), beforeSend: writeOptions?.beforeSend, signal };
      return http.exchange("delete", ref, path, init, async (response) => {
        if (response.status === 404) return discard(response) !== undefined;
        await readObject("delete", ref, response);
        return true;
      });
    },
    async *watch(kind, from, listOptions, signal) {
      const path = await pathOf({ ...kind, ...namespaceOf(listOptions) }, signal, true);
      const query = listQuery(listOptions, { watch: "1", resourceVersion: from, allowWatchBookmarks: "true" });
      const ref = { ...kind, name: "" };
      using own = ownSignal(signal);
      const response = await http.send("watch", ref, path + query, { signal: own.signal });
      if (!response.ok) throw apiError(`watch ${kindText(kind)}`, response.status, await response.text());
      if (response.body) yield* readWatchEvents(response.body, `watch ${kindText(kind)}`, signal);
    },
    async *logs({ namespace = "default", name }, query, signal) {
      const ref = { apiVersion: "v1", kind: "Pod", namespace, name };
      const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}/log`;
      using own = ownSignal(signal);
      const response = await http.send("logs", ref, `${path}?${logQuery(query)}`, { signal: own.signal });
      if (!response.ok) throw apiError(`logs of ${refText(ref)}`, response.status, await response.text());
      if (!response.body) return;
      const rest = yield* readLines(response.body, `logs of ${refText(ref)}`, signal);
      if (rest !== "") yield rest;
    },
    async isNamespaced(kind, signal) {
      return (await discovery.find(kind, signal)).namespaced;
    },
    document: (path, signal) => http.document(path, signal),
    kindOf: (apiVersion, plural, signal) => discovery.kindOf(apiVersion, plural, signal),
    as,
  };
}

function kindText(kind: GroupVersionKind): string {
  return `${kind.apiVersion}/${kind.kind}`;
}

function namespaceOf(options: ListOptions): { namespace?: string } {
  return options.namespace === undefined ? {} : { namespace: options.namespace };
}

function discard(response: Response): undefined {
  response.body?.cancel().catch(() => undefined);
  return undefined;
}

/** All pages are of one state. Where the server forgets it meanwhile (410), everything is asked for at once. */
async function listPages(
  http: KubeHttp,
  kind: GroupVersionKind,
  path: string,
  options: ListOptions,
  signal: AbortSignal | undefined,
): Promise<KubeList> {
  const items: KubeObject[] = [];
  const doing = `list ${kindText(kind)}`;
  let limit: Readonly<Record<string, string>> = { limit: String(pageSize) };
  let next = "";
  for (let page = 0; page < maxPages; page++) {
    const query = listQuery(options, { ...limit, ...(next ? { continue: next } : {}) });
    const text = await http.exchange("list", { ...kind, name: "" }, path + query, { signal }, async (response) =>
      response.status === 410 && next !== "" ? discard(response) : readText(doing, response),
    );
    if (text === undefined) {
      items.length = 0;
      [limit, next] = [{}, ""];
      continue;
    }
    const list = parseList(text, kind, doing);
    for (const item of list.items) items.push(options.trim?.(item) ?? item);
    if (!list.next) return { items, resourceVersion: list.resourceVersion };
    next = list.next;
  }
  throw new EngineError("API_UNAVAILABLE", `${doing}: more than ${maxPages} pages of ${pageSize}`);
}

function parseList(text: string, kind: GroupVersionKind, doing: string) {
  const list = readJson(text, doing);
  if (!isJsonObject(list) || !isJsonObject(list.metadata)) {
    throw new EngineError("API_UNAVAILABLE", `${doing}: the answer is no list`);
  }
  const items = Array.isArray(list.items) ? list.items : [];
  return {
    items: items.map((item) => ({ ...(item as object), apiVersion: kind.apiVersion, kind: kind.kind }) as KubeObject),
    resourceVersion: String(list.metadata.resourceVersion ?? ""),
    next: typeof list.metadata.continue === "string" ? list.metadata.continue : "",
  };
}

function readJson(text: string, doing: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw new EngineError("API_UNAVAILABLE", `${doing}: the answer is not JSON`, error);
  }
}

function listQuery(options: ListOptions, more: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams(more);
  if (options.labelSelector) query.set("labelSelector", options.labelSelector);
  if (options.fieldSelector) query.set("fieldSelector", options.fieldSelector);
  return `?${query}`;
}

function logQuery(query: LogQuery): URLSearchParams {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined || value === false || value === "" ? [] : [[name, String(value)] as [string, string]],
  );
  return new URLSearchParams([...given, ["timestamps", "true"]]);
}

function writeQuery(options: WriteOptions | undefined, withSubresource = true): string {
  if (options === undefined) return "";
  const query = new URLSearchParams();
  if (options.dryRun) query.set("dryRun", "All");
  if (options.fieldManager) query.set("fieldManager", options.fieldManager);
  if (options.fieldValidation) query.set("fieldValidation", options.fieldValidation);
  if (options.force) query.set("force", "true");
  if (options.propagationPolicy) query.set("propagationPolicy", options.propagationPolicy);
  const path = options.subresource && withSubresource ? `/${options.subresource}` : "";
  return query.size > 0 ? `${path}?${query}` : path;
}

function writeInit(
  method: string,
  body: object,
  { beforeSend }: WriteOptions = {},
  signal: AbortSignal | undefined,
): SendInit {
  return { method, body: JSON.stringify(body), type: "application/json", beforeSend, signal };
}

/** Conditions stand in a body only, and a server that gets one does not look at the query. */
function deleteBody({ onlyIf, propagationPolicy, dryRun }: WriteOptions = {}): Pick<SendInit, "body" | "type"> {
  if (onlyIf === undefined) return {};
  const options = {
    kind: "DeleteOptions",
    apiVersion: "v1",
    preconditions: onlyIf,
    ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
    ...(dryRun ? { dryRun: ["All"] } : {}),
  };
  return { body: JSON.stringify(options), type: "application/json" };
}

async function unread(ref: ObjectRef, response: Response): Promise<KubeObject> {
  await readText(`patch ${refText(ref)}`, response);
  const { apiVersion, kind, name, namespace } = ref;
  return { apiVersion, kind, metadata: { name, ...(namespace === undefined ? {} : { namespace }) } };
}

async function readObject(verb: string, ref: ObjectRef, response: Response): Promise<KubeObject> {
  const doing = `${verb} ${refText(ref)}`;
  return readJson(await readText(doing, response), doing) as KubeObject;
}

/** @throws EngineError API_* for an answer that is no success */
async function readText(doing: string, response: Response): Promise<string> {
  const text = await response.text();
  if (!response.ok) throw apiError(doing, response.status, text);
  return text;
}

interface SendInit {
  readonly method?: string;
  readonly body?: string;
  readonly type?: string;
  readonly accept?: string | undefined;
  readonly beforeSend?: (() => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Requests of one identity. */
class KubeHttp {
  readonly #options: KubeClientOptions;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(options: KubeClientOptions, user: string | undefined) {
    this.#options = options;
    this.#headers = {
      accept: "application/json",
      ...(options.agent === undefined ? {} : { "user-agent": options.agent }),
      ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
      ...(user === undefined ? {} : { "impersonate-user": user }),
    };
  }

  /** One request from its start to the end of `read`, which takes the body or cancels it. */
  async exchange<T>(
    verb: string,
    ref: ObjectRef,
    path: string,
    init: SendInit,
    read: (response: Response) => Promise<T>,
  ): Promise<T> {
    using own = ownSignal(init.signal);
    const response = await this.send(verb, ref, path, { ...init, signal: own.signal });
    try {
      return await read(response);
    } catch (error) {
      init.signal?.throwIfAborted();
      if (error instanceof EngineError) throw error;
      throw new EngineError("API_UNAVAILABLE", `${verb} ${refText(ref)}: the answer broke off`, error);
    }
  }

  write(verb: string, ref: ObjectRef, path: string, init: SendInit): Promise<KubeObject> {
    return this.exchange(verb, ref, path, init, (response) => readObject(verb, ref, response));
  }

  /** Undefined for 404. */
  document(path: string, signal: AbortSignal | undefined): Promise<unknown> {
    const doing = `get ${path}`;
    return this.exchange("get", { apiVersion: path, kind: "", name: "" }, path, { signal }, async (response) =>
      response.status === 404 ? discard(response) : readJson(await readText(doing, response), doing),
    );
  }

  /** The signal must not outlive the request: see `ownSignal`. */
  async send(verb: string, ref: ObjectRef, path: string, init: SendInit): Promise<Response> {
    const { method = "GET", body, type, accept, beforeSend, signal } = init;
    // The embedded control plane does not look at it.
    signal?.throwIfAborted();
    const request = this.#request(path, body, {
      method,
      headers: {
        ...this.#headers,
        ...(type !== undefined && { "content-type": type }),
        ...(accept !== undefined && { accept }),
      },
      ...(signal === undefined ? {} : { signal }),
    });
    beforeSend?.();
    try {
      const response = await this.#options.fetch(request, beforeSend);
      const warning = response.headers.get("warning");
      if (warning) this.#options.log.warn("the Kubernetes API warns", { verb, object: refText(ref), warning });
      return response;
    } catch (error) {
      signal?.throwIfAborted();
      beforeSend?.(); // what it threw in between, it throws again
      const problem = error instanceof EngineError ? error.message : `no answer from ${this.#options.baseUrl}`;
      throw new EngineError("API_UNAVAILABLE", `${verb} ${refText(ref)}: ${problem}`, error);
    }
  }

  #request(path: string, body: string | undefined, init: RequestInit): Request {
    const url = this.#options.baseUrl + path;
    if (body === undefined) return new Request(url, init);
    return this.#options.isInProcess ? new TextRequest(url, body, init) : new Request(url, { ...init, body });
  }
}
