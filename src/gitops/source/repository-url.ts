import { isAbsolute } from "node:path";
import { pathToFileURL } from "node:url";
import { TerminalError } from "../../base/errors.ts";
import type { Credentials } from "./source.ts";

/** A repository that Git may be asked for. */
export interface RepositoryUrl {
  /** What Git is given; without credentials, but with the user of ssh. */
  readonly url: string;
  /** The same for all spellings of one repository. */
  readonly key: string;
  /** Names its mirror. With ssh, whose user and whose home the path is of make another repository. */
  readonly mirrorKey: string;
  /** Scheme, host and port; `file://` for a local one. */
  readonly origin: string;
  readonly transport: "http" | "ssh" | "file";
  /** Those that were part of the URL. */
  readonly credentials?: Credentials;
}

const transports = new Map([
  ["https:", "http"],
  ["http:", "http"],
  ["file:", "file"],
  ["ssh:", "ssh"],
] as const);

/** `user@host:path`, which is relative to the user's home. */
const scpForm = /^(?:([\w.+-]+)@)?([\w.-]+):(?!\/\/)(.+)$/;

/** @throws TerminalError GIT_REFUSED */
export function parseRepositoryUrl(text: string): RepositoryUrl {
  const parsed = looksPlain(text) ? urlOf(text) : undefined;
  if (parsed === undefined) throw refused(text, "is no URL of a Git repository");
  const transport = transports.get(parsed.protocol as "ssh:");
  if (transport === undefined) {
    throw refused(text, `uses the protocol "${parsed.protocol.slice(0, -1)}": expected https, http, ssh or file`);
  }
  if (transport === "file" && parsed.host !== "") throw refused(text, "names a host for a local file");
  if (transport === "ssh") return sshUrl(text, parsed);
  const credentials = credentialsOf(parsed);
  const bare = withoutCredentials(parsed);
  const key = keyOf(bare);
  return {
    url: bare.href,
    key,
    mirrorKey: key,
    origin: transport === "file" ? "file://" : bare.origin,
    transport,
    ...(credentials === undefined ? {} : { credentials }),
  };
}

/** Git hands user, host and path to ssh: neither may look like an option, or like a command to a shell behind it. */
function sshUrl(text: string, parsed: URL): RepositoryUrl {
  const { hostname, port, username, pathname } = parsed;
  if (!/^(?:[A-Za-z0-9_][\w.+-]*)?$/.test(username)) throw refused(text, "has a user that ssh is not given");
  if (!/^(?:[A-Za-z0-9][\w.-]*|\[[0-9a-fA-F:.]+\])$/.test(hostname))
    throw refused(text, "has a host that ssh is not given");
  if (pathname === "" || pathname === "/") throw refused(text, "names no path on its host");
  const key = keyOf(withoutCredentials(parsed));
  const user = username === "" ? "" : `${username}@`;
  const authority = `${hostname}${port === "" ? "" : `:${port}`}`;
  const scp = scpForm.exec(text);
  const isRelative = scp !== null && !scp[3]?.startsWith("/");
  return {
    url: scp === null ? `ssh://${user}${authority}${pathname}` : text,
    key,
    mirrorKey: `${key} ${user}${isRelative ? " ~" : ""}`,
    origin: `ssh://${authority}`,
    transport: "ssh",
  };
}

/**
 * A form in which spellings of one repository are equal: case of the host, default port, `.git`, slashes at the end,
 * credentials, scp-like ssh addresses. Never throws: what is no URL comes back as it is.
 */
export function normaliseRepositoryUrl(text: string): string {
  const parsed = urlOf(text.trim());
  return parsed === undefined ? text.trim() : keyOf(withoutCredentials(parsed));
}

/** For messages: no credentials, at most 300 characters. */
export function shownRepositoryUrl(text: string): string {
  return text.replace(/\/\/[^/\s]*@/, "//").slice(0, 300);
}

function refused(text: string, why: string): TerminalError {
  return new TerminalError("GIT_REFUSED", `repository "${shownRepositoryUrl(text)}" ${why}`);
}

/** Neither an option nor something that a terminal, a header or Git's own `helper::address` would read otherwise. */
function looksPlain(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  return !text.startsWith("-") && !/[\u0000-\u0020\u007f]/.test(text) && !/^[a-z0-9+.-]*::/i.test(text);
}

function urlOf(text: string): URL | undefined {
  if (isAbsolute(text)) return pathToFileURL(text);
  const scp = scpForm.exec(text);
  const user = scp?.[1] === undefined ? "" : `${scp[1]}@`;
  const spelled = scp === null ? text : `ssh://${user}${scp[2]}/${scp[3]?.replace(/^\/+/, "")}`;
  return URL.parse(spelled) ?? undefined;
}

function credentialsOf({ username, password }: URL): Credentials | undefined {
  if (username === "" && password === "") return undefined;
  return { username: decoded(username), password: decoded(password) };
}

/** A user's name or a password, as it stands in a URL. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a lone "%": it is part of the password
  }
}

function withoutCredentials(url: URL): URL {
  const bare = new URL(url);
  bare.username = "";
  bare.password = "";
  bare.hash = "";
  return bare;
}

function keyOf(url: URL): string {
  const path = url.pathname.replace(/\/+$/, "").replace(/\.git$/, "");
  return `${url.protocol}//${url.host.toLowerCase()}${path}${url.search}`;
}

/** Whom ssh is told to reach: `user@host`, and the port. */
export function sshHost({ url }: RepositoryUrl): {
  readonly host: string;
  readonly port: string;
  readonly path: string;
} {
  const scp = scpForm.exec(url);
  if (scp !== null)
    return { host: `${scp[1] === undefined ? "" : `${scp[1]}@`}${scp[2]}`, port: "22", path: scp[3] ?? "" };
  const { username, hostname, port, pathname } = new URL(url);
  return { host: `${username === "" ? "" : `${username}@`}${hostname}`, port: port || "22", path: pathname };
}
