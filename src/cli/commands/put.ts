/** `dnd put KEY VALUE`: the value from the command line, from stdin (`-`) or from a file (`@FILE`). */
import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import type { Command } from "commander";
import { CliError, EXIT, failure, usageError } from "../cli-error.ts";
import { addClientFlags, type ClientFlags, keyArgument, withClient } from "../client-flags.ts";
import { keyTarget } from "../node-client.ts";
import { printJson, printLine } from "../output.ts";
import { copiesText, tagOf } from "../receipt.ts";

interface PutFlags extends ClientFlags {
  readonly key64?: boolean;
  readonly w?: string;
  readonly ttl?: string;
  readonly contentType?: string;
  readonly ifMatch?: string;
  readonly ifAbsent?: boolean;
}

export function addPut(program: Command): void {
  const command = program
    .command("put")
    .argument("<key>", "key, as UTF-8 text")
    .argument("<value>", "the value; - reads stdin, @FILE reads a file")
    .description("store a value; answers with its stamp and the number of copies")
    .option("--key64", "the key is given in base64")
    .option("-w <count>", "replicas that must acknowledge")
    .option("--ttl <seconds>", "time to live; without it the value never expires")
    .option(
      "--content-type <type>",
      "media type to keep (default: JSON, text or bytes, as it looks)",
    )
    .option("--if-match <stamp>", "only if the key holds the value of this stamp")
    .option("--if-absent", "only if the key does not exist");
  addClientFlags(command).action(put);
}

async function put(key: string, value: string, flags: PutFlags): Promise<void> {
  const binary = keyArgument(key, flags.key64);
  const body = await readValue(value);
  const answer = await withClient(flags, (client) =>
    client.ask({
      method: "PUT",
      target: keyTarget(binary, { w: flags.w, ttl: flags.ttl }),
      headers: { ...contentType(flags), ...conditionHeaders(flags) },
      body,
    }),
  );
  if (flags.json === true) printJson(JSON.parse(answer.body.toString("utf8")));
  else printLine(`stored ${copiesText(answer)}, stamp ${tagOf(answer)}`);
}

/** The condition of a write as headers; a stamp may come with or without its quotes. */
export function conditionHeaders(flags: {
  readonly ifMatch?: string;
  readonly ifAbsent?: boolean;
}): Record<string, string> {
  if (flags.ifMatch !== undefined && flags.ifAbsent === true) {
    throw usageError("--if-match and --if-absent exclude each other");
  }
  if (flags.ifAbsent === true) return { "If-None-Match": "*" };
  if (flags.ifMatch === undefined) return {};
  const stamp = flags.ifMatch.replace(/^"(.*)"$/, "$1");
  return { "If-Match": stamp === "*" ? "*" : `"${stamp}"` };
}

function contentType(flags: PutFlags): Record<string, string> {
  return flags.contentType === undefined ? {} : { "Content-Type": flags.contentType };
}

async function readValue(value: string): Promise<Uint8Array> {
  if (value === "-") return await buffer(process.stdin);
  if (!value.startsWith("@")) return Buffer.from(value, "utf8");
  const path = value.slice(1);
  if (path === "") {
    throw usageError(
      "@ is followed by no file name",
      "a value that begins with @ goes through stdin: put KEY -",
    );
  }
  try {
    return await readFile(path);
  } catch (error) {
    const { code = "unreadable" } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") {
      throw new CliError(`there is no file ${path}`, {
        exit: EXIT.usage,
        code: "no-file",
        hint: "a value that begins with @ goes through stdin: put KEY -",
      });
    }
    throw failure("unreadable", `${path} cannot be read (${code})`);
  }
}
