/** `dnd delete KEY`: succeeds whether or not the key exists. */
import type { Command } from "commander";
import { addClientFlags, type ClientFlags, keyArgument, withClient } from "../client-flags.ts";
import { keyTarget } from "../node-client.ts";
import { printJson, printLine } from "../output.ts";
import { acksOf, copiesText, tagOf } from "../receipt.ts";
import { conditionHeaders } from "./put.ts";

interface DeleteFlags extends ClientFlags {
  readonly key64?: boolean;
  readonly w?: string;
  readonly ifMatch?: string;
}

export function addDelete(program: Command): void {
  const command = program
    .command("delete")
    .argument("<key>", "key, as UTF-8 text")
    .description("delete a key, whether or not it exists")
    .option("--key64", "the key is given in base64")
    .option("-w <count>", "replicas that must acknowledge")
    .option("--if-match <stamp>", "only if the key holds the value of this stamp");
  addClientFlags(command).action(remove);
}

async function remove(key: string, flags: DeleteFlags): Promise<void> {
  const binary = keyArgument(key, flags.key64);
  const target = keyTarget(binary, { w: flags.w });
  const answer = await withClient(flags, (client) =>
    client.ask({ method: "DELETE", target, headers: conditionHeaders(flags) }),
  );
  if (flags.json === true) printJson({ stamp: tagOf(answer), ...acksOf(answer) });
  else printLine(`deleted ${copiesText(answer)}, stamp ${tagOf(answer)}`);
}
