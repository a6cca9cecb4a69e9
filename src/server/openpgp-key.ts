import { createHash } from "node:crypto";

/** What is shown of a public key of OpenPGP. */
export interface PublicKey {
  /** 16 hexadecimal digits. */
  readonly keyID: string;
  readonly fingerprint: string;
  readonly owner: string;
  /** `rsa4096`, `ed25519`, … */
  readonly subType: string;
}

const armour = /-----BEGIN PGP PUBLIC KEY BLOCK-----[\s\S]+?-----END PGP PUBLIC KEY BLOCK-----/g;

/** The armoured blocks of a text, in order. */
export function keyBlocksIn(text: string): readonly string[] {
  return text.match(armour) ?? [];
}

/** The primary keys of a block, each with its first user. Keys of older versions than 4 are left out. */
export function publicKeysIn(block: string): readonly PublicKey[] {
  const keys: PublicKey[] = [];
  for (const { tag, body } of packetsOf(bytesOf(block))) {
    const last = keys.at(-1);
    if (tag === publicKeyTag && body[0] === 4) keys.push({ ...identityOf(body), owner: "", subType: typeOf(body) });
    else if (tag === userTag && last?.owner === "") keys[keys.length - 1] = { ...last, owner: body.toString("utf8") };
  }
  return keys;
}

const publicKeyTag = 6;
const userTag = 13;

function bytesOf(block: string): Buffer {
  const lines = block.split(/\r?\n/).slice(1, -1);
  // Headers end at an empty line; the last line that begins with = is a checksum.
  const body = lines.slice(lines.findIndex((line) => line.trim() === "") + 1).filter((line) => !line.startsWith("="));
  return Buffer.from(body.join(""), "base64");
}

/** Packets of RFC 4880, 4.2; what is cut off is left out. */
function* packetsOf(bytes: Buffer): Iterable<{ readonly tag: number; readonly body: Buffer }> {
  for (let at = 0; at < bytes.length; ) {
    const head = bytes[at] ?? 0;
    const isNew = (head & 0x40) !== 0;
    const tag = isNew ? head & 0x3f : (head & 0x3f) >> 2;
    const { size, length } = isNew ? newLength(bytes, at + 1) : oldLength(bytes, at + 1, head & 3);
    const start = at + 1 + size;
    if ((head & 0x80) === 0 || start + length > bytes.length) return;
    yield { tag, body: bytes.subarray(start, start + length) };
    at = start + length;
  }
}

function newLength(bytes: Buffer, at: number) {
  const first = bytes[at] ?? 0;
  if (first < 192) return { size: 1, length: first };
  if (first < 224) return { size: 2, length: ((first - 192) << 8) + (bytes[at + 1] ?? 0) + 192 };
  return { size: 5, length: at + 5 <= bytes.length ? bytes.readUInt32BE(at + 1) : Number.POSITIVE_INFINITY };
}

function oldLength(bytes: Buffer, at: number, type: number) {
  const size = [1, 2, 4, 0][type] ?? 0;
  if (size === 0) return { size, length: bytes.length - at };
  return { size, length: at + size <= bytes.length ? bytes.readUIntBE(at, size) : Number.POSITIVE_INFINITY };
}

function identityOf(body: Buffer): Pick<PublicKey, "keyID" | "fingerprint"> {
  const head = Buffer.from([0x99, body.length >> 8, body.length & 255]);
  const fingerprint = createHash("sha1").update(head).update(body).digest("hex").toUpperCase();
  return { fingerprint, keyID: fingerprint.slice(-16) };
}

/** Behind version, time and algorithm stand the numbers of the key, or the name of its curve. */
function typeOf(body: Buffer): string {
  const algorithm = body[5] ?? 0;
  const bits = body.length >= 8 ? body.readUInt16BE(6) : 0;
  if (algorithm <= 3) return `rsa${bits}`;
  if (algorithm === 17) return `dsa${bits}`;
  const curve = body.subarray(7, 7 + (body[6] ?? 0)).toString("hex");
  return curves[curve] ?? (algorithm === 19 ? "ecdsa" : algorithm === 22 ? "eddsa" : `algorithm ${algorithm}`);
}

const curves: Readonly<Record<string, string>> = {
  "2b06010401da470f01": "ed25519",
  "2a8648ce3d030107": "nistp256",
  "2b81040022": "nistp384",
  "2b81040023": "nistp521",
  "2b8104000a": "secp256k1",
};
