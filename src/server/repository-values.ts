import { textOf } from "../api/fields.ts";
import { EngineError } from "../base/errors.ts";
import type { JsonObject } from "../base/json.ts";
import { normaliseRepositoryUrl } from "../gitops/source/repository-url.ts";
import { scopedObject } from "./access/caller.ts";
import type { StoredSecret, Values } from "./stored-secret.ts";

/** Fields of the API that a Secret has under the same name (spec argo-cd-surface 9.6); `true` and `false` are texts there. */
const texts = [
  "name",
  "type",
  "project",
  "proxy",
  "noProxy",
  "githubAppEnterpriseBaseUrl",
  "githubAppID",
  "githubAppInstallationID",
  "azureServicePrincipalClientId",
  "azureServicePrincipalTenantId",
  "azureActiveDirectoryEndpoint",
];
const flags = [
  "insecure",
  "insecureIgnoreHostKey",
  "enableLfs",
  "enableOCI",
  "insecureOCIForceHttp",
  "forceHttpBasicAuth",
  "useAzureWorkloadIdentity",
  "webhookManifestCacheWarmDisabled",
];
const numbers = ["depth"];
/** Never shown. */
const secrets = [
  ...["username", "password", "bearerToken", "sshPrivateKey", "tlsClientCertData", "tlsClientCertKey"],
  ...["githubAppPrivateKey", "gcpServiceAccountKey", "azureServicePrincipalClientSecret"],
];
/** Templates spell these otherwise (spec argo-cd-surface 9.6). */
const templateNames: Readonly<Record<string, string>> = {
  azureServicePrincipalClientId: "azureServicePrincipalClientID",
  azureServicePrincipalTenantId: "azureServicePrincipalTenantID",
};

/** Of a body, as the Secret has them. @throws EngineError USAGE without a URL, and for a depth that is no number */
export function repositoryValues(body: JsonObject): Values {
  const url = textOf(body.repo).trim();
  if (url === "") throw new EngineError("USAGE", "repo: must be given");
  const names = [...texts, ...flags, ...numbers, ...secrets];
  const given = names.flatMap((name) => {
    const value = body[name];
    const isFine = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
    return isFine && value !== "" && value !== false ? [[name, String(value)] as const] : [];
  });
  const values: Values = { url, ...Object.fromEntries(given) };
  const { depth = "0", type = "git" } = values;
  if (!/^\d+$/.test(depth))
    throw new EngineError("USAGE", `depth: "${depth}" must be a number of commits, or 0 for all`);
  if (!["git", "helm", "oci"].includes(type)) {
    throw new EngineError("USAGE", `type: "${type}" must be git, helm or oci`);
  }
  return values;
}

/** The same for a template. */
export function templateValues(body: JsonObject): Values {
  const entries = Object.entries(repositoryValues({ ...body, repo: textOf(body.url) }));
  return Object.fromEntries(entries.map(([name, value]) => [templateNames[name] ?? name, value]));
}

/** A template with the names that repositories have: both spellings are read. */
export function plainValues(values: Values): Values {
  const renamed = Object.entries(templateNames).flatMap(([plain, name]) =>
    values[name] && !values[plain] ? [[plain, values[name]] as const] : [],
  );
  const rest = Object.entries(values).filter(([name]) => !Object.values(templateNames).includes(name));
  return Object.fromEntries([...rest, ...renamed]);
}

/** Without what is secret. */
export function repositoryJson(values: Values): JsonObject {
  return {
    repo: values.url ?? "",
    type: values.type || "git",
    ...picked(values, texts, (text) => text),
    ...picked(values, flags, (text) => text === "true"),
    ...picked(values, numbers, Number),
    ...(hasCredentials(values) ? { username: values.username ?? "", hasCredentials: true } : {}),
  };
}

/** Without what is secret. */
export function credentialsJson(stored: Values): JsonObject {
  const values = plainValues(stored);
  return {
    url: values.url ?? "",
    username: values.username ?? "",
    ...picked(
      values,
      texts.filter((name) => name !== "name" && name !== "project"),
      (text) => text,
    ),
    ...picked(
      values,
      ["enableOCI", "insecureOCIForceHttp", "forceHttpBasicAuth", "useAzureWorkloadIdentity"],
      (text) => text === "true",
    ),
    hasSshKey: (values.sshPrivateKey ?? "") !== "",
    hasTlsKey: (values.tlsClientCertKey ?? "") !== "",
  };
}

function picked(
  values: Values,
  names: readonly string[],
  read: (text: string) => string | boolean | number,
): JsonObject {
  return Object.fromEntries(names.flatMap((name) => (values[name] ? [[name, read(values[name])] as const] : [])));
}

export function hasCredentials(values: Values): boolean {
  const all = [...secrets, "useAzureWorkloadIdentity", "azureServicePrincipalClientId"];
  return all.some((key) => (values[key] ?? "") !== "");
}

/** As the policy names it. */
export function objectOfRepository({ project, url = "" }: Values): string {
  return scopedObject(project, url);
}

export function isSameUrl(a: string, b: string): boolean {
  return normaliseRepositoryUrl(a) === normaliseRepositoryUrl(b);
}

/** Of one project, or of none. */
export function isSameRepository(a: Values, b: Values): boolean {
  return isSameUrl(a.url ?? "", b.url ?? "") && (a.project ?? "") === (b.project ?? "");
}

/** Whether a Secret says all of `wanted`, and nothing else. */
export function saysSame(stored: Values, wanted: Values): boolean {
  const given = (values: Values): string =>
    JSON.stringify(
      Object.entries(values)
        .filter(([, value]) => value !== "")
        .toSorted(([a], [b]) => (a < b ? -1 : 1)),
    );
  return given(stored) === given(wanted);
}

/** The project's own goes before one without a project (spec argo-cd-surface 2.12). */
export function findRepository(
  all: readonly StoredSecret[],
  url: string,
  project: string | undefined,
): StoredSecret | undefined {
  const same = all.filter(({ values }) => isSameUrl(values.url ?? "", url));
  const of = (owner: string) => same.find(({ values }) => (values.project ?? "") === owner);
  return of(project ?? "") ?? of("") ?? (project === undefined ? same[0] : undefined);
}

/** The one with the longest prefix. */
export function templateFor(url: string, all: readonly StoredSecret[]): StoredSecret | undefined {
  const fitting = all.filter(({ values }) => values.url && url.startsWith(values.url));
  return fitting.toSorted((a, b) => (b.values.url ?? "").length - (a.values.url ?? "").length)[0];
}
