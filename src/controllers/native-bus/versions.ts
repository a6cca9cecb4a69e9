import { TerminalError } from "../../base/errors.ts";

export interface ServerImages {
  readonly server: string;
  readonly reloader: string;
  readonly metrics: string;
  readonly startCommand: string;
}

/** What `latest` means: fixed, so that a restart of a Pod does not change the server's version. */
const latest = "2.10.29";

/**
 * Any nats-server of 2.9 or newer, which is what our bus needs. The original takes only those that its configuration
 * lists, among them 2.8.
 * @throws TerminalError MANIFEST_INVALID for anything else
 */
export function imagesOf(version: string): ServerImages {
  const number = version === "latest" ? latest : version;
  const [, minor, variant] = /^2\.(\d{1,3})\.\d{1,3}(-alpine)?$/.exec(number) ?? [];
  if (minor === undefined || Number(minor) < 9) {
    const message = `spec.jetstream.version: "${version}" must be latest or a version of nats-server from 2.9.0 on`;
    throw new TerminalError("MANIFEST_INVALID", message);
  }
  const isOld = minor === "9";
  return {
    server: `nats:${number}`,
    reloader: `natsio/nats-server-config-reloader:${isOld ? "0.7.0" : "0.14.0"}`,
    metrics: `natsio/prometheus-nats-exporter:${isOld ? "0.9.1" : "0.14.0"}`,
    // The plain image holds the program alone, in its root.
    startCommand: variant === undefined ? "/nats-server" : "nats-server",
  };
}
