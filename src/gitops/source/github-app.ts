import { createSign } from "node:crypto";
import type { Clock } from "../../base/clock.ts";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import { isJsonObject, type JsonValue } from "../../base/json.ts";
import { httpRequest } from "./http.ts";
import type { Credentials, GitHubApp, RepositoryAccess } from "./source.ts";

/** Tokens of GitHub Apps, which last an hour; each is used for the first 50 minutes of it. */
export interface GitHubTokens {
  /** What Git shows GitHub. @throws TerminalError GIT_AUTH_FAILED; EngineError GIT_FAILED */
  basic(access: RepositoryAccess, signal: AbortSignal): Promise<Credentials>;
}

const usedForMs = 50 * 60_000;
const maxKept = 1_000;
const maxAnswerBytes = 256 * 1024;

export function createGitHubTokens(deps: {
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string>>;
}): GitHubTokens {
  const kept = new Map<string, { readonly token: string; readonly until: number }>();
  return {
    async basic(access, signal) {
      const { gitHubApp: app } = access;
      if (app === undefined) throw new Error("the access has no GitHub App");
      const key = JSON.stringify(app);
      const known = kept.get(key);
      const now = deps.clock.now();
      if (known !== undefined && known.until > now) return credentialsOf(known.token);
      const token = await fetchToken(app, access, { ...deps, now }, signal);
      if (kept.size >= maxKept) kept.clear();
      kept.set(key, { token, until: now + usedForMs });
      return credentialsOf(token);
    },
  };
}

function credentialsOf(token: string): Credentials {
  return { username: "x-access-token", password: token };
}

async function fetchToken(
  app: GitHubApp,
  access: RepositoryAccess,
  { now, env }: { readonly now: number; readonly env: Readonly<Record<string, string>> },
  signal: AbortSignal,
): Promise<string> {
  const base = (app.baseUrl ?? "https://api.github.com").replace(/\/+$/, "");
  const url = `${base}/app/installations/${encodeURIComponent(app.installationId)}/access_tokens`;
  const headers = { authorization: `Bearer ${assertion(app, now)}`, accept: "application/vnd.github+json" };
  const anonymous = { ...access, basic: undefined, bearerToken: undefined };
  const request = { url, method: "POST" as const, headers, maxBytes: maxAnswerBytes, timeoutMs: 30_000 };
  const { status, body } = await httpRequest(request, { access: anonymous, env }, signal);
  if (status === 401 || status === 403 || status === 404) {
    throw new TerminalError("GIT_AUTH_FAILED", `GitHub refused the App ${app.id} (installation ${app.installationId})`);
  }
  const token = status === 201 ? tokenIn(body) : undefined;
  if (token === undefined)
    throw new EngineError("GIT_FAILED", `GitHub answered ${status} for a token of App ${app.id}`);
  return token;
}

/** A JSON web token that the App signs for itself: valid for 9 minutes, and from a minute ago for clocks that differ. */
function assertion({ id, privateKey }: GitHubApp, now: number): string {
  const seconds = Math.floor(now / 1000);
  const parts = [
    { alg: "RS256", typ: "JWT" },
    { iat: seconds - 60, exp: seconds + 540, iss: id },
  ];
  const text = parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  try {
    return `${text}.${createSign("RSA-SHA256").update(text).sign(privateKey, "base64url")}`;
  } catch (error) {
    const message = `githubAppPrivateKey of App ${id} is no private key: expected PEM (${messageOf(error)})`;
    throw new TerminalError("GIT_AUTH_FAILED", message);
  }
}

function tokenIn(body: Buffer): string | undefined {
  const value: JsonValue = JSON.parse(body.toString("utf8"));
  return isJsonObject(value) && typeof value.token === "string" ? value.token : undefined;
}
