import { createHash } from "node:crypto";
import { readFile, realpath, stat } from "node:fs/promises";
import { isAbsolute, join, normalize, relative, sep } from "node:path";
import { type AwsCredentials, awsEncode, signAwsRequest } from "../../base/aws-signature.ts";
import { type Instant, sleepFor } from "../../base/clock.ts";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { type ArtifactSource, artifactOrder, parseManifestText } from "./artifact-schema.ts";
import { githubAppToken } from "./github-app.ts";
import { keepsCredentials, loginOf, readLimited, type TlsOptions, toHttpError, withAgent } from "./outgoing.ts";
import { createRecent } from "./recent.ts";
import { secretHash } from "./secret-hash.ts";
import type { GitFile, TriggerContext } from "./trigger.ts";

/** What reading an artifact needs of a trigger's context. */
export type ArtifactContext = Pick<
  TriggerContext,
  "secret" | "git" | "fileRoot" | "allowLoopback" | "clock" | "clients" | "isOffline"
>;

/** As the original: so often, so far apart (spec argo-events 6.2). */
const maxAttempts = 5;
const betweenAttemptsMs = 1_000;
const attemptTimeoutMs = 30_000;
const maxUrlBytes = 512 * 1024;
const maxS3Bytes = 1_253_376;
const maxFileBytes = 4 * 1024 * 1024;

/**
 * The object that `source` names (spec argo-events 6.2); of several places the first counts. Texts are YAML or JSON, of
 * which the first document counts; a text that was seen before is not parsed again. The result is shared: it must not
 * change. @throws TerminalError MANIFEST_INVALID and others that name `path`
 */
export async function readArtifact(
  source: ArtifactSource,
  path: string,
  context: ArtifactContext,
  signal: AbortSignal,
): Promise<JsonObject> {
  const key = artifactOrder.find((name) => source[name] !== undefined);
  if (key === undefined) throw new TerminalError("MANIFEST_INVALID", `${path}: unknown artifact location`);
  const at = `${path}.${key}`;
  if (key === "resource") return source.resource ?? {};
  if (key === "inline") return parsed(source.inline ?? "", at);
  if (context.isOffline) throw new TerminalError("TRIGGER_OFFLINE", `${at}: cannot be read here`);
  return parsed(await withAttempts(() => readText(source, key, at, context, signal), context, signal), at);
}

type Place = Exclude<(typeof artifactOrder)[number], "resource" | "inline">;

async function readText(
  source: ArtifactSource,
  key: Place,
  at: string,
  context: ArtifactContext,
  signal: AbortSignal,
): Promise<string> {
  const { s3, file, url, git, configmap } = source;
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(attemptTimeoutMs)]);
  if (key === "configmap" && configmap) return context.secret.readConfigMap(configmap);
  if (key === "file" && file) return readFileText(file.path, at, context);
  if (key === "url" && url) return readUrl(url, at, context, deadline);
  if (key === "s3" && s3) return readS3(s3, at, context, deadline);
  if (key === "git" && git) return readGit(git, at, context, deadline);
  throw new TerminalError("MANIFEST_INVALID", `${at}: must hold an object`);
}

/** A place that does not answer is asked again; one that says no is not. */
async function withAttempts(
  read: () => Promise<string>,
  { clock }: ArtifactContext,
  signal: AbortSignal,
): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await read();
    } catch (error) {
      const isFinal =
        error instanceof TerminalError || (error instanceof EngineError && error.code.startsWith("SECRET"));
      if (isFinal || attempt === maxAttempts || signal.aborted) throw error;
      await sleepFor(clock, betweenAttemptsMs, signal);
    }
  }
}

/** By the hash of their text. */
const parsedTexts = createRecent<JsonObject>(256);

function parsed(text: string, path: string): JsonObject {
  const hash = createHash("sha256").update(text).digest("base64");
  const known = parsedTexts.find(hash);
  if (known) return known;
  const object = parseManifestText(text, path);
  parsedTexts.set(hash, object);
  return object;
}

/** An absolute path is taken from the root on, too: nothing else of this machine can be named. */
async function readFileText(path: string, at: string, { fileRoot }: ArtifactContext): Promise<string> {
  if (fileRoot === undefined) throw new TerminalError("TRIGGER_UNSUPPORTED", `${at}: there are no files here`);
  const wanted = normalize(path);
  const isInRoot = isAbsolute(wanted) && isInside(fileRoot, wanted);
  const full = isInRoot ? wanted : join(fileRoot, normalize(`/${wanted}`));
  try {
    const [real, root] = await Promise.all([realpath(full), realpath(fileRoot)]);
    if (!isInside(root, real))
      throw new TerminalError("MANIFEST_INVALID", `${at}.path: "${path}" leads out of the root`);
    const found = await stat(real);
    if (!found.isFile()) throw new TerminalError("MANIFEST_INVALID", `${at}.path: "${path}" is no file`);
    if (found.size > maxFileBytes) throw tooLarge(`${at}.path: "${path}"`, maxFileBytes);
    return await readFile(real, "utf8");
  } catch (error) {
    if (error instanceof EngineError) throw error;
    const why = (error as NodeJS.ErrnoException).code === "ENOENT" ? "does not exist" : messageOf(error);
    throw new EngineError("ARTIFACT_UNREADABLE", `${at}.path: "${path}" ${why} (files are looked for in ${fileRoot})`);
  }
}

function isInside(root: string, path: string): boolean {
  const way = relative(root, path);
  return way !== "" && way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** Answers with a validator are asked for only when they changed. */
interface Fetched {
  readonly etag: string;
  readonly text: string;
}

const fetched = createRecent<Fetched>(64);

function readUrl(
  { path, verifyCert }: NonNullable<ArtifactSource["url"]>,
  at: string,
  context: ArtifactContext,
  signal: AbortSignal,
): Promise<string> {
  const url = URL.parse(path);
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    const shown = withoutLogin(path).slice(0, 80);
    throw new TerminalError("MANIFEST_INVALID", `${at}.path: "${shown}" must be an http(s) URL`);
  }
  const tls = verifyCert === false ? { rejectUnauthorized: false } : {};
  return download(
    {
      url,
      headers: (conditional) => ({ ...loginOf(url), ...conditional }),
      tls,
      // Apart: who stood between could have left a text that a server of the right name then confirms.
      cacheKey: `url ${verifyCert === false ? "unverified " : ""}${url.href}`,
      maxBytes: maxUrlBytes,
      at,
    },
    context,
    signal,
  );
}

interface Download {
  readonly url: URL;
  readonly headers: (conditional: Readonly<Record<string, string>>, now: Instant) => Record<string, string>;
  readonly tls: TlsOptions;
  readonly cacheKey: string;
  readonly maxBytes: number;
  readonly at: string;
  /** Where the answer says that it must be asked for in another way. */
  readonly instead?: (answer: Answer) => Download | undefined;
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly etag?: string;
  readonly bucketRegion?: string;
}

async function download(what: Download, context: ArtifactContext, signal: AbortSignal): Promise<string> {
  const { at, cacheKey, instead } = what;
  const known = fetched.find(cacheKey);
  const answer = await get(what, known, context, signal);
  const { status, etag, text } = answer;
  if (status === 304 && known) return known.text;
  const next = status === 200 ? undefined : instead?.(answer);
  if (next) return download(next, context, signal);
  if (status !== 200) {
    const message = `${at}: ${what.url.origin}${what.url.pathname} answered ${status}`;
    const isFinal = status >= 400 && status < 500 && status !== 408 && status !== 429;
    throw isFinal ? new TerminalError("ARTIFACT_UNREADABLE", message) : new EngineError("ARTIFACT_UNREADABLE", message);
  }
  if (etag !== undefined) fetched.set(cacheKey, { etag, text });
  return text;
}

const maxRedirects = 10;

async function get(
  { url, headers, tls, maxBytes, at }: Download,
  known: Fetched | undefined,
  context: ArtifactContext,
  signal: AbortSignal,
): Promise<Answer> {
  try {
    return await withAgent(context, tls, async (agent) => {
      let target = url;
      for (let redirects = 0; ; redirects++) {
        const conditional = known && target === url ? { "if-none-match": known.etag } : {};
        const response = await agent.request({
          origin: target.origin,
          path: target.pathname + target.search,
          method: "GET",
          headers: keepsCredentials(url, target) ? headers(conditional, context.clock.now()) : {},
          signal,
        });
        const { location, etag, "x-amz-bucket-region": region } = response.headers;
        const next = redirectTarget(response.statusCode, location, target);
        if (!next || redirects === maxRedirects) {
          const text = await readLimited(response.body, maxBytes);
          return {
            status: response.statusCode,
            text,
            ...(typeof etag === "string" && { etag }),
            ...(typeof region === "string" && { bucketRegion: region }),
          };
        }
        await response.body.dump();
        target = next;
      }
    });
  } catch (error) {
    throw toHttpError(error, `${at}: ${url.origin}${url.pathname}`);
  }
}

function redirectTarget(status: number, location: unknown, from: URL): URL | undefined {
  if (![301, 302, 303, 307, 308].includes(status) || typeof location !== "string") return undefined;
  const target = URL.parse(location, from.href);
  return target?.protocol === "http:" || target?.protocol === "https:" ? target : undefined;
}

/** A URL of whatever protocol, as an error may show it. */
function withoutLogin(text: string): string {
  return text.replace(/\/\/[^/@]*@/, "//");
}

function tooLarge(what: string, maxBytes: number): TerminalError {
  return new TerminalError("ARTIFACT_UNREADABLE", `${what} is larger than ${maxBytes} bytes`);
}

async function readS3(
  { endpoint, bucket, region, insecure, accessKey, secretKey, caCertificate }: NonNullable<ArtifactSource["s3"]>,
  at: string,
  context: ArtifactContext,
  signal: AbortSignal,
): Promise<string> {
  const key = bucket.key.trim().split("/").map(awsEncode).join("/");
  const url = URL.parse(`${insecure ? "http" : "https"}://${endpoint}/${awsEncode(bucket.name.trim())}/${key}`);
  if (!url) throw new TerminalError("MANIFEST_INVALID", `${at}.endpoint: "${endpoint}" must be host:port`);
  const credentials: AwsCredentials | undefined =
    accessKey && secretKey
      ? {
          accessKey: (await context.secret.read(accessKey)).trim(),
          secretKey: (await context.secret.read(secretKey)).trim(),
        }
      : undefined;
  const ca = caCertificate && (await context.secret.read(caCertificate));
  const user = secretHash(JSON.stringify([credentials ?? null, ca ?? null]));
  const inRegion = (name: string): Download => ({
    url,
    headers: (conditional, now) =>
      credentials
        ? signAwsRequest({ method: "GET", url, headers: conditional }, credentials, {
            ...{ region: name, service: "s3" },
            at: now,
          })
        : { ...conditional },
    tls: ca === undefined ? {} : { ca },
    cacheKey: `s3 ${user} ${url.href}`,
    maxBytes: maxS3Bytes,
    at,
    // As the original's client, which asks where the bucket is unless that is said.
    instead: ({ bucketRegion }) =>
      region || bucketRegion === undefined || bucketRegion === name ? undefined : inRegion(bucketRegion),
  });
  return download(inRegion(region || "us-east-1"), context, signal);
}

async function readGit(
  spec: NonNullable<ArtifactSource["git"]>,
  at: string,
  context: ArtifactContext,
  signal: AbortSignal,
): Promise<string> {
  if (!context.git) throw new TerminalError("TRIGGER_UNSUPPORTED", `${at}: there is no Git here`);
  for (const field of ["filePath", "cloneDirectory"] as const) {
    const text = spec[field] ?? "";
    if (/\.\.|[~\\]/.test(text)) {
      throw new TerminalError("MANIFEST_INVALID", `${at}.${field}: "${text}" must not contain .., ~ or \\`);
    }
  }
  const file: GitFile = {
    url: spec.remote?.urls?.[0] ?? spec.url,
    revision: spec.ref || spec.tag || spec.branch || "master",
    ...(!spec.ref && spec.tag && { isTag: true }),
    path: spec.filePath.replace(/^\/+/, ""),
    ...(await gitAccess(spec, at, context, signal)),
  };
  const content = await context.git.read(file, signal);
  if (content.length > maxFileBytes) throw tooLarge(`${at}.filePath: "${spec.filePath}"`, maxFileBytes);
  return content.toString("utf8");
}

/** The first counts of creds, githubApp and sshKeySecret. */
async function gitAccess(
  { creds, githubApp, sshKeySecret, insecureIgnoreHostKey }: NonNullable<ArtifactSource["git"]>,
  at: string,
  context: ArtifactContext,
  signal: AbortSignal,
): Promise<Partial<GitFile>> {
  const { secret } = context;
  if (creds?.username && creds.password) {
    const [username, password] = await Promise.all([secret.read(creds.username), secret.read(creds.password)]);
    return { credentials: { username, password } };
  }
  if (githubApp?.privateKey) {
    const { privateKey, appID, installationID } = githubApp;
    const app = {
      privateKey: await secret.read(privateKey),
      appId: String(appID ?? ""),
      installationId: String(installationID ?? ""),
    };
    const password = await githubAppToken(app, at, context, signal);
    return { credentials: { username: "x-access-token", password }, identity: secretHash(JSON.stringify(app)) };
  }
  if (sshKeySecret) {
    return { sshKey: await secret.read(sshKeySecret), ignoreHostKey: insecureIgnoreHostKey };
  }
  return {};
}
