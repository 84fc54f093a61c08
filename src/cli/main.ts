/**
 * The command line's entry: runs one command and turns whatever goes wrong into one clear line and an exit status.
 */
import { CommanderError } from "commander";
import { printable } from "../base/printable.ts";
import { CliError, EXIT, usageError } from "./cli-error.ts";
import { createProgram } from "./program.ts";

async function main(argv: readonly string[]): Promise<void> {
  // Whoever reads our output may stop reading: `dnd export | head`. That is no error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    process.exit(error.code === "EPIPE" ? 0 : EXIT.failed);
  });
  try {
    await createProgram().parseAsync([...argv], { from: "user" });
  } catch (error) {
    const known = asCliError(error, argv);
    if (known !== undefined) await report(known, argv.includes("--json"));
  }
}

/** `undefined` for what is no error: help and version. Our own bugs go through, with their stack. */
function asCliError(error: unknown, argv: readonly string[]): CliError | undefined {
  if (error instanceof CliError) return error;
  if (!(error instanceof CommanderError)) throw error;
  if (error.exitCode === 0) return undefined;
  const name = argv.find((argument) => !argument.startsWith("-"));
  const isCommand = createProgram().commands.some((command) => command.name() === name);
  const hint = `see dnd ${isCommand ? `${name} ` : ""}--help`;
  if (error.code === "commander.help") return usageError("a command is missing", hint);
  // Commander's messages carry a prefix, and a suggestion on a line of its own.
  return usageError(error.message.replace(/^error: /, "").replaceAll("\n", " "), hint);
}

async function report(error: CliError, isJson: boolean): Promise<void> {
  process.exitCode = error.exit;
  if (process.env["DND_UP_CHILD"] !== undefined) {
    const { reportToParent } = await import("./cluster-child.ts");
    if (reportToParent(error)) return;
  }
  const { message, code, hint, facts } = error;
  if (isJson) {
    const error = { code, detail: message, hint, ...facts };
    process.stderr.write(`${printable(JSON.stringify({ error }))}\n`);
    return;
  }
  process.stderr.write(`dnd: ${printable(message)}\n`);
  if (facts["stored"] === "maybe") process.stderr.write("     it may have been stored\n");
  if (hint !== undefined) process.stderr.write(`hint: ${printable(hint)}\n`);
}

await main(process.argv.slice(2));
