import { createServer as createHttpServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import express, { type NextFunction, type Request, type Response } from "express";
import { systemClock } from "../base/clock.ts";
import { EngineError, messageOf, remedyOf, TerminalError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { Metrics } from "../base/metrics.ts";
import { createAccess } from "./access/access.ts";
import { accountRoutes } from "./access/account-routes.ts";
import { identify } from "./access/identify.ts";
import { rightsOf } from "./access/rights.ts";
import { sessionRoutes } from "./access/session-routes.ts";
import { type Admit, admissionRoute } from "./admission-route.ts";
import { applicationSensorRoutes } from "./application-routes.ts";
import { applicationSyncRoutes } from "./application-sync-routes.ts";
import { applicationWhyRoutes, type ExplainApplication } from "./application-why-routes.ts";
import { approvalRoutes } from "./approval-routes.ts";
import { type ArgoRouteDeps, argoRoutes } from "./argo-routes.ts";
import { badgeRoute } from "./badge-route.ts";
import { type BusRouteDeps, busRoutes } from "./bus-routes.ts";
import { type DeadRouteDeps, deadRoutes } from "./dead-routes.ts";
import { healthRoutes } from "./health-routes.ts";
import { type HistoryRouteDeps, historyRoutes } from "./history-routes.ts";
import { type HoldAccess, holdRoutes } from "./hold-routes.ts";
import { type ListedRouteDeps, listedRoutes } from "./listed-routes.ts";
import { type Replayer, replayRoutes } from "./replay-routes.ts";
import { type RevertInGit, revertRoutes } from "./revert-routes.ts";
import { openSettingsRoutes, settingsRoutes, versionRoutes } from "./settings-routes.ts";
import { type WebhookReceiver, webhookRoute } from "./webhook-route.ts";
import { type WhatIf, whatIfRoutes } from "./what-if-routes.ts";

export interface ServerOptions extends HistoryRouteDeps, ListedRouteDeps, ArgoRouteDeps, BusRouteDeps, DeadRouteDeps {
  /** The address to listen on. */
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** Whoever sends it as `Authorization: Bearer …` may ask everything; others what `argocd-rbac-cm` says. */
  readonly token: string;
  readonly metrics: Metrics;
  /** Names of plugins that make manifests. */
  readonly plugins?: readonly string[];
  /** Shown by `/api/version`. */
  readonly version?: string;
  /** Absent: the path answers 404. */
  readonly replayer?: Replayer;
  /** Absent: the path answers 404. */
  readonly whatIf?: WhatIf;
  /** Absent: the path answers 404. */
  readonly explain?: ExplainApplication;
  /** Absent: the path answers 404. */
  readonly holds?: HoldAccess;
  /** Absent: the path answers 404. */
  readonly revert?: RevertInGit;
  /** Answers `POST /validate`; absent: there is no such path. */
  readonly admit?: Admit;
  /** Takes `POST /api/webhook`; absent: there is no such path. */
  readonly webhooks?: WebhookReceiver;
  /** Undefined: ready; otherwise what it waits for. */
  readonly notReady: () => string | undefined;
  readonly log: Logger;
}

export interface ApiServer extends AsyncDisposable {
  readonly url: string;
}

/** The largest body that the API takes: the largest event and its envelope. */
const maxBodyBytes = 2 * 1024 * 1024;

/** Targets of a diff travel in the URL (`server-side-diff-routes.ts`). */
const maxHeaderSize = 256 * 1024;

/** How long answers under way may take when the server stops. */
const closeMs = 1_000;

/**
 * HTTP for people: health and metrics are open (on loopback), everything else needs a token (DESIGN section 6).
 * Disposal stops listening, waits a second for answers under way, and ends connections. @throws TerminalError PORT_IN_USE
 */
export async function openServer(options: ServerOptions): Promise<ApiServer> {
  const server = createHttpServer({ requestTimeout: 30_000, maxHeaderSize }, createApp(options));
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.host}:${port}`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve)); // it ends idle connections at once
      const cut = setTimeout(() => server.closeAllConnections(), closeMs);
      await closed;
      clearTimeout(cut);
    },
  };
}

function createApp(options: ServerOptions): express.Express {
  const { metrics, notReady, token, log, applications, admit, buses, replayer, whatIf, dead } = options;
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  // Git servers reach it by whatever name leads here; what they send is signed, and only makes us look.
  if (options.webhooks) app.use("/api/webhook", webhookRoute(options.webhooks, log));
  app.use(checkHost);
  const { kube } = options.control ?? {};
  app.use(healthRoutes({ notReady, kube, log }));
  app.get("/metrics", async (_, response) => {
    response.set("content-type", metrics.contentType).send(await metrics.text());
  });
  if (admit) app.use("/validate", admissionRoute(admit));
  const { clock = systemClock } = options;
  const access = createAccess({ token, ...(kube && { kube }), clock, log });
  app.use("/api", versionRoutes(options.version ?? ""));
  app.use("/api/v1/session", sessionRoutes(access));
  app.use("/api/v1/settings", openSettingsRoutes(kube, access));
  if (kube && applications) app.use("/api/badge", badgeRoute(applications, kube));
  app.use(identify(access));
  app.use("/api/v1", rightsOf(applications));
  app.use("/api/v1", settingsRoutes(kube, options.plugins ?? []), argoRoutes(options, access));
  if (kube) app.use("/api/v1/account", accountRoutes({ access, kube, clock }));
  mountOwn(app, options);
  if (replayer) app.use("/api/v1/tiphys/replay", express.json({ limit: maxBodyBytes }), replayRoutes(replayer));
  if (whatIf) app.use("/api/v1/tiphys/what-if", express.json({ limit: maxBodyBytes }), whatIfRoutes(whatIf));
  if (buses) app.use("/api/v1/tiphys/bus", busRoutes(buses));
  if (dead) app.use("/api/v1/tiphys/dead", express.json({ limit: maxBodyBytes }), deadRoutes(dead));
  app.use("/api/v1/tiphys", listedRoutes(options));
  app.use("/api/v1/tiphys", express.json({ limit: maxBodyBytes }), historyRoutes(options));
  app.use((request) => {
    throw new EngineError("NOT_FOUND", `${request.method} ${request.path}: there is no such path`);
  });
  app.use(answerError(log));
  return app;
}

/** Ours beside Argo CD's paths for Applications; they wait for no history, or by themselves. */
function mountOwn(app: express.Express, { applications, history, edits, explain, holds, revert }: ServerOptions): void {
  if (!applications) return;
  app.use("/api/v1/tiphys/applications", applicationSyncRoutes(applications, history));
  app.use("/api/v1/tiphys/applications", applicationSensorRoutes(applications));
  if (edits) app.use("/api/v1/tiphys/applications", approvalRoutes(applications, edits));
  if (revert) app.use("/api/v1/tiphys/applications", revertRoutes(applications, revert));
  if (explain) app.use("/api/v1/tiphys/applications", applicationWhyRoutes(applications, explain));
  if (holds) app.use("/api/v1/tiphys/holds", holdRoutes(holds));
}

/** A page of another site may reach loopback by a name of its own (DNS rebinding): only our names are answered. */
function checkHost(request: Request, response: Response, next: NextFunction): void {
  const name = (request.headers.host ?? "").replace(/:\d+$/, "").toLowerCase();
  if (["localhost", "127.0.0.1", "[::1]"].includes(name)) next();
  else answer(response, 403, new EngineError("HOST_REFUSED", `the Host "${name}" is not a name of this server`));
}

const statusByCode: Partial<Record<EngineError["code"], number>> = {
  NOT_FOUND: 404,
  API_CONFLICT: 409,
  API_FORBIDDEN: 403,
  API_INVALID: 400,
  API_NOT_FOUND: 404,
  API_TOO_LARGE: 413,
  API_UNAVAILABLE: 503,
  APPROVAL_NOT_WANTED: 404,
  ARCHIVE_REFUSED: 400,
  CHART_NOT_FOUND: 400,
  DEPLOYMENT_UNKNOWN: 400,
  GIT_AUTH_FAILED: 400,
  GIT_FAILED: 503,
  GIT_HOST_UNKNOWN: 400,
  GIT_PATH_INVALID: 400,
  GIT_REFUSED: 400,
  GIT_REPOSITORY_NOT_FOUND: 400,
  GIT_REVISION_NOT_FOUND: 400,
  GIT_TOO_LARGE: 400,
  GIT_WRITE_UNDECLARED: 400,
  MANIFEST_INVALID: 400,
  RENDER_FAILED: 400,
  REPLAY_BUSY: 409,
  REPOSITORY_FAILED: 503,
  LEASE_LOST: 409,
  SYNC_BLOCKED: 403,
  SYNC_REFUSED: 400,
  TOOL_MISSING: 400,
  TOOL_TIMEOUT: 504,
  UNAUTHORIZED: 401,
  USAGE: 400,
  WAIT_TIMEOUT: 504,
  CONTENT_TYPE_REFUSED: 415,
  FORBIDDEN: 403,
  TOO_MANY_LOGINS: 429,
  BUS_MESSAGE_TOO_LARGE: 413,
  BUS_UNAVAILABLE: 503,
  ENGINE_UNREACHABLE: 503,
};

function answerError(log: Logger) {
  return (error: unknown, request: Request, response: Response, next: NextFunction): void => {
    if (response.headersSent) {
      next(error); // too late for an answer: express ends the connection
      return;
    }
    const known = error instanceof EngineError ? error : refusalOf(error);
    const status = known ? (statusByCode[known.code] ?? 500) : 500;
    if (status === 500) log.error("a request failed", { path: request.path, error });
    if (known) answer(response, status, known);
    else response.status(status).json(inShapeOf(response.req, status, { error: "internal error" }));
  };
}

/** What express refuses of a request (malformed, too large) as an error of ours; undefined for anything else. */
function refusalOf(error: unknown): EngineError | undefined {
  const status = error instanceof Error && "status" in error && typeof error.status === "number" ? error.status : 500;
  if (status >= 500) return undefined;
  const isTooLarge = status === statusByCode.BUS_MESSAGE_TOO_LARGE;
  return new EngineError(isTooLarge ? "BUS_MESSAGE_TOO_LARGE" : "USAGE", `the request: ${messageOf(error)}`, error);
}

function answer(response: Response, status: number, error: EngineError): void {
  // The command line's help says nothing of a request.
  const remedy = error.code === "USAGE" ? "Mend the request as the message says." : remedyOf(error);
  const body = { error: error.message, code: error.code, remedy };
  response.status(status).json(inShapeOf(response.req, status, body));
}

/** Codes of gRPC, which the original answers with. */
const grpcCodes: Readonly<Record<number, number>> = {
  400: 3,
  401: 16,
  403: 7,
  404: 5,
  409: 6,
  413: 8,
  429: 8,
  503: 14,
  504: 4,
  415: 3,
};

/** Of syncs: what was asked for is right, but not now (spec argo-cd-surface 6.4). */
const failedPrecondition = 9;

/** At Argo CD's paths `code` is a number and the text is there twice (spec argo-cd-surface 6.1); ours is the `reason`. */
function inShapeOf({ originalUrl }: Request, status: number, body: { readonly error: string; readonly code?: string }) {
  if (!originalUrl.startsWith("/api/v1/") || originalUrl.startsWith("/api/v1/tiphys/")) return body;
  const { code: reason, ...rest } = body;
  const isSync = /^[^?]*\/sync(\?|$)/.test(originalUrl);
  const code = isSync && reason === "SYNC_REFUSED" ? failedPrecondition : (grpcCodes[status] ?? 13);
  return { ...rest, message: body.error, code, ...(reason === undefined ? {} : { reason }) };
}

function listen(server: Server, { host, port }: ServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const message = `cannot listen on ${host}:${port} (${error.message}): choose another port with --port`;
      reject(error.code === "EADDRINUSE" ? new TerminalError("PORT_IN_USE", message, error) : error);
    });
    server.listen(port, host, resolve);
  });
}
