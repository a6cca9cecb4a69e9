import { Argument, Command } from "commander";
import { EngineError } from "../base/errors.ts";

const shells = ["bash", "zsh"] as const;

/** `tiphys completion bash|zsh`: `source <(tiphys completion bash)`. `all` loads the commands there are. */
export function completionCommand(all: () => Promise<readonly Command[]>): Command {
  return new Command("completion")
    .description("A script that completes commands and flags in a shell: source <(tiphys completion bash)")
    .addArgument(new Argument("<shell>", "bash or zsh"))
    .action(async (shell: string) => {
      if (!shells.some((one) => one === shell)) {
        throw new EngineError("USAGE", `completion: "${shell}" must be one of ${shells.join(", ")}`);
      }
      const words = new Map<string, readonly string[]>();
      for (const command of await all()) collect(command, "", words);
      const top = [...words.keys()].filter((path) => path !== "" && !path.includes(" "));
      words.set("", top);
      process.stdout.write(
        `${shell === "zsh" ? "autoload -U +X bashcompinit && bashcompinit\n" : ""}${scriptOf(words)}`,
      );
    });
}

/** What may follow each command: its own commands and flags, by the words that lead to it. */
function collect(command: Command, before: string, words: Map<string, readonly string[]>): void {
  const path = before === "" ? command.name() : `${before} ${command.name()}`;
  const flags = command.options.flatMap(({ long }) => (long ? [long] : []));
  words.set(path, [...command.commands.map((sub) => sub.name()), ...flags, "--help"]);
  for (const sub of command.commands) collect(sub, path, words);
}

/** Words of ours alone go in: names of commands and flags, which need no quoting. */
function scriptOf(words: ReadonlyMap<string, readonly string[]>): string {
  const cases = [...words].map(([path, next]) => `    "${path}") echo "${next.join(" ")}" ;;`);
  return `_tiphys_words() {
  case "$1" in
${cases.join("\n")}
  esac
}
_tiphys() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" path="" word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    case "$word" in -*) continue ;; esac
    if [ -n "$(_tiphys_words "\${path:+$path }$word")" ]; then path="\${path:+$path }$word"; fi
  done
  COMPREPLY=($(compgen -W "$(_tiphys_words "$path")" -- "$cur"))
}
complete -o default -F _tiphys tiphys
`;
}
