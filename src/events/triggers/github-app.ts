import { createHash, createSign } from "node:crypto";
import type { Instant } from "../../base/clock.ts";
import { EngineError, messageOf, TerminalError } from "../../base/errors.ts";
import { isJsonObject, parseJson } from "../../base/json.ts";
import { readLimited, toHttpError, withAgent } from "./outgoing.ts";
import type { TriggerContext } from "./trigger.ts";

export interface GithubApp {
  /** PEM. */
  readonly privateKey: string;
  readonly appId: string;
  readonly installationId: string;
}

interface Token {
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

const tokens = new Map<string, Token>();
const maxTokens = 64;
/** A token is not used in its last minutes. */
const marginMs = 5 * 60_000;
const maxAnswerBytes = 64 * 1024;
const githubApi = "https://api.github.com";

/** A token of the app's installation, of an hour at most; kept while it is valid. @throws EngineError GIT_AUTH_FAILED */
export async function githubAppToken(
  app: GithubApp,
  at: string,
  context: Pick<TriggerContext, "clock" | "clients" | "allowLoopback">,
  signal: AbortSignal,
  apiUrl = githubApi,
): Promise<string> {
  const key = createHash("sha256")
    .update(JSON.stringify([apiUrl, app]))
    .digest("hex");
  const known = tokens.get(key);
  if (known && known.expiresAt - marginMs > context.clock.now()) return known.token;
  const what = `${at}.githubApp: installation ${app.installationId} of app ${app.appId}`;
  const jwt = appJwt(app, context.clock.now(), what);
  const answer = await withAgent(context, {}, async (agent) => {
    const response = await agent.request({
      origin: apiUrl,
      path: `/app/installations/${encodeURIComponent(app.installationId)}/access_tokens`,
      method: "POST",
      headers: { authorization: `Bearer ${jwt}`, accept: "application/vnd.github+json", "user-agent": "tiphys" },
      signal,
    });
    return { status: response.statusCode, text: await readLimited(response.body, maxAnswerBytes) };
  }).catch((error: unknown) => {
    throw toHttpError(error, what);
  });
  if (answer.status !== 201) throw new EngineError("GIT_AUTH_FAILED", `${what}: GitHub answered ${answer.status}`);
  const token = tokenOf(answer.text, what);
  if (tokens.size >= maxTokens) tokens.clear();
  tokens.set(key, token);
  return token.token;
}

function tokenOf(text: string, what: string): Token {
  const body = parseJson(text);
  if (!isJsonObject(body) || typeof body.token !== "string") {
    throw new EngineError("GIT_AUTH_FAILED", `${what}: GitHub's answer holds no token`);
  }
  const expiresAt = typeof body.expires_at === "string" ? Date.parse(body.expires_at) : Number.NaN;
  return { token: body.token, expiresAt: Number.isNaN(expiresAt) ? 0 : expiresAt };
}

/** RS256, for ten minutes at most; begins a minute ago, since clocks differ. */
function appJwt({ privateKey, appId }: GithubApp, now: Instant, what: string): string {
  const seconds = Math.floor(now / 1_000);
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const head = `${part({ alg: "RS256", typ: "JWT" })}.${part({ iat: seconds - 60, exp: seconds + 540, iss: appId })}`;
  try {
    return `${head}.${createSign("RSA-SHA256").update(head).sign(privateKey, "base64url")}`;
  } catch (error) {
    throw new TerminalError("GIT_AUTH_FAILED", `${what}: the private key cannot be used: ${messageOf(error)}`);
  }
}
