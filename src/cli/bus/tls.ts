import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import type { Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { Address } from "./address.ts";
import { type Finding, failed, ok, warning } from "./finding.ts";
import { codeOf, type Reached, withTimeout } from "./reach.ts";

/** How a server's certificate is checked. PEM texts. */
export interface TlsAccess {
  /** In place of the system's. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

const dayMs = 24 * 60 * 60 * 1000;
const soonMs = 14 * dayMs;

/**
 * Speaks TLS on the connection, and names what is wrong with the certificate: its time, its name, who signed it. Of an
 * expired one OpenSSL does not say whether it would be trusted otherwise.
 */
export async function checkTls(
  address: Address,
  { socket, info }: Reached,
  access: TlsAccess,
  clock: Clock,
): Promise<readonly Finding[]> {
  if (info.tls === "none") return [withoutTls(address)];
  if (info.wantsClientCertificate && access.cert === undefined) {
    const remedy = "Give --cert and --key; for an EventBus clientCertSecret and clientKeySecret of its tls.";
    return [failed("TLS", "the server wants a certificate of the client, and none was given", remedy)];
  }
  let secure: TLSSocket | undefined;
  try {
    // Not verified here, so that the certificate can be looked at; what is wrong with it is said below.
    secure = connect({
      socket,
      ...(isIP(address.host) ? {} : { servername: address.host }),
      ...access,
      rejectUnauthorized: false,
    });
    await withTimeout(secured(secure), "the server did not end the handshake in time");
    const certificate = secure.getPeerX509Certificate();
    if (certificate === undefined) return [failed("TLS", "the server showed no certificate", "Check its tls block.")];
    return judge(certificate, address, reasonOf(secure), clock);
  } catch (error) {
    const remedy = "Check the server's tls block, and that the port is not behind a proxy that ends TLS.";
    return [failed("TLS", `the handshake failed: ${messageOf(error)}`, remedy)];
  } finally {
    secure?.destroy();
  }
}

function withoutTls({ host, wantsTls, text }: Address): Finding {
  if (wantsTls) {
    return failed(
      "TLS",
      `${text} does not speak TLS, and tls:// asks for it`,
      "Use nats://, or give the server a tls block.",
    );
  }
  const isNear = host === "localhost" || host === "::1" || host.startsWith("127.");
  if (isNear) return ok("TLS", "none; the server is on this machine");
  const remedy = "Give the server a tls block where the network between is not trusted.";
  return warning("TLS", "none: whoever is between can read and change events and passwords", remedy);
}

function secured(socket: TLSSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("secureConnect", resolve).once("error", reject);
    socket.once("close", () => reject(new Error("the server closed the connection")));
  });
}

/** Node gives the code of OpenSSL as a text, whatever its types say. */
function reasonOf(socket: TLSSocket): string | undefined {
  if (socket.authorized) return undefined;
  const error: unknown = socket.authorizationError;
  return error instanceof Error ? (codeOf(error) ?? error.message) : String(error);
}

function judge(
  certificate: X509Certificate,
  { host }: Address,
  reason: string | undefined,
  clock: Clock,
): readonly Finding[] {
  const left = Date.parse(certificate.validTo) - clock.now();
  const isNamed = (isIP(host) ? certificate.checkIP(host) : certificate.checkHost(host)) !== undefined;
  const problems = [
    ...validity(certificate, left, clock),
    ...(isNamed ? [] : [wrongName(certificate, host)]),
    ...(reason !== undefined && isAboutTrust(reason) ? [untrusted(certificate, reason)] : []),
  ];
  if (problems.length > 0) return problems;
  if (reason !== undefined) {
    return [failed("TLS", `the certificate is not accepted: ${reason}`, "Have the certificate made anew.")];
  }
  const days = Math.floor(left / dayMs);
  const message = `the certificate of ${nameOf(certificate)} is good for ${days} days`;
  if (left > soonMs) return [ok("TLS", message)];
  return [warning("TLS", `${message} only`, "Renew it, and let the server load it (nats-server --signal reload).")];
}

function validity(certificate: X509Certificate, left: number, clock: Clock): Finding[] {
  if (left <= 0) {
    const message = `the certificate ended on ${certificate.validTo}`;
    return [failed("TLS", message, "Renew it, and let the server load it (nats-server --signal reload).")];
  }
  if (Date.parse(certificate.validFrom) <= clock.now()) return [];
  const message = `the certificate begins on ${certificate.validFrom} only`;
  return [failed("TLS", message, "Check the clocks of this machine and of who made the certificate.")];
}

function wrongName(certificate: X509Certificate, host: string): Finding {
  const names = certificate.subjectAltName ?? "no names";
  const remedy = "Connect by one of its names, or have it made for this one.";
  return failed("TLS", `the certificate is not for ${host}, but for ${names}`, remedy);
}

/** An expired or misnamed certificate is said so above; everything else is about who signed it. */
function isAboutTrust(reason: string): boolean {
  return !["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID", "ERR_TLS_CERT_ALTNAME_INVALID"].includes(reason);
}

function untrusted(certificate: X509Certificate, reason: string): Finding {
  const message = `nobody who is trusted signed the certificate; its issuer is ${oneLine(certificate.issuer)} (${reason})`;
  const remedy =
    "Give the CA's certificate: --ca FILE here, NODE_EXTRA_CA_CERTS=FILE for the engine's --bus, caCertSecret of the tls " +
    "of an EventBus.";
  return failed("TLS", message, remedy);
}

function nameOf(certificate: X509Certificate): string {
  return oneLine(certificate.subject) || (certificate.subjectAltName ?? "no name");
}

function oneLine(name: string): string {
  return name.replaceAll("\n", ", ");
}
