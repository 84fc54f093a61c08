/** `dnd completion SHELL`: the script that completes this very command line. */
import { Argument, type Command } from "commander";
import { completionScript, SHELLS, type Shell } from "../completion.ts";

export function addCompletion(program: Command): void {
  program
    .command("completion")
    .description("print the completion script of a shell: source <(dnd completion bash)")
    .addArgument(new Argument("<shell>", "which").choices(SHELLS))
    .action(async (shell: Shell) => {
      const { optionChoices } = await import("../settings.ts");
      process.stdout.write(completionScript(shell, program, optionChoices()));
    });
}
