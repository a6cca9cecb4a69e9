import { request } from "node:https";
import { messageOf } from "../../base/errors.ts";
import { isJsonObject, type JsonObject, parseJson } from "../../base/json.ts";
import type { Webhook } from "./matching.ts";

export interface Verdict {
  readonly allowed: boolean;
  readonly message: string;
  readonly code: number;
  readonly warnings: readonly string[];
}

const maxAnswerBytes = 3 * 1024 * 1024;

/** Asks one webhook. Rejects with the reason when there is no answer, or none that can be read. */
export async function callWebhook(webhook: Webhook, review: JsonObject, signal: AbortSignal): Promise<Verdict> {
  const { url, service, caBundle } = webhook.clientConfig;
  if (typeof url !== "string") {
    const { namespace, name } = isJsonObject(service) ? service : {};
    throw new Error(
      `no service runs here: ${String(namespace)}/${String(name)} cannot be reached; use clientConfig.url`,
    );
  }
  if (!url.startsWith("https://")) throw new Error(`the URL ${JSON.stringify(url)} must begin with https://`);
  const ca = typeof caBundle === "string" ? Buffer.from(caBundle, "base64") : undefined;
  const limited = AbortSignal.any([signal, AbortSignal.timeout(webhook.timeoutMs)]);
  const text = await post(url, JSON.stringify(review), ca, limited).catch((error: unknown) => {
    throw new Error(`failed to call webhook: Post ${JSON.stringify(url)}: ${messageOf(error)}`, { cause: error });
  });
  return readVerdict(text, review);
}

function post(url: string, body: string, ca: Buffer | undefined, signal: AbortSignal): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const options = { method: "POST", signal, headers: { "content-type": "application/json" }, ...(ca ? { ca } : {}) };
  const sent = request(url, options, (response) => {
    const chunks: Buffer[] = [];
    let size = 0;
    response.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxAnswerBytes) response.destroy(new Error("the answer is too long"));
      else chunks.push(chunk);
    });
    response.on("error", reject);
    response.on("end", () => {
      const { statusCode = 0 } = response;
      if (statusCode === 200) resolve(Buffer.concat(chunks).toString("utf8"));
      else reject(new Error(`it answered ${statusCode}`));
    });
  });
  sent.on("error", reject);
  sent.end(body);
  return promise;
}

function readVerdict(text: string, review: JsonObject): Verdict {
  const answer = parseJson(text);
  const response = isJsonObject(answer) ? answer.response : undefined;
  const sent = isJsonObject(review.request) ? review.request.uid : undefined;
  if (!isJsonObject(response) || response.uid !== sent) {
    throw new Error("the answer is no AdmissionReview with a response to this request");
  }
  const status = isJsonObject(response.status) ? response.status : {};
  return {
    allowed: response.allowed === true,
    message: typeof status.message === "string" ? status.message : "",
    code: typeof status.code === "number" && status.code >= 400 ? status.code : 403,
    warnings: Array.isArray(response.warnings) ? response.warnings.map(String) : [],
  };
}
