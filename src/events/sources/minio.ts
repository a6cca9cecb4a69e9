import { createHash } from "node:crypto";
import { StringDecoder } from "node:string_decoder";
import { warningAt } from "../../api/fields.ts";
import { flagField, requiredText, textField, textList } from "../../api/shared-schemas.ts";
import { secretKeyField } from "../../api/value-schemas.ts";
import { signAwsRequest } from "../../base/aws-signature.ts";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import { isJsonObject } from "../../base/json.ts";
import { commonJs } from "../../base/lazy.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { eventId, refuseMessage, withMetadata } from "./draft.ts";
import { readJson } from "./hook-request.ts";
import { createIntake } from "./intake.ts";
import { keyFilterSchema, metadataSchema } from "./schemas.ts";
import { hostPlaces, placeRule, requirePlace } from "./server-place.ts";
import type { EventDraft, SourceContext, SourceKind } from "./source.ts";
import { ownFilterRule } from "./source-rules.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";

const json = {
  type: "object",
  description: "Changes of objects in a MinIO bucket (not of AWS S3).",
  required: ["endpoint", "accessKey", "secretKey"],
  properties: {
    endpoint: requiredText("host:port of the server."),
    bucket: {
      type: "object",
      description: "The bucket.",
      required: ["name"],
      properties: { name: requiredText("The bucket's name."), key: textField("Has no effect here.") },
    },
    region: textField("The bucket's region."),
    insecure: flagField("Without TLS."),
    accessKey: secretKeyField("The access key."),
    secretKey: secretKeyField("The secret key."),
    events: textList("Such as s3:ObjectCreated:Put; * stands for all of a sort."),
    filter: keyFilterSchema,
    caCertificate: secretKeyField("Certificate of the authority that the server is checked against."),
    metadata: metadataSchema,
  },
} as const satisfies JsonSchema;

const bucketRule: SourceRule = (event, path) =>
  event.bucket === undefined ? [warningAt(`${path}.bucket`, "is missing: there is nothing to listen to")] : [];

type MinioSpec = SpecOf<typeof json>;

/** Spaces that the server sends while nothing happens, in seconds: a connection that is dead shows. */
const pingSeconds = 10;
const silentMs = 60_000;
const maxLineBytes = 8 * 1024 * 1024;

/** MinIO has no memory of what it told, so that what happens while nobody listens is not told (as in the original). */
export const minioSource: SourceKind<MinioSpec> = {
  eventType: "minio",
  singleton: true,
  schema: sourceSchema<MinioSpec>(json, bucketRule, ownFilterRule, placeRule("endpoint", hostPlaces(9_000))),
  async run(spec, context, signal) {
    if (signal.aborted) return;
    const { Agent, request } = commonJs(await import("undici"));
    const { bucket, insecure, endpoint, caCertificate } = spec;
    if (!bucket) throw new TerminalError("MANIFEST_INVALID", "minio.bucket: is missing: there is nothing to listen to");
    requirePlace(endpoint, ["minio", "endpoint"], hostPlaces(9_000), context);
    const ca = caCertificate && (await context.secret.read(caCertificate));
    const url = listenUrl(`${insecure ? "http" : "https"}://${endpoint}`, bucket.name, spec);
    const agent = new Agent({ bodyTimeout: silentMs, headersTimeout: silentMs, ...(ca && { connect: { ca } }) });
    try {
      const response = await request(url, { dispatcher: agent, headers: await headersOf(url, spec, context), signal });
      if (response.statusCode !== 200) {
        const [, code = "no reason was given"] = /<Code>([^<]{1,100})</.exec(await readStart(response.body)) ?? [];
        throw new Error(`it answered ${response.statusCode}: ${code}`);
      }
      context.ready();
      await take(response.body, spec, context);
      throw new Error("the connection ended");
    } catch (error) {
      if (signal.aborted) return;
      throw new EngineError("SOURCE_FAILED", `MinIO at ${endpoint}, bucket ${bucket.name}: ${messageOf(error)}`, error);
    } finally {
      await agent.destroy();
    }
  },
};

function listenUrl(origin: string, bucket: string, { events = [], filter }: MinioSpec): URL {
  const url = new URL(`/${encodeURIComponent(bucket)}/`, origin);
  url.searchParams.set("ping", String(pingSeconds));
  url.searchParams.set("prefix", filter?.prefix ?? "");
  url.searchParams.set("suffix", filter?.suffix ?? "");
  for (const event of events) url.searchParams.append("events", event);
  return url;
}

async function headersOf(url: URL, spec: MinioSpec, { secret, clock }: SourceContext): Promise<Record<string, string>> {
  const credentials = {
    accessKey: (await secret.read(spec.accessKey)).trim(),
    secretKey: (await secret.read(spec.secretKey)).trim(),
  };
  const scope = { region: spec.region || "us-east-1", service: "s3", at: clock.now() };
  return signAwsRequest({ method: "GET", url }, credentials, scope);
}

/** One event for each line that tells something; lines come in their order, and wait for nobody. */
async function take(body: AsyncIterable<Buffer>, spec: MinioSpec, context: SourceContext): Promise<void> {
  const intake = createIntake(context);
  const decoder = new StringDecoder("utf8");
  let rest = "";
  for await (const chunk of body) {
    rest += decoder.write(chunk);
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > maxLineBytes) throw new Error(`a notification has more than ${maxLineBytes} bytes`);
    for (const line of lines) {
      const draft = draftOf(line.trim(), spec, context);
      if (draft) intake.offer(draft, line.length);
    }
  }
  await intake.settled();
}

function draftOf(line: string, spec: MinioSpec, context: SourceContext): EventDraft | undefined {
  if (line === "") return undefined;
  const value = readJson(line);
  const records = isJsonObject(value) ? value.Records : undefined;
  if (!Array.isArray(records)) {
    refuseMessage(context, { bucket: spec.bucket?.name }, line.length);
    return undefined;
  }
  if (records.length === 0) return undefined;
  // The server has no ids: the sequencer of an object is one together with its key.
  const data = withMetadata({ notification: records }, spec);
  return { id: eventId(context, createHash("sha256").update(line).digest("hex")), data };
}

async function readStart(body: AsyncIterable<Buffer>): Promise<string> {
  let text = "";
  for await (const chunk of body) {
    text += chunk.toString("utf8");
    if (text.length > 4_096) break;
  }
  return text;
}
