import { lookup } from "node:dns/promises";
import { createConnection, isIP, type Socket } from "node:net";
import { messageOf } from "../../base/errors.ts";
import { isJsonObject } from "../../base/json.ts";
import type { Address } from "./address.ts";
import { type Finding, failed, ok } from "./finding.ts";

/** What a nats-server says of itself before anything else. */
export interface ServerInfo {
  readonly version: string;
  readonly hasJetStream: boolean;
  readonly wantsCredentials: boolean;
  /** required: without TLS there is no connection; available: it may be used. */
  readonly tls: "required" | "available" | "none";
  readonly wantsClientCertificate: boolean;
}

/** An open connection that has said nothing yet. */
export interface Reached {
  readonly socket: Socket;
  readonly info: ServerInfo;
}

/** How long one step may wait. */
export const stepMs = 5_000;
/** The line is a few hundred bytes; a server with many peers says more. */
const maxLine = 64 * 1024;

export async function checkDns({ host }: Address): Promise<Finding> {
  if (isIP(host)) return ok("DNS", `${host} is an address`);
  try {
    const found = await withTimeout(lookup(host, { all: true }), `no answer within ${stepMs} ms`);
    return ok("DNS", `${host} is ${found.map(({ address }) => address).join(", ")}`);
  } catch (error) {
    const inCluster = /\.svc(\.|$)/.test(host) ? " Names of Services are known inside their cluster only." : "";
    const message = `${host}: ${codeOf(error) === "ENOTFOUND" ? "there is no such name" : messageOf(error)}`;
    return failed("DNS", message, `Check the host's name and this machine's DNS.${inCluster}`);
  }
}

/** Connects, and reads the server's first line: an open port alone may be anything. */
export async function checkTcp(address: Address): Promise<{ finding: Finding; reached?: Reached }> {
  const started = performance.now();
  const socket = createConnection({ host: address.host, port: address.port });
  socket.setNoDelay(true);
  try {
    await once(socket, "connect", "connect");
    const info = parseInfo(await readLine(socket));
    const ms = Math.max(1, Math.round(performance.now() - started));
    const message = `${address.text} answers within ${ms} ms: nats-server ${info.version}`;
    return { finding: ok("TCP", message), reached: { socket, info } };
  } catch (error) {
    socket.destroy();
    return { finding: tcpFailure(address, error) };
  }
}

function tcpFailure({ text, port }: Address, error: unknown): Finding {
  const fail = (message: string, remedy: string): Finding => failed("TCP", `${text}: ${message}`, remedy);
  switch (error instanceof NotNats ? "NOT_NATS" : codeOf(error)) {
    case "ECONNREFUSED":
      return fail("nothing listens on this port", "Start the nats-server, or mend the port (NATS: 4222).");
    case "NO_CONNECT":
    case "ETIMEDOUT":
      return fail(`no answer within ${stepMs} ms`, "Look for a firewall or network policy, and check the host.");
    case "NO_LINE": {
      const hint = port === 8222 ? " 8222 is the port of NATS' monitoring." : "";
      const message = "something listens, but does not speak as a nats-server does";
      return fail(message, `Give the port for clients (4222).${hint} TLS before the first line is not supported.`);
    }
    case "NOT_NATS":
      return fail(messageOf(error), "Give the address of a nats-server's port for clients (4222).");
    default:
      return fail(messageOf(error), "Check the host, the port, and whether the server accepts connections.");
  }
}

class NotNats extends Error {}

function parseInfo(line: string): ServerInfo {
  const json = /^INFO\s+(\{.*\})\s*$/.exec(line)?.[1];
  const value: unknown = json === undefined ? undefined : parseJson(json);
  if (!isJsonObject(value)) throw new NotNats("what answers is no nats-server");
  return {
    version: String(value.version ?? "of unknown version"),
    hasJetStream: value.jetstream === true,
    wantsCredentials: value.auth_required === true,
    tls: value.tls_required === true ? "required" : value.tls_available === true ? "available" : "none",
    wantsClientCertificate: value.tls_verify === true,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // no nats-server: the caller says so
  }
}

function readLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const timer = setTimeout(() => done(coded("NO_LINE")), stepMs);
    const onData = (chunk: Buffer): void => {
      text += chunk.toString("latin1");
      if (text.includes("\n")) done(undefined);
      else if (text.length > maxLine) done(new NotNats("what answers is no nats-server"));
    };
    const onEnd = (): void => done(coded("NO_LINE"));
    const done = (error: Error | undefined): void => {
      clearTimeout(timer);
      socket.off("data", onData).off("error", done).off("close", onEnd);
      socket.pause();
      if (error) reject(error);
      else resolve(text.slice(0, text.indexOf("\n")).trimEnd());
    };
    socket.on("data", onData).on("error", done).on("close", onEnd);
  });
}

function once(socket: Socket, event: string, what: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => done(coded(`NO_${what.toUpperCase()}`)), stepMs);
    const onEvent = (): void => done(undefined);
    const done = (error: Error | undefined): void => {
      clearTimeout(timer);
      socket.off(event, onEvent).off("error", done);
      if (error) reject(error);
      else resolve();
    };
    socket.on(event, onEvent).on("error", done);
  });
}

export async function withTimeout<T>(work: Promise<T>, message: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(message)), stepMs);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function coded(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** Of several attempts to connect, the first one's. */
export function codeOf(error: unknown): string | undefined {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return first instanceof Error && "code" in first && typeof first.code === "string" ? first.code : undefined;
}
