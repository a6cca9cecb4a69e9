import { Argument, Command } from "commander";
import { EngineError } from "../base/errors.ts";

/** By shell: the script that says what may follow the words so far. */
const scripts: Readonly<Record<string, (words: Words) => string>> = {
  bash: bashScript,
  zsh: (words) => `autoload -U +X bashcompinit && bashcompinit\n${bashScript(words)}`,
  fish: fishScript,
  powershell: powershellScript,
};

/** By the words that lead to a command, its own commands and flags. */
type Words = ReadonlyMap<string, readonly string[]>;

/** `tiphys completion SHELL`. `all` loads the commands there are. */
export function completionCommand(all: () => Promise<readonly Command[]>): Command {
  return new Command("completion")
    .description(
      "A script that completes commands and flags in a shell:\n" +
        "  bash, zsh:   source <(tiphys completion bash)\n" +
        "  fish:        tiphys completion fish | source\n" +
        "  PowerShell:  tiphys completion powershell | Out-String | Invoke-Expression",
    )
    .addArgument(new Argument("<shell>", Object.keys(scripts).join(", ")))
    .action(async (shell: string) => {
      if (!Object.hasOwn(scripts, shell)) {
        throw new EngineError("USAGE", `completion: "${shell}" must be one of ${Object.keys(scripts).join(", ")}`);
      }
      process.stdout.write(completionScript(shell, await all()));
    });
}

export function completionScript(shell: string, commands: readonly Command[]): string {
  const words = new Map<string, readonly string[]>();
  for (const command of commands) collect(command, "", words);
  const top = [...words.keys()].filter((path) => path !== "" && !path.includes(" "));
  words.set("", top);
  return scripts[shell]?.(words) ?? "";
}

/** What may follow each command: its own commands and flags, by the words that lead to it. */
function collect(command: Command, before: string, words: Map<string, readonly string[]>): void {
  const path = before === "" ? command.name() : `${before} ${command.name()}`;
  const flags = command.options.flatMap(({ long }) => (long ? [long] : []));
  words.set(path, [...command.commands.map((sub) => sub.name()), ...flags, "--help"]);
  for (const sub of command.commands) collect(sub, path, words);
}

/** Words of ours alone go in: names of commands and flags, which need no quoting. */
function bashScript(words: Words): string {
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

/** Files are completed, too: some commands take them. */
function fishScript(words: Words): string {
  const cases = [...words].map(([path, next]) => `    case '${path}'\n      printf '%s\\n' ${next.join(" ")}`);
  return `function __tiphys_words
  switch "$argv[1]"
${cases.join("\n")}
  end
end
function __tiphys
  set -l path ''
  for word in (commandline -opc)[2..-1]
    string match -q -- '-*' $word; and continue
    set -l longer (string trim -- "$path $word")
    test -n "$(__tiphys_words $longer)"; and set path $longer
  end
  __tiphys_words "$path"
end
complete -c tiphys -a '(__tiphys)'
`;
}

function powershellScript(words: Words): string {
  const entries = [...words].map(([path, next]) => `    '${path}' = @(${next.map((word) => `'${word}'`).join(", ")})`);
  return `Register-ArgumentCompleter -Native -CommandName tiphys -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $words = @{
${entries.join("\n")}
  }
  $path = ''
  foreach ($element in ($commandAst.CommandElements | Select-Object -Skip 1)) {
    if ($element.Extent.EndOffset -ge $cursorPosition) { break }
    $word = $element.ToString()
    $longer = "$path $word".Trim()
    if (-not $word.StartsWith('-') -and $words.ContainsKey($longer)) { $path = $longer }
  }
  $words[$path] | Where-Object { $_.StartsWith($wordToComplete) } | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }
}
`;
}
