import { isAbsolute } from "node:path";
import { pathToFileURL } from "node:url";
import { TerminalError } from "../../base/errors.ts";
import type { Credentials } from "./source.ts";

/** A repository that Git may be asked for. */
export interface RepositoryUrl {
  /** What Git is given; without credentials. */
  readonly url: string;
  /** The same for all spellings of one repository. */
  readonly key: string;
  /** Scheme, host and port; `file://` for a local one. */
  readonly origin: string;
  readonly isLocal: boolean;
  /** Those that were part of the URL. */
  readonly credentials?: Credentials;
}

const protocols = ["https:", "http:", "file:"];

/** @throws TerminalError GIT_REFUSED */
export function parseRepositoryUrl(text: string): RepositoryUrl {
  const parsed = looksPlain(text) ? urlOf(text) : undefined;
  if (parsed === undefined) throw refused(text, "is no URL of a Git repository");
  if (parsed.protocol === "ssh:") throw refused(text, "uses ssh, which is not supported yet: use https");
  if (!protocols.includes(parsed.protocol)) {
    throw refused(text, `uses the protocol "${parsed.protocol.slice(0, -1)}": expected https, http or file`);
  }
  if (parsed.protocol === "file:" && parsed.host !== "") throw refused(text, "names a host for a local file");
  const credentials = credentialsOf(parsed);
  const bare = withoutCredentials(parsed);
  const isLocal = parsed.protocol === "file:";
  return {
    url: bare.href,
    key: keyOf(bare),
    origin: isLocal ? "file://" : bare.origin,
    isLocal,
    ...(credentials === undefined ? {} : { credentials }),
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
  const scp = /^(?:[\w.-]+@)?([\w.-]+):(?!\/\/)(.+)$/.exec(text);
  const spelled = scp === null ? text : `ssh://${scp[1]}/${scp[2]?.replace(/^\/+/, "")}`;
  return URL.parse(spelled) ?? undefined;
}

function credentialsOf({ username, password }: URL): Credentials | undefined {
  if (username === "" && password === "") return undefined;
  return { username: decoded(username), password: decoded(password) };
}

function decoded(text: string): string {
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
