/**
 * `dnd export [FILE]`: every key of the cluster, one JSON object a line, in slot order; a large hash or set in parts, a line each.
 *
 * A file is written aside and renamed when it is complete, so that a broken export never looks like a whole one.
 */
import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { finished } from "node:stream/promises";
import type { Command } from "commander";
import { binaryFromText } from "../../base/binary.ts";
import { slotOfKey } from "../../core/placement/slot-of-key.ts";
import { parseKey } from "../../model/key.ts";
import { SLOT_COUNT } from "../../model/limits.ts";
import { decodeBase64 } from "../../protocol/http/percent.ts";
import { failure } from "../cli-error.ts";
import { addClientFlags, type ClientFlags, withClient } from "../client-flags.ts";
import { type NodeClient, query } from "../node-client.ts";
import { printJson, printLines } from "../output.ts";
import { Progress } from "../progress.ts";

interface ExportFlags extends ClientFlags {
  readonly prefix?: string;
}

/** An exported key, or a part of one. Stamps stay behind: whoever imports it writes it anew. */
interface Line {
  readonly key?: string;
  readonly key64?: string;
  readonly continues?: boolean;
  readonly stamp?: string;
  readonly bytes?: number;
}

type Sink = (text: string) => Promise<void>;

const PAGE_ENTRIES = 500;

export function addExport(program: Command): void {
  const command = program
    .command("export")
    .argument("[file]", "file to write (default: stdout)")
    .description("write every key and value, one JSON object a line; `dnd import` reads it back")
    .option("--prefix <text>", "only keys that start with this");
  addClientFlags(command).action(exportAll);
}

async function exportAll(file: string | undefined, flags: ExportFlags): Promise<void> {
  const count = await withClient(flags, (client) =>
    file === undefined ? exportTo(client, flags, printLines) : exportToFile(client, flags, file),
  );
  // On stdout the summary would be one line too many.
  if (flags.json === true && file !== undefined) printJson({ exported: count, file });
}

async function exportToFile(client: NodeClient, flags: ExportFlags, file: string): Promise<number> {
  const draft = `${file}.part`;
  const stream = createWriteStream(draft);
  const ended = finished(stream);
  // A failed write rejects `ended`, which is awaited below; until then nobody else must trip over it.
  ended.catch(() => undefined);
  try {
    const count = await exportTo(client, flags, async (text) => {
      if (stream.write(text)) return;
      await Promise.race([
        ended,
        new Promise<void>((resolve) => stream.once("drain", () => resolve())),
      ]);
    });
    stream.end();
    await ended;
    await rename(draft, file);
    return count;
  } catch (error) {
    stream.destroy();
    await rm(draft, { force: true });
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    throw failure("unwritable", `${file} cannot be written (${code})`);
  }
}

async function exportTo(client: NodeClient, flags: ExportFlags, write: Sink): Promise<number> {
  const progress = new Progress("exported");
  const limit = String(PAGE_ENTRIES);
  let count = 0;
  let cursor: string | undefined;
  do {
    const target = `/kv?${query({ values: "true", limit, prefix: flags.prefix, cursor })}`;
    const page = await client.ask({
      method: "GET",
      target,
      headers: { Accept: "application/x-ndjson" },
    });
    const lines = page.body
      .toString("utf8")
      .split("\n")
      .filter((text) => text !== "")
      .map((text) => JSON.parse(text) as Line);
    await write(lines.map((line) => `${exportText(line)}\n`).join(""));
    count += lines.filter(({ continues }) => continues !== true).length;
    progress.update(count, positionOf(lines.at(-1)));
    cursor = page.headers["dnd-cursor"] as string | undefined;
  } while (cursor !== undefined);
  progress.end(count);
  return count;
}

function exportText({ stamp: _stamp, bytes: _bytes, ...kept }: Line): string {
  return JSON.stringify(kept);
}

/** Listings go through the slots in order, so the slot of the last key says how far this one is. */
function positionOf(line: Line | undefined): number | undefined {
  if (line === undefined) return undefined;
  const { key, key64 } = line;
  const binary = key === undefined ? decodeBase64(key64 ?? "") : binaryFromText(key);
  const parsed = parseKey(binary ?? "");
  return parsed === undefined ? undefined : slotOfKey(parsed) / SLOT_COUNT;
}
