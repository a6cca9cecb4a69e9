import type { Clock } from "../base/clock.ts";
import { EngineError, messageOf, TerminalError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { type ClientCertificate, clientCertificateProblem } from "./certificates.ts";
import { bearer, type CredentialSource, type Credentials, createCredentialSource } from "./credentials.ts";
import { runExecPlugin } from "./exec-plugin.ts";
import { type KubeconfigContext, type KubeconfigUser, readText, type TextSource } from "./kubeconfig-file.ts";
import { readProblem } from "./small-file.ts";

export interface UserCredentialsOptions {
  readonly context: KubeconfigContext;
  /** Of the engine; plugins inherit it, as with kubectl. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The credentials of a kubeconfig's user: files are read again once a minute, plugins run when theirs expire. Disposal
 * ends a plugin that runs.
 */
export function createUserCredentials(options: UserCredentialsOptions): CredentialSource {
  const { context, env, clock, log } = options;
  const { user } = context;
  const { auth } = user;
  if (auth.kind !== "exec") {
    const load = async (last: Credentials | undefined) => sameOr(last, await readCredentials(user));
    return createCredentialSource({ load, maxAgeMs: 60_000, minGapMs: 1_000, clock, log });
  }
  const closed = new AbortController();
  const { signal } = closed;
  const source = createCredentialSource({
    load: async () => ({
      ...(await readCredentials(user)),
      ...(await runExecPlugin(auth.plugin, context.cluster, { env, clock, signal })),
    }),
    maxAgeMs: Number.POSITIVE_INFINITY,
    minGapMs: 5_000,
    clock,
    log,
  });
  return {
    ...source,
    async [Symbol.asyncDispose]() {
      closed.abort(new EngineError("CREDENTIALS_FAILED", `the credentials of "${user.name}" are no longer asked for`));
      await source[Symbol.asyncDispose]();
    },
  };
}

const badToken = "is empty or has characters that a token may not have";

/** `last` when it says the same, so that a 401 is not answered with what was refused. */
function sameOr(last: Credentials | undefined, read: Credentials): Credentials {
  const isSame =
    last?.authorization === read.authorization &&
    last?.certificate?.cert === read.certificate?.cert &&
    last?.certificate?.key === read.certificate?.key;
  return last && isSame ? last : read;
}

async function readCredentials(user: KubeconfigUser): Promise<Credentials> {
  const certificate = await readCertificate(user);
  const authorization = await readAuthorization(user);
  return {
    ...(certificate === undefined ? {} : { certificate }),
    ...(authorization === undefined ? {} : { authorization }),
  };
}

async function readCertificate({ name, certificate }: KubeconfigUser): Promise<ClientCertificate | undefined> {
  if (certificate === undefined) return undefined;
  const pair = {
    cert: await read(certificate.cert, name, "client-certificate"),
    key: await read(certificate.key, name, "client-key"),
  };
  const problem = clientCertificateProblem(pair);
  if (problem !== undefined) throw new TerminalError("CONFIG_INVALID", `kubeconfig user "${name}": ${problem}`);
  return pair;
}

async function readAuthorization({ name, auth }: KubeconfigUser): Promise<string | undefined> {
  switch (auth.kind) {
    case "token": {
      const header = bearer((await read(auth.token, name, "tokenFile")).trim());
      if (header !== undefined) return header;
      throw new TerminalError("CONFIG_INVALID", `kubeconfig user "${name}": the token ${badToken}`);
    }
    case "basic":
      return `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString("base64")}`;
    default:
      return undefined; // a plugin's comes on top
  }
}

async function read(source: TextSource, user: string, field: string): Promise<string> {
  try {
    return await readText(source);
  } catch (error) {
    const problem = "path" in source ? readProblem(source.path, error) : messageOf(error);
    throw new TerminalError("CONFIG_INVALID", `kubeconfig user "${user}": ${field} ${problem}`);
  }
}
