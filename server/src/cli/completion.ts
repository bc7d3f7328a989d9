import type { Operation } from "../operation.ts";
import { UsageError } from "./commandError.ts";
import { commands, flagsOf } from "./commands.ts";
import { furtherFlags, inputSchema } from "./fields.ts";

const scripts: Record<string, (words: Suggestions) => string> = { bash, zsh, fish };

/** `latchkey completion <shell>`: returns the completion script. Errors: `UsageError` for an unknown shell. */
export function completion(words: readonly string[], operations: readonly Operation[]): string {
  const [shell = "", ...rest] = words;
  const script = Object.hasOwn(scripts, shell) && rest.length === 0 ? scripts[shell] : undefined;
  if (script === undefined) throw new UsageError("Usage: latchkey completion bash | zsh | fish.");
  return script(suggestions(operations));
}

/** By what has been typed after `latchkey` (the words joined by spaces): the words that may follow. */
type Suggestions = ReadonlyMap<string, readonly string[]>;

function suggestions(operations: readonly Operation[]): Suggestions {
  const found = new Map<string, Set<string>>();
  const add = (typed: string, next: string) => {
    if (next !== "") found.set(typed, (found.get(typed) ?? new Set()).add(next));
  };
  const addAll = (name: string, flags: readonly string[]) => {
    const [group = "", verb = ""] = name.split(" ");
    add("", group);
    add(group, verb);
    for (const flag of flags) add(name, flag);
  };
  for (const command of commands) addAll(command.name, flagsOf(command));
  for (const shell of Object.keys(scripts)) add("completion", shell);
  for (const check of ["live", "ready"]) add("health", check);
  for (const operation of operations) {
    const fields = Object.keys(inputSchema(operation).properties ?? {});
    const flags = [...fields, ...Object.keys(furtherFlags(operation))].map((name) => `--${name}`);
    addAll(operation.name.replace(".", " "), flags);
  }
  return new Map([...found].map(([typed, next]) => [typed, [...next]]));
}

/** Returns a shell function for bash and zsh that prints the words that may follow its argument. */
function lookUp(words: Suggestions): string {
  const rows = [...words].map(([typed, next]) => `    "${typed}") echo "${next.join(" ")}" ;;`);
  return `_latchkey_words() {\n  case "$1" in\n${rows.join("\n")}\n  esac\n}`;
}

function bash(words: Suggestions): string {
  return `# bash completion of latchkey
${lookUp(words)}
_latchkey() {
  local typed=""
  if [ "$COMP_CWORD" -gt 1 ]; then typed="\${COMP_WORDS[1]}"; fi
  if [ "$COMP_CWORD" -gt 2 ]; then typed="$typed \${COMP_WORDS[2]}"; fi
  COMPREPLY=($(compgen -W "$(_latchkey_words "$typed")" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _latchkey latchkey`;
}

function zsh(words: Suggestions): string {
  return `#compdef latchkey
${lookUp(words)}
_latchkey() {
  local typed=""
  if (( CURRENT > 2 )); then typed="\${words[2]}"; fi
  if (( CURRENT > 3 )); then typed="$typed \${words[3]}"; fi
  compadd -- \${=$(_latchkey_words "$typed")}
  _files
}
if [ "\${funcstack[1]}" = _latchkey ]; then _latchkey "$@"; else compdef _latchkey latchkey; fi`;
}

function fish(words: Suggestions): string {
  const rows = [...words].map(
    ([typed, next]) => `    case "${typed}"\n      printf '%s\\n' ${next.join(" ")}`,
  );
  return `# fish completion of latchkey
function __latchkey_words
  set --local typed (commandline --cut-at-cursor --tokenize --current-process)
  switch "$typed[2..3]"
${rows.join("\n")}
  end
end
complete --command latchkey --arguments "(__latchkey_words)"`;
}
