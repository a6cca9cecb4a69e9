import { createVerify, X509Certificate } from "node:crypto";
import { textOf } from "../../api/fields.ts";
import type { JsonObject } from "../../base/json.ts";
import type { SourceContext } from "./source.ts";

/** The certificates that messages are signed with, by their URLs; a few at a time. */
export interface Certificates {
  /** PEM; undefined where it cannot be had. */
  find(url: string, signal: AbortSignal): Promise<string | undefined>;
}

const maxCertificates = 20;

export function createCertificates({ fetch, log }: SourceContext): Certificates {
  const known = new Map<string, string>();
  return {
    async find(url, signal) {
      const found = known.get(url);
      if (found !== undefined) return found;
      const { status, text } = await fetch({ method: "GET", url }, signal);
      if (status !== 200) {
        log.warn("a signing certificate could not be fetched", { status });
        return undefined;
      }
      if (known.size >= maxCertificates) known.clear();
      known.set(url, text);
      return text;
    },
  };
}

const signedFields: Readonly<Record<string, readonly string[]>> = {
  Notification: ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"],
  SubscriptionConfirmation: ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"],
  UnsubscribeConfirmation: ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"],
};

/** Whether the message is signed by a certificate of the service (its documentation, "Verifying the signatures"). */
export async function isSigned(message: JsonObject, certificates: Certificates, signal: AbortSignal): Promise<boolean> {
  const url = URL.parse(textOf(message.SigningCertURL));
  const isOfService =
    url?.protocol === "https:" && url.port === "" && /^sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?$/.test(url.hostname);
  const fields = signedFields[textOf(message.Type)];
  const algorithm = { "1": "RSA-SHA1", "2": "RSA-SHA256" }[textOf(message.SignatureVersion)];
  if (!isOfService || url === null || fields === undefined || algorithm === undefined) return false;
  const pem = await certificates.find(url.href, signal);
  if (pem === undefined) return false;
  const text = fields.flatMap((name) => (typeof message[name] === "string" ? [`${name}\n${message[name]}\n`] : []));
  try {
    const { publicKey } = new X509Certificate(pem);
    return createVerify(algorithm).update(text.join("")).verify(publicKey, textOf(message.Signature), "base64");
  } catch {
    return false;
  }
}
