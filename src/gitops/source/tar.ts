import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { TerminalError } from "../../base/errors.ts";
import { createLinkCheck } from "./symlink.ts";

export interface ArchiveLimits {
  readonly maxFiles: number;
  /** Unpacked. */
  readonly maxBytes: number;
}

export interface ArchivedFile {
  /** Relative to the archive's root, with `/`; no `.` or `..`. */
  readonly path: string;
  readonly kind: "file" | "executable" | "symlink";
  /** Of a link, its target. */
  readonly content: Buffer;
}

const blockBytes = 512;
/** Of all headers that speak of others: a path needs some hundred. */
const maxExtraBytes = 16 * 1024 * 1024;
const maxDepth = 100;
const unzip = promisify(gunzip);

/** The tar behind gzip, or the bytes as they are. @throws TerminalError GIT_TOO_LARGE, ARCHIVE_REFUSED */
export async function unpackGzip(bytes: Buffer, { maxBytes }: ArchiveLimits): Promise<Buffer> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return await unzip(bytes, { maxOutputLength: maxBytes });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : "";
    if (code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(maxBytes);
    throw refused("is no whole gzip file");
  }
}

/**
 * The files of a tar archive, by path, each once: of two with one path the last counts. Folders are what files need.
 * @throws TerminalError ARCHIVE_REFUSED for what no tool that packs a folder writes; GIT_TOO_LARGE
 */
export function parseTar(tar: Buffer, limits: ArchiveLimits): ReadonlyMap<string, ArchivedFile> {
  const files = new Map<string, ArchivedFile>();
  let bytes = 0;
  for (const entry of entriesOf(tar, limits)) {
    const file = fileOf(entry);
    if (file === undefined) continue;
    bytes += file.content.length;
    if (files.size >= limits.maxFiles) throw tooMany(limits.maxFiles);
    if (bytes > limits.maxBytes) throw tooLarge(limits.maxBytes);
    files.set(file.path, file);
  }
  checkPlaces(files);
  return files;
}

/** Undefined for a folder, and for what only speaks of others. */
function fileOf({ name, type, isExecutable, target, content }: TarEntry): ArchivedFile | undefined {
  if (type === "5" || type === "g") return undefined;
  const path = safePath(name);
  if (path === "") return undefined;
  if (type === "2") return { path, kind: "symlink", content: Buffer.from(target) };
  if (type === "0" || type === "7") return { path, kind: isExecutable ? "executable" : "file", content };
  throw refused(`has an entry ${shown(name)} that is neither file nor link`);
}

/**
 * Nothing stands below a file or a link, and no link leads out of the folder that paths are relative to.
 * @throws TerminalError ARCHIVE_REFUSED
 */
export function checkPlaces(files: ReadonlyMap<string, ArchivedFile>): void {
  const links = new Map<string, string>();
  for (const { path, kind, content } of files.values()) {
    if (kind === "symlink") links.set(path, content.toString("utf8"));
    for (let end = path.indexOf("/"); end >= 0; end = path.indexOf("/", end + 1)) {
      const above = path.slice(0, end);
      if (files.has(above)) throw refused(`has ${shown(path)} below the file or link ${shown(above)}`);
    }
  }
  const leavesTree = createLinkCheck(links);
  for (const [path, target] of links) {
    if (target === "" || target.includes("\0") || leavesTree(path)) {
      throw refused(`has a symbolic link ${shown(path)} that leads out of it`);
    }
  }
}

function safePath(name: string): string {
  if (name.startsWith("/")) throw refused(`has an absolute path ${shown(name)}`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/[\u0000-\u001f\ufffd]/.test(name)) throw refused(`has a name ${shown(name)} that is no text`);
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw refused(`has a path ${shown(name)} that leads out of it`);
  if (parts.length > maxDepth) throw refused(`has folders over ${maxDepth} deep`);
  return parts.join("/");
}

interface TarEntry {
  readonly name: string;
  /** As in its header: "0" file, "2" symbolic link, "5" folder. */
  readonly type: string;
  readonly isExecutable: boolean;
  readonly target: string;
  readonly content: Buffer;
}

/** What extended headers say of the entry that follows. */
type Extra = Readonly<Record<string, string>>;

function* entriesOf(tar: Buffer, { maxFiles }: ArchiveLimits): Generator<TarEntry> {
  let extra: Extra = {};
  let extraBytes = 0;
  let count = 0;
  for (let at = 0; at + blockBytes <= tar.length; ) {
    const header = tar.subarray(at, at + blockBytes);
    if (header.every((byte) => byte === 0)) return;
    count += 1;
    if (count > 4 * maxFiles) throw tooMany(maxFiles);
    checkSum(header);
    const content = contentAfter(header, tar.subarray(at + blockBytes), extra);
    at += blockBytes + Math.ceil(content.length / blockBytes) * blockBytes;
    const type = textIn(header, 156, 1) || "0";
    if (speaksOfOthers.has(type)) extraBytes += content.length;
    if (extraBytes > maxExtraBytes) throw refused("has too much in its headers");
    const more = extraOf(type, content);
    if (more === undefined) yield entryOf(header, type, content, extra);
    extra = more === undefined ? {} : { ...extra, ...more };
  }
}

function contentAfter(header: Buffer, rest: Buffer, extra: Extra): Buffer {
  const size = extra.size === undefined ? numberIn(header, 124, 12) : Number(extra.size);
  if (!Number.isSafeInteger(size) || size < 0 || size > rest.length) throw refused("is cut off or damaged");
  return rest.subarray(0, size);
}

/** Types of headers that say more of the next entry. */
const speaksOfOthers: ReadonlySet<string> = new Set(["x", "L", "K"]);

/** Undefined for an entry that speaks for itself. */
function extraOf(type: string, content: Buffer): Extra | undefined {
  if (type === "x") return paxRecords(content);
  if (type === "L") return { path: longName(content) };
  return type === "K" ? { linkpath: longName(content) } : undefined;
}

function entryOf(header: Buffer, type: string, content: Buffer, extra: Extra): TarEntry {
  const prefix = textIn(header, 257, 5) === "ustar" ? textIn(header, 345, 155) : "";
  const short = textIn(header, 0, 100);
  return {
    name: extra.path ?? (prefix === "" ? short : `${prefix}/${short}`),
    type,
    isExecutable: (numberIn(header, 100, 8) & 0o100) !== 0,
    target: extra.linkpath ?? textIn(header, 157, 100),
    content,
  };
}

function checkSum(header: Buffer): void {
  let sum = 8 * 32; // the field itself counts as spaces
  for (let at = 0; at < blockBytes; at++) if (at < 148 || at >= 156) sum += header[at] ?? 0;
  if (sum !== numberIn(header, 148, 8)) throw refused("is no tar file, or is damaged");
}

function textIn(header: Buffer, at: number, length: number): string {
  const field = header.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end < 0 ? length : end);
}

/** Octal; or, with the first bit set, 63 bits big-endian. */
function numberIn(header: Buffer, at: number, length: number): number {
  if ((header[at] ?? 0) >= 0x80) return Number(header.readBigUInt64BE(at + length - 8));
  const text = textIn(header, at, length).trim();
  return text === "" ? 0 : /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number.NaN;
}

function longName(content: Buffer): string {
  return content.toString("utf8").replace(/\0.*$/s, "");
}

/** `<length> <key>=<value>\n`, where the length counts the whole record. */
function paxRecords(content: Buffer): Record<string, string> {
  const records: Record<string, string> = {};
  for (let at = 0; at < content.length; ) {
    const space = content.indexOf(32, at);
    const length = Number(content.toString("latin1", at, space));
    if (space < 0 || !Number.isSafeInteger(length) || length < 5 || at + length > content.length) {
      throw refused("has a damaged header");
    }
    const record = content.toString("utf8", space + 1, at + length - 1);
    const equals = record.indexOf("=");
    const key = record.slice(0, Math.max(equals, 0));
    if (["path", "linkpath", "size"].includes(key)) records[key] = record.slice(equals + 1);
    at += length;
  }
  return records;
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 200));
}

function refused(why: string): TerminalError {
  return new TerminalError("ARCHIVE_REFUSED", `the archive is refused: it ${why}`);
}

function tooLarge(maxBytes: number): TerminalError {
  return new TerminalError("GIT_TOO_LARGE", `the archive is larger than the ${maxBytes} bytes allowed once unpacked`);
}

function tooMany(maxFiles: number): TerminalError {
  return new TerminalError("GIT_TOO_LARGE", `the archive has more than the ${maxFiles} files allowed`);
}
