import { EngineError } from "../base/errors.ts";
import { isJsonObject, type JsonObject, parseJson } from "../base/json.ts";
import { awsCommand, helperPlugin } from "./argocd-helper.ts";
import { certificateProblem } from "./certificates.ts";
import type { ExecPlugin, KubeconfigAuth, KubeconfigContext } from "./kubeconfig-file.ts";
import { proxyProblem } from "./proxy.ts";

/** The data of a Secret that declares a cluster, decoded (spec argo-cd-engine 6.1). */
export type ClusterSecretData = Readonly<Record<string, string>>;

const execVersions = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

/**
 * How the cluster is reached. Precedence as the original's: AWS, then a plugin, then bearer token or password, each with a
 * client certificate beside it where there is one.
 * @throws EngineError CONFIG_INVALID, which names the key and holds no secret
 */
export function readClusterSecret({ server = "", name = "", config = "" }: ClusterSecretData): KubeconfigContext {
  const baseUrl = serverOf(server);
  const fields = objectIn(config);
  const tls = part(fields, "tlsClientConfig");
  const proxyUrl = text(fields, "proxyUrl");
  const proxyFault = proxyUrl === "" ? undefined : proxyProblem(proxyUrl);
  if (proxyFault !== undefined) throw invalid("config.proxyUrl", proxyFault);
  const skipsVerification = tls.insecure === true;
  const ca = decoded(tls, "caData");
  if (ca !== "" && skipsVerification) throw invalid("config.tlsClientConfig", "has caData and insecure: keep one");
  const problem = ca === "" ? undefined : certificateProblem(ca);
  if (problem !== undefined) throw invalid("config.tlsClientConfig.caData", problem);
  const [cert, key] = [decoded(tls, "certData"), decoded(tls, "keyData")];
  if ((cert === "") !== (key === "")) {
    throw invalid("config.tlsClientConfig", "needs certData and keyData together");
  }
  const serverName = text(tls, "serverName");
  const exec = part(fields, "execProviderConfig");
  return {
    contextName: name || server,
    cluster: {
      baseUrl,
      skipsVerification,
      ...(ca === "" ? {} : { ca }),
      ...(serverName === "" ? {} : { serverName }),
      ...(exec.config === undefined ? {} : { execConfig: exec.config }),
      ...(proxyUrl === "" ? {} : { proxyUrl }),
    },
    user: {
      name: name || server,
      auth: authOf(fields, exec),
      ...(cert === "" ? {} : { certificate: { cert: { text: cert }, key: { text: key } } }),
    },
  };
}

function serverOf(server: string): string {
  const url = URL.canParse(server) ? new URL(server) : undefined;
  if (url === undefined || !["https:", "http:"].includes(url.protocol) || url.username !== "" || url.password !== "") {
    throw invalid("server", "must be a URL that starts with https:// or http://, without a user");
  }
  return url.href.replace(/\/+$/, "");
}

function authOf(fields: JsonObject, exec: JsonObject): KubeconfigAuth {
  if (isJsonObject(fields.awsAuthConfig)) return { kind: "exec", plugin: awsPlugin(fields.awsAuthConfig) };
  if (text(exec, "command") !== "") return { kind: "exec", plugin: pluginOf(exec) };
  const token = text(fields, "bearerToken");
  if (token !== "") return { kind: "token", token: { text: token } };
  const username = text(fields, "username");
  return username === "" ? { kind: "none" } : { kind: "basic", username, password: text(fields, "password") };
}

function awsPlugin(aws: JsonObject): ExecPlugin {
  const clusterName = text(aws, "clusterName");
  if (clusterName === "") throw invalid("config.awsAuthConfig.clusterName", "is missing");
  return awsCommand({ clusterName, role: text(aws, "roleARN"), profile: text(aws, "profile") });
}

function pluginOf(exec: JsonObject): ExecPlugin {
  const apiVersion = text(exec, "apiVersion");
  if (!execVersions.includes(apiVersion)) {
    throw invalid("config.execProviderConfig.apiVersion", `must be one of ${execVersions.join(", ")}`);
  }
  const args = Array.isArray(exec.args) ? exec.args.filter((arg) => typeof arg === "string") : [];
  const env = Object.entries(part(exec, "env")).flatMap(([key, value]) =>
    typeof value === "string" ? [[key, value] as const] : [],
  );
  const installHint = text(exec, "installHint");
  const helper = helperPlugin(text(exec, "command"), args, Object.fromEntries(env));
  if (typeof helper === "string") throw invalid("config.execProviderConfig", helper);
  if (helper !== undefined) return helper;
  return {
    apiVersion,
    command: text(exec, "command"),
    args,
    env: Object.fromEntries(env),
    providesClusterInfo: exec.provideClusterInfo === true,
    ...(installHint === "" ? {} : { installHint }),
  };
}

function objectIn(config: string): JsonObject {
  if (config.trim() === "") return {};
  let value: unknown;
  try {
    value = parseJson(config);
  } catch {
    throw invalid("config", "is not JSON"); // its error would quote it
  }
  if (!isJsonObject(value)) throw invalid("config", "must be a JSON object");
  return value;
}

function part(object: JsonObject, key: string): JsonObject {
  const value = object[key];
  return isJsonObject(value) ? value : {};
}

function text(object: JsonObject, key: string): string {
  const value = object[key];
  return typeof value === "string" ? value : "";
}

function decoded(object: JsonObject, key: string): string {
  return Buffer.from(text(object, key), "base64").toString("utf8");
}

function invalid(key: string, problem: string): EngineError {
  return new EngineError("CONFIG_INVALID", `the cluster's Secret: ${key} ${problem}`);
}
