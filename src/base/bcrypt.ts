import { randomBytes, timingSafeEqual } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";

/** As new passwords are stored: 2^10 rounds, some 60 ms. */
const defaultCost = 10;
/** A hash that somebody made with more is not tried: it would take seconds. */
const maxCost = 14;
/** What bcrypt reads of a password; the end of a longer one would not count. */
export const maxPasswordBytes = 72;
/** Between looks at what else there is to do: about a millisecond. */
const roundsPerTurn = 32;

const alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const form = /^\$2[aby]\$(\d\d)\$([./A-Za-z0-9]{22})([./A-Za-z0-9]{31})$/;

/** `$2a$10$…` of a password of at most 72 bytes; other work goes on meanwhile. */
export async function hashPassword(password: string, cost = defaultCost): Promise<string> {
  const salt = randomBytes(16);
  const digest = await digestOf(password, salt, cost);
  return `$2a$${String(cost).padStart(2, "0")}$${encode(salt)}${encode(digest)}`;
}

/** Whether `hash` was made of the password. Anything that is no bcrypt hash, or costs too much, is that of no password. */
export async function isPassword(password: string, hash: string): Promise<boolean> {
  const [, costText, salt = "", wanted = ""] = form.exec(hash) ?? [];
  const cost = Number(costText);
  if (!(cost >= 4 && cost <= maxCost) || Buffer.byteLength(password) > maxPasswordBytes) return false;
  const digest = encode(await digestOf(password, decode(salt), cost));
  return timingSafeEqual(Buffer.from(digest), Buffer.from(wanted));
}

/** The state of Blowfish: 18 words of P, then four boxes of 256. */
type State = Uint32Array;

async function digestOf(password: string, salt: Uint8Array, cost: number): Promise<Uint8Array> {
  const key = wordsOf(Buffer.from(`${password}\0`).subarray(0, maxPasswordBytes), 18);
  const salted = wordsOf(salt, 18);
  const state = Uint32Array.from(piWords());
  expand(state, key, salted);
  for (let round = 0; round < 2 ** cost; round++) {
    if (round % roundsPerTurn === 0) await turn();
    expand(state, key, noSalt);
    expand(state, salted, noSalt);
  }
  const text = wordsOf(Buffer.from("OrpheanBeholderScryDoubt"), 6);
  for (let block = 0; block < 6; block += 2) for (let time = 0; time < 64; time++) encipher(state, text, block);
  const bytes = Buffer.alloc(24);
  for (const [index, word] of text.entries()) bytes.writeUInt32BE(word, 4 * index);
  return bytes.subarray(0, 23); // the last byte was never part of the format
}

const noSalt = new Uint32Array(18);

/** Big-endian words of the bytes, which are repeated. */
function wordsOf(bytes: Uint8Array, count: number): Uint32Array {
  const at = (index: number): number => bytes[index % bytes.length] ?? 0;
  return Uint32Array.from({ length: count }, (_, word) =>
    [0, 1, 2, 3].reduce((value, byte) => (value << 8) | at(4 * word + byte), 0),
  );
}

function expand(state: State, key: Uint32Array, salt: Uint32Array): void {
  for (let index = 0; index < 18; index++) state[index] = (state[index] ?? 0) ^ (key[index] ?? 0);
  const block = new Uint32Array(2);
  for (let index = 0; index < state.length; index += 2) {
    // The salt has four words.
    block[0] = (block[0] ?? 0) ^ (salt[index % 4] ?? 0);
    block[1] = (block[1] ?? 0) ^ (salt[(index + 1) % 4] ?? 0);
    encipher(state, block, 0);
    state[index] = block[0] ?? 0;
    state[index + 1] = block[1] ?? 0;
  }
}

/** Two words in place. */
function encipher(state: State, words: Uint32Array, at: number): void {
  let left = words[at] as number;
  let right = words[at + 1] as number;
  for (let round = 0; round < 16; round += 2) {
    left ^= state[round] as number;
    right ^= mixed(state, left) ^ (state[round + 1] as number);
    left ^= mixed(state, right);
  }
  words[at] = right ^ (state[17] as number);
  words[at + 1] = left ^ (state[16] as number);
}

function mixed(state: State, word: number): number {
  const first = (state[18 + (word >>> 24)] as number) + (state[274 + ((word >>> 16) & 255)] as number);
  return ((first ^ (state[530 + ((word >>> 8) & 255)] as number)) + (state[786 + (word & 255)] as number)) | 0;
}

/** Base64 with letters of its own, without padding. */
function encode(bytes: Uint8Array): string {
  let text = "";
  for (let bit = 0; bit < 8 * bytes.length; bit += 6) {
    const pair = ((bytes[bit >> 3] ?? 0) << 8) | (bytes[(bit >> 3) + 1] ?? 0);
    text += alphabet[(pair >> (10 - (bit & 7))) & 63];
  }
  return text;
}

function decode(text: string): Uint8Array {
  const bytes = new Uint8Array(Math.floor((text.length * 6) / 8));
  for (const [index, char] of [...text].entries()) {
    const [value, bit] = [alphabet.indexOf(char), 6 * index];
    const shifted = value << (10 - (bit & 7));
    const at = bit >> 3;
    if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) | (shifted >> 8);
    if (at + 1 < bytes.length) bytes[at + 1] = (bytes[at + 1] ?? 0) | (shifted & 255);
  }
  return bytes;
}

let known: Uint32Array | undefined;

/** What Blowfish begins with: the first 1,042 words of pi behind its point, computed in some 10 ms when first needed. */
function piWords(): Uint32Array {
  if (known !== undefined) return known;
  const [count, spare] = [1042, 64n];
  const one = 1n << (32n * BigInt(count) + spare);
  const pi = 16n * arcTangent(one, 5n) - 4n * arcTangent(one, 239n);
  const digits = ((pi - 3n * one) >> spare).toString(16).padStart(8 * count, "0");
  known = Uint32Array.from({ length: count }, (_, word) => Number.parseInt(digits.slice(8 * word, 8 * word + 8), 16));
  return known;
}

/** Of 1/x, times `one`. */
function arcTangent(one: bigint, x: bigint): bigint {
  let sum = 0n;
  let power = one / x;
  for (let odd = 1n; power !== 0n; odd += 2n) {
    sum += odd % 4n === 1n ? power / odd : -(power / odd);
    power /= x * x;
  }
  return sum;
}
