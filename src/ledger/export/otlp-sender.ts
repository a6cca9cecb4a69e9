import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { messageOf } from "../../base/errors.ts";
import { isJsonObject } from "../../base/json.ts";
import { commonJs } from "../../base/lazy.ts";

export interface OtlpTarget {
  /** Of traces: the whole URL. */
  readonly url: string;
  /** May hold credentials: they are shown nowhere. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of one request. */
  readonly timeoutMs: number;
  readonly isCompressed: boolean;
  /** PEM: the authority that the server is checked against, and who we are to it. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

/** What became of one request (https://opentelemetry.io/docs/specs/otlp/#otlphttp-response). */
export type OtlpAnswer =
  /** `rejected`: how many of it the server did not want, and why. */
  | { readonly kind: "taken"; readonly rejected: number; readonly reason: string }
  /** It will not be taken later either. */
  | { readonly kind: "refused"; readonly reason: string }
  /** The server is away, or has too much to do. `afterMs`: as it says itself. */
  | { readonly kind: "again"; readonly reason: string; readonly afterMs?: number };

export interface OtlpSender extends AsyncDisposable {
  /** Never rejects but for `signal`. */
  send(body: string, signal: AbortSignal): Promise<OtlpAnswer>;
}

const retryable = new Set([429, 502, 503, 504]);
/** Of an answer: it is a message, or a page of a proxy. */
const maxAnswerBytes = 64 * 1024;
const maxReason = 256;
const maxRetryAfterMs = 5 * 60_000;
const compress = promisify(gzip);

/** Connections are opened when something is sent; redirects are not followed, as headers may hold credentials. */
export async function openOtlpSender({ url, headers, timeoutMs, isCompressed, tls }: OtlpTarget): Promise<OtlpSender> {
  const undici = commonJs(await import("undici"));
  const agent = new undici.Agent({ connections: 2, connect: { ...tls, timeout: timeoutMs } });
  const fixed = {
    ...headers,
    "content-type": "application/json",
    ...(isCompressed ? { "content-encoding": "gzip" } : {}),
  };
  return {
    async send(body, signal) {
      const limited = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      try {
        const content = isCompressed ? await compress(body) : body;
        const response = await undici.request(url, {
          dispatcher: agent,
          method: "POST",
          headers: fixed,
          body: content,
          signal: limited,
        });
        const answer = await textOf(response.body);
        return answerOf(response.statusCode, response.headers["retry-after"], answer);
      } catch (error) {
        signal.throwIfAborted();
        return { kind: "again", reason: limited.aborted ? `no answer within ${timeoutMs} ms` : messageOf(error) };
      }
    },
    [Symbol.asyncDispose]: () => agent.destroy(),
  };
}

async function textOf(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size <= maxAnswerBytes) chunks.push(chunk);
    else break;
  }
  return Buffer.concat(chunks).toString("utf8");
}

function answerOf(status: number, retryAfter: string | string[] | undefined, body: string): OtlpAnswer {
  if (status >= 200 && status < 300) return takenOf(body);
  const said = textIn(body).message;
  const reason = `status ${status}${said === "" ? "" : `: ${said}`}`;
  if (!retryable.has(status)) return { kind: "refused", reason };
  const seconds = typeof retryAfter === "string" && /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) : undefined;
  if (seconds === undefined) return { kind: "again", reason };
  return { kind: "again", reason, afterMs: Math.min(seconds * 1_000, maxRetryAfterMs) };
}

function takenOf(body: string): OtlpAnswer {
  const { rejected, message } = textIn(body);
  return { kind: "taken", rejected, reason: message };
}

/** Of a partial success, or of a `google.rpc.Status`; nothing of what is no JSON of theirs. */
function textIn(body: string): { readonly rejected: number; readonly message: string } {
  const none = { rejected: 0, message: "" };
  let answer: unknown;
  try {
    answer = JSON.parse(body);
  } catch {
    return none; // a page of a proxy
  }
  if (!isJsonObject(answer)) return none;
  const { partialSuccess, message } = answer;
  if (!isJsonObject(partialSuccess)) return { ...none, message: shortened(message) };
  const rejected = Number(partialSuccess.rejectedSpans ?? 0);
  return {
    rejected: Number.isSafeInteger(rejected) && rejected > 0 ? rejected : 0,
    message: shortened(partialSuccess.errorMessage),
  };
}

function shortened(text: unknown): string {
  return typeof text === "string" ? text.slice(0, maxReason) : "";
}
