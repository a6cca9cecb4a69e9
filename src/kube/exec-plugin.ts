import { runChild } from "../base/child.ts";
import { type Clock, type Instant, instant } from "../base/clock.ts";
import { EngineError, messageOf } from "../base/errors.ts";
import { isJsonObject } from "../base/json.ts";
import { type ClientCertificate, clientCertificateProblem } from "./certificates.ts";
import { bearer, type Credentials } from "./credentials.ts";
import type { ExecPlugin, KubeconfigCluster } from "./kubeconfig-file.ts";

interface ExecDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const timeoutMs = 60_000;
const maxOutputBytes = 256 * 1024;

/**
 * Runs a client-go credential plugin (https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins)
 * once, without a terminal. @throws EngineError CREDENTIALS_FAILED
 */
export async function runExecPlugin(
  plugin: ExecPlugin,
  cluster: KubeconfigCluster,
  deps: ExecDeps,
): Promise<Credentials> {
  const label = `the credential plugin "${plugin.command}"`;
  const call = {
    command: plugin.command,
    args: plugin.args,
    env: envOf(plugin, cluster, deps.env),
    timeoutMs,
    maxOutputBytes,
    label,
  };
  const { code, stdout, stderr } = await runChild(call, deps.clock, deps.signal).catch((error: unknown) => {
    deps.signal.throwIfAborted();
    const hint = plugin.installHint === undefined ? "" : `\n${plugin.installHint}`;
    throw new EngineError("CREDENTIALS_FAILED", messageOf(error) + hint, error);
  });
  if (code !== 0) {
    throw new EngineError("CREDENTIALS_FAILED", `${label} ended with code ${code}: ${lastLine(stderr, plugin)}`);
  }
  return credentialsOf(stdout.toString("utf8"), plugin, label);
}

function envOf(
  plugin: ExecPlugin,
  cluster: KubeconfigCluster,
  inherited: ExecDeps["env"],
): Readonly<Record<string, string>> {
  const spec = { interactive: false, ...(plugin.providesClusterInfo ? { cluster: clusterInfo(cluster) } : {}) };
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(inherited)) if (value !== undefined) env[name] = value;
  Object.assign(env, plugin.env);
  env.KUBERNETES_EXEC_INFO = JSON.stringify({ apiVersion: plugin.apiVersion, kind: "ExecCredential", spec });
  return env;
}

function clusterInfo(cluster: KubeconfigCluster): object {
  return {
    server: cluster.baseUrl,
    ...(cluster.serverName === undefined ? {} : { "tls-server-name": cluster.serverName }),
    ...(cluster.skipsVerification ? { "insecure-skip-tls-verify": true } : {}),
    ...(cluster.ca === undefined ? {} : { "certificate-authority-data": Buffer.from(cluster.ca).toString("base64") }),
    config: cluster.execConfig ?? null,
  };
}

/** Of what the plugin says to people; values that the kubeconfig gives it are left out. */
function lastLine(stderr: string, { env }: ExecPlugin): string {
  let line = stderr.trim().split("\n").at(-1)?.trim() ?? "";
  for (const value of Object.values(env)) if (value.length >= 4) line = line.replaceAll(value, "***");
  return line === "" ? "it says nothing on standard error" : line.slice(0, 300);
}

function credentialsOf(text: string, plugin: ExecPlugin, label: string): Credentials {
  const refuse = (problem: string): never => {
    throw new EngineError("CREDENTIALS_FAILED", `${label} ${problem}`);
  };
  const status = statusOf(parseJson(text), plugin) ?? refuse(`printed no ExecCredential of ${plugin.apiVersion}`);
  const token = textOf(status.token);
  const certificate = certificateOf(status);
  if (token === undefined && certificate === undefined) return refuse("printed neither token nor certificate");
  const authorization = token === undefined ? undefined : bearer(token);
  if (token !== undefined && authorization === undefined) return refuse("printed a token that no header may hold");
  const problem = certificate && clientCertificateProblem(certificate);
  if (problem !== undefined) return refuse(`printed what cannot be used: ${problem}`);
  const expiresAt = expiryOf(status.expirationTimestamp);
  if (expiresAt === null) return refuse("printed an expirationTimestamp that is no time");
  return {
    ...(authorization === undefined ? {} : { authorization }),
    ...(certificate === undefined ? {} : { certificate }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
}

function statusOf(answer: unknown, { apiVersion }: ExecPlugin): Readonly<Record<string, unknown>> | undefined {
  if (!isJsonObject(answer) || answer.kind !== "ExecCredential" || answer.apiVersion !== apiVersion) return undefined;
  return isJsonObject(answer.status) ? answer.status : {};
}

/** Both or none; half of one is found as one that cannot be read. */
function certificateOf(status: Readonly<Record<string, unknown>>): ClientCertificate | undefined {
  const cert = textOf(status.clientCertificateData);
  const key = textOf(status.clientKeyData);
  return cert === undefined && key === undefined ? undefined : { cert: cert ?? "", key: key ?? "" };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // its error would quote the text
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Null: it cannot be read. */
function expiryOf(value: unknown): Instant | undefined | null {
  if (value === undefined || value === null) return undefined;
  const ms = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? null : instant(ms);
}
