/** A commit or tag that somebody signed: what was signed, and with what. */
export interface SignedObject {
  readonly format: "gpg" | "ssh" | "other";
  /** As armoured text. */
  readonly signature: string;
  readonly payload: Buffer;
}

/** Where the signature of a tag begins, at the start of a line. */
const beginnings = [
  ["-----BEGIN PGP SIGNATURE-----", "gpg"],
  ["-----BEGIN PGP MESSAGE-----", "gpg"],
  ["-----BEGIN SSH SIGNATURE-----", "ssh"],
  ["-----BEGIN SIGNED MESSAGE-----", "other"],
] as const;

/**
 * Undefined: it is not signed. `content` is the object's, byte for byte; `id` is its own. A commit may bear signatures of both
 * its forms, by ids of SHA-1 and of SHA-256: the one of the form that was read counts, and neither is part of what is signed.
 */
export function signedCommit(content: Buffer, id: string): SignedObject | undefined {
  const own = id.length === 64 ? "gpgsig-sha256" : "gpgsig";
  const end = content.indexOf("\n\n");
  const head = content.subarray(0, end < 0 ? content.length : end + 1);
  const kept: Buffer[] = [];
  const signature: string[] = [];
  let field = "";
  for (let at = 0; at < head.length; ) {
    const next = head.indexOf(10, at) + 1 || head.length;
    const line = head.subarray(at, next);
    if (line[0] !== 32) field = line.toString("latin1", 0, Math.max(line.indexOf(32), 0));
    if (field === own) signature.push(line.toString("latin1").replace(/^(?:gpgsig(?:-sha256)?)? /, ""));
    else if (!field.startsWith("gpgsig")) kept.push(line);
    at = next;
  }
  if (signature.length === 0) return undefined;
  const text = signature.join("");
  return { format: formatOf(text), signature: text, payload: Buffer.concat([...kept, content.subarray(head.length)]) };
}

/** The same of an annotated tag, whose signature follows its message. */
export function signedTag(content: Buffer): SignedObject | undefined {
  const found = beginnings.flatMap(([begin]) => {
    const at = content.lastIndexOf(`\n${begin}\n`);
    return at < 0 ? [] : [at + 1];
  });
  if (found.length === 0) return undefined;
  const at = Math.max(...found);
  const signature = content.toString("latin1", at);
  return { format: formatOf(signature), signature, payload: content.subarray(0, at) };
}

function formatOf(signature: string): SignedObject["format"] {
  return beginnings.find(([begin]) => signature.startsWith(begin))?.[1] ?? "other";
}
