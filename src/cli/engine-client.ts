import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { EngineError, messageOf } from "../base/errors.ts";
import type { Endpoints } from "../local/data-dir.ts";
import { chosenContext } from "./access/contexts.ts";
import { knownCode } from "./exit.ts";

/** Each command knows some of them. */
export const outputFormats = [
  ...(["text", "json", "yaml", "wide", "name", "github", "junit"] as const),
  ...(["tree", "tree=detailed", "id", "url", "server", "otlp"] as const),
] as const;
export type OutputFormat = (typeof outputFormats)[number];

export interface GlobalFlags {
  readonly server?: string;
  readonly dataDir: string;
  /** Not the default: the engine of this directory is meant, whoever is logged in elsewhere. */
  readonly isDataDirGiven: boolean;
  readonly token?: string;
  /** `http` where the server is named without a scheme. */
  readonly plaintext?: boolean;
  /** The file of the servers that were logged in to, and which of them. */
  readonly config: string;
  readonly context?: string;
  readonly output: OutputFormat;
}

export function globalFlags(command: Command): GlobalFlags {
  const isDataDirGiven = command.getOptionValueSourceWithGlobals("dataDir") === "cli";
  const { authToken, ...flags } = command.optsWithGlobals<GlobalFlags & { readonly authToken?: string }>();
  const { server, plaintext = false } = flags;
  return {
    ...flags,
    ...(authToken === undefined ? {} : { token: authToken }),
    ...(server === undefined ? {} : { server: serverUrl(server, plaintext) }),
    isDataDirGiven,
  };
}

/** Without a scheme: http on this machine and where `isPlain`, https elsewhere. @throws EngineError USAGE */
export function serverUrl(server: string, isPlain: boolean): string {
  const isHere = /^(localhost|127\.|\[::1\])/.test(server);
  const text = server.includes("://") ? server : `${isHere || isPlain ? "http" : "https"}://${server}`;
  if (URL.canParse(text) && /^https?:/.test(text)) return text.replace(/\/+$/, "");
  throw new EngineError("USAGE", `--server: "${server}" must be a URL such as http://127.0.0.1:8080`);
}

/** The API of a running engine; paths stand below the root that the client was made for. */
export interface EngineClient {
  readonly url: string;
  /** It is that of a context: somebody is logged in. */
  readonly isOfContext: boolean;
  get<T>(path: string, signal?: AbortSignal): Promise<T>;
  post<T>(path: string, body: unknown): Promise<T>;
  put<T>(path: string, body: unknown): Promise<T>;
  patch<T>(path: string, body: unknown): Promise<T>;
  delete<T>(path: string): Promise<T>;
  /** The same of a GET, however long it is silent. */
  follow<T>(path: string, signal: AbortSignal): AsyncIterable<T>;
  /** The answer's lines of JSON as they come; an engine that is silent for 30 s is given up. */
  lines<T>(path: string, body: unknown, signal: AbortSignal): AsyncIterable<T>;
}

/** How long one answer may take. */
const timeoutMs = 30_000;

/** Where what is ours stands; beside it are Argo CD's paths. */
const ownRoot = "/api/v1/tiphys";

/**
 * The engine that `--server` names; that of `--context` or, where no `--data-dir` is given, of the current context; or the
 * one that runs on the data directory. Undefined when there is none.
 */
export function findEngine(flags: GlobalFlags, root: string = ownRoot): EngineClient | undefined {
  const { server, dataDir, isDataDirGiven, token } = flags;
  const context =
    server === undefined && !(isDataDirGiven && flags.context === undefined) ? chosenContext(flags) : undefined;
  if (context !== undefined) return createEngineClient(context.server, token ?? context.token, root, true);
  const url = server ?? readEndpoints(dataDir)?.server;
  return url === undefined ? undefined : createEngineClient(url, token ?? readToken(join(dataDir, "token")), root);
}

/** @throws EngineError ENGINE_UNREACHABLE when there is none. */
export function requireEngine(flags: GlobalFlags, root?: string): EngineClient {
  const engine = findEngine(flags, root);
  if (engine) return engine;
  throw new EngineError("ENGINE_UNREACHABLE", `no engine runs on the data directory "${flags.dataDir}"`);
}

/** @throws EngineError USAGE for what is no URL */
export function createEngineClient(
  url: string,
  token: string | undefined,
  root: string,
  isOfContext = false,
): EngineClient {
  if (!URL.canParse(url) || !/^https?:/.test(url)) {
    throw new EngineError("USAGE", `--server: "${url}" must be a URL such as http://127.0.0.1:8080`);
  }
  async function send(method: string, path: string, body: unknown, signal: AbortSignal): Promise<Response> {
    return fetch(new URL(`${root}${path}`, url), {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal,
    }).catch((error: unknown) => {
      throw new EngineError("ENGINE_UNREACHABLE", `the engine at ${url} does not answer: ${reasonOf(error)}`, error);
    });
  }
  async function call<T>(method: string, path: string, body?: unknown, given?: AbortSignal): Promise<T> {
    const signals = [AbortSignal.timeout(timeoutMs), ...(given === undefined ? [] : [given])];
    return read<T>(await send(method, path, body, AbortSignal.any(signals)));
  }
  async function read<T>(response: Response): Promise<T> {
    const answer = (await response.json().catch(() => ({}))) as Answer;
    if (response.ok) return answer as T;
    const message = answer.error ?? `what answers at ${url} is no engine: status ${response.status}`;
    const code = answer.reason ?? answer.code;
    if (response.status === 500 && typeof code !== "string") {
      throw new Error(`the engine at ${url} failed: ${message}`);
    }
    throw new EngineError(knownCode(code) ?? "ENGINE_UNREACHABLE", message);
  }
  async function* lines<T>(path: string, body: unknown, signal: AbortSignal): AsyncIterable<T> {
    const silent = new AbortController();
    const watch = setTimeout(() => silent.abort(new Error(`no word for ${timeoutMs / 1_000} s`)), timeoutMs);
    try {
      const response = await send("POST", path, body, AbortSignal.any([signal, silent.signal]));
      yield* readLines<T>(response, () => watch.refresh());
    } finally {
      clearTimeout(watch);
    }
  }
  async function* follow<T>(path: string, signal: AbortSignal): AsyncIterable<T> {
    yield* readLines<T>(await send("GET", path, undefined, signal), () => undefined);
  }
  async function* readLines<T>(response: Response, onChunk: () => void): AsyncIterable<T> {
    if (!response.ok || !response.body) {
      await read(response);
      return;
    }
    try {
      for await (const line of linesOf(response.body, onChunk)) yield JSON.parse(line) as T;
    } catch (error) {
      if (error instanceof EngineError) throw error;
      throw new EngineError("ENGINE_UNREACHABLE", `the engine at ${url} broke off: ${reasonOf(error)}`, error);
    }
  }
  return {
    url,
    isOfContext,
    get: (path, signal) => call("GET", path, undefined, signal),
    post: (path, body) => call("POST", path, body),
    put: (path, body) => call("PUT", path, body),
    patch: (path, body) => call("PATCH", path, body),
    delete: (path) => call("DELETE", path),
    lines,
    follow,
  };
}

/** A line is an answer of ours: it has a bound. */
const maxLineLength = 64 * 1024 * 1024;

async function* linesOf(body: ReadableStream<Uint8Array>, onChunk: () => void): AsyncIterable<string> {
  let rest = "";
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    onChunk();
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    if (rest.length > maxLineLength) throw new EngineError("ENGINE_UNREACHABLE", "the engine's answer does not end");
    yield* parts;
  }
  if (rest !== "") yield rest;
}

/** An error. At Argo CD's paths `code` is a number, and ours is the `reason`. */
interface Answer {
  readonly error?: string;
  readonly code?: string | number;
  readonly reason?: string;
}

function reasonOf(error: unknown): string {
  return error instanceof Error && error.cause instanceof Error ? error.cause.message : messageOf(error);
}

/** Of the engine that runs on the data directory; undefined when none does. */
export function readEndpoints(dataDir: string): Endpoints | undefined {
  try {
    // One that was killed leaves the file behind: it names a process that is gone.
    const endpoints = JSON.parse(readFileSync(join(dataDir, "endpoints.json"), "utf8")) as Endpoints;
    process.kill(endpoints.pid, 0);
    return endpoints;
  } catch {
    return undefined;
  }
}

function readToken(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}
