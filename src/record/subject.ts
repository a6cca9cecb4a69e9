/** A subject of a bus: tokens joined by `.`; NATS' rules. Branded so that a name is not published to by mistake. */
export type Subject = string & { readonly __brand: "Subject" };

/**
 * A subject of our own streams, every token encoded: `[A-Za-z0-9_-]` as is, any other UTF-8 byte as `=XX`
 * (DESIGN section 4), so that any name of a resource fits.
 */
export function subjectOf(...tokens: readonly string[]): Subject {
  return tokens.map(encodeToken).join(".") as Subject;
}

/** A subject, or a pattern with `*` and `>`, taken as it stands. */
export function rawSubject(text: string): Subject {
  return text as Subject;
}

export function encodeToken(token: string): string {
  if (/^[A-Za-z0-9_-]+$/.test(token)) return token;
  let encoded = "";
  for (const byte of Buffer.from(token, "utf8")) {
    const char = String.fromCharCode(byte);
    encoded += /[A-Za-z0-9_-]/.test(char) ? char : `=${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

export function decodeToken(token: string): string {
  if (!token.includes("=")) return token;
  const bytes: number[] = [];
  for (let index = 0; index < token.length; index++) {
    if (token[index] === "=") {
      bytes.push(Number.parseInt(token.slice(index + 1, index + 3), 16));
      index += 2;
    } else bytes.push(token.charCodeAt(index));
  }
  return Buffer.from(bytes).toString("utf8");
}

/** Whether `subject` matches `pattern` by NATS' rules: `*` is one token, `>` at the end one or more. */
export function subjectMatches(pattern: string, subject: string): boolean {
  const wanted = pattern.split(".");
  const tokens = subject.split(".");
  for (const [index, token] of wanted.entries()) {
    if (token === ">") return tokens.length > index;
    if (index >= tokens.length || (token !== "*" && token !== tokens[index])) return false;
  }
  return wanted.length === tokens.length;
}

/** Where events of an EventSource without an EventBus resource go: stream `events` of the system bus. */
export function eventSubject(namespace: string, eventSource: string, event: string): Subject {
  return subjectOf("events", namespace, eventSource, event);
}
