import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import { runChild } from "../base/child.ts";
import type { Clock } from "../base/clock.ts";
import { EngineError } from "../base/errors.ts";
import type { GitRequest } from "./git-request.ts";

export interface BackendDeps {
  readonly directory: string;
  readonly tool: { readonly command: string; readonly env: Readonly<Record<string, string>> };
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly maxBodyBytes: number;
}

/** For one request: `TIPHYS_HOOKS` is the folder of the hooks that a push runs, others are what those read. */
interface BackendRun extends BackendDeps {
  readonly env: Readonly<Record<string, string>>;
}

const maxHeaderBytes = 16 * 1024;

/** The machine's and the user's configuration have no say, and no hook runs but ours. */
export const servedGitEnv: Readonly<Record<string, string>> = {
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_TERMINAL_PROMPT: "0",
  HOME: "/dev/null",
  LC_ALL: "C",
};

/** Answers one request through `git http-backend`, a CGI program; bodies are streamed in both directions. */
export async function runBackend(
  run: BackendRun,
  request: GitRequest,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const result = await runChild(
    {
      command: run.tool.command,
      args: ["http-backend"],
      cwd: run.directory,
      env: { ...run.tool.env, ...servedGitEnv, ...run.env, ...cgiEnv(run, request, incoming) },
      input: bounded(incoming, run.maxBodyBytes),
      timeoutMs: run.timeoutMs,
      maxOutputBytes: 0,
      consume: (stdout) => forward(stdout, outgoing),
      label: "git http-backend",
    },
    run.clock,
    signal,
  );
  if (result.code !== 0) throw new EngineError("GIT_FAILED", `git http-backend ended with ${result.code}`);
  outgoing.end();
  if (!outgoing.writableFinished) await told(outgoing, "finish");
}

/** Or until the client is gone, which may have been told before. */
async function told(outgoing: ServerResponse, event: "finish" | "drain"): Promise<void> {
  if (!outgoing.destroyed) await Promise.race([once(outgoing, event), once(outgoing, "close")]);
}

function cgiEnv(run: BackendRun, request: GitRequest, incoming: IncomingMessage): Record<string, string> {
  const { headers } = incoming;
  const action = request.isAdvertisement ? "info/refs" : request.service;
  const protocol = headers["git-protocol"];
  const settings = {
    "core.hooksPath": run.env.TIPHYS_HOOKS ?? "/dev/null",
    "http.receivepack": String(request.isPush),
    "receive.maxInputSize": String(run.maxBodyBytes),
    "receive.autogc": "false",
    "transfer.fsckObjects": "true",
    "uploadpack.allowFilter": "true",
    "uploadpack.allowAnySHA1InWant": "true",
    "safe.directory": "*",
  };
  return {
    GIT_PROJECT_ROOT: run.directory,
    GIT_HTTP_EXPORT_ALL: "1",
    PATH_INFO: `/${request.repository}.git/${action}`,
    QUERY_STRING: request.isAdvertisement ? `service=${request.service}` : "",
    REQUEST_METHOD: request.method,
    CONTENT_TYPE: headers["content-type"] ?? "",
    ...(headers["content-length"] === undefined ? {} : { CONTENT_LENGTH: headers["content-length"] }),
    ...(headers["content-encoding"] === undefined ? {} : { HTTP_CONTENT_ENCODING: headers["content-encoding"] }),
    ...(typeof protocol === "string" && /^[\w=:.-]{1,64}$/.test(protocol) ? { GIT_PROTOCOL: protocol } : {}),
    ...(request.isPush ? { REMOTE_USER: "git" } : {}),
    REMOTE_ADDR: incoming.socket.remoteAddress ?? "",
    ...configEnv(settings),
  };
}

export function configEnv(settings: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(settings);
  const pairs = entries.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return { ...Object.fromEntries(pairs), GIT_CONFIG_COUNT: String(entries.length) };
}

async function* bounded(incoming: IncomingMessage, maxBytes: number): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of incoming) {
    size += chunk.length;
    if (size > maxBytes) throw new EngineError("GIT_TOO_LARGE", `a push is larger than the ${maxBytes} bytes allowed`);
    yield chunk;
  }
}

/** The headers that the program wrote, then its body as it comes. */
async function forward(stdout: Readable, outgoing: ServerResponse): Promise<void> {
  let head = Buffer.alloc(0);
  for await (const chunk of stdout) {
    if (outgoing.destroyed) return;
    if (outgoing.headersSent) {
      await write(outgoing, chunk);
      continue;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0 && head.length > maxHeaderBytes)
      throw new EngineError("GIT_FAILED", "git http-backend sent no headers");
    if (end < 0) continue;
    sendHead(head.toString("latin1", 0, end), outgoing);
    await write(outgoing, head.subarray(end + 4));
  }
  if (!outgoing.headersSent) throw new EngineError("GIT_FAILED", "git http-backend sent no answer");
}

function sendHead(text: string, outgoing: ServerResponse): void {
  let status = 200;
  for (const line of text.split("\r\n")) {
    const [, name = "", value = ""] = /^([\w-]+):\s*(.*)$/.exec(line) ?? [];
    if (name.toLowerCase() === "status") status = Number.parseInt(value, 10);
    else if (name !== "") outgoing.setHeader(name, value);
  }
  outgoing.writeHead(status);
}

async function write(outgoing: ServerResponse, chunk: Buffer): Promise<void> {
  if (chunk.length === 0 || outgoing.write(chunk)) return;
  await told(outgoing, "drain");
}
