import { readFileSync } from "node:fs";
import { type Command, Option } from "commander";
import { EngineError, messageOf } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import { askFor } from "../access/ask-secret.ts";

type Flags = Readonly<Record<string, string | boolean | undefined>>;

const plain = {
  username: "username",
  password: "password",
  bearerToken: "bearerToken",
  type: "type",
  name: "name",
  project: "project",
  proxy: "proxy",
  noProxy: "noProxy",
  azureServicePrincipalClientId: "azureServicePrincipalClientId",
  azureServicePrincipalClientSecret: "azureServicePrincipalClientSecret",
  azureServicePrincipalTenantId: "azureServicePrincipalTenantId",
  azureActiveDirectoryEndpoint: "azureActiveDirectoryEndpoint",
  githubAppId: "githubAppID",
  githubAppInstallationId: "githubAppInstallationID",
  githubAppEnterpriseBaseUrl: "githubAppEnterpriseBaseUrl",
  insecureSkipServerVerification: "insecure",
  insecureIgnoreHostKey: "insecureIgnoreHostKey",
  webhookManifestCacheWarmDisabled: "webhookManifestCacheWarmDisabled",
  enableLfs: "enableLfs",
  enableOci: "enableOCI",
  insecureOciForceHttp: "insecureOCIForceHttp",
  forceHttpBasicAuth: "forceHttpBasicAuth",
  useAzureWorkloadIdentity: "useAzureWorkloadIdentity",
  depth: "depth",
} as const;

/** Flags that name a file whose text counts. */
const files = {
  sshPrivateKeyPath: "sshPrivateKey",
  tlsClientCertPath: "tlsClientCertData",
  tlsClientCertKeyPath: "tlsClientCertKey",
  githubAppPrivateKeyPath: "githubAppPrivateKey",
  gcpServiceAccountKeyPath: "gcpServiceAccountKey",
} as const;

/** What `repo add` and `repocreds add` share. */
export function addCredentialFlags(command: Command): Command {
  return command
    .addOption(new Option("--type <type>", "what it is").choices(["git", "helm", "oci"]).default("git"))
    .option("--username <name>", "of basic authentication")
    .option("--password <password>", "of basic authentication")
    .option("--bearer-token <token>", "instead of a password")
    .option("--ssh-private-key-path <file>", "a key for ssh")
    .option("--tls-client-cert-path <file>", "a client certificate")
    .option("--tls-client-cert-key-path <file>", "its key")
    .option("--enable-oci", "charts are kept in a registry")
    .option("--insecure-oci-force-http", "speak plain HTTP to a registry")
    .option("--force-http-basic-auth", "send the password at once")
    .option("--github-app-id <id>", "of a GitHub app")
    .option("--github-app-installation-id <id>", "of a GitHub app")
    .option("--github-app-private-key-path <file>", "of a GitHub app")
    .option("--github-app-enterprise-base-url <url>", "of a GitHub app")
    .option("--gcp-service-account-key-path <file>", "of Google")
    .option("--use-azure-workload-identity", "of Azure")
    .option("--azure-service-principal-client-id <id>", "of Azure")
    .option("--azure-service-principal-client-secret <secret>", "of Azure")
    .option("--azure-service-principal-tenant-id <id>", "of Azure")
    .option("--azure-active-directory-endpoint <url>", "of Azure")
    .option("--proxy <url>", "through this proxy")
    .addOption(noProxyOption())
    .option("--upsert", "change what is there");
}

/** Its name begins as a denial of --proxy does, and is none. */
function noProxyOption(): Option {
  const option = new Option("--no-proxy <hosts>", "hosts that are reached without it, by commas");
  option.negate = false;
  option.attributeName = () => "noProxy";
  return option;
}

/** Flags that say nothing without the other. */
const pairs: readonly (readonly [flag: string, other: string])[] = [
  ["tlsClientCertPath", "tlsClientCertKeyPath"],
  ["githubAppPrivateKeyPath", "githubAppId"],
  ["githubAppPrivateKeyPath", "githubAppInstallationId"],
  ["azureServicePrincipalClientId", "azureServicePrincipalClientSecret"],
  ["azureServicePrincipalClientId", "azureServicePrincipalTenantId"],
];

/**
 * The fields of the API that the flags say; a password that is missing is asked for.
 * @throws EngineError MANIFEST_UNREADABLE for a file that cannot be read; USAGE for half of a pair
 */
export async function credentialFields(flags: Flags): Promise<JsonObject> {
  for (const [one, other] of pairs) {
    if ((flags[one] === undefined) === (flags[other] === undefined)) continue;
    const [given, missing] = flags[one] === undefined ? [other, one] : [one, other];
    throw new EngineError("USAGE", `--${dashed(given)}: needs --${dashed(missing)} beside it`);
  }
  const isAsked = flags.username !== undefined && flags.password === undefined && flags.bearerToken === undefined;
  const password = isAsked ? { password: await askFor("Password", "--password", true) } : {};
  const given = Object.entries(plain).flatMap(([flag, field]) => {
    const value = flags[flag];
    return value === undefined ? [] : [[field, value] as const];
  });
  const read = Object.entries(files).flatMap(([flag, field]) => {
    const path = flags[flag];
    return typeof path === "string" ? [[field, readText(path)] as const] : [];
  });
  return { ...Object.fromEntries([...given, ...read]), ...password };
}

function dashed(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new EngineError("MANIFEST_UNREADABLE", `"${path}" cannot be read: ${messageOf(error)}`, error);
  }
}
