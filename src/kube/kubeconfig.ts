import type { Clock } from "../base/clock.ts";
import { EngineError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { unlessAborted } from "../base/unless-aborted.ts";
import { openConnections } from "./connections.ts";
import type { Credentials } from "./credentials.ts";
import { inClusterName, readInCluster } from "./in-cluster.ts";
import { type KubeconfigContext, type KubeconfigUser, readKubeconfig } from "./kubeconfig-file.ts";
import { createUserCredentials } from "./user-credentials.ts";

export interface OpenKubeconfigOptions {
  /** A file, or `in-cluster`: the service account of the Pod that this is. */
  readonly path: string;
  /** Default: the file's current context. */
  readonly context?: string;
  /** Where a Pod has its service account; for tests. */
  readonly accountDirectory?: string;
  /** What credential plugins inherit, as with kubectl (PATH, HOME, AWS_PROFILE …). */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A cluster that a kubeconfig names. `baseUrl` and `fetch` are for `createKubeClient`. */
export interface RemoteCluster extends AsyncDisposable {
  /** For people too: `https://host:port/path`, without a slash at the end. */
  readonly baseUrl: string;
  readonly contextName: string;
  /** For people: `"admin" by client certificate`. */
  readonly user: string;
  /**
   * Adds the credentials; a 401 is answered with newer ones once, where there are. Only for URLs below `baseUrl`.
   * `beforeSend` is called right before each attempt is written; what it throws is how the request fails.
   * @throws EngineError API_UNAVAILABLE with the reason; CREDENTIALS_FAILED; the reason of the request's signal
   */
  fetch(request: Request, beforeSend?: () => void): Promise<Response>;
}

/**
 * Reads the kubeconfig and gets the credentials once, so that what is wrong shows at the start; the server is not asked
 * yet. Disposal breaks off open watches and ends a plugin that runs.
 * @throws TerminalError CONFIG_INVALID; EngineError CREDENTIALS_FAILED
 */
export async function openKubeconfig(options: OpenKubeconfigOptions): Promise<RemoteCluster> {
  return openContext(await readContext(options), options);
}

/** As `openKubeconfig`, for what a kubeconfig or a Secret says. */
export async function openContext(
  context: KubeconfigContext,
  { env, clock, log }: Pick<OpenKubeconfigOptions, "env" | "clock" | "log">,
): Promise<RemoteCluster> {
  const { cluster, contextName, user } = context;
  const { baseUrl } = cluster;
  const sendsCredentials = baseUrl.startsWith("https://");
  if (cluster.skipsVerification) log.warn("the certificate of the cluster is not verified", { server: baseUrl });
  // As kubectl: nothing secret over a connection that all can read.
  if (!sendsCredentials) log.warn("the cluster is reached without TLS and without credentials", { server: baseUrl });

  const credentials = createUserCredentials({ context, env, clock, log });
  if (sendsCredentials) await credentials.current();
  const connections = await openConnections(cluster);

  const exchange = async ({ request, body, beforeSend }: Attempt, proof: Credentials) => {
    const headers = new Headers(request.headers);
    if (proof.authorization !== undefined) headers.set("authorization", proof.authorization);
    const { url, method, signal } = request;
    try {
      const { certificate } = proof;
      return await connections.send({ url, method, headers, body, signal, certificate, beforeSend });
    } catch (error) {
      signal.throwIfAborted();
      throw new EngineError("API_UNAVAILABLE", `no answer from ${baseUrl}: ${reasonOf(error)}`, error);
    }
  };

  return {
    baseUrl,
    contextName,
    user: userText(user),
    async fetch(request, beforeSend) {
      if (!`${request.url}/`.startsWith(`${baseUrl}/`)) throw new Error(`a request to another server than ${baseUrl}`);
      const { signal } = request;
      // Read first: a body that is a stream could not be sent a second time.
      const body = request.body === null ? undefined : new Uint8Array(await request.arrayBuffer());
      const attempt = { request, body, beforeSend };
      if (!sendsCredentials) return await exchange(attempt, {});
      const proof = await unlessAborted(credentials.current(), signal);
      const response = await exchange(attempt, proof);
      if (response.status !== 401) return response;
      const newer = await unlessAborted(credentials.renew(proof), signal).catch(async (error: unknown) => {
        await response.body?.cancel();
        throw error;
      });
      if (newer === proof) return response;
      await response.body?.cancel();
      return await exchange(attempt, newer);
    },
    async [Symbol.asyncDispose]() {
      await credentials[Symbol.asyncDispose]();
      await connections[Symbol.asyncDispose]();
    },
  };
}

interface Attempt {
  readonly request: Request;
  readonly body: Uint8Array<ArrayBuffer> | undefined;
  readonly beforeSend: (() => void) | undefined;
}

function readContext({ path, context, env, accountDirectory }: OpenKubeconfigOptions): Promise<KubeconfigContext> {
  return path === inClusterName ? readInCluster(env, accountDirectory) : readKubeconfig(path, context);
}

/** undici says "fetch failed"; what failed stands in its cause. */
function reasonOf(error: unknown): string {
  let reason = "unknown";
  let cause: unknown = error;
  for (let depth = 0; depth < 5 && cause instanceof Error; depth++, cause = cause.cause) {
    const code = "code" in cause && typeof cause.code === "string" ? cause.code : "";
    reason = cause.message || code || reason;
  }
  return reason;
}

function userText({ name, auth, certificate }: KubeconfigUser): string {
  const ways = { none: [], token: ["token"], basic: ["password"], exec: ["credential plugin"] }[auth.kind];
  const all = [...ways, ...(certificate ? ["client certificate"] : [])];
  return all.length === 0 ? "nobody (no credentials)" : `"${name}" by ${all.join(" and ")}`;
}
