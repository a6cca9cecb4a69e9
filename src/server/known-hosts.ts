import { createHash } from "node:crypto";

/** A line of `ssh_known_hosts`: who a host is. */
export interface KnownHost {
  readonly host: string;
  /** `ssh-ed25519`, `ecdsa-sha2-nistp256`, … */
  readonly type: string;
  /** In base64. */
  readonly key: string;
}

/** Comments, markers (`@revoked …`) and what is no such line are left out. A line of several hosts is several. */
export function knownHostsIn(text: string): readonly KnownHost[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const [hosts = "", type = "", key = ""] = line.trim().split(/\s+/);
    if (hosts === "" || /^[#@]/.test(hosts) || key === "") return [];
    return hosts.split(",").map((host) => ({ host, type, key }));
  });
}

/** As `ssh-keygen -l` shows it. */
export function fingerprintOf({ key }: KnownHost): string {
  return `SHA256:${createHash("sha256").update(Buffer.from(key, "base64")).digest("base64").replace(/=+$/, "")}`;
}

export function knownHostLine({ host, type, key }: KnownHost): string {
  return `${host} ${type} ${key}`;
}

/** The text without the lines of those; comments stay. */
export function withoutHosts(text: string, isMeant: (host: KnownHost) => boolean): string {
  const lines = text.split(/\r?\n/).flatMap((line) => {
    const found = knownHostsIn(line);
    const left = found.filter((host) => !isMeant(host));
    if (left.length === found.length) return [line];
    return left.map(knownHostLine);
  });
  return lines.join("\n");
}
