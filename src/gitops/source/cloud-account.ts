import { TerminalError } from "../../base/errors.ts";
import { isJsonObject } from "../../base/json.ts";

/** An account of a cloud, for which the cloud gives tokens that last a while. */
export type CloudAccount = GoogleAccount | AzureAccount | AzureWorkload;

/** A service account with a key. */
export interface GoogleAccount {
  readonly kind: "google";
  readonly email: string;
  readonly keyId: string;
  /** PEM. */
  readonly privateKey: string;
  readonly tokenUrl: string;
}

/** A service principal with a secret. */
export interface AzureAccount {
  readonly kind: "azure";
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** E.g. `https://login.microsoftonline.com`. */
  readonly authority: string;
}

/** Whoever this process is, as Azure's webhook says in its environment. */
export interface AzureWorkload {
  readonly kind: "azure workload";
}

type Data = Readonly<Record<string, string>>;

const googleTokenUrl = "https://oauth2.googleapis.com/token";
export const azureAuthority = "https://login.microsoftonline.com";

/**
 * The account that a Secret's keys name (spec argo-cd-engine 6.8). `where` names the Secret.
 * @throws TerminalError GIT_AUTH_FAILED
 */
export function cloudAccountOf(where: string, data: Data): CloudAccount | undefined {
  const { gcpServiceAccountKey, useAzureWorkloadIdentity = "" } = data;
  if (gcpServiceAccountKey) return googleAccount(where, gcpServiceAccountKey);
  const clientId = data.azureServicePrincipalClientId || data.azureServicePrincipalClientID;
  if (clientId) return azureAccount(where, clientId, data);
  return useAzureWorkloadIdentity.trim().toLowerCase() === "true" ? { kind: "azure workload" } : undefined;
}

function googleAccount(where: string, text: string): GoogleAccount {
  const wrong = (what: string): TerminalError => refusal(where, `gcpServiceAccountKey ${what}`);
  const key = objectIn(text);
  if (key === undefined) throw wrong("is no JSON object: expected the key file of a service account");
  const { type, client_email: email, private_key: privateKey, private_key_id: keyId, token_uri: tokenUrl } = key;
  if (type !== "service_account") {
    throw wrong(`is of type ${JSON.stringify(type ?? "")}: only "service_account" is supported`);
  }
  if (!isText(email) || !isText(privateKey)) throw wrong("lacks client_email or private_key");
  const url = isText(tokenUrl) ? tokenUrl : googleTokenUrl;
  return { kind: "google", email, privateKey, keyId: isText(keyId) ? keyId : "", tokenUrl: checkedUrl(url, wrong) };
}

function azureAccount(where: string, clientId: string, data: Data): AzureAccount {
  const tenantId = data.azureServicePrincipalTenantId || data.azureServicePrincipalTenantID;
  const clientSecret = data.azureServicePrincipalClientSecret;
  if (!tenantId || !clientSecret) {
    throw refusal(
      where,
      "azureServicePrincipalClientId needs azureServicePrincipalTenantId and …ClientSecret beside it",
    );
  }
  const authority = checkedUrl(data.azureActiveDirectoryEndpoint || azureAuthority, (what) =>
    refusal(where, `azureActiveDirectoryEndpoint ${what}`),
  );
  return { kind: "azure", tenantId, clientId, clientSecret, authority };
}

/** What is sent there gives access: it goes in the open to this machine only. */
function checkedUrl(text: string, wrong: (what: string) => TerminalError): string {
  const url = URL.parse(text);
  const isHere = url !== null && ["127.0.0.1", "[::1]", "localhost"].includes(url.hostname);
  if (url?.protocol === "https:" || (url?.protocol === "http:" && isHere)) return text.replace(/\/+$/, "");
  throw wrong("names an address that is not https");
}

function objectIn(text: string) {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function refusal(where: string, message: string): TerminalError {
  return new TerminalError("GIT_AUTH_FAILED", `${where}: ${message}`);
}
