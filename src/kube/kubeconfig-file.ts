import { dirname, isAbsolute, resolve } from "node:path";
import { TerminalError } from "../base/errors.ts";
import { parseYaml, YamlError } from "../base/yaml.ts";
import { certificateProblem } from "./certificates.ts";
import { KubeconfigFields } from "./kubeconfig-fields.ts";
import { proxyProblem } from "./proxy.ts";
import { readProblem, readSmallFile } from "./small-file.ts";

export interface KubeconfigCluster {
  /** `https://host:port/path`, without a slash at the end. */
  readonly baseUrl: string;
  /** PEM; absent: the system's. */
  readonly ca?: string;
  readonly skipsVerification: boolean;
  /** The name that the server's certificate must have, where it is not that of the URL. */
  readonly serverName?: string;
  /** `http://`, `https://` or `socks5://`, maybe with a password. */
  readonly proxyUrl?: string;
  /** The extension `client.authentication.k8s.io/exec`: for a plugin, which alone understands it. */
  readonly execConfig?: unknown;
}

export interface ExecPlugin {
  readonly apiVersion: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly providesClusterInfo: boolean;
  readonly installHint?: string;
}

/** What stands in the kubeconfig itself, or the file that it names. */
export type TextSource = { readonly text: string } | { readonly path: string };

export type KubeconfigAuth =
  | { readonly kind: "none" }
  | { readonly kind: "token"; readonly token: TextSource }
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  | { readonly kind: "exec"; readonly plugin: ExecPlugin };

export interface KubeconfigUser {
  readonly name: string;
  readonly auth: KubeconfigAuth;
  readonly certificate?: { readonly cert: TextSource; readonly key: TextSource };
}

export interface KubeconfigContext {
  readonly contextName: string;
  readonly cluster: KubeconfigCluster;
  readonly user: KubeconfigUser;
}

/**
 * One context of the kubeconfig at `path` (default: its current one). Relative paths are relative to the file.
 * @throws TerminalError CONFIG_INVALID, which names the field and holds no secret
 */
export async function readKubeconfig(path: string, context: string | undefined): Promise<KubeconfigContext> {
  const file = resolve(path);
  const top = await readTop(file);
  const contextName =
    context ?? top.text("current-context") ?? top.fail("current-context", "is missing: name a context");
  const chosen = top.named("contexts", contextName, "context");
  const userName = chosen.text("user");
  return {
    contextName,
    cluster: await clusterOf(top.named("clusters", chosen.requiredText("cluster"), "cluster"), file),
    user:
      userName === undefined
        ? { name: "", auth: { kind: "none" } }
        : userOf(userName, top.named("users", userName, "user"), file),
  };
}

async function readTop(file: string): Promise<KubeconfigFields> {
  const refuse = (problem: string): never => {
    throw new TerminalError("CONFIG_INVALID", `kubeconfig ${problem}`);
  };
  const text = await readSmallFile(file).catch((error: unknown) => refuse(readProblem(file, error)));
  const documents = parseDocuments(text, file).filter((document) => document !== null);
  if (documents.length !== 1) refuse(`"${file}" must hold one YAML document, not ${documents.length}`);
  return new KubeconfigFields(documents[0], file);
}

function parseDocuments(text: string, file: string): unknown[] {
  try {
    return parseYaml(text);
  } catch (error) {
    // Neither reason nor cause: both may quote a line, and with it a token.
    const place = error instanceof YamlError && error.line > 0 ? ` (line ${error.line}, column ${error.column})` : "";
    throw new TerminalError("CONFIG_INVALID", `kubeconfig "${file}" is not YAML${place}`);
  }
}

async function clusterOf(cluster: KubeconfigFields, file: string): Promise<KubeconfigCluster> {
  const proxyUrl = cluster.text("proxy-url");
  const proxyFault = proxyUrl === undefined ? undefined : proxyProblem(proxyUrl);
  if (proxyFault !== undefined) cluster.fail("proxy-url", proxyFault);
  const baseUrl = serverOf(cluster);
  const skipsVerification = cluster.flag("insecure-skip-tls-verify");
  const source = textSource(cluster, "certificate-authority", file);
  if (source && skipsVerification) {
    cluster.fail("insecure-skip-tls-verify", "and a certificate authority exclude each other");
  }
  const ca = source && (await readAuthority(source, cluster));
  const serverName = cluster.text("tls-server-name");
  const execConfig = execExtension(cluster);
  return {
    baseUrl,
    skipsVerification,
    ...(ca === undefined ? {} : { ca }),
    ...(serverName === undefined ? {} : { serverName }),
    ...(execConfig === undefined ? {} : { execConfig }),
    ...(proxyUrl === undefined ? {} : { proxyUrl }),
  };
}

function serverOf(cluster: KubeconfigFields): string {
  const text = cluster.requiredText("server");
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["https:", "http:"].includes(url.protocol)) {
    return cluster.fail("server", "must be a URL that starts with https:// or http://");
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    return cluster.fail("server", "must be a URL without user, query and fragment");
  }
  return url.href.replace(/\/+$/, "");
}

async function readAuthority(source: TextSource, cluster: KubeconfigFields): Promise<string> {
  const field = "path" in source ? "certificate-authority" : "certificate-authority-data";
  const pem = await readText(source).catch((error: unknown) =>
    cluster.fail(field, "path" in source ? readProblem(source.path, error) : "cannot be read"),
  );
  const problem = certificateProblem(pem);
  return problem === undefined ? pem : cluster.fail(field, problem);
}

function execExtension(cluster: KubeconfigFields): unknown {
  const found = cluster
    .list("extensions")
    .find((extension) => extension.text("name") === "client.authentication.k8s.io/exec");
  return found?.raw("extension");
}

function userOf(name: string, user: KubeconfigFields, file: string): KubeconfigUser {
  const provider = user.object("auth-provider");
  if (provider) {
    user.fail("auth-provider", `"${provider.text("name") ?? ""}" is not supported: use an exec plugin or a token`);
  }
  for (const field of ["as", "as-uid", "as-groups", "as-user-extra"]) {
    // The engine impersonates service accounts itself, which does not nest.
    if (user.has(field)) user.fail(field, "is not supported: use a user with rights of its own");
  }
  const cert = textSource(user, "client-certificate", file);
  const key = textSource(user, "client-key", file);
  if (cert && !key) user.fail("client-key", "is missing beside client-certificate");
  if (key && !cert) user.fail("client-certificate", "is missing beside client-key");
  return { name, auth: authOf(user, file), ...(cert && key ? { certificate: { cert, key } } : {}) };
}

function authOf(user: KubeconfigFields, file: string): KubeconfigAuth {
  const exec = user.object("exec");
  const tokenFile = user.text("tokenFile");
  const token = user.text("token");
  const username = user.text("username");
  const ways = [exec, tokenFile ?? token, username].filter((way) => way !== undefined);
  if (ways.length > 1) user.fail("", "has more than one of exec, token and username: keep one");
  if (exec) return { kind: "exec", plugin: execPluginOf(exec, file) };
  // As kubectl: the file wins, since it is the one that is renewed.
  if (tokenFile !== undefined) return { kind: "token", token: { path: besides(file, tokenFile) } };
  if (token !== undefined) return { kind: "token", token: { text: token } };
  const password = user.text("password");
  if (username === undefined && password !== undefined) user.fail("username", "is missing beside password");
  return username === undefined ? { kind: "none" } : { kind: "basic", username, password: password ?? "" };
}

const execVersions = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

function execPluginOf(exec: KubeconfigFields, file: string): ExecPlugin {
  const apiVersion = exec.requiredText("apiVersion");
  if (!execVersions.includes(apiVersion)) exec.fail("apiVersion", `must be one of ${execVersions.join(", ")}`);
  if (exec.text("interactiveMode") === "Always") {
    exec.fail("interactiveMode", "Always is not supported: the engine asks nobody");
  }
  const command = exec.requiredText("command");
  const env = exec.list("env").map((entry) => [entry.requiredText("name"), entry.text("value") ?? ""] as const);
  const installHint = exec.text("installHint");
  return {
    apiVersion,
    // As kubectl: a bare name is looked up in PATH, a path is relative to the file.
    command: command.includes("/") ? besides(file, command) : command,
    args: exec.texts("args"),
    env: Object.fromEntries(env),
    providesClusterInfo: exec.flag("provideClusterInfo"),
    ...(installHint === undefined ? {} : { installHint }),
  };
}

/** As kubectl: `NAME-data` wins over `NAME`, a path. */
function textSource(fields: KubeconfigFields, name: string, file: string): TextSource | undefined {
  const data = fields.text(`${name}-data`);
  if (data !== undefined) return { text: fromBase64(data) ?? fields.fail(`${name}-data`, "must be base64") };
  const path = fields.text(name);
  return path === undefined ? undefined : { path: besides(file, path) };
}

export async function readText(source: TextSource): Promise<string> {
  return "text" in source ? source.text : await readSmallFile(source.path);
}

function besides(file: string, path: string): string {
  return isAbsolute(path) ? path : resolve(dirname(file), path);
}

/** Node.js skips what is no base64; this does not. */
function fromBase64(data: string): string | undefined {
  const text = data.replace(/[\r\n]/g, "");
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  return Buffer.from(text, "base64").toString("utf8");
}
