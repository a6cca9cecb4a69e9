import type { IncomingMessage, ServerResponse } from "node:http";
import type { IngressResponse } from "./source.ts";

/** Without `Host` and `Transfer-Encoding`, names sorted, as the originals' events show them (spec argo-events 1.7). */
export function canonicalHeaders(rawHeaders: readonly string[]): Record<string, string[]> {
  const pairs: (readonly [string, string])[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = canonicalName(rawHeaders[index] ?? "");
    if (name !== "Host" && name !== "Transfer-Encoding") pairs.push([name, rawHeaders[index + 1] ?? ""]);
  }
  pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)); // stable: values of one name keep their order
  // An ordinary object: one without a prototype makes JSON.stringify several times slower.
  const headers: Record<string, string[]> = {};
  let lastName = "";
  let lastValues: string[] = [];
  for (const [name, value] of pairs) {
    if (name === lastName) lastValues.push(value);
    else {
      lastName = name;
      lastValues = [value];
      if (name === "__proto__") Object.defineProperty(headers, name, { value: lastValues, enumerable: true });
      else headers[name] = lastValues;
    }
  }
  return headers;
}

/** `x-github-event` → `X-Github-Event`; Go's canonical MIME form. Most senders write it so already. */
export function canonicalName(name: string): string {
  const common = commonNames.get(name);
  if (common !== undefined) return common;
  let upper = true;
  for (let index = 0; index < name.length; index++) {
    const code = name.charCodeAt(index);
    const isLower = code >= 97 && code <= 122;
    const isUpper = code >= 65 && code <= 90;
    if (upper ? isLower : isUpper) return rewriteName(name);
    upper = code === 45;
  }
  return name;
}

/** What HTTP clients write in small letters. */
const commonNames: ReadonlyMap<string, string> = new Map(
  [
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Authorization",
    "Connection",
    "Content-Length",
    "Content-Type",
    "Host",
    "Sec-Fetch-Mode",
    "Transfer-Encoding",
    "User-Agent",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Github-Delivery",
    "X-Github-Event",
    "X-Hub-Signature-256",
    "X-Request-Id",
  ].map((name) => [name.toLowerCase(), name] as const),
);

function rewriteName(name: string): string {
  return name
    .split("-")
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase())
    .join("-");
}

/** The name of a `Host` header without its port, in lower case. */
export function hostOf(header: string | undefined): string {
  if (header === undefined) return "";
  const colon = header.lastIndexOf(":");
  const name = colon > header.lastIndexOf("]") ? header.slice(0, colon) : header;
  return name.toLowerCase();
}

const empty = Buffer.alloc(0);

/** The whole body, or why there is none. Stops reading at `maxBytes`. */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | "too large" | "aborted"> {
  const declared = request.headers["content-length"];
  if (declared === undefined && request.headers["transfer-encoding"] === undefined) return Promise.resolve(empty);
  if (declared !== undefined && Number(declared) > maxBytes) return Promise.resolve("too large");
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBytes) {
        request.pause();
        resolve("too large");
      } else chunks.push(chunk);
    });
    request.on("end", () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
    request.on("error", () => resolve("aborted"));
    request.on("close", () => resolve("aborted")); // after "end" it changes nothing
  });
}

/** `close` ends the connection after the answer: what is left of the request is not read. */
export function sendText(response: ServerResponse, answer: IngressResponse, close = false): void {
  if (response.destroyed) return;
  response.writeHead(answer.status, {
    "content-type": "text/plain; charset=utf-8",
    "content-length": Buffer.byteLength(answer.text),
    ...answer.headers,
    ...(close && { connection: "close" }),
  });
  response.end(answer.text);
}
