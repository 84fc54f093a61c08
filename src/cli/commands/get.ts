/** `dnd get KEY`: the value to stdout, byte for byte. */
import type { Command } from "commander";
import { bytesMember } from "../../protocol/http/pages.ts";
import { addClientFlags, type ClientFlags, keyArgument, withClient } from "../client-flags.ts";
import { keyTarget } from "../node-client.ts";
import { printJson, printValue } from "../output.ts";
import { acksOf, tagOf } from "../receipt.ts";

interface GetFlags extends ClientFlags {
  readonly key64?: boolean;
  readonly r?: string;
  readonly after?: string;
}

export function addGet(program: Command): void {
  const command = program
    .command("get")
    .argument("<key>", "key, as UTF-8 text")
    .description("print the value of a key; exit status 3 when it does not exist")
    .option("--key64", "the key is given in base64")
    .option("-r <count>", "replicas that must answer")
    .option("--after <stamp>", "the answer must not be older than this stamp");
  addClientFlags(command).action(get);
}

async function get(key: string, flags: GetFlags): Promise<void> {
  const binary = keyArgument(key, flags.key64);
  const headers = flags.after === undefined ? {} : { "Dnd-After": flags.after };
  const answer = await withClient(flags, (client) =>
    client.ask({ method: "GET", target: keyTarget(binary, { r: flags.r }), headers }),
  );
  const { body } = answer;
  if (flags.json === true) {
    printJson({
      ...bytesMember("key", binary),
      ...bytesMember("value", body.toString("latin1")),
      stamp: tagOf(answer),
      type: answer.headers["dnd-type"],
      contentType: answer.headers["content-type"],
      expires: answer.headers["dnd-expires"],
      ...acksOf(answer),
    });
    return;
  }
  await printValue(body);
}
