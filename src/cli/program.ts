import { homedir } from "node:os";
import { join } from "node:path";
import { Command, type CommanderError, Option } from "commander";
import { EngineError } from "../base/errors.ts";
import { outputFormats } from "./engine-client.ts";
import { ownRemedyOf, withRemedy } from "./exit.ts";
import { version } from "./version.ts";

interface Loader {
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** Each command is a file that is loaded when it is asked for, so that the command line starts fast. */
const commands: Readonly<Record<string, Loader>> = {
  up: {
    summary: "run everything in one process: no cluster, no broker",
    load: async () => (await import("./up.ts")).upCommand(),
  },
  account: {
    summary: "accounts of the API, their passwords and tokens",
    load: async () => (await import("./access/accounts.ts")).accountCommand(),
  },
  app: {
    summary: "make, list, show, sync, change and delete Applications",
    load: async () => (await import("./app.ts")).appCommand(),
  },
  cert: {
    summary: "whom hosts of repositories are trusted to be",
    load: async () => (await import("./cert.ts")).certCommand(),
  },
  cluster: {
    summary: "clusters that Applications may name",
    load: async () => (await import("./cluster.ts")).clusterCommand(),
  },
  proj: {
    summary: "AppProjects: what Applications may do",
    load: async () => (await import("./proj.ts")).projCommand(),
  },
  repo: {
    summary: "repositories and their credentials",
    load: async () => (await import("./repo.ts")).repoCommand(),
  },
  repocreds: {
    summary: "credentials for all repositories below a URL",
    load: async () => (await import("./repo.ts")).repocredsCommand(),
  },
  bus: {
    summary: "what is wrong with a bus, and what is on it",
    load: async () => (await import("./bus.ts")).busCommand(),
  },
  dead: {
    summary: "list, show and redrive what failed for good",
    load: async () => (await import("./dead.ts")).deadCommand(),
  },
  completion: {
    summary: "a script that completes commands in a shell",
    load: async () => (await import("./completion.ts")).completionCommand(loadAll),
  },
  context: {
    summary: "servers that were logged in to",
    load: async () => (await import("./access/login.ts")).contextCommand(),
  },
  diff: {
    summary: "what a sync of an Application would change in a cluster, or against a revision or a folder",
    load: async () => (await import("./diff.ts")).diffCommand(),
  },
  event: {
    summary: "list, show and send events",
    load: async () => (await import("./event.ts")).eventCommand(),
  },
  explain: {
    summary: "a field of a kind, or an error code",
    load: async () => (await import("./explain.ts")).explainCommand(),
  },
  gpg: {
    summary: "public keys that commits may be signed with",
    load: async () => (await import("./gpg.ts")).gpgCommand(),
  },
  health: {
    summary: "test scripts of health and actions; the health of objects in files",
    load: async () => (await import("./health.ts")).healthCommand(),
  },
  login: {
    summary: "log in to a server with an account",
    load: async () => (await import("./access/login.ts")).loginCommand(),
  },
  logout: {
    summary: "give a session back",
    load: async () => (await import("./access/login.ts")).logoutCommand(),
  },
  relogin: {
    summary: "log in again",
    load: async () => (await import("./access/login.ts")).reloginCommand(),
  },
  render: {
    summary: "the manifests of a folder or an Application, without an engine",
    load: async () => (await import("./render.ts")).renderCommand(),
  },
  replay: {
    summary: "stored events through a Sensor: what would fire, and what differs from what did",
    load: async () => (await import("./replay.ts")).replayCommand(),
  },
  sensor: {
    summary: "Sensors that run, and tests before they act",
    load: async () => (await import("./sensor.ts")).sensorCommand(),
  },
  source: {
    summary: "try EventSources before an engine runs them",
    load: async () => (await import("./source.ts")).sourceCommand(),
  },
  sync: {
    summary: "what a sync would do, step by step",
    load: async () => (await import("./sync.ts")).syncCommand(),
  },
  trace: {
    summary: "what an event or a record caused, and what caused it",
    load: async () => (await import("./trace.ts")).traceCommand(),
  },
  validate: {
    summary: "every problem of manifests, with file, line and column",
    load: async () => (await import("./validate.ts")).validateCommand(),
  },
  version: {
    summary: "of this program and of the engine",
    load: async () => (await import("./version-command.ts")).versionCommand(),
  },
  "what-if": {
    summary: "what would happen if an event came; changes nothing",
    load: async () => (await import("./what-if.ts")).whatIfCommand(),
  },
  why: {
    summary: "why an event fired a trigger, or did not",
    load: async () => (await import("./why.ts")).whyCommand(),
  },
};

/** What scripts of `argocd` say of a connection: there is nothing to choose here, or it is refused by name. */
const ofTheOriginal: readonly (readonly [flags: string, description: string])[] = [
  ["--grpc-web", "no effect"],
  ["--plaintext", "http where --server names no scheme"],
  ["--insecure", "no effect: certificates are verified"],
  ["--loglevel <level>", "no effect"],
  ["--logformat <format>", "no effect"],
  ["--http-retry-max <n>", "no effect"],
  ["--prompts-enabled", "no effect"],
  ["--core", "refused"],
];
const noCore = "--core is not supported: start an engine with `tiphys up --kubeconfig FILE`";

/** Every command but `completion`, loaded. */
export function loadAll(): Promise<readonly Command[]> {
  const others = Object.entries(commands).filter(([name]) => name !== "completion");
  return Promise.all(others.map(([, { load }]) => load()));
}

function configHome(): string {
  return process.env.XDG_CONFIG_HOME || join(homedir(), ".config");
}

export function createProgram(): Command {
  const running: Running = { command: undefined };
  const program = new Command("tiphys")
    .description("Takes events from anywhere and keeps clusters at what Git says.")
    .version(version(), "--version")
    .option("--server <url>", "the engine's API (default: that of the data directory)", process.env.TIPHYS_SERVER)
    .option("--data-dir <dir>", "where an engine keeps its data", ".tiphys")
    .addOption(new Option("--token <token>", "the API's token").env("TIPHYS_TOKEN"))
    .option(
      "--config <file>",
      "where logins are kept",
      process.env.TIPHYS_CONFIG ?? join(configHome(), "tiphys", "config"),
    )
    .option("--context <name>", "a server that was logged in to, instead of the current one")
    .addOption(new Option("-o, --output <format>", "how to print").choices(outputFormats).default("text"))
    .addOption(new Option("--auth-token <token>", "as --token").hideHelp())
    .option("--no-color", "plain text")
    .helpCommand(false)
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .hook("preAction", (self, asked) => {
      running.command = asked;
      if (self.opts<{ core?: true }>().core) throw new EngineError("USAGE", noCore);
      if (self.opts<{ color: boolean }>().color) return;
      process.env.NO_COLOR = "1";
      delete process.env.FORCE_COLOR; // it would win over NO_COLOR
    });
  for (const [flags, description] of ofTheOriginal) program.addOption(new Option(flags, description).hideHelp());
  for (const [name, { summary, load }] of Object.entries(commands))
    program.addCommand(lazy(name, summary, load, running));
  return refuseAsUsage(program);
}

/** `-o` of `proj role add-policy` is the policy's object (spec argo-cd-surface 5.6), everywhere else the format. */
export function withPolicyObject(argv: readonly string[]): readonly string[] {
  const at = argv.findIndex((word, index) => /^(?:add|remove)-policy$/.test(word) && argv[index - 1] === "role");
  if (at < 0) return argv;
  return argv.map((word, index) =>
    index > at ? word.replace(/^-o(?=$|[^-])/, (flag) => (word === flag ? "--object" : "--object=")) : word,
  );
}

/** The command that was asked for, once it is known: its help is where to look. */
interface Running {
  command: Command | undefined;
}

/** Stands in for a command: reads nothing itself, and hands everything to the real one. */
function lazy(name: string, summary: string, load: () => Promise<Command>, running: Running): Command {
  return new Command(name)
    .summary(summary)
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .argument("[words...]")
    .action(async (words: string[], _flags, stand: Command) => {
      const command = await load();
      const { parent } = stand;
      if (parent) {
        command.parent = parent;
        command.copyInheritedSettings(parent);
      }
      refuseAsUsage(command.configureHelp({}));
      try {
        await command.parseAsync(withoutBooleans(command, words), { from: "user" });
      } catch (error) {
        if (!(error instanceof EngineError) || error.code !== "USAGE" || ownRemedyOf(error) !== undefined) throw error;
        throw withRemedy(helpOf(running.command ?? command), error);
      }
    });
}

/** Of options that take no value `--flag=true` is `--flag`, and `--flag=false` is `--no-flag`, as Go's programs have it. */
function withoutBooleans(command: Command, words: readonly string[]): string[] {
  const known = new Set(flagsOf(command));
  return words.map((word) => {
    const [, name, value] = /^--([a-z-]+)=(true|false)$/.exec(word) ?? [];
    const flag = value === "true" ? `--${name}` : `--no-${name}`;
    return known.has(flag) && name !== undefined ? flag : word;
  });
}

function flagsOf({ options, commands }: Command): readonly string[] {
  const own = options.flatMap((option) => (option.isBoolean() || option.negate ? [option.long ?? ""] : []));
  return [...own, ...commands.flatMap(flagsOf)];
}

/** What commander refuses becomes an error of ours: exit 2, and a second line that says where to look. */
function refuseAsUsage(command: Command): Command {
  command.exitOverride((error: CommanderError) => {
    if (error.exitCode === 0) process.exit(0); // help or version was asked for and printed
    const isIncomplete = error.code === "commander.help";
    const message = isIncomplete
      ? `${pathOf(command)}: a command is missing`
      : error.message.replace(/^error: /, "").replaceAll("\n", " ");
    throw withRemedy(helpOf(command), new EngineError("USAGE", message));
  });
  command.configureOutput({ outputError: () => undefined });
  command.configureHelp({ showGlobalOptions: true, ...command.configureHelp() });
  for (const sub of command.commands) refuseAsUsage(sub);
  return command;
}

function helpOf(command: Command): string {
  return `See \`${pathOf(command)} --help\`.`;
}

/** `tiphys event list` */
function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}
