import { gzipSync } from "node:zlib";

export interface TarEntry {
  readonly name: string;
  readonly content?: string | Buffer;
  /** Default "0", a file; "2" is a symbolic link, "5" a folder. */
  readonly type?: string;
  readonly target?: string;
  /** In place of the content's own: to lie. */
  readonly size?: number;
  readonly mode?: number;
}

/** A tar archive, entry by entry as given: also as no tool would write it. */
export function tar(entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap(entryOf), Buffer.alloc(1024)]);
}

export function tarGz(entries: readonly TarEntry[]): Buffer {
  return gzipSync(tar(entries));
}

/** A packaged chart: its files below a folder of its name. */
export function chartArchive(chart: string, version: string, files: Readonly<Record<string, string>> = {}): Buffer {
  const all = { "Chart.yaml": `apiVersion: v2\nname: ${chart}\nversion: ${version}\n`, ...files };
  return tarGz(Object.entries(all).map(([name, content]) => ({ name: `${chart}/${name}`, content })));
}

function entryOf({ name, content = "", type = "0", target = "", size, mode = 0o644 }: TarEntry): Buffer[] {
  const body = Buffer.from(content);
  const header = Buffer.alloc(512);
  header.write(name, 0, 100);
  header.write(octal(mode, 8), 100);
  header.write(octal(0, 8), 108);
  header.write(octal(0, 8), 116);
  header.write(octal(size ?? body.length, 12), 124);
  header.write(octal(0, 12), 136);
  header.write("        ", 148);
  header.write(type, 156);
  header.write(target, 157, 100);
  header.write("ustar\u000000", 257, "latin1");
  header.write(
    `${octal(
      header.reduce((sum, byte) => sum + byte, 0),
      7,
    )}\0 `.slice(0, 8),
    148,
  );
  return [header, body, Buffer.alloc((512 - (body.length % 512)) % 512)];
}

function octal(value: number, length: number): string {
  return `${value.toString(8).padStart(length - 1, "0")}\0`;
}
