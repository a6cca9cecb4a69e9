/** What Git holds in place of a large file. */
export interface LfsPointer {
  /** SHA-256 of the content, in hexadecimal digits. */
  readonly oid: string;
  readonly bytes: number;
}

/** The large files of one repository. */
export interface LfsFiles {
  /** The content. @throws TerminalError GIT_TOO_LARGE, GIT_AUTH_FAILED; EngineError GIT_FAILED, TOOL_TIMEOUT */
  fetch(pointer: LfsPointer, maxBytes: number, signal: AbortSignal): Promise<Buffer>;
}
