import { createHash, randomBytes, randomInt, randomUUID, timingSafeEqual } from "node:crypto";
import { objectOf, textOf } from "../../api/fields.ts";
import { isPassword } from "../../base/bcrypt.ts";
import { type Clock, sleepFor } from "../../base/clock.ts";
import { parseDuration } from "../../base/duration.ts";
import { EngineError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import type { Logger } from "../../base/log.ts";
import type { KubeClient } from "../../kube/kube.ts";
import { type AccessState, createAccessStateReader, revokedSecret } from "./access-state.ts";
import { type Account, roleTokens } from "./accounts.ts";
import { type Caller, root, type Session } from "./caller.ts";
import { refused, signToken, verifyToken } from "./json-web-token.ts";
import { createLoginLimits } from "./login-limits.ts";
import { editSecret } from "./values-edit.ts";

/** Who asks, by token or password (spec argo-cd-surface 3). */
export interface Access {
  /** @throws EngineError UNAUTHORIZED */
  identify(token: string | undefined): Promise<Caller>;
  /** A token for an account; takes as long for a wrong password. @throws EngineError UNAUTHORIZED, TOO_MANY_LOGINS */
  login(name: string, password: string): Promise<{ readonly token: string; readonly maxAgeS?: number }>;
  /** Another token for a login that is over in less than five minutes; undefined: it lasts longer, or is none. */
  renew(session: Session): Promise<{ readonly token: string; readonly maxAgeS: number } | undefined>;
  /** Whether the password is that of the account; failures count. @throws EngineError UNAUTHORIZED */
  checkPassword(name: string, password: string): Promise<Account>;
  /** The token does not count from now on. */
  revoke(session: Session): Promise<void>;
  state(): Promise<AccessState>;
  /** Signs what a token says, with the server's key, which is made where there is none. */
  sign(claims: JsonObject): Promise<string>;
  /** After a write to what access is read from. */
  changed(): void;
}

export interface AccessDeps {
  /** Whoever has it may do everything. */
  readonly token: string;
  /** Where accounts and policies stand; absent: there is the token alone. */
  readonly kube?: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
}

const secretName = "argocd-secret";
const keyName = "server.secretkey";
const maxNameLength = 32;
const maxWaitingLogins = 50;
const renewedBeforeS = 300;
const defaultSessionMs = 24 * 3_600_000;

/** One password after the other: each takes some 60 ms of this process. */
function createTurns(): <T>(work: () => Promise<T>) => Promise<T> {
  let waiting = 0;
  let turn: Promise<unknown> = Promise.resolve();
  return async (work) => {
    if (waiting >= maxWaitingLogins) throw new EngineError("TOO_MANY_LOGINS", "too many logins at once: try again");
    waiting++;
    const mine = turn.then(work).finally(() => waiting--);
    turn = mine.catch(() => undefined);
    return mine;
  };
}

export function createAccess({ token, kube, clock, log }: AccessDeps): Access {
  const reader = kube && createAccessStateReader(kube, clock, log);
  const limits = createLoginLimits(clock);
  const inTurn = createTurns();
  const nowS = (): number => Math.floor(clock.now() / 1_000);
  const state = (): Promise<AccessState> => {
    if (reader) return reader.read();
    throw new EngineError("UNAUTHORIZED", "this needs the API's token");
  };
  async function identify(given: string | undefined): Promise<Caller> {
    if (given !== undefined && isSame(given, token)) return root;
    if (given === undefined || given === "") return anonymous(await state().catch(noState), () => identify(given));
    const found = await state();
    const session = sessionOf(verifyToken(given, found.key, nowS()), found);
    return callerFor(session.subject, found, () => identify(given), session);
  }
  async function checkPassword(name: string, password: string): Promise<Account> {
    if (password === "" || name === "" || name.length > maxNameLength || limits.isRefused(name)) throw wrong();
    const account = (await state()).accounts.get(name);
    const { passwordHash, isEnabled = false } = account ?? {};
    const isRight =
      passwordHash !== undefined &&
      (await inTurn(async () => {
        if (limits.isRefused(name)) throw wrong(); // by those that were tried while this one waited
        if (await isPassword(password, passwordHash)) return true;
        limits.failed(name);
        return false;
      }));
    if (account === undefined || !isRight || !isEnabled || !account.capabilities.includes("login")) {
      if (passwordHash === undefined || isRight) limits.failed(name);
      throw wrong();
    }
    limits.succeeded(name);
    return account;
  }
  async function sign(claims: JsonObject): Promise<string> {
    let { key } = await state();
    if (key.length === 0 && kube) {
      const made = randomBytes(32).toString("base64");
      await editSecret(kube, secretName, (values) => (values[keyName] ? {} : { [keyName]: made }));
      reader?.forget();
      ({ key } = await state());
    }
    return signToken(claims, key);
  }
  return {
    identify,
    checkPassword,
    state,
    sign,
    changed: () => reader?.forget(),
    async login(name, password) {
      if (name === "admin" && isSame(password, token)) return { token };
      const until = clock.now() + randomInt(500, 1_000);
      try {
        await checkPassword(name, password);
      } finally {
        // The time that an answer takes tells nothing.
        await sleepFor(clock, Math.max(0, until - clock.now()), new AbortController().signal);
      }
      return newLogin(name, await state(), nowS(), sign);
    },
    async renew({ subject, capability, exp }) {
      if (capability !== "login" || exp === undefined || exp - nowS() >= renewedBeforeS) return undefined;
      return newLogin(subject, await state(), nowS(), sign);
    },
    async revoke({ id, exp }) {
      if (kube === undefined || id === "") return;
      const now = nowS();
      const until = exp ?? now + 366 * 86_400;
      await editSecret(kube, revokedSecret, (values) => {
        const over = Object.entries(values).filter(([, end]) => !(Number(end) > now));
        return { ...Object.fromEntries(over.map(([key]) => [key, null])), [id]: String(until) };
      });
      reader?.forget();
    },
  };
}

async function newLogin(name: string, { settings }: AccessState, iat: number, sign: Access["sign"]) {
  const maxAgeS = Math.floor(sessionMs(settings["users.session.duration"]) / 1_000);
  const claims = { iss: "argocd", sub: `${name}:login`, jti: randomUUID(), iat, nbf: iat, exp: iat + maxAgeS };
  return { token: await sign(claims), maxAgeS };
}

/** Equal lengths, so that the comparison takes the same time for any input. */
function isSame(given: string, wanted: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}

function noState(error: unknown): undefined {
  if (error instanceof EngineError) return undefined; // nobody is logged in, and nothing can be asked
  throw error;
}

function anonymous(state: AccessState | undefined, again: () => Promise<Caller>): Caller {
  if (state?.settings["users.anonymous.enabled"] !== "true") {
    throw new EngineError("UNAUTHORIZED", "this needs the API's token");
  }
  return callerFor("", state, again);
}

function callerFor(subject: string, state: AccessState, again: () => Promise<Caller>, session?: Session): Caller {
  return {
    name: subject,
    isRoot: false,
    ...(session === undefined ? {} : { session }),
    setting: (key) => state.settings[key] ?? "",
    may: (resource, action, object) => state.judge(subject, resource, action, object),
    again,
  };
}

/** Whether what a token says still holds (spec argo-cd-surface 3.7). @throws EngineError UNAUTHORIZED */
function sessionOf(claims: JsonObject, state: AccessState): Session {
  const subject = textOf(claims.sub);
  const exp = typeof claims.exp === "number" ? { exp: claims.exp } : {};
  const session = { subject, id: textOf(claims.jti), iat: Number(claims.iat ?? 0), ...exp };
  if (claims.iss !== "argocd") throw refused("it is none of this server");
  if (session.id !== "" && state.revoked.has(session.id)) throw refused("it was given back");
  return subject.startsWith("proj:") ? ofRole(session, state) : ofAccount(session, state);
}

function ofRole(session: Session, state: AccessState): Session {
  const [, project = "", role = "", ...more] = session.subject.split(":");
  const { id, iat } = session;
  const tokens = more.length === 0 ? roleTokens(objectOf(state.project(project)), role) : [];
  const isThere = tokens.some((one) => (id === "" || one.id === "" ? one.iat === iat : one.id === id));
  if (!isThere) throw refused("the role does not have it any more");
  return session;
}

function ofAccount(session: Session, state: AccessState): Session {
  const [name = "", capability] = session.subject.split(":");
  const account = state.accounts.get(name);
  if (account === undefined || !account.isEnabled) throw refused("the account is not there, or disabled");
  if (capability !== "login" && capability !== "apiKey") throw refused("it does not say what it is for");
  if (!account.capabilities.includes(capability)) throw refused(`the account does not have ${capability} any more`);
  const isThere =
    capability === "login"
      ? session.iat >= (account.passwordFromS ?? 0)
      : account.tokens.some(({ id }) => id === session.id);
  if (!isThere) throw refused("it was deleted, or the password has changed since");
  return { ...session, subject: name, capability };
}

function wrong(): EngineError {
  return new EngineError("UNAUTHORIZED", "Invalid username or password");
}

function sessionMs(text: string | undefined): number {
  try {
    const ms = text ? parseDuration(text) : defaultSessionMs;
    return ms > 0 ? ms : defaultSessionMs;
  } catch (error) {
    if (error instanceof EngineError) return defaultSessionMs;
    throw error;
  }
}
