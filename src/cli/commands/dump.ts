/** `dnd dump`: a node's own cells with their stamps, in storage order: two replicas can be compared with `diff`. */
import type { Command } from "commander";
import { addClientFlags, type ClientFlags, withClient } from "../client-flags.ts";
import { query } from "../node-client.ts";
import { printLines } from "../output.ts";

const PAGE_ENTRIES = 1_000;
const NDJSON = "application/x-ndjson";

export function addDump(program: Command): void {
  const command = program
    .command("dump")
    .description("print the node's own cells, one JSON object a line, sorted as they are stored");
  addClientFlags(command).action(dump);
}

async function dump(flags: ClientFlags): Promise<void> {
  await withClient(flags, async (client) => {
    let cursor: string | undefined;
    do {
      const target = `/cluster/dump?${query({ limit: String(PAGE_ENTRIES), cursor })}`;
      const page = await client.ask({ method: "GET", target, headers: { Accept: NDJSON } });
      await printLines(page.body.toString("utf8"));
      cursor = page.headers["dnd-cursor"] as string | undefined;
    } while (cursor !== undefined);
  });
}
