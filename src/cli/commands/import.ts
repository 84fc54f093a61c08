/**
 * `dnd import FILE`: stores what `dnd export` wrote, or any file of `{"key", "value"}` lines. The last
 * line of a key wins.
 */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { Command } from "commander";
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from "../../model/limits.ts";
import { lineBytesMax } from "../../protocol/http/bulk-line.ts";
import { LineSplitter } from "../../protocol/http/line-splitter.ts";
import { CliError, EXIT, failure } from "../cli-error.ts";
import { addClientFlags, type ClientFlags, withClient } from "../client-flags.ts";
import { LineSender } from "../line-sender.ts";
import { printJson } from "../output.ts";

interface ImportFlags extends ClientFlags {
  readonly w?: string;
}

const LINE_BYTES_MAX = lineBytesMax({ keyBytesMax: KEY_BYTES_MAX, valueBytesMax: VALUE_BYTES_MAX });

export function addImport(program: Command): void {
  const command = program
    .command("import")
    .argument("<file>", "file of one JSON object a line; - reads stdin")
    .description("store every line of a file: an export, or lines of key and value")
    .option("-w <count>", "replicas that must acknowledge each line");
  addClientFlags(command).action(importAll);
}

async function importAll(file: string, flags: ImportFlags): Promise<void> {
  const size = file === "-" ? undefined : await sizeOf(file);
  const input = file === "-" ? process.stdin : createReadStream(file);
  const importer = await withClient(flags, async (client) => {
    const running = new LineSender(client, "imported", { w: flags.w });
    let bytes = 0;
    for await (const lines of linesOf(input)) {
      for (const line of lines) {
        bytes += line.length + 1;
        await running.add(line, size === undefined ? undefined : Math.min(1, bytes / size));
      }
    }
    await running.flush();
    return running;
  });
  importer.end();
  if (flags.json === true)
    printJson({ stored: importer.stored, failed: importer.failed, errors: importer.errors });
  if (importer.failed === 0) return;
  throw new CliError(
    `${importer.failed} of ${importer.failed + importer.stored} lines were not stored`,
    {
      exit: EXIT.failed,
      code: "lines-failed",
      hint: "mend those lines and import the file again: what is stored already is written anew",
    },
  );
}

async function sizeOf(file: string): Promise<number> {
  try {
    const found = await stat(file);
    if (found.isDirectory()) throw failure("no-file", `${file} is a directory`);
    return found.size;
  } catch (error) {
    if (error instanceof CliError) throw error;
    const { code = "unreadable" } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT") throw failure("unreadable", `${file} cannot be read (${code})`);
    throw new CliError(`there is no file ${file}`, { exit: EXIT.usage, code: "no-file" });
  }
}

/**
 * Lines by line feeds alone: `node:readline` also breaks at U+2028, which JSON allows in a string. A line beyond any
 * value's length is passed on cut, for the node to refuse by its number.
 */
async function* linesOf(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array[]> {
  let lines: Uint8Array[] = [];
  const splitter = new LineSplitter(
    {
      onLine: (line) => lines.push(line),
      onLongLine: () => lines.push(Buffer.from("(a line that is too long)")),
    },
    LINE_BYTES_MAX,
  );
  for await (const chunk of input) {
    splitter.feed(chunk);
    yield lines;
    lines = [];
  }
  splitter.end();
  yield lines;
}
