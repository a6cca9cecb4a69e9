import { type Request, type Response, Router } from "express";
import { EngineError, messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";

/** What takes the requests of Git providers. */
export interface WebhookReceiver {
  /** The largest body that is read. */
  maxBytes(): Promise<number>;
  /** Answers once what it says is stored; nothing is done about it before. */
  take(request: {
    readonly headers: Readonly<Record<string, string>>;
    readonly body: Buffer;
  }): Promise<{ readonly status: number; readonly text: string }>;
}

/** Bodies in memory at once: whoever sends is not known yet. */
const maxAtOnce = 16;

/** `/api/webhook`: open, as senders sign what they send. Answers are texts (spec argo-cd-surface 4.2). */
export function webhookRoute(webhooks: WebhookReceiver, log: Logger): Router {
  const router = Router();
  let atOnce = 0;
  router.all("/", async (request, response) => {
    if (request.method !== "POST") return answer(response.set("allow", "POST"), 405, "only POST is taken here");
    if (atOnce >= maxAtOnce) return answer(response.set("retry-after", "1"), 503, "too many webhooks at once");
    atOnce += 1;
    try {
      const maxBytes = await webhooks.maxBytes();
      const body = await readBody(request, maxBytes);
      if (body === undefined) {
        const text = `Webhook processing failed: the body is larger than ${maxBytes} bytes (webhook.maxPayloadSizeMB)`;
        return answer(response.set("connection", "close"), 400, text);
      }
      const { status, text } = await webhooks.take({ headers: firstHeaders(request), body });
      answer(status === 503 ? response.set("retry-after", "5") : response, status, text);
    } catch (error) {
      log.error("a webhook could not be taken", { error });
      const text = error instanceof EngineError ? messageOf(error) : "the webhook could not be taken";
      answer(response.set("retry-after", "5"), 503, text);
    } finally {
      atOnce -= 1;
    }
  });
  return router;
}

function answer(response: Response, status: number, text: string): void {
  response
    .status(status)
    .type("text")
    .send(text === "" ? "" : `${text}\n`);
}

/** Undefined: there is more than `maxBytes` of it. */
async function readBody(request: Request, maxBytes: number): Promise<Buffer | undefined> {
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) return undefined;
  const chunks: Buffer[] = [];
  let length = 0;
  // Left open after the limit, so that the answer gets through.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function firstHeaders({ headers }: Request): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}
