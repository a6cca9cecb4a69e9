import { parseDuration } from "../../base/duration.ts";
import { headerOf, isSameText } from "./hook-request.ts";
import { isHmac } from "./signature.ts";
import type { IngressRequest, SecretKeySelector, SourceContext } from "./source.ts";
import type { VerifySpec } from "./verify-spec.ts";

type Context = Pick<SourceContext, "secret" | "clock" | "log">;

/** Undefined when the request proves who sent it, else why not: never with what it should have been. */
export async function verifyRequest(
  verify: VerifySpec,
  request: IngressRequest,
  context: Context,
): Promise<string | undefined> {
  try {
    if (verify.hmac) return await checkHmac(verify.hmac, request, context);
    if (verify.standardWebhooks) return await checkStandard(verify.standardWebhooks, request, context);
    if (verify.bearer) return await checkBearer(verify.bearer.secrets, request, context);
    if (verify.basic) return await checkBasic(verify.basic.credentials, request, context);
    return "no way to verify it";
  } catch (error) {
    context.log.error("request refused: it cannot be verified", { error });
    return "it cannot be verified";
  }
}

/**
 * The secrets that can be read. Of two, one may be gone already, or not be there yet: only none is a failure.
 * @throws EngineError SECRET_MISSING
 */
async function readAll(selectors: readonly SecretKeySelector[], { secret }: Context): Promise<string[]> {
  const read = await Promise.allSettled(selectors.map((selector) => secret.read(selector)));
  const found = read.flatMap((one) => (one.status === "fulfilled" && one.value !== "" ? [one.value] : []));
  const failed = read.find((one) => one.status === "rejected");
  if (found.length === 0) throw failed?.reason ?? new Error("the secret is empty");
  return found;
}

async function checkHmac(
  { header, algorithm, encoding, prefix, secrets }: NonNullable<VerifySpec["hmac"]>,
  request: IngressRequest,
  context: Context,
): Promise<string | undefined> {
  const text = headerOf(request, canonical(header));
  if (text === "") return `header ${header} is missing`;
  if (!text.startsWith(prefix)) return `header ${header} does not begin as it should`;
  const given = Buffer.from(text.slice(prefix.length).trim(), encoding);
  const keys = await readAll(secrets, context);
  return keys.some((key) => isHmac(given, algorithm, key, request.body)) ? undefined : "the signature is wrong";
}

function canonical(name: string): string {
  return name.replace(/[^-]+/g, (word) => word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase());
}

/** https://www.standardwebhooks.com: `v1,<base64>` several times; the secret is base64 behind `whsec_`. */
async function checkStandard(
  { secrets, tolerance }: NonNullable<VerifySpec["standardWebhooks"]>,
  request: IngressRequest,
  context: Context,
): Promise<string | undefined> {
  const [id, time, signatures] = ["Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"].map((name) =>
    headerOf(request, name),
  );
  if (!id || !time || !signatures) return "webhook-id, webhook-timestamp or webhook-signature is missing";
  const offMs = Math.abs(context.clock.now() - Number(time) * 1_000);
  if (!/^\d+$/.test(time) || offMs > parseDuration(tolerance)) return "webhook-timestamp is too far off";
  const payload = Buffer.concat([Buffer.from(`${id}.${time}.`), request.body]);
  const given = signatures
    .split(" ")
    .filter((one) => one.startsWith("v1,"))
    .map((one) => Buffer.from(one.slice(3), "base64"));
  const keys = (await readAll(secrets, context)).map((text) => Buffer.from(text.replace(/^whsec_/, ""), "base64"));
  const isRight = keys.some((key) => given.some((one) => isHmac(one, "sha256", key, payload)));
  return isRight ? undefined : "the signature is wrong";
}

async function checkBearer(
  secrets: readonly SecretKeySelector[],
  request: IngressRequest,
  context: Context,
): Promise<string | undefined> {
  const match = /^Bearer +(.+)$/i.exec(headerOf(request, "Authorization"));
  const given = match?.[1];
  if (given === undefined) return "a bearer token is missing";
  const wanted = await readAll(secrets, context);
  return wanted.filter((one) => isSameText(given, one)).length > 0 ? undefined : "the token is wrong";
}

async function checkBasic(
  credentials: NonNullable<VerifySpec["basic"]>["credentials"],
  request: IngressRequest,
  context: Context,
): Promise<string | undefined> {
  const match = /^Basic +([\w+/=-]+)$/i.exec(headerOf(request, "Authorization"));
  if (!match?.[1]) return "user name and password are missing";
  const given = Buffer.from(match[1], "base64").toString("utf8");
  let failure: unknown;
  let isRight = false;
  for (const { username, password } of credentials) {
    if (!username || !password) continue;
    try {
      const [user, pass] = await Promise.all([context.secret.read(username), context.secret.read(password)]);
      if (isSameText(given, `${user}:${pass}`)) isRight = true;
    } catch (error) {
      failure = error;
    }
  }
  if (isRight) return undefined;
  if (failure !== undefined) context.log.error("user name or password could not be read", { error: failure });
  return "user name or password is wrong";
}
