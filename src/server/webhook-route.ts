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

/** Whoever sends is not known yet: so many at once, and so much of their bodies in memory, beside one that is alone. */
export interface WebhookLimits {
  readonly maxAtOnce: number;
  readonly maxBytesAtOnce: number;
}

const defaultLimits: WebhookLimits = { maxAtOnce: 256, maxBytesAtOnce: 64 * 1024 * 1024 };

/** `/api/webhook`: open, as senders sign what they send. Answers are texts (spec argo-cd-surface 4.2). */
export function webhookRoute(webhooks: WebhookReceiver, log: Logger, limits = defaultLimits): Router {
  const router = Router();
  const { maxAtOnce, maxBytesAtOnce } = limits;
  let atOnce = 0;
  let bytes = 0;
  router.all("/", async (request, response) => {
    if (request.method !== "POST") return answer(response.set("allow", "POST"), 405, "only POST is taken here");
    if (atOnce >= maxAtOnce) return answer(response.set("retry-after", "1"), 503, "too many webhooks at once");
    atOnce += 1;
    let own = 0;
    const mayKeep = (more: number): boolean => {
      own += more;
      bytes += more;
      return bytes <= maxBytesAtOnce || bytes === own;
    };
    try {
      const maxBytes = await webhooks.maxBytes();
      const body = await readBody(request, maxBytes, mayKeep);
      if (body === "busy") {
        const text = "too much of other webhooks is read at this moment";
        return answer(response.set({ "retry-after": "1", connection: "close" }), 503, text);
      }
      if (body === "too large") {
        const text = `Webhook processing failed: the body is larger than ${maxBytes} bytes (webhook.maxPayloadSizeMB)`;
        return answer(response.set("connection", "close"), 400, text);
      }
      const { status, text } = await webhooks.take({ headers: firstHeaders(request), body });
      answer(status === 503 ? response.set("retry-after", "5") : response, status, text);
    } catch (error) {
      log.error("a webhook could not be taken", { error });
      answer(response.set("retry-after", "5"), 503, failureText(error));
    } finally {
      atOnce -= 1;
      bytes -= own;
    }
  });
  return router;
}

function failureText(error: unknown): string {
  return error instanceof EngineError ? messageOf(error) : "the webhook could not be taken";
}

function answer(response: Response, status: number, text: string): void {
  response
    .status(status)
    .type("text")
    .send(text === "" ? "" : `${text}\n`);
}

/** `mayKeep`: whether so many bytes more may be in memory. */
async function readBody(
  request: Request,
  maxBytes: number,
  mayKeep: (bytes: number) => boolean,
): Promise<Buffer | "too large" | "busy"> {
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) return "too large";
  const chunks: Buffer[] = [];
  let length = 0;
  // Left open after the limit, so that the answer gets through.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) return "too large";
    if (!mayKeep(chunk.length)) return "busy";
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function firstHeaders({ headers }: Request): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}
