import type { ChildResult } from "../../base/child.ts";
import { EngineError, TerminalError } from "../../base/errors.ts";
import { shownRepositoryUrl } from "./repository-url.ts";

/** What Git says, in the order of asking, and what it means to a user; the texts are those that Argo CD shows. */
const meanings = [
  {
    pattern: /connect-proxy: (?:command )?not found|connect-proxy: No such file/,
    code: "TOOL_MISSING",
    text: "ssh reaches a SOCKS proxy by the program connect-proxy, which is not on PATH: install it",
  },
  {
    pattern: /could not read (?:Username|Password)|terminal prompts disabled|Authentication failed|returned error: 401/,
    code: "GIT_AUTH_FAILED",
    text: "authentication required",
  },
  {
    pattern: /Host key verification failed|No \S+ host key is known for|REMOTE HOST IDENTIFICATION HAS CHANGED/,
    code: "GIT_HOST_UNKNOWN",
    text: "the server's host key is not in argocd-ssh-known-hosts-cm",
  },
  {
    pattern: /Permission denied \(|Load key "[^"]*": /,
    code: "GIT_AUTH_FAILED",
    text: "the server did not take the SSH key (sshPrivateKey of the repository Secret)",
  },
  {
    pattern: /SSL certificate problem|server certificate verification failed|certificate signer not trusted/,
    code: "GIT_HOST_UNKNOWN",
    text: "the server's certificate is not trusted: add its authority to argocd-tls-certs-cm",
  },
  { pattern: /returned error: 403|Access denied/, code: "GIT_AUTH_FAILED", text: "authorization failed" },
  {
    pattern:
      /repository '[^']*' not found|does not appear to be a git repository|info\/refs not valid|returned error: 404|Repository not found/i,
    code: "GIT_REPOSITORY_NOT_FOUND",
    text: "repository not found",
  },
  { pattern: /transport '[^']*' not allowed/, code: "GIT_REFUSED", text: "the server redirects to another protocol" },
] as const;

/** The error behind a Git command that failed at a server. `operation`: what was tried, "fetch". */
export function remoteError(operation: string, repository: string, result: ChildResult): EngineError {
  const known = meanings.find(({ pattern }) => pattern.test(result.stderr));
  const where = `failed to ${operation} "${shownRepositoryUrl(repository)}"`;
  if (known !== undefined) return new TerminalError(known.code, `${where}: ${known.text}`);
  const hint = hints.find(({ pattern }) => pattern.test(result.stderr))?.text;
  const why = firstProblem(result);
  return new EngineError("GIT_FAILED", `${where}: ${hint === undefined ? why : `${hint} (${why})`}`);
}

/** What Git's own words leave to be guessed. */
const hints = [
  {
    pattern: /bad line length character|invalid content-type/,
    text: "what answers is no Git server, maybe a login page",
  },
  { pattern: /Operation too slow/, text: "the server stopped answering" },
  {
    pattern:
      /transfer closed|bytes of body are still expected|early EOF|expected flush|unexpected disconnect|index-pack failed|did not send all necessary objects|bad object|empty reply/i,
    text: "the server's answer is cut off or damaged",
  },
] as const;

export function isTimeout(error: unknown): error is EngineError {
  return error instanceof EngineError && error.code === "TOOL_TIMEOUT";
}

/** Of a request that took too long. One that was ended for the sake of another says what that one said. */
export function timeoutError(type: "fetch" | "ls-remote", repository: string, error: EngineError): EngineError {
  if (error.message.startsWith("failed to ")) return error;
  const shown = shownRepositoryUrl(repository);
  if (type === "fetch") return new EngineError(error.code, `failed to fetch "${shown}": ${error.message}`, error);
  const limit = `${error.message} (reposerver.git.request.timeout)`;
  return new EngineError(error.code, `failed to list refs of "${shown}": the server does not answer: ${limit}`, error);
}

/** What lies on this disk is not what was fetched, whatever the server says. */
export class DamagedMirror extends EngineError {
  constructor(what: string) {
    super("GIT_FAILED", `the local copy of the repository is damaged: ${what}`);
  }
}

/** The mirror was made for ids of another form than the server's are. */
export class OtherFormat extends DamagedMirror {
  readonly format: "sha1" | "sha256";
  constructor(format: OtherFormat["format"]) {
    super(`its ids are not of ${format}, as the server's are`);
    this.format = format;
  }
}

/** What the server's ids are made with, where Git refused to fetch for it. */
export function refusedFormat({ stderr }: Pick<ChildResult, "stderr">): OtherFormat["format"] | undefined {
  const server = /mismatched (?:algorithms|object format): .*\bserver (sha1|sha256)\b/.exec(stderr)?.[1];
  return server === "sha1" || server === "sha256" ? server : undefined;
}

export function formatUnknown(): TerminalError {
  const message =
    "the ids of the repository are made with SHA-256, which the git on PATH does not know: install Git 2.29 or newer";
  return new TerminalError("TOOL_MISSING", message);
}

/** What Git says of files of its own that are gone or are others; never of what a server sends. */
const damage =
  /not a git repository|bad config|is corrupt|does not match index|is far too short|(?:pack|index) ?file .* (?:is too small|is too large|cannot be (?:accessed|opened|mapped))|non-monotonic index|file too short|bad object refs\/|unable to read (?:tree|commit|[0-9a-f]{40})|object file .* is empty|reference broken|unable to resolve reference|Could not read [0-9a-f]{40}/;

export function isDamage({ stderr }: Pick<ChildResult, "stderr">): boolean {
  return damage.test(stderr);
}

export function damaged(result: ChildResult): DamagedMirror {
  return new DamagedMirror(firstProblem(result));
}

export function localError(operation: string, result: ChildResult): EngineError {
  return new EngineError("GIT_FAILED", `failed to ${operation}: ${firstProblem(result)}`);
}

export function revisionNotFound(revision: string): TerminalError {
  return new TerminalError("GIT_REVISION_NOT_FOUND", `unable to resolve '${revision.slice(0, 200)}' to a commit SHA`);
}

/** The first line that says what went wrong; without what could be credentials in an address. */
function firstProblem({ stderr, code }: ChildResult): string {
  const lines = stderr.split("\n").map((line) => line.trim());
  const isTelling = (text: string): boolean => !/Could not read from remote repository/.test(text);
  const line =
    lines.find((text) => /^(?:fatal|error|ssh): /.test(text) && isTelling(text)) ?? lines.find((text) => text !== "");
  return line === undefined ? `exit code ${code}` : shownRepositoryUrl(line.replace(/^(?:fatal|error): /, ""));
}
