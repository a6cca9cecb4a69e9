import { EngineError, TerminalError } from "../../base/errors.ts";
import { loadOptional } from "../../base/optional.ts";

export interface SftpLogin {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  /** The server's key is not checked with it, as in the original. */
  readonly password?: string;
  /** A private key, and the server's key as in `authorized_keys`. */
  readonly keyFile?: string;
}

export interface SftpConnection {
  /** `size mtime` of each file of a directory, by name; not what is below. */
  list(directory: string): Promise<ReadonlyMap<string, string>>;
  close(): Promise<void>;
}

const maxFiles = 100_000;
const readyTimeoutMs = 15_000;

export async function openSftp(
  { host, port, username, password, keyFile }: SftpLogin,
  name: string,
): Promise<SftpConnection> {
  const { default: Client } = await loadOptional("ssh2-sftp-client@^12", () => import("ssh2-sftp-client"));
  const nothing = (): void => undefined; // it would write to the console; the call under way tells what is wrong
  const client = new Client("tiphys", { error: nothing, end: nothing, close: nothing });
  const access = password === undefined ? keyAccess(keyFile ?? "") : { password };
  await client.connect({ host, port, username, readyTimeout: readyTimeoutMs, keepaliveInterval: 15_000, ...access });
  return {
    async list(directory) {
      const entries = await client.list(directory);
      if (entries.length > maxFiles) {
        throw new TerminalError("FILE_FAILED", `${name}: ${entries.length} files, at most ${maxFiles} can be watched`);
      }
      const files = entries.filter(({ type }) => type !== "d");
      return new Map(files.map(({ name: file, size, modifyTime }) => [file, `${size} ${modifyTime}`]));
    },
    close: async () => void (await client.end().catch(() => undefined)),
  };
}

/** Which server it is shows in its key: another one gets nothing. */
function keyAccess(file: string) {
  const [privateKey] = /-----BEGIN [^-]+ KEY-----[\s\S]+?-----END [^-]+ KEY-----/.exec(file) ?? [];
  const [, hostKey] = /^(?:ssh-|ecdsa-|sk-)\S+ +([A-Za-z0-9+/=]+)/m.exec(file) ?? [];
  if (privateKey === undefined || hostKey === undefined) {
    const missing = privateKey === undefined ? "private key" : "server's key as in authorized_keys";
    throw new EngineError("SECRET_MISSING", `sftp.sshKeySecret: the Secret holds no ${missing}`);
  }
  return { privateKey: `${privateKey}\n`, hostVerifier: (key: Buffer) => key.toString("base64") === hostKey };
}
