import { readFile } from "node:fs/promises";
import { Command } from "commander";
import { systemClock } from "../base/clock.ts";
import { EngineError, messageOf } from "../base/errors.ts";
import { type Finding, hasFailed } from "./bus/finding.ts";
import type { TlsAccess } from "./bus/tls.ts";
import { type GlobalFlags, globalFlags } from "./engine-client.ts";
import { colored, print } from "./output.ts";

interface TlsFlags {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

interface CheckFlags extends TlsFlags {
  readonly eventBus: boolean;
}

/** `tiphys bus check|info` */
export function busCommand(): Command {
  const command = new Command("bus").description("What is wrong with a bus, and what is on it").helpCommand(false);
  command
    .command("check [url]")
    .description(
      "Goes the way of a connection to NATS step by step and says what is wrong and what to do.\n" +
        "Without a URL: the running engine's buses, or with none running that of the data directory.\n" +
        "Exit code: 0 the engine can use it, 1 it cannot, 2 usage.",
    )
    .option("--ca <file>", "trust the CAs of this file (PEM) instead of the system's")
    .option("--cert <file>", "the client's certificate (PEM)")
    .option("--key <file>", "its key (PEM)")
    .option("--event-bus", "for a jetstreamExotic EventBus, not for --bus: its stream is another", false)
    .action(async (url: string | undefined, flags: CheckFlags, self: Command) => {
      const findings = url === undefined ? await checkOwn(globalFlags(self)) : await check(url, flags);
      print(globalFlags(self), findings, { text: findingsText });
      process.exitCode = hasFailed(findings) ? 1 : 0;
    });
  command
    .command("info [url]")
    .description(
      "Streams of a NATS; without a URL those of the running engine's buses and how far it has read them,\n" +
        "or with none running those of the data directory.",
    )
    .option("--ca <file>", "trust the CAs of this file (PEM) instead of the system's")
    .option("--cert <file>", "the client's certificate (PEM)")
    .option("--key <file>", "its key (PEM)")
    .action(async (url: string | undefined, flags: TlsFlags, self: Command) => {
      const { busesText, readBuses } = await import("./bus/info.ts");
      const buses = await readBuses(url, await readTls(flags), globalFlags(self));
      const names = () => buses.flatMap(({ streams }) => streams.map(({ name }) => name)).join("\n");
      print(globalFlags(self), buses, { text: busesText, name: names });
    });
  return command;
}

async function checkOwn(flags: GlobalFlags): Promise<readonly Finding[]> {
  const { checkOwnBuses } = await import("./bus/embedded-check.ts");
  return checkOwnBuses(flags);
}

async function check(text: string, flags: CheckFlags): Promise<readonly Finding[]> {
  const { parseBusUrl } = await import("./bus/address.ts");
  const url = parseBusUrl(text);
  const tls = await readTls(flags);
  const { checkBus } = await import("./bus/check.ts");
  const { argoStream, systemStreams } = await import("../events/bus/streams.ts");
  const { eventBus: areLimitsDefaults } = flags;
  const streams = areLimitsDefaults ? [{ ...argoStream(), isShared: true }] : systemStreams();
  return checkBus({ url, tls, streams, areLimitsDefaults, clock: systemClock });
}

async function readTls({ ca, cert, key }: TlsFlags): Promise<TlsAccess> {
  if ((cert === undefined) !== (key === undefined)) throw new EngineError("USAGE", "--cert and --key belong together");
  const files = Object.entries({ ca, cert, key }).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(await Promise.all(files.map(async ([flag, path]) => [flag, await readPem(flag, path)])));
}

async function readPem(flag: string, path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new EngineError("CONFIG_INVALID", `--${flag}: "${path}" cannot be read: ${messageOf(error)}`, error);
  }
}

const colors = { ok: "green", warning: "yellow", failed: "red", skipped: "dim" } as const;

function findingsText(findings: readonly Finding[]): string {
  return findings.map(findingText).join("\n");
}

function findingText({ step, outcome, message, remedy }: Finding): string {
  const line = `${colored(colors[outcome], outcome.padEnd(8))} ${step.padEnd(11)} ${message}`;
  return remedy === undefined ? line : `${line}\n${" ".repeat(21)}${remedy}`;
}
