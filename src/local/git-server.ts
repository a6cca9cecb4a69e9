import { createHash, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import type { Clock } from "../base/clock.ts";
import { messageOf, TerminalError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { createSlots } from "../base/slots.ts";
import { type BackendDeps, runBackend } from "./git-backend.ts";
import { type GitRequest, parseGitRequest, repositoryPattern } from "./git-request.ts";
import { type SeedFiles, seedPrefix, seedRepository } from "./git-seed.ts";

export interface RefChange {
  /** `refs/heads/main` */
  readonly name: string;
  /** Commits; 40 zeros where the ref was made or deleted. */
  readonly old: string;
  readonly new: string;
}

export interface Push {
  readonly repository: string;
  /** The repository's URL without the password, as Applications name it. */
  readonly url: string;
  readonly refs: readonly RefChange[];
}

export interface GitServerOptions {
  /** `<data-dir>/repos`: one bare repository `<name>.git` each. This process owns it. */
  readonly directory: string;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Needed to push; reading is open. */
  readonly password: string;
  readonly tool: { readonly command: string; readonly env: Readonly<Record<string, string>> };
  /** Called after a push was accepted; not called again when it fails, nor for pushes before a crash. */
  readonly onPush: (push: Push) => Promise<void> | void;
  readonly clock: Clock;
  readonly log: Logger;
  /** Of one push. Default 256 MiB. */
  readonly maxPushBytes?: number;
}

/** Repositories over smart HTTP. Disposal ends requests under way and waits for `onPush`. */
export interface GitServer extends AsyncDisposable {
  readonly port: number;
  /** What Applications and `git clone` use. */
  urlOf(repository: string): string;
  /** With the password: what is printed, and may push. */
  pushUrlOf(repository: string): string;
  /**
   * Makes the repository with a first commit of these files (path → content) on `main`. One that is there is left alone,
   * whatever is in it. @throws TerminalError CONFIG_INVALID
   */
  createServedRepository(name: string, files: SeedFiles): Promise<void>;
}

/** Requests served at once; each is a child process. More wait. */
const maxRequests = 8;
const requestTimeoutMs = 600_000;
const defaultPushBytes = 256 * 1024 * 1024;

/** @throws TerminalError PORT_IN_USE */
export async function openGitServer(given: GitServerOptions): Promise<GitServer> {
  const options = { ...given, directory: resolve(given.directory) };
  const { directory, host, password, log } = options;
  const hooks = await prepareDirectory(directory);
  const server = createServer({ requestTimeout: requestTimeoutMs });
  const port = await listen(server, options);
  const authority = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  const names = new Set([authority, `localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`]);
  const urlOf = (name: string): string => `http://${authority}/${name}.git`;
  const stop = new AbortController();
  const serve = createService({ ...options, hooks, urlOf, names }, stop.signal);
  const active = new Set<Promise<void>>();
  server.on("request", (incoming, outgoing) => {
    const served = serve(incoming, outgoing).catch((error: unknown) => {
      if (!stop.signal.aborted) log.warn("request to a served Git repository failed", { error });
      if (outgoing.headersSent) outgoing.destroy();
      else refuse(outgoing, 500, "the request failed");
    });
    active.add(served);
    void served.finally(() => active.delete(served));
  });
  return {
    port,
    urlOf,
    pushUrlOf: (name) => `http://git:${encodeURIComponent(password)}@${authority}/${name}.git`,
    createServedRepository: (name, files) => createOnce(options, name, files),
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      stop.abort();
      server.closeAllConnections();
      await closed;
      await Promise.all(active);
    },
  };
}

/**
 * Removes what a killed process left and installs the hook that Git runs after refs have changed: Git tells it which, and
 * it leaves that where the request looks.
 */
async function prepareDirectory(directory: string): Promise<string> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const left = (await readdir(directory)).filter(
    (name) => name === "hooks" || (name.startsWith(seedPrefix) && !name.endsWith(".git")),
  );
  for (const name of left) await rm(join(directory, name), { recursive: true, force: true });
  const hooks = join(directory, "hooks");
  await mkdir(hooks, { mode: 0o700 });
  await writeFile(join(hooks, "post-receive"), '#!/bin/sh\nexec cat >"$TIPHYS_PUSHED_REFS"\n', { mode: 0o700 });
  return hooks;
}

async function listen(server: Server, { port, host }: GitServerOptions): Promise<number> {
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (error) {
    throw new TerminalError("PORT_IN_USE", `cannot serve Git on ${host}:${port}: ${messageOf(error)}`, error);
  }
  return (server.address() as AddressInfo).port;
}

interface ServiceDeps extends GitServerOptions {
  readonly hooks: string;
  readonly urlOf: (name: string) => string;
  readonly names: ReadonlySet<string>;
}

type Service = (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<void>;

function createService(deps: ServiceDeps, stop: AbortSignal): Service {
  const slots = createSlots(maxRequests);
  return async (incoming, outgoing) => {
    // A page in a browser reaches loopback under a name of its own (DNS rebinding).
    if (!deps.names.has((incoming.headers.host ?? "").toLowerCase())) {
      return refuse(outgoing, 403, "this host name is not served here");
    }
    const gone = new AbortController();
    outgoing.once("close", () => gone.abort()); // before anything is waited for: it is told once
    const request = parseGitRequest(incoming.method ?? "", incoming.url ?? "");
    if (request === undefined || !(await isRepository(deps.directory, request.repository))) {
      return refuse(outgoing, 404, "there is no such repository");
    }
    if (request.isPush && !isAllowed(incoming.headers.authorization, deps.password)) return challenge(outgoing);
    const signal = AbortSignal.any([stop, gone.signal]);
    using _place = await slots.take(signal);
    await answer(deps, request, incoming, outgoing, signal);
  };
}

async function isRepository(directory: string, name: string): Promise<boolean> {
  const found = await stat(join(directory, `${name}.git`, "HEAD")).catch(() => undefined);
  return found?.isFile() === true;
}

/** Any user name: the password is what counts. Compared by digest, so that the time taken says nothing about it. */
function isAllowed(header: string | undefined, password: string): boolean {
  const encoded = /^Basic\s+([A-Za-z0-9+/=]+)$/i.exec(header ?? "")?.[1] ?? "";
  const given = Buffer.from(encoded, "base64")
    .toString("utf8")
    .replace(/^[^:]*:/, "");
  return timingSafeEqual(digest(given), digest(password));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function challenge(outgoing: ServerResponse): void {
  outgoing.setHeader("www-authenticate", 'Basic realm="tiphys"');
  refuse(outgoing, 401, "pushing needs the password of the printed URL");
}

function refuse(outgoing: ServerResponse, status: number, text: string): void {
  outgoing.writeHead(status, { "content-type": "text/plain; charset=utf-8", connection: "close" });
  outgoing.end(`${text}\n`);
}

async function answer(
  deps: ServiceDeps,
  request: GitRequest,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const { directory, hooks, tool, clock, maxPushBytes = defaultPushBytes } = deps;
  const backend: BackendDeps = { directory, tool, clock, timeoutMs: requestTimeoutMs, maxBodyBytes: maxPushBytes };
  if (request.service !== "git-receive-pack" || request.isAdvertisement) {
    return runBackend({ ...backend, env: {} }, request, incoming, outgoing, signal);
  }
  const work = await mkdtemp(join(hooks, "push-"));
  try {
    const pushed = join(work, "refs");
    const env = { TIPHYS_PUSHED_REFS: pushed, TIPHYS_HOOKS: hooks };
    try {
      await runBackend({ ...backend, env }, request, incoming, outgoing, signal);
    } finally {
      await tell(deps, request, pushed); // what was accepted is told even if the client is gone before it hears so
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function tell({ onPush, urlOf, log }: ServiceDeps, { repository }: GitRequest, file: string): Promise<void> {
  const text = await readFile(file, "utf8").catch(() => ""); // nothing was accepted
  const refs = parseRefChanges(text);
  if (refs.length === 0) return;
  try {
    await onPush({ repository, url: urlOf(repository), refs });
  } catch (error) {
    log.warn("push could not be passed on", { repository, error });
  }
}

function parseRefChanges(text: string): readonly RefChange[] {
  return text.split("\n").flatMap((line) => {
    const [old, now, ...name] = line.split(" ");
    return old === undefined || now === undefined || name.length === 0 ? [] : [{ name: name.join(" "), old, new: now }];
  });
}

async function createOnce({ directory, tool, clock }: GitServerOptions, name: string, files: SeedFiles): Promise<void> {
  if (!repositoryPattern.test(name)) {
    throw new TerminalError(
      "CONFIG_INVALID",
      `"${name}" is no name for a repository: expected a-z, 0-9, ".", "_", "-"`,
    );
  }
  if (await isRepository(directory, name)) return;
  await seedRepository({ directory, tool, clock }, name, files);
}
