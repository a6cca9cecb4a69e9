/** What a connection that failed most likely means, and what to do: clients say what they met, not what it means. */

const hints: readonly (readonly [met: RegExp, hint: string])[] = [
  [/ECONNREFUSED/, "nothing listens there: check host and port"],
  [/ENOTFOUND|EAI_AGAIN/, "no host has that name: check it (of a Service: NAME.NAMESPACE.svc)"],
  [
    /EPROTO|ERR_SSL_|wrong version number|packet length too long|SSL routines/i,
    "the server speaks no TLS there: check the port, or connect without TLS",
  ],
  [/ERR_TLS_CERT_ALTNAME_INVALID/, "the certificate is another host's: use a name that it has"],
  [
    /SELF_SIGNED_CERT|self-signed certificate|unable to verify the first certificate|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT/,
    "no authority that is known made the certificate: name it in tls.caCertSecret, where the kind has that",
  ],
];

const endedAtOnce =
  /ECONNRESET|EPIPE|socket hang up|other side closed|connection (?:ended|closed|was closed|is closed|lost|dropped)|closed abruptly|Last error: Failed to connect|socket disconnected/i;

/** Undefined where nothing can be guessed. `wasReady`: it worked before, so that what is configured is right. */
export function hintOf(error: unknown, wasReady: boolean): string | undefined {
  const met = wordsOf(error, 0).join("\n");
  const found = hints.find(([word]) => word.test(met))?.[1];
  if (found !== undefined || wasReady || !endedAtOnce.test(met)) return found;
  return "the server ended the connection at once: does it want TLS, or is it a server of another kind?";
}

const maxDepth = 8;

/** Messages and codes of an error and of all that caused it. */
function wordsOf(error: unknown, depth: number): string[] {
  if (!(error instanceof Error) || depth > maxDepth) return [];
  const code = "code" in error ? String(error.code) : "";
  const inner = error instanceof AggregateError ? error.errors.slice(0, maxDepth) : [];
  return [error.message, code, ...[error.cause, ...inner].flatMap((one) => wordsOf(one, depth + 1))];
}
