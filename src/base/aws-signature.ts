import { createHash, createHmac } from "node:crypto";
import { type Instant, isoTime } from "./clock.ts";

export interface AwsCredentials {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly sessionToken?: string;
}

export interface AwsRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface AwsScope {
  readonly region: string;
  /** `s3`, `lambda`, `sqs`, … */
  readonly service: string;
  readonly at: Instant;
}

/**
 * The headers of a request with its signature (AWS Signature Version 4). All headers that are given are signed, so they
 * must be sent as they are. The path of `url` must be encoded already; for services other than S3 it is encoded once more.
 */
export function signAwsRequest(
  { method, url, headers = {}, body = "" }: AwsRequest,
  { accessKey, secretKey, sessionToken }: AwsCredentials,
  { region, service, at }: AwsScope,
): Record<string, string> {
  const time = amzTime(at);
  const bodyHash = sha256(body);
  const all: Record<string, string> = {
    ...headers,
    host: url.host,
    "x-amz-date": time,
    ...(service === "s3" && { "x-amz-content-sha256": bodyHash }),
    ...(sessionToken && { "x-amz-security-token": sessionToken }),
  };
  const names = Object.keys(all)
    .map((name) => [name.toLowerCase(), name] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const signedHeaders = names.map(([lower]) => lower).join(";");
  const canonical = [
    method,
    canonicalPath(url, service),
    canonicalQuery(url),
    ...names.map(([lower, name]) => `${lower}:${all[name]?.trim().replace(/ +/g, " ")}`),
    "",
    signedHeaders,
    bodyHash,
  ].join("\n");
  const scope = scopeOf({ region, service }, time);
  const signature = signatureOf(canonical, secretKey, scope, time);
  const authorization = `AWS4-HMAC-SHA256 Credential=${accessKey}/${scope}, SignedHeaders=${signedHeaders}, Signature=${signature}`;
  return { ...all, authorization };
}

/** `url` with the signature of a GET in its query, good for `seconds`. What is added to it afterwards is not signed. */
export function presignAwsUrl(
  url: URL,
  { accessKey, secretKey, sessionToken }: AwsCredentials,
  { region, service, at }: AwsScope,
  seconds: number,
): URL {
  const time = amzTime(at);
  const scope = scopeOf({ region, service }, time);
  const signed = new URL(url);
  const query: Record<string, string> = {
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": `${accessKey}/${scope}`,
    "X-Amz-Date": time,
    "X-Amz-Expires": String(seconds),
    "X-Amz-SignedHeaders": "host",
    ...(sessionToken && { "X-Amz-Security-Token": sessionToken }),
  };
  for (const [name, value] of Object.entries(query)) signed.searchParams.set(name, value);
  const path = canonicalPath(signed, service);
  const canonical = ["GET", path, canonicalQuery(signed), `host:${url.host}`, "", "host", sha256("")].join("\n");
  signed.searchParams.set("X-Amz-Signature", signatureOf(canonical, secretKey, scope, time));
  return signed;
}

function amzTime(at: Instant): string {
  return isoTime(at).replace(/[-:]|\.\d+/g, "");
}

function scopeOf({ region, service }: Pick<AwsScope, "region" | "service">, time: string): string {
  return `${time.slice(0, 8)}/${region}/${service}/aws4_request`;
}

function signatureOf(canonical: string, secretKey: string, scope: string, time: string): string {
  const toSign = ["AWS4-HMAC-SHA256", time, scope, sha256(canonical)].join("\n");
  const key = scope.split("/").reduce<string | Buffer>(hmac, `AWS4${secretKey}`);
  return createHmac("sha256", key).update(toSign).digest("hex");
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function sha256(text: string | Uint8Array): string {
  return createHash("sha256").update(text).digest("hex");
}

function canonicalPath({ pathname }: URL, service: string): string {
  return service === "s3" ? pathname : pathname.split("/").map(awsEncode).join("/");
}

function canonicalQuery({ searchParams }: URL): string {
  return [...searchParams]
    .map(([name, value]) => `${awsEncode(name)}=${awsEncode(value)}`)
    .sort()
    .join("&");
}

/** As AWS encodes: everything but letters, digits and `-._~`. */
export function awsEncode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}
