/**
 * Completion for shells, made from the program as commander knows it: a command or an option that is there is completed.
 *
 * Invariant: the scripts hold only names and descriptions from our own source, quoted for their shell; they run nothing but the
 * shell's own words.
 */
import type { Command, Option } from "commander";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** What stands for an option's value. */
type Values = readonly string[] | "file" | "directory" | "anything" | "none";

interface OptionFacts {
  /** With their dashes; the long one first. */
  readonly names: readonly string[];
  readonly description: string;
  readonly values: Values;
}

interface CommandFacts {
  readonly name: string;
  readonly description: string;
  readonly options: readonly OptionFacts[];
  /** Of its first argument. */
  readonly argument: Values;
}

/** @param choices values of options, by their long names without dashes, where there are only some. */
export function completionScript(
  shell: Shell,
  program: Command,
  choices: ReadonlyMap<string, readonly string[]>,
): string {
  const commands = program.commands.map((command) => factsOf(command, choices));
  const own = [...program.options.map((option) => optionFacts(option, choices)), HELP];
  const write = { bash: bashScript, zsh: zshScript, fish: fishScript }[shell];
  return write(commands, own);
}

const HELP: OptionFacts = { names: ["--help", "-h"], description: "print this", values: "none" };

function factsOf(command: Command, choices: ReadonlyMap<string, readonly string[]>): CommandFacts {
  const [argument] = command.registeredArguments;
  return {
    name: command.name(),
    description: command.description(),
    options: [...command.options.map((option) => optionFacts(option, choices)), HELP],
    argument:
      argument === undefined ? "none" : (argument.argChoices ?? valuesNamed(argument.name())),
  };
}

function optionFacts(
  { long, short, flags, description, required, optional }: Option,
  choices: ReadonlyMap<string, readonly string[]>,
): OptionFacts {
  const names = [long, short].filter((name): name is string => typeof name === "string");
  const chosen = choices.get((long ?? "").slice(2));
  const placeholder = /[<[]([a-z]+)/.exec(flags)?.[1];
  const values = chosen ?? valuesNamed(placeholder);
  return { names, description, values: required || optional ? values : "none" };
}

/** What an argument is that has this name in the help. */
function valuesNamed(name: string | undefined): Values {
  return name === "file" || name === "directory" ? name : "anything";
}

function bashScript(commands: readonly CommandFacts[], own: readonly OptionFacts[]): string {
  const words = (options: readonly OptionFacts[]): string =>
    options.flatMap(({ names }) => names).join(" ");
  const values = (of: Values, then: string): string => {
    if (of === "file") return `local IFS=$'\\n'; COMPREPLY=($(compgen -f -- "$current"))${then}`;
    if (of === "directory")
      return `local IFS=$'\\n'; COMPREPLY=($(compgen -d -- "$current"))${then}`;
    if (of === "anything" || of === "none") return `:${then}`;
    return `COMPREPLY=($(compgen -W ${quoted(of.join(" "))} -- "$current"))${then}`;
  };
  const cases = commands.flatMap(({ name, options, argument }) => [
    `    ${name})`,
    '      case "$previous" in',
    ...options
      .filter((option) => option.values !== "none")
      .map(
        (option) => `        ${option.names.join("|")}) ${values(option.values, "; return")} ;;`,
      ),
    "      esac",
    `      if [[ "$current" == -* ]]; then COMPREPLY=($(compgen -W ${quoted(words(options))} -- "$current"))`,
    `      else ${values(argument, "")}`,
    "      fi",
    "      ;;",
  ]);
  const names = commands.map(({ name }) => name);
  return `# Completion of dnd for bash: source <(dnd completion bash)
_dnd() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" command="" index
  for ((index = 1; index < COMP_CWORD; index++)); do
    case "\${COMP_WORDS[index]}" in
      ${names.join("|")}) command="\${COMP_WORDS[index]}"; break ;;
    esac
  done
  COMPREPLY=()
  case "$command" in
    "") COMPREPLY=($(compgen -W ${quoted([...names, "help", words(own)].join(" "))} -- "$current")) ;;
${cases.join("\n")}
  esac
}
complete -o filenames -F _dnd dnd
`;
}

function zshScript(commands: readonly CommandFacts[], own: readonly OptionFacts[]): string {
  const described = (pairs: readonly (readonly [string, string])[]): string =>
    pairs.map(([name, text]) => quoted(`${name.replaceAll(":", "\\:")}:${text}`)).join(" ");
  const options = (all: readonly OptionFacts[]): string =>
    described(
      all.flatMap(({ names, description }) => names.map((name) => [name, description] as const)),
    );
  const values = (of: Values): string => {
    if (of === "file") return "_files";
    if (of === "directory") return "_files -/";
    if (of === "anything" || of === "none") return ":";
    return `compadd -- ${of.map(quoted).join(" ")}`;
  };
  const cases = commands.flatMap(({ name, options: its, argument }) => [
    `    ${name})`,
    "      case $previous in",
    ...its
      .filter((option) => option.values !== "none")
      .map((option) => `        ${option.names.join("|")}) ${values(option.values)}; return ;;`),
    "      esac",
    "      if [[ $current == -* ]]; then",
    `        found=(${options(its)})`,
    "        _describe -o option found",
    `      else ${values(argument)}`,
    "      fi",
    "      ;;",
  ]);
  const names = commands.map(({ name, description }) => [name, description] as const);
  return `#compdef dnd
# Completion of dnd for zsh: source <(dnd completion zsh), after compinit
_dnd() {
  local current=\${words[CURRENT]} previous=\${words[CURRENT-1]} command="" word
  local -a found
  for word in \${words[2,CURRENT-1]}; do
    case $word in
      ${commands.map(({ name }) => name).join("|")}) command=$word; break ;;
    esac
  done
  case $command in
    "")
      found=(${described(names)})
      _describe command found
      found=(${options(own)})
      _describe -o option found
      ;;
${cases.join("\n")}
  esac
}
compdef _dnd dnd
`;
}

function fishScript(commands: readonly CommandFacts[], own: readonly OptionFacts[]): string {
  const values = (of: Values): string => {
    if (of === "none") return "";
    if (of === "file") return " -r -F";
    if (of === "directory") return " -x -a '(__fish_complete_directories)'";
    return of === "anything" ? " -x" : ` -x -a ${fishQuoted(of.join(" "))}`;
  };
  const option = (condition: string, { names, description, values: of }: OptionFacts): string => {
    const flags = names.map((name) =>
      name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`,
    );
    return `complete -c dnd -n ${condition} ${flags.join(" ")} -d ${fishQuoted(description)}${values(of)}`;
  };
  const lines = commands.flatMap(({ name, description, options, argument }) => {
    const isSeen = fishQuoted(`__fish_seen_subcommand_from ${name}`);
    return [
      `complete -c dnd -n __fish_use_subcommand -a ${name} -d ${fishQuoted(description)}`,
      ...options.map((each) => option(isSeen, each)),
      ...(argument === "file" || argument === "directory"
        ? [`complete -c dnd -n ${isSeen}${values(argument).replace(" -r", "").replace(" -x", "")}`]
        : []),
      ...(typeof argument === "string"
        ? []
        : [`complete -c dnd -n ${isSeen} -a ${fishQuoted(argument.join(" "))}`]),
    ];
  });
  return `# Completion of dnd for fish: dnd completion fish | source
complete -c dnd -f
${own.map((each) => option("__fish_use_subcommand", each)).join("\n")}
${lines.join("\n")}
`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
