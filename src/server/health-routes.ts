import { Router } from "express";
import { EngineError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { KubeClient } from "../kube/kube.ts";
import { listSecrets } from "./stored-secret.ts";

export interface HealthRouteDeps {
  /** Undefined: ready; otherwise what it waits for. */
  readonly notReady: () => string | undefined;
  /** Where clusters are declared; absent: nothing to look at. */
  readonly kube?: KubeClient | undefined;
  readonly log: Logger;
}

/** Probes wait a few seconds at most: an API that hangs is an answer, too. */
const fullTimeoutMs = 5_000;

/**
 * `GET /healthz` (the process answers; with `?full=true` 503 where the clusters cannot be read, spec argo-cd-surface 6.3)
 * and `GET /readyz`, both for everybody.
 */
export function healthRoutes({ notReady, kube, log }: HealthRouteDeps): Router {
  const router = Router();
  const problemNow = kube === undefined ? async () => undefined : sharedCheck(kube, log);
  router.get("/healthz", async (request, response) => {
    const problem = request.query.full === "true" ? await problemNow() : undefined;
    answer(response.type("text"), problem);
  });
  router.get("/readyz", (_, response) => answer(response.type("text"), notReady()));
  return router;
}

interface TextResponse {
  status(code: number): TextResponse;
  send(text: string): unknown;
}

function answer(response: TextResponse, problem: string | undefined): void {
  response.status(problem === undefined ? 200 : 503).send(`${problem ?? "ok"}\n`);
}

/** Who asks meanwhile shares the look: the path is open, and must not be a way to load the API. */
function sharedCheck(kube: KubeClient, log: Logger): () => Promise<string | undefined> {
  let underWay: Promise<string | undefined> | undefined;
  return () => {
    underWay ??= problemOf(kube, log).finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}

/** Everybody may ask: addresses and the like stand in the log alone. */
async function problemOf(kube: KubeClient, log: Logger): Promise<string | undefined> {
  try {
    await listSecrets(kube, "cluster", AbortSignal.timeout(fullTimeoutMs));
    return undefined;
  } catch (error) {
    // As there: an API that answers that we may not look is one that answers.
    if (error instanceof EngineError && error.code === "API_FORBIDDEN") return undefined;
    log.warn("a health check cannot read the clusters", { error });
    return "the clusters cannot be read";
  }
}
