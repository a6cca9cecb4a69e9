import { randomBytes } from "node:crypto";
import {
  JetStreamApiError,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream";
import { connect, errors, type NatsConnection } from "@nats-io/transport-node";
import { messageOf } from "../../base/errors.ts";
import type { StreamSpec } from "../../events/bus/bus.ts";
import { compareStream, type StreamComparison } from "../../events/bus/jetstream-streams.ts";
import type { Address, BusUrl } from "./address.ts";
import { shownBytes } from "./bytes.ts";
import { type Finding, failed, ok, warning } from "./finding.ts";
import { type ServerInfo, stepMs } from "./reach.ts";
import type { TlsAccess } from "./tls.ts";

/** The server's number of the error. */
const streamNotFound = 10059;
/** Of the stream that a check makes: were it left behind, what is in it goes by itself. */
const leftoverNs = 60 * 1e9;

export interface ConnectTarget {
  readonly url: BusUrl;
  readonly address: Address;
  readonly info: ServerInfo;
  readonly tls: TlsAccess;
}

/** Connects as the engine does, but once. */
export async function checkAuth(target: ConnectTarget): Promise<{ finding: Finding; nc?: NatsConnection }> {
  const { url, address, info, tls } = target;
  const { user, pass, token } = url;
  try {
    const nc = await connect({
      servers: address.text,
      name: "tiphys bus check",
      timeout: stepMs,
      reconnect: false,
      ...(token === undefined ? {} : { token }),
      ...(user === undefined ? {} : { user }),
      ...(pass === undefined ? {} : { pass }),
      ...(info.tls === "none" ? {} : { tls: { ...tls } }),
    });
    const as = user === undefined ? (token === undefined ? "without credentials" : "by token") : `as "${user}"`;
    return { finding: ok("auth", `connected ${as}`), nc };
  } catch (error) {
    return { finding: authFailure(target, error) };
  }
}

function authFailure({ url, info }: ConnectTarget, error: unknown): Finding {
  const isRefusal = error instanceof errors.AuthorizationError || /authoriz|authentic/i.test(messageOf(error));
  if (!isRefusal) {
    return failed("auth", `the connection failed: ${messageOf(error)}`, "See the nats-server's log for the reason.");
  }
  const hasCredentials = url.user !== undefined || url.token !== undefined;
  if (!hasCredentials && info.wantsCredentials) {
    const remedy = "Give them in the URL: nats://user:password@host, or nats://token@host.";
    return failed("auth", "the server wants credentials, and none were given", remedy);
  }
  const what = url.user === undefined ? "the token" : `user "${url.user}" or the password`;
  return failed(
    "auth",
    `the server refuses ${what}`,
    "Compare them with the server's users; %-encode :, @ and / in a URL.",
  );
}

/** Whether the account may use JetStream, and how much. */
export async function checkJetStream(
  nc: NatsConnection,
  info: ServerInfo,
): Promise<{ finding: Finding; jsm?: JetStreamManager }> {
  try {
    const jsm = await jetstreamManager(nc, { timeout: stepMs, checkAPI: false });
    const { storage, streams, limits, consumers } = await jsm.getAccountInfo();
    const room = limits.max_storage > 0 ? `${shownBytes(limits.max_storage)} allowed` : "no limit of its own";
    const message = `on; ${streams} streams and ${consumers} consumers, ${shownBytes(storage)} stored, ${room}`;
    return { finding: ok("JetStream", message), jsm };
  } catch (error) {
    return { finding: jetStreamFailure(error, info) };
  }
}

function jetStreamFailure(error: unknown, info: ServerInfo): Finding {
  if (isPermission(error)) {
    const remedy = 'Allow the user to publish to "$JS.API.>" and its subjects, and to subscribe to "_INBOX.>".';
    return failed("JetStream", `the user may not ask JetStream: ${messageOf(error)}`, remedy);
  }
  if (!info.hasJetStream) {
    const remedy = "Start nats-server with -js and a store of its own (-sd DIR), or add a jetstream block.";
    return failed("JetStream", "the server runs without JetStream", remedy);
  }
  if (isNotEnabled(error)) {
    const remedy = "Add `jetstream: enabled` to the account in the server's configuration, or use another account.";
    return failed("JetStream", "the server has it, but not for this account", remedy);
  }
  const remedy = "In a cluster a majority of servers must be up; see the nats-server's log.";
  return failed("JetStream", `no answer to a question about the account: ${messageOf(error)}`, remedy);
}

/** The client library has a class for it that it does not export. */
function isNotEnabled(error: unknown): boolean {
  return error instanceof Error && error.name === "JetStreamNotEnabled";
}

function isPermission(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return [error, cause].some((one) => one instanceof errors.PermissionViolationError);
}

/** Each stream that the engine would make or change. */
export async function checkStreams(
  server: { readonly nc: NatsConnection; readonly jsm: JetStreamManager },
  { streams, areLimitsDefaults }: { readonly streams: readonly StreamSpec[]; readonly areLimitsDefaults: boolean },
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const spec of streams) {
    try {
      findings.push(streamFinding(spec.name, await compareStream(server, spec), areLimitsDefaults));
    } catch (error) {
      const remedy = 'Allow the user to publish to "$JS.API.>".';
      findings.push(failed("streams", `"${spec.name}" cannot be read: ${messageOf(error)}`, remedy));
    }
  }
  return findings;
}

function streamFinding(name: string, comparison: StreamComparison, areLimitsDefaults: boolean): Finding {
  switch (comparison.state) {
    case "missing":
      return ok("streams", `"${name}" is not there yet; the engine makes it`);
    case "same":
      return ok("streams", `"${name}" is as needed`);
    case "taken": {
      const by = comparison.by.map((holder) => `"${holder}"`).join(", ");
      const remedy = "Remove that stream, take its subjects away, or give the engine an account of its own.";
      return failed("streams", `"${name}" cannot be made: stream ${by} holds its subjects`, remedy);
    }
    case "differs": {
      if (areLimitsDefaults) return ok("streams", `"${name}" is there; its limits are up to the streamConfig`);
      const remedy = "The engine changes it when it starts; nothing to do unless somebody else needs it as it is.";
      return warning("streams", `"${name}": ${comparison.differences.join("; ")}`, remedy);
    }
    case "unusable": {
      const remedy = "Rename or remove the stream: this cannot be changed.";
      return failed("streams", `"${name}": ${comparison.reason}`, remedy);
    }
  }
}

/** A message there and back, in a stream of its own that is removed. */
export async function checkRoundTrip(nc: NatsConnection, jsm: JetStreamManager): Promise<Finding> {
  const name = `tiphys-check-${randomBytes(8).toString("hex")}`;
  const subject = `tiphys.check.${name}`;
  const started = performance.now();
  let finding: Finding;
  try {
    await jsm.streams.add({
      name,
      subjects: [subject],
      storage: StorageType.File,
      retention: RetentionPolicy.Limits,
      max_msgs: 1,
      max_age: leftoverNs,
      duplicate_window: leftoverNs,
    });
    const sent = randomBytes(64);
    const { seq } = await jetstream(nc, { timeout: stepMs }).publish(subject, sent);
    const read = await jsm.streams.getMessage(name, { seq });
    const ms = Math.max(1, Math.round(performance.now() - started));
    finding = sent.equals(read?.data ?? Buffer.alloc(0))
      ? ok("round trip", `a message was stored and read within ${ms} ms`)
      : failed("round trip", "what was read is not what was stored", "Check the server's disk.");
  } catch (error) {
    const remedy = "Check the account's limits (streams, storage), the server's disk, and the user's permissions.";
    finding = failed("round trip", messageOf(error), remedy);
  }
  return (await remove(jsm, name)) ?? finding;
}

async function remove(jsm: JetStreamManager, name: string): Promise<Finding | undefined> {
  try {
    await jsm.streams.delete(name);
    return undefined;
  } catch (error) {
    // It was never made, and the step has said so.
    if (error instanceof JetStreamApiError && error.code === streamNotFound) return undefined;
    return warning("round trip", `stream "${name}" was not removed: ${messageOf(error)}`, "Remove it: nats stream rm.");
  }
}
