import { lookup as dnsLookup, type LookupAddress, type LookupOptions } from "node:dns";
import { BlockList, isIP } from "node:net";
import type { buildConnector } from "undici";
import { TerminalError } from "./errors.ts";

/** Where credentials of clouds are served, and everything else of link-local scope (IPv4-mapped addresses too). */
const neverAllowed = new BlockList();
neverAllowed.addSubnet("169.254.0.0", 16, "ipv4");
neverAllowed.addAddress("100.100.100.200", "ipv4"); // Alibaba Cloud's metadata
neverAllowed.addAddress("168.63.129.16", "ipv4"); // Azure's wire server
neverAllowed.addSubnet("fe80::", 10, "ipv6");
neverAllowed.addAddress("fd00:ec2::254", "ipv6"); // AWS' metadata

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addSubnet("0.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");
loopback.addAddress("::", "ipv6");

/** Undefined when a request may go to `address`, else why not. */
export function refusalOf(address: string, allowLoopback: boolean): string | undefined {
  const family = isIP(address) === 6 ? "ipv6" : "ipv4";
  if (neverAllowed.check(address, family)) return `${address} is a link-local or metadata address`;
  if (!allowLoopback && loopback.check(address, family)) return `${address} is a loopback address`;
  return undefined;
}

/**
 * Connects as undici does by itself, but looks at each address after it is resolved, so that a name cannot lead where an
 * address may not: nor can a redirect. `build`: of undici, which is loaded late.
 */
export function guardedConnector(
  build: typeof buildConnector,
  options: buildConnector.BuildOptions,
  allowLoopback: boolean,
): buildConnector.connector {
  const connect = build({
    ...options,
    lookup: (host: string, wanted: LookupOptions, callback: LookupCallback) =>
      guardedLookup(host, wanted, allowLoopback, callback),
  } as buildConnector.BuildOptions);
  return (wanted, callback) => {
    const address = wanted.hostname.replace(/^\[(.*)\]$/, "$1");
    const refusal = isIP(address) ? refusalOf(address, allowLoopback) : undefined;
    if (refusal) callback(new TerminalError("HTTP_REFUSED", refusal), null);
    else connect(wanted, callback);
  };
}

type LookupCallback = (error: Error | null, address: string | readonly LookupAddress[], family?: number) => void;

function guardedLookup(host: string, options: LookupOptions, allowLoopback: boolean, callback: LookupCallback): void {
  dnsLookup(host, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, []);
    const refusals = addresses.map(({ address }) => refusalOf(address, allowLoopback));
    const allowed = addresses.filter((_, index) => refusals[index] === undefined);
    const [first] = allowed;
    if (!first) {
      return callback(new TerminalError("HTTP_REFUSED", `"${host}": ${refusals.find(Boolean) ?? "no address"}`), []);
    }
    if (options.all) callback(null, allowed);
    else callback(null, first.address, first.family);
  });
}
