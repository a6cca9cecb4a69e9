import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { EngineError, messageOf } from "../base/errors.ts";
import type { Endpoints } from "../local/data-dir.ts";
import { knownCode } from "./exit.ts";

export interface GlobalFlags {
  readonly server?: string;
  readonly dataDir: string;
  readonly token?: string;
  readonly output: "text" | "json" | "yaml" | "wide" | "name" | "github" | "junit";
}

export function globalFlags(command: Command): GlobalFlags {
  return command.optsWithGlobals<GlobalFlags>();
}

/** The API of a running engine; paths stand below the root that the client was made for. */
export interface EngineClient {
  readonly url: string;
  get<T>(path: string): Promise<T>;
  post<T>(path: string, body: unknown): Promise<T>;
}

/** How long one answer may take. */
const timeoutMs = 30_000;

/** Where what is ours stands; beside it are Argo CD's paths. */
const ownRoot = "/api/v1/tiphys";

/** The engine that `--server` names, or the one that runs on the data directory; undefined when none does. */
export function findEngine({ server, dataDir, token }: GlobalFlags, root: string = ownRoot): EngineClient | undefined {
  const endpoints = readEndpoints(dataDir);
  const url = server ?? endpoints?.server;
  if (url === undefined) return undefined;
  const bearer = token ?? readToken(join(dataDir, "token"));
  return createClient(url, bearer, root);
}

/** @throws EngineError ENGINE_UNREACHABLE when there is none. */
export function requireEngine(flags: GlobalFlags, root?: string): EngineClient {
  const engine = findEngine(flags, root);
  if (engine) return engine;
  throw new EngineError("ENGINE_UNREACHABLE", `no engine runs on the data directory "${flags.dataDir}"`);
}

function createClient(url: string, token: string | undefined, root: string): EngineClient {
  if (!URL.canParse(url) || !/^https?:/.test(url)) {
    throw new EngineError("USAGE", `--server: "${url}" must be a URL such as http://127.0.0.1:8080`);
  }
  async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(new URL(`${root}${path}`, url), {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    }).catch((error: unknown) => {
      throw new EngineError("ENGINE_UNREACHABLE", `the engine at ${url} does not answer: ${reasonOf(error)}`, error);
    });
    const answer = (await response.json().catch(() => ({}))) as Answer;
    if (response.ok) return answer as T;
    const message = answer.error ?? `what answers at ${url} is no engine: status ${response.status}`;
    const code = answer.reason ?? answer.code;
    if (response.status === 500 && typeof code !== "string") {
      throw new Error(`the engine at ${url} failed: ${message}`);
    }
    throw new EngineError(knownCode(code) ?? "ENGINE_UNREACHABLE", message);
  }
  return { url, get: (path) => call("GET", path), post: (path, body) => call("POST", path, body) };
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

/** Left behind by an engine that was killed, `endpoints.json` names a process that is gone. */
function readEndpoints(dataDir: string): Endpoints | undefined {
  try {
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
