/** What every client command takes: which node, and in which form to answer. */
import type { Command } from "commander";
import { binaryFromText } from "../base/binary.ts";
import { decodeBase64 } from "../protocol/http/percent.ts";
import { usageError } from "./cli-error.ts";
import { NodeClient } from "./node-client.ts";

const NODE_DEFAULT = "http://127.0.0.1:6000";

export interface ClientFlags {
  readonly node?: string;
  readonly json?: boolean;
}

export function addClientFlags(command: Command): Command {
  return command
    .option("--node <url>", `node to ask (default: DND_NODE, or ${NODE_DEFAULT})`)
    .option("--json", "answer in JSON");
}

/** Runs `action` with a client of the node that the flags or DND_NODE name. */
export async function withClient<Result>(
  flags: ClientFlags,
  action: (client: NodeClient) => Promise<Result>,
): Promise<Result> {
  const client = new NodeClient(flags.node ?? process.env["DND_NODE"] ?? NODE_DEFAULT);
  try {
    return await action(client);
  } finally {
    client.close();
  }
}

/** A key argument as a binary string: its UTF-8 bytes, or with `--key64` those that it spells. */
export function keyArgument(text: string, isBase64: boolean | undefined): string {
  if (text === "") throw usageError("the key is empty: a key is 1 byte or longer");
  if (isBase64 !== true) return binaryFromText(text);
  const binary = decodeBase64(text);
  if (binary === undefined || binary === "") throw usageError(`"${text}" is not base64`);
  return binary;
}
