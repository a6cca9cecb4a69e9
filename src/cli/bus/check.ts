import type { Clock } from "../../base/clock.ts";
import type { StreamSpec } from "../../events/bus/bus.ts";
import type { Address, BusUrl } from "./address.ts";
import { type Finding, hasFailed, withSkipped } from "./finding.ts";
import { type ConnectTarget, checkAuth, checkJetStream, checkRoundTrip, checkStreams } from "./jetstream-check.ts";
import { checkDns, checkTcp } from "./reach.ts";
import { checkTls, type TlsAccess } from "./tls.ts";

export interface BusCheck {
  readonly url: BusUrl;
  readonly tls: TlsAccess;
  /** What the engine would need there. */
  readonly streams: readonly StreamSpec[];
  /** The limits of `streams` are Argo Events' defaults: those wanted are in an EventBus that is not known here. */
  readonly areLimitsDefaults: boolean;
  readonly clock: Clock;
}

/**
 * Goes the way of a connection, step by step, until one fails; changes nothing but a stream of its own, which it
 * removes. Every server of the URL is reached for; the first that is reached answers the rest.
 */
export async function checkBus(check: BusCheck): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  let target: ConnectTarget | undefined;
  for (const address of check.url.servers) {
    const { found, info } = await reach(address, check);
    findings.push(...found);
    if (info !== undefined && !hasFailed(found)) target ??= { url: check.url, address, info, tls: check.tls };
  }
  if (target === undefined) return withSkipped(findings);
  return withSkipped([...findings.map(asWarning), ...(await ask(target, check))]);
}

/** A server that is away, when there is another: the engine can work, and should not have to for long. */
function asWarning(finding: Finding): Finding {
  return finding.outcome === "failed" ? { ...finding, outcome: "warning" } : finding;
}

async function reach(address: Address, { tls, clock }: BusCheck) {
  const dns = await checkDns(address);
  if (dns.outcome === "failed") return { found: [dns] };
  const { finding, reached } = await checkTcp(address);
  if (reached === undefined) return { found: [dns, finding] };
  try {
    const secured = await checkTls(address, reached, tls, clock);
    return { found: [dns, finding, ...secured], info: reached.info };
  } finally {
    reached.socket.destroy();
  }
}

async function ask(target: ConnectTarget, check: BusCheck): Promise<readonly Finding[]> {
  const { finding: auth, nc } = await checkAuth(target);
  if (nc === undefined) return [auth];
  try {
    const { finding, jsm } = await checkJetStream(nc, target.info);
    if (jsm === undefined) return [auth, finding];
    return [auth, finding, ...(await checkStreams({ nc, jsm }, check)), await checkRoundTrip(nc, jsm)];
  } finally {
    await nc.close();
  }
}
