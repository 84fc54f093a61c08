/** `dnd locate KEY`: which nodes hold a key, in the order in which they are asked. */
import type { Command } from "commander";
import { encodeBase64 } from "../../protocol/http/percent.ts";
import { addClientFlags, type ClientFlags, keyArgument, withClient } from "../client-flags.ts";
import { askCluster } from "../cluster-view.ts";
import { query } from "../node-client.ts";
import { printJson, printLine, printPainted, table } from "../output.ts";

interface LocateFlags extends ClientFlags {
  readonly key64?: boolean;
}

interface Location {
  readonly slot: number;
  readonly primaries: readonly string[];
  readonly pending: readonly string[];
  readonly fallbacks: readonly string[];
}

export function addLocate(program: Command): void {
  const command = program
    .command("locate")
    .argument("<key>", "key, as UTF-8 text")
    .description("show which nodes hold a key, whether or not it exists")
    .option("--key64", "the key is given in base64");
  addClientFlags(command).action(locate);
}

async function locate(key: string, flags: LocateFlags): Promise<void> {
  const key64 = encodeBase64(keyArgument(key, flags.key64));
  await withClient(flags, async (client) => {
    const location = await client.askJson<Location>(`/cluster/locate?${query({ key64 })}`);
    if (flags.json === true) {
      printJson(location);
      return;
    }
    const { members } = await askCluster(client);
    const rows = (["primaries", "pending", "fallbacks"] as const).flatMap((role) =>
      location[role].map((id) => {
        const member = members.find((other) => other.id === id);
        const name = role === "primaries" ? "primary" : role === "pending" ? "pending" : "fallback";
        return [
          name,
          id,
          member?.address ?? "?",
          member?.httpAddress ?? "?",
          member?.liveness ?? "?",
        ];
      }),
    );
    printLine(`slot ${location.slot}`);
    printPainted(table(["ROLE", "NODE", "PEERS", "HTTP", "LIVENESS"], rows));
  });
}
