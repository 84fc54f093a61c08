/** `dnd log-level [LEVEL]`: what a node logs, seen or changed while it runs. */
import { Argument, type Command } from "commander";
import { LOG_LEVELS } from "../../ports/log.ts";
import { addClientFlags, type ClientFlags, withClient } from "../client-flags.ts";
import { query } from "../node-client.ts";
import { printJson, printLine } from "../output.ts";

interface Told {
  readonly level: string;
}

export function addLogLevel(program: Command): void {
  const command = program
    .command("log-level")
    .addArgument(
      new Argument("[level]", "the least that is logged from now on").choices(LOG_LEVELS),
    )
    .description("show or change what a node on this machine logs, until it ends");
  addClientFlags(command).action(logLevel);
}

async function logLevel(level: string | undefined, flags: ClientFlags): Promise<void> {
  const target = level === undefined ? "/log-level" : `/log-level?${query({ level })}`;
  const method = level === undefined ? "GET" : "PUT";
  const answer = await withClient(flags, (client) => client.ask({ method, target }));
  const told = JSON.parse(answer.body.toString("utf8")) as Told;
  if (flags.json === true) printJson(told);
  else printLine(told.level);
}
