import { basename } from "node:path";
import { objectOf, textOf, warningAt } from "../../api/fields.ts";
import { requiredText, textField } from "../../api/shared-schemas.ts";
import { secretKeyField } from "../../api/value-schemas.ts";
import { sleepFor } from "../../base/clock.ts";
import { parseNanoseconds } from "../../base/duration.ts";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import { compileRegex } from "../../base/regex.ts";
import type { JsonSchema } from "../../base/schema.ts";
import type { SpecOf } from "../../base/schema-type.ts";
import { operationBits } from "./directory.ts";
import { eventId, keepEvent } from "./draft.ts";
import { commonFields } from "./schemas.ts";
import { openSeen, type Seen } from "./seen.ts";
import { openSftp, type SftpConnection, type SftpLogin } from "./sftp-connection.ts";
import type { SourceContext, SourceKind } from "./source.ts";
import { checkDuration, checkWatchPath, has, watchPathFields } from "./source-rules.ts";
import { type SourceRule, sourceSchema } from "./source-schema.ts";

const json = {
  type: "object",
  description: "Changes of files in a directory of an SFTP server.",
  required: ["eventType", "watchPathConfig"],
  properties: {
    eventType: requiredText("CREATE or REMOVE."),
    watchPathConfig: {
      type: "object",
      description: "Which files are watched.",
      required: ["directory"],
      properties: watchPathFields,
    },
    username: secretKeyField("The user's name."),
    password: secretKeyField("The user's password; the server's key is not checked with it."),
    sshKeySecret: secretKeyField("A private key, together with the server's key as in authorized_keys."),
    address: secretKeyField("host:port of the server."),
    pollIntervalDuration: { ...textField("How often the directory is read, as a duration."), default: "10s" },
    ...commonFields,
  },
} as const satisfies JsonSchema;

const watchRule: SourceRule = (event, path) =>
  event.watchPathConfig === undefined ? [] : checkWatchPath(objectOf(event.watchPathConfig), `${path}.watchPathConfig`);

const typeRule: SourceRule = (event, path) => {
  const type = textOf(event.eventType);
  if (type === "" || type === "CREATE" || type === "REMOVE") return [];
  return [warningAt(`${path}.eventType`, `"${type}" never comes: it must be CREATE or REMOVE`)];
};

const intervalRule: SourceRule = (event, path) =>
  checkDuration(event.pollIntervalDuration, `${path}.pollIntervalDuration`, "warning");

const accessRule: SourceRule = (event, path) => {
  const problems = has(event, "address") ? [] : [warningAt(`${path}.address`, "is missing: there is no server to ask")];
  if (has(event, "password") || has(event, "sshKeySecret")) return problems;
  return [...problems, warningAt(path, "has neither password nor sshKeySecret: nobody can log in")];
};

type SftpSpec = SpecOf<typeof json>;

/** What was told is kept, so that after a restart only what was missed is told (the original forgets). */
export const sftpSource: SourceKind<SftpSpec> = {
  eventType: "sftp",
  singleton: true,
  schema: sourceSchema<SftpSpec>(json, watchRule, typeRule, intervalRule, accessRule),
  async run(spec, context, signal) {
    if (signal.aborted) return;
    const address = await addressOf(spec, context);
    let client: SftpConnection | undefined;
    try {
      client = await openSftp(await loginOf(spec, address, context), address);
      await watch(spec, { client, address, context, signal });
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof EngineError) throw error;
      throw new EngineError("SOURCE_FAILED", `SFTP server ${address}: ${messageOf(error)}`, error);
    } finally {
      await client?.close();
    }
  },
};

/** What a Secret says is not shown, and may be mended: another attempt reads it again. */
async function addressOf({ address }: SftpSpec, { secret, event }: SourceContext): Promise<string> {
  const where = `spec.sftp.${event}.address`;
  if (!address) throw new TerminalError("MANIFEST_INVALID", `${where}: is missing: there is no server to ask`);
  const text = (await secret.read(address)).trim();
  if (text !== "" && !/[\s/]/.test(text)) return text;
  throw new EngineError("SOURCE_FAILED", `${where}: the Secret's value must be host:port, such as host:22`);
}

async function loginOf(spec: SftpSpec, address: string, { secret }: SourceContext): Promise<SftpLogin> {
  const [, host = "", port = "22"] = /^\[?([^\]]+?)\]?(?::(\d{1,5}))?$/.exec(address) ?? [];
  const username = spec.username ? (await secret.read(spec.username)).trim() : "";
  const common = { host, port: Number(port), username };
  if (spec.password) return { ...common, password: await secret.read(spec.password) };
  return { ...common, keyFile: spec.sshKeySecret ? await secret.read(spec.sshKeySecret) : "" };
}

interface Watching {
  readonly client: SftpConnection;
  readonly address: string;
  readonly context: SourceContext;
  readonly signal: AbortSignal;
}

async function watch(spec: SftpSpec, { client, address, context, signal }: Watching): Promise<void> {
  const { directory } = spec.watchPathConfig;
  const seen = await openSeen(context.state, `${address} ${directory}`, context.clock.now());
  const first = await client.list(directory);
  if (seen.isFirst) for (const [name, version] of first) seen.set(name, version);
  await seen.flush();
  context.ready();
  for (let files = first; !signal.aborted; files = await client.list(directory)) {
    if (await tellChanges(spec, seen, files, { context, signal })) await seen.flush();
    await sleepFor(context.clock, intervalOf(spec), signal).catch(() => undefined);
    if (signal.aborted) return;
  }
}

/** At least a tenth of a second: the original takes 0 for an interval that cannot be read. */
function intervalOf({ pollIntervalDuration }: SftpSpec): number {
  const ms = Number((parseNanoseconds(pollIntervalDuration) ?? 0n) / 1_000_000n);
  return ms > 0 ? Math.max(ms, 100) : 10_000;
}

async function tellChanges(
  spec: SftpSpec,
  seen: Seen,
  files: ReadonlyMap<string, string>,
  { context, signal }: Pick<Watching, "context" | "signal">,
): Promise<boolean> {
  const gone = [...seen.entries.keys()].filter((name) => !files.has(name)).map((name) => [name, "REMOVE"] as const);
  const fresh = [...files].filter(([name, version]) => seen.entries.get(name) !== version);
  for (const [name, operation] of [...fresh.map(([one]) => [one, "CREATE"] as const), ...gone]) {
    if (signal.aborted) break;
    const version = files.get(name);
    if (isWanted(spec, name, operation)) {
      const id = eventId(context, `${name}/${operation}/${version ?? seen.entries.get(name)}`);
      const data = { name: basename(name), op: operationBits[operation], metadata: spec.metadata ?? null };
      await keepEvent({ id, data }, context, signal);
    }
    if (version === undefined) seen.delete(name);
    else seen.set(name, version);
  }
  return gone.length + fresh.length > 0;
}

function isWanted(
  { eventType, watchPathConfig: { path, pathRegexp } }: SftpSpec,
  name: string,
  operation: string,
): boolean {
  if (eventType !== operation) return false;
  return path ? name === path : compileRegex(pathRegexp ?? "").matches(name);
}
