import { isIPv6 } from "node:net";
import { fromLatin, toLatin } from "../../go/bytes.ts";
import { own } from "../fields.ts";
import { dict, type FunctionTable, fn, reads, text } from "../function.ts";
import { type Fields, kindOf } from "../values.ts";
import { Failure, type Work } from "../work.ts";

/** What stands unescaped in a part of a URL, beside letters, digits and `-_.~`. */
const plainIn = {
  path: "$&+,/:;=@",
  host: "!$&'()*+,;=:[]<>\"",
  user: "$&+,;=",
  fragment: "!()*$&+,/:;=?@",
} as const;

type Part = keyof typeof plainIn;

function isPlain(character: string, part: Part): boolean {
  return /[A-Za-z0-9_.~-]/.test(character) || plainIn[part].includes(character);
}

function escaped(whole: string, part: Part): string {
  let result = "";
  for (const byte of toLatin(whole)) {
    result += isPlain(byte, part) ? byte : `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return result;
}

function unescaped(latin: string, part: Part): string {
  const bad = /%(?![0-9a-fA-F]{2}).{0,2}/s.exec(latin)?.[0];
  if (bad !== undefined) throw new Failure(`invalid URL escape ${JSON.stringify(bad)}`);
  if (part === "host") checkHost(latin);
  return latin.replace(/%([0-9a-fA-F]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** A host may escape nothing that is ASCII but the percent sign, and has no characters that must be escaped. */
function checkHost(latin: string): void {
  for (const [found] of latin.matchAll(/%[0-7][0-9a-fA-F]/g)) {
    if (found !== "%25") throw new Failure(`invalid URL escape ${JSON.stringify(found)}`);
  }
  for (const character of latin) {
    if (character < "\x80" && character !== "%" && !isPlain(character, "host")) {
      throw new Failure(`invalid character ${JSON.stringify(character)} in host name`);
    }
  }
}

interface Url {
  scheme: string;
  opaque: string;
  host: string;
  userinfo: string;
  path: string;
  query: string;
  fragment: string;
}

/** Go's url.Parse. @throws Failure */
function parse(whole: string): Url {
  const latin = toLatin(whole);
  const [address = "", fragment] = cut(latin, "#");
  if (hasControl(address)) throw new Failure("invalid control character in URL");
  const url = parseAddress(address);
  return { ...url, fragment: fragment === undefined ? "" : unescaped(fragment, "fragment") };
}

function hasControl(latin: string): boolean {
  for (const character of latin) if (character < " " || character === "\x7f") return true;
  return false;
}

function cut(whole: string, separator: string): readonly [string, string?] {
  const at = whole.indexOf(separator);
  return at < 0 ? [whole] : [whole.slice(0, at), whole.slice(at + separator.length)];
}

function parseAddress(address: string): Url {
  const empty = { scheme: "", opaque: "", host: "", userinfo: "", path: "", query: "", fragment: "" };
  if (address === "*") return { ...empty, path: "*" };
  if (address.startsWith(":")) throw new Failure("missing protocol scheme");
  const found = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(address);
  const scheme = (found?.[1] ?? "").toLowerCase();
  const [rest = "", query = ""] = cut(address.slice(found?.[0].length ?? 0), "?");
  if (!rest.startsWith("/")) {
    if (scheme !== "") return { ...empty, scheme, opaque: rest, query };
    if (cut(rest, "/")[0].includes(":")) throw new Failure("first path segment in URL cannot contain colon");
  }
  const hasAuthority = rest.startsWith("//") && (scheme !== "" || !rest.startsWith("///"));
  const [, authority = "", path = ""] = (hasAuthority ? /^\/\/([^/]*)(.*)$/s : /^()(.*)$/s).exec(rest) ?? [];
  return { ...empty, scheme, query, ...parseAuthority(authority), path: unescaped(path, "path") };
}

function parseAuthority(authority: string): Pick<Url, "host" | "userinfo"> {
  const at = authority.lastIndexOf("@");
  const host = parseHost(authority.slice(at + 1));
  return { host, userinfo: at < 0 ? "" : parseUser(authority.slice(0, at)) };
}

/** As it is written again: name and password escaped. */
function parseUser(userinfo: string): string {
  if (!/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(userinfo)) throw new Failure("invalid userinfo");
  const [name = "", password] = cut(userinfo, ":");
  const user = escapeLatin(unescaped(name, "user"));
  return password === undefined ? user : `${user}:${escapeLatin(unescaped(password, "user"))}`;
}

function escapeLatin(latin: string): string {
  return escaped(fromLatin(latin), "user");
}

function parseHost(host: string): string {
  const bracket = host.lastIndexOf("[");
  if (bracket > 0) throw new Failure("invalid IP-literal");
  if (bracket === 0) return parseAddress6(host);
  const colon = host.lastIndexOf(":");
  if (colon >= 0) checkPort(host.slice(colon));
  return unescaped(host, "host");
}

function checkPort(port: string): void {
  if (!/^(?::[0-9]*)?$/.test(port)) throw new Failure(`invalid port ${JSON.stringify(port)} after host`);
}

function parseAddress6(host: string): string {
  const end = host.lastIndexOf("]");
  if (end < 0) throw new Failure("missing ']' in host");
  checkPort(host.slice(end + 1));
  const [address = "", zone] = cut(host.slice(1, end), "%25");
  const name =
    zone === undefined ? unescaped(address, "host") : `${unescaped(address, "host")}%${unescaped(zone, "user")}`;
  if (!isIPv6(cut(name, "%")[0])) throw new Failure(`invalid host: ${JSON.stringify(name)} is no IPv6 address`);
  return `[${name}]${host.slice(end + 1)}`;
}

function hostname(host: string): string {
  const colon = host.lastIndexOf(":");
  const name = colon >= 0 && /^:[0-9]*$/.test(host.slice(colon)) ? host.slice(0, colon) : host;
  return name.startsWith("[") && name.endsWith("]") ? name.slice(1, -1) : name;
}

function urlParse(whole: string, work: Work): Fields {
  reads(work, whole, whole);
  const { scheme, host, path, query, opaque, fragment, userinfo } = parse(whole);
  const parts = { scheme, host, hostname: hostname(host), path, query, opaque, fragment, userinfo };
  return Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, fromLatin(part)]));
}

function partOf(fields: Fields, name: string): string {
  const value = own(fields, name);
  if (value === undefined) return "";
  if (typeof value === "string") return value;
  throw new Failure(`unable to parse ${name} key, must be of type string, but ${kindOf(value)} found`);
}

function urlJoin(fields: Fields, work: Work): string {
  const part = (name: string): string => partOf(fields, name);
  const user = part("userinfo") === "" ? "" : `${parseUserOnly(part("userinfo"))}@`;
  const [scheme, host, query, opaque] = [part("scheme"), part("host"), part("query"), part("opaque")];
  let result = scheme === "" ? "" : `${scheme}:`;
  if (opaque !== "") result += opaque;
  else result += authorityOf(scheme, user, host, part("path")) + pathOf(result + user + host, host, part("path"));
  if (query !== "") result += `?${query}`;
  if (part("fragment") !== "") result += `#${escaped(part("fragment"), "fragment")}`;
  work.text(result.length);
  return result;
}

/** The original parses it as part of a URL. */
function parseUserOnly(userinfo: string): string {
  try {
    return parse(`proto://${userinfo}@host`).userinfo;
  } catch (error) {
    throw error instanceof Failure ? new Failure(`unable to parse userinfo in dict: ${error.message}`) : error;
  }
}

function authorityOf(scheme: string, user: string, host: string, path: string): string {
  if (scheme === "" && host === "" && user === "") return "";
  return host === "" && path === "" && user === "" ? "" : `//${user}${escaped(host, "host")}`;
}

/** A path that could be taken for a scheme begins with `./`. */
function pathOf(before: string, host: string, path: string): string {
  const written = path === "*" ? path : escaped(path, "path");
  if (written !== "" && !written.startsWith("/") && host !== "") return `/${written}`;
  return before === "" && cut(written, "/")[0].includes(":") ? `./${written}` : written;
}

export const urlFunctions: FunctionTable = {
  urlParse: fn([text], urlParse),
  urlJoin: fn([dict], urlJoin),
};
