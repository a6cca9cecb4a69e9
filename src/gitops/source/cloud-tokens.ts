import { createHash, createSign } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Clock } from "../../base/clock.ts";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import { isJsonObject, type JsonObject } from "../../base/json.ts";
import { type AzureAccount, azureAuthority, type CloudAccount, type GoogleAccount } from "./cloud-account.ts";
import { httpRequest } from "./http.ts";
import type { Credentials, RepositoryAccess } from "./source.ts";

/** What a Git server is shown. */
export interface ShownCredentials {
  readonly rights: RepositoryAccess;
  readonly basic: Credentials | undefined;
}

/** Tokens of accounts of clouds; each is used until five minutes before its end. */
export interface CloudTokens {
  /** @throws TerminalError GIT_AUTH_FAILED; EngineError GIT_FAILED, REPOSITORY_FAILED, TOOL_TIMEOUT */
  show(account: CloudAccount, rights: RepositoryAccess, signal: AbortSignal): Promise<ShownCredentials>;
}

export interface CloudTokensDeps {
  readonly clock: Clock;
  /** Proxies. */
  readonly env: Readonly<Record<string, string>>;
  /** AZURE_CLIENT_ID, AZURE_TENANT_ID, AZURE_FEDERATED_TOKEN_FILE, AZURE_AUTHORITY_HOST of this process. */
  readonly identity: Readonly<Record<string, string>>;
}

/** The application of Azure DevOps: tokens are for its repositories. */
const azureScope = "499b84ac-1321-427f-aa17-267ca6975798/.default";
const googleScope = "https://www.googleapis.com/auth/cloud-platform";
const maxKept = 1_000;
const leastMs = 60_000;
const marginMs = 300_000;
const maxTokenFileBytes = 64 * 1024;

interface Ask {
  readonly url: string;
  readonly form: Readonly<Record<string, string>>;
  /** For errors. */
  readonly who: string;
}

export function createCloudTokens(deps: CloudTokensDeps): CloudTokens {
  const kept = new Map<string, { readonly token: string; readonly until: number }>();

  async function tokenOf(account: CloudAccount, rights: RepositoryAccess, signal: AbortSignal): Promise<string> {
    const key = createHash("sha256").update(JSON.stringify(account)).digest("hex");
    const known = kept.get(key);
    if (known !== undefined && known.until > deps.clock.now()) return known.token;
    const { token, lastsMs } = await fetchToken(await askOf(account, deps), rights, deps, signal);
    if (kept.size >= maxKept) kept.clear();
    kept.set(key, { token, until: deps.clock.now() + Math.max(leastMs, lastsMs - marginMs) });
    return token;
  }

  return {
    async show(account, rights, signal) {
      const token = await tokenOf(account, rights, signal);
      if (account.kind === "google") return { rights, basic: { username: account.email, password: token } };
      return { rights: { ...rights, bearerToken: token }, basic: undefined };
    },
  };
}

function askOf(account: CloudAccount, deps: CloudTokensDeps): Ask | Promise<Ask> {
  switch (account.kind) {
    case "google":
      return googleAsk(account, deps.clock.now());
    case "azure":
      return azureAsk(account, { client_secret: account.clientSecret });
    case "azure workload":
      return workloadAsk(deps.identity);
  }
}

/** A token that the account signs for itself is changed for one of Google's (RFC 7523). */
function googleAsk({ email, keyId, privateKey, tokenUrl }: GoogleAccount, now: number): Ask {
  const seconds = Math.floor(now / 1000);
  const header = { alg: "RS256", typ: "JWT", ...(keyId === "" ? {} : { kid: keyId }) };
  const claims = { iss: email, scope: googleScope, aud: tokenUrl, iat: seconds, exp: seconds + 3600 };
  const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  try {
    const assertion = `${text}.${createSign("RSA-SHA256").update(text).sign(privateKey, "base64url")}`;
    const form = { grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion };
    return { url: tokenUrl, form, who: `the service account ${email}` };
  } catch (error) {
    const message = `private_key of the service account ${email} is no private key: expected PEM (${messageOf(error)})`;
    throw new TerminalError("GIT_AUTH_FAILED", message);
  }
}

function azureAsk(
  { authority, tenantId, clientId }: Pick<AzureAccount, "authority" | "tenantId" | "clientId">,
  proof: Readonly<Record<string, string>>,
): Ask {
  const url = `${authority.replace(/\/+$/, "")}/${encodeURIComponent(tenantId)}/oauth2/v2.0/token`;
  const form = { grant_type: "client_credentials", client_id: clientId, scope: azureScope, ...proof };
  return { url, form, who: `the Azure application ${clientId}` };
}

/** The token that Kubernetes wrote for this process is changed for one of Azure's. */
async function workloadAsk(identity: CloudTokensDeps["identity"]): Promise<Ask> {
  const { AZURE_CLIENT_ID, AZURE_TENANT_ID, AZURE_FEDERATED_TOKEN_FILE: file, AZURE_AUTHORITY_HOST } = identity;
  if (!AZURE_CLIENT_ID || !AZURE_TENANT_ID || !file) {
    const names = "AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_FEDERATED_TOKEN_FILE";
    const message = `useAzureWorkloadIdentity: ${names} are not set for this process: is its Pod labelled for workload identity?`;
    throw new TerminalError("GIT_AUTH_FAILED", message);
  }
  const assertion = await readFile(file, "utf8").catch((error: unknown) => {
    throw new EngineError("GIT_FAILED", `AZURE_FEDERATED_TOKEN_FILE cannot be read: ${messageOf(error)}`);
  });
  const account = {
    authority: AZURE_AUTHORITY_HOST || azureAuthority,
    tenantId: AZURE_TENANT_ID,
    clientId: AZURE_CLIENT_ID,
  };
  return azureAsk(account, {
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: assertion.slice(0, maxTokenFileBytes).trim(),
  });
}

async function fetchToken(
  { url, form, who }: Ask,
  { proxy, noProxy }: RepositoryAccess,
  { env }: CloudTokensDeps,
  signal: AbortSignal,
): Promise<{ readonly token: string; readonly lastsMs: number }> {
  const headers = { "content-type": "application/x-www-form-urlencoded", accept: "application/json" };
  const body = new URLSearchParams(form).toString();
  const request = { url, method: "POST" as const, headers, body, maxBytes: 256 * 1024, timeoutMs: 30_000 };
  // Certificates of the repository's Secret are the repository's.
  const access = {
    tls: { isInsecure: false },
    ...(proxy === undefined ? {} : { proxy }),
    ...(noProxy === undefined ? {} : { noProxy }),
  };
  const answer = await httpRequest(request, { access, env }, signal);
  const { access_token: token, expires_in: seconds, error } = objectIn(answer.body);
  if (answer.status === 400 || answer.status === 401 || answer.status === 403) {
    const code = typeof error === "string" && /^[\w.-]{1,60}$/.test(error) ? `: ${error}` : "";
    throw new TerminalError("GIT_AUTH_FAILED", `${who} is refused a token (status ${answer.status}${code})`);
  }
  if (answer.status !== 200 || typeof token !== "string" || token === "") {
    throw new EngineError("GIT_FAILED", `the answer ${answer.status} for a token of ${who} has none`);
  }
  const lasts = Number(seconds);
  return { token, lastsMs: Number.isFinite(lasts) ? lasts * 1_000 : 0 };
}

function objectIn(body: Buffer): JsonObject {
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    return isJsonObject(value) ? value : {};
  } catch {
    return {};
  }
}
