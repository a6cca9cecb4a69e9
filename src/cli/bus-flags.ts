import { readFile } from "node:fs/promises";
import { messageOf, TerminalError } from "../base/errors.ts";
import type { EngineConfig } from "../engine/parts.ts";

export interface BusFlags {
  readonly bus?: string;
  readonly busCreds?: string;
  readonly busCa?: string;
  readonly busCert?: string;
  readonly busKey?: string;
}

/**
 * The system bus of the flags. Files are read at each call of `busCredentials`, so that what replaces them is taken up.
 * @throws TerminalError CONFIG_INVALID
 */
export function busOf(flags: BusFlags): Pick<EngineConfig, "bus" | "busCredentials"> {
  const { bus, busCreds, busCa, busCert, busKey } = flags;
  const hasFiles = [busCreds, busCa, busCert, busKey].some((path) => path !== undefined);
  if (bus === undefined) {
    if (!hasFiles) return {};
    throw new TerminalError("CONFIG_INVALID", "--bus-creds, --bus-ca, --bus-cert and --bus-key need --bus");
  }
  if ((busCert === undefined) !== (busKey === undefined)) {
    throw new TerminalError("CONFIG_INVALID", "--bus-cert and --bus-key go together");
  }
  return { bus: busUrl(bus), ...(hasFiles ? { busCredentials: () => readBusFiles(flags) } : {}) };
}

async function readBusFiles({ busCreds, busCa, busCert, busKey }: BusFlags) {
  const [creds, ca, cert, key] = await Promise.all([
    read("--bus-creds", busCreds),
    read("--bus-ca", busCa),
    read("--bus-cert", busCert),
    read("--bus-key", busKey),
  ]);
  const hasTls = ca !== undefined || cert !== undefined;
  return { ...defined({ creds }), ...(hasTls ? { tls: defined({ ca, cert, key }) } : {}) };
}

async function read(flag: string, path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new TerminalError("CONFIG_INVALID", `${flag}: "${path}" cannot be read: ${messageOf(error)}`);
  }
}

function defined<K extends string>(fields: Record<K, string | undefined>): { readonly [key in K]?: string } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { readonly [key in K]?: string };
}

function busUrl(text: string): string {
  for (const url of text.split(",").map((part) => part.trim())) {
    if (URL.canParse(url) && ["nats:", "tls:"].includes(new URL(url).protocol)) continue;
    const shown = url.replace(/\/\/[^/@]*@/, "//").replace(/^[^/@]*@/, "");
    throw new TerminalError("CONFIG_INVALID", `--bus: "${shown}" must be a URL such as nats://127.0.0.1:4222`);
  }
  return text;
}
