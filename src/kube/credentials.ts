import type { Clock, Instant } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { ClientCertificate } from "./certificates.ts";

/** What proves who asks. Compared by identity: the same object means that nothing is newer. */
export interface Credentials {
  /** The header. */
  readonly authorization?: string;
  readonly certificate?: ClientCertificate;
  readonly expiresAt?: Instant;
}

/** Disposal waits for a load under way. */
export interface CredentialSource extends AsyncDisposable {
  current(): Promise<Credentials>;
  /** After a 401: what was refused is read or made again. Gives `refused` back when nothing newer may be had yet. */
  renew(refused: Credentials): Promise<Credentials>;
}

export interface CredentialSourceOptions {
  /** Reads or makes them; it may give `last` back when they are the same. */
  readonly load: (last: Credentials | undefined) => Promise<Credentials>;
  /** They are loaded again when they are older. */
  readonly maxAgeMs: number;
  /** The least time between two loads, also after a failure, which is repeated until then. */
  readonly minGapMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Loaded again when less is left. */
const expiryMarginMs = 10_000;

/**
 * Credentials that are loaded when they are first asked for, and again when they are old, expired or refused; one load at
 * a time serves all who wait. When a load fails, credentials that have not expired are kept.
 */
export function createCredentialSource(options: CredentialSourceOptions): CredentialSource {
  const { clock, log, maxAgeMs, minGapMs } = options;
  let held: Credentials | undefined;
  let failure: { readonly error: unknown } | undefined;
  let loadedAtMs = Number.NEGATIVE_INFINITY;
  let loading: Promise<Credentials> | undefined;

  const ageMs = (): number => clock.monotonicMs() - loadedAtMs;

  function expiresWithin(credentials: Credentials, ms: number): boolean {
    return credentials.expiresAt !== undefined && credentials.expiresAt - clock.now() <= ms;
  }

  function lastOutcome(): Credentials | undefined {
    if (failure !== undefined && (held === undefined || expiresWithin(held, 0))) throw failure.error;
    return held;
  }

  async function load(): Promise<Credentials> {
    try {
      held = await options.load(held);
      failure = undefined;
      return held;
    } catch (error) {
      failure = { error };
      if (held === undefined || expiresWithin(held, 0)) throw error;
      log.warn("credentials of the cluster could not be renewed; the last ones are kept", { error: messageOf(error) });
      return held;
    } finally {
      loadedAtMs = clock.monotonicMs();
      loading = undefined;
    }
  }

  async function lastOrLoaded(isGood: boolean): Promise<Credentials> {
    const last = isGood || ageMs() < minGapMs ? lastOutcome() : undefined;
    if (last !== undefined) return last;
    loading ??= load();
    return await loading;
  }

  return {
    current: () => lastOrLoaded(held !== undefined && !expiresWithin(held, expiryMarginMs) && ageMs() < maxAgeMs),
    renew: (refused) => lastOrLoaded(held !== refused),
    async [Symbol.asyncDispose]() {
      await Promise.allSettled([loading]);
    },
  };
}

/** The header's value; undefined for a token that no header may hold, since the header's own error would quote it. */
export function bearer(token: string): string | undefined {
  return /^[\x21-\x7e]+$/.test(token) ? `Bearer ${token}` : undefined;
}
