import { getCACertificates } from "node:tls";
import type { buildConnector, Dispatcher } from "undici";
import { commonJs } from "../base/lazy.ts";
import type { ClientCertificate } from "./certificates.ts";
import type { KubeconfigCluster } from "./kubeconfig-file.ts";
import { type ConnectionPool, createProxyPool } from "./proxy.ts";

export interface Outgoing {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer> | undefined;
  readonly signal: AbortSignal;
  readonly certificate: ClientCertificate | undefined;
  /** Called when a connection is there and the request is written to it; what it throws is how the request fails. */
  readonly beforeSend?: (() => void) | undefined;
}

/** Connections to one server, kept for later requests. Disposal breaks off what is open. */
export interface Connections extends AsyncDisposable {
  /** The answer's body is streamed and may last for ever. */
  send(request: Outgoing): Promise<Response>;
}

/** A watch holds a connection for itself (HTTP/1.1), and a cluster may have hundreds of kinds. */
const maxConnections = 1_024;
/**
 * The API server ends what takes longer than a minute, and sends the headers of a watch at once. A watch, and logs that are
 * followed, may say nothing for ever; any other answer that begins goes on, or it is given up.
 */
const defaultTimeouts = { headersMs: 90_000, bodyMs: 90_000 };
const lasting = /[?&](?:watch=1|follow=true)(?:&|$)/;
const connectTimeoutMs = 10_000;
/** Below the idle limit of the API server (90 s) and of load balancers before it. */
const keepAliveMs = 20_000;
/** Pools of earlier client certificates that may still finish their requests. */
const maxRetired = 8;

export async function openConnections(
  cluster: KubeconfigCluster,
  { headersMs, bodyMs } = defaultTimeouts,
): Promise<Connections> {
  const undici = commonJs(await import("undici"));
  const ca = cluster.skipsVerification ? undefined : (cluster.ca ?? systemAuthorities());
  const retired: ConnectionPool[] = [];
  let isClosed = false;
  let used: { readonly pool: ConnectionPool; readonly certificate: ClientCertificate | undefined } | undefined;

  function createPool(certificate: ClientCertificate | undefined): ConnectionPool {
    const { serverName, proxyUrl } = cluster;
    const tls = {
      ...(ca === undefined ? {} : { ca }),
      ...certificate,
      rejectUnauthorized: !cluster.skipsVerification,
      timeout: connectTimeoutMs,
      allowH2: false,
    };
    if (proxyUrl !== undefined) {
      const requestTls = { ...tls, ...(serverName === undefined ? {} : { servername: serverName }) };
      const pool = { connections: maxConnections, headersTimeout: headersMs, bodyTimeout: bodyMs };
      return createProxyPool(undici, { proxyUrl, requestTls, pool: { ...pool, keepAliveTimeout: keepAliveMs } });
    }
    const connect = undici.buildConnector(tls as buildConnector.BuildOptions);
    // No Agent: once closed, it forgets its connections, and its destroy would leave open watches open.
    const pool = new undici.Pool(new URL(cluster.baseUrl).origin, {
      connections: maxConnections,
      headersTimeout: headersMs,
      bodyTimeout: bodyMs,
      keepAliveTimeout: keepAliveMs,
      // Here, not among the TLS options: undici prefers the name in the URL.
      connect: (options, callback) =>
        connect(serverName === undefined ? options : { ...options, servername: serverName }, callback),
    });
    return { dispatcher: pool, close: () => pool.close(), destroy: () => pool.destroy() };
  }

  /** A new certificate needs new connections; requests under way, watches too, end on the old ones. */
  function poolFor(certificate: ClientCertificate | undefined): ConnectionPool {
    if (used && used.certificate?.cert === certificate?.cert && used.certificate?.key === certificate?.key) {
      return used.pool;
    }
    if (used) retire(used.pool);
    used = { pool: createPool(certificate), certificate };
    return used.pool;
  }

  function retire(pool: ConnectionPool): void {
    retired.push(pool);
    const forget = (): void => {
      const at = retired.indexOf(pool);
      if (at >= 0) retired.splice(at, 1);
    };
    pool.close().then(forget, forget);
    if (retired.length > maxRetired) retired.shift()?.destroy().catch(forget);
  }

  return {
    async send({ certificate, url, body, headers, beforeSend, ...init }) {
      if (isClosed) throw new Error("the connections are closed");
      const pool = poolFor(certificate).dispatcher;
      const patient = lasting.test(url) ? withoutEnd(pool) : pool;
      const dispatcher = beforeSend === undefined ? patient : guarded(patient, beforeSend);
      const options = { ...init, headers: [...headers], ...(body === undefined ? {} : { body }), dispatcher };
      // Manual: credentials go to the server of the kubeconfig and nowhere else.
      return (await undici.fetch(url, { ...options, redirect: "manual" })) as unknown as Response;
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      const pools = [...retired, ...(used ? [used.pool] : [])];
      await Promise.all(pools.map((pool) => pool.destroy()));
    },
  };
}

function withoutEnd(pool: Dispatcher): Dispatcher {
  return pool.compose((dispatch) => (options, handler) => dispatch({ ...options, bodyTimeout: 0 }, handler));
}

/** A request may wait for its connection: `check` is called once it has one. */
function guarded(pool: Dispatcher, check: () => void): Dispatcher {
  return pool.compose((dispatch) => (options, handler) => {
    const checked: Dispatcher.DispatchHandler = {
      onRequestStart(controller, context) {
        check();
        handler.onRequestStart?.(controller, context);
      },
      onRequestUpgrade: (...told) => handler.onRequestUpgrade?.(...told),
      onResponseStart: (...told) => handler.onResponseStart?.(...told),
      onResponseData: (...told) => handler.onResponseData?.(...told),
      onResponseEnd: (...told) => handler.onResponseEnd?.(...told),
      onResponseError: (...told) => handler.onResponseError?.(...told),
    };
    return dispatch(options, checked);
  });
}

/** As kubectl, the authorities of the system (a company's own stand there), and those of Node.js. */
function systemAuthorities(): string[] {
  return [...new Set([...getCACertificates("default"), ...getCACertificates("system")])];
}
