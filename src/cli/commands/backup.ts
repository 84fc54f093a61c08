/** `dnd backup DIR`: all that the cluster holds, cell by cell, into a directory on this machine; or what has changed since another backup. */
import { resolve } from "node:path";
import type { Command } from "commander";
import type { BackupFacts } from "../../protocol/backup/manifest.ts";
import { openChain } from "../backup/backup-chain.ts";
import { type TakenBackup, takeBackup } from "../backup/take-backup.ts";
import { addBaseOption, type BaseFlags } from "../base-option.ts";
import { usageError } from "../cli-error.ts";
import { addClientFlags, type ClientFlags, withClient } from "../client-flags.ts";
import { grouped, printJson, printLine, remark } from "../output.ts";

interface BackupFlags extends ClientFlags, BaseFlags {
  readonly allowThin?: boolean;
  readonly since?: string;
  readonly readAll?: boolean;
}

export function addBackup(program: Command): void {
  const command = program
    .command("backup")
    .argument("<directory>", "where to; made, or empty")
    .description("write all that the cluster holds into a directory; `dnd restore` reads it back")
    .option("--since <directory>", "only what has changed since this backup, which it builds on")
    .option("--read-all", "with --since: read every cell, and rely on no hashes that nodes keep")
    .option("--allow-thin", "take slots that fewer than a read quorum can tell of, and name them");
  addBaseOption(addClientFlags(command)).action(backup);
}

async function backup(directory: string, flags: BackupFlags): Promise<void> {
  const { since: base, allowThin: allowsThin = false, readAll: readsAll = false } = flags;
  if (base === undefined && (readsAll || flags.base !== undefined)) {
    throw usageError("--read-all and --base go with --since");
  }
  const since = base === undefined ? undefined : await openChain(base, flags.base ?? []);
  const options = { directory, allowsThin, since, readsAll };
  const taken = await withClient(flags, (client) => takeBackup(client, options));
  const { facts } = taken;
  const slots = facts.thin.reduce((sum, one) => sum + one.lastSlot - one.firstSlot + 1, 0);
  if (slots > 0) {
    remark(
      `${grouped(slots)} slots are thin: fewer than a read quorum told of them (manifest.json)`,
    );
  }
  if (base !== undefined && !areBeside(directory, base)) {
    remark(`${base} is not beside it: name it with --base when this is verified or restored`);
  }
  if (flags.json === true) printJson(jsonOf(directory, taken, slots));
  else printLine(`${directory}: ${textOf(taken)}`);
}

function areBeside(directory: string, base: string): boolean {
  return resolve(directory, "..") === resolve(base, "..");
}

function jsonOf(directory: string, taken: TakenBackup, thinSlots: number): object {
  const { facts, slotsRead, bytesReceived, bytesSent } = taken;
  const { cluster, cells, greatestStamp, increment } = facts;
  const counts =
    increment === undefined
      ? {}
      : { since: increment.base.sha256, gone: increment.gone, whole: increment.whole, slotsRead };
  const stored = { files: facts.files.length, bytes: bytesIn(facts), cells, ...counts };
  return { directory, cluster, ...stored, greatestStamp, thinSlots, bytesReceived, bytesSent };
}

function textOf({ facts, slotsRead }: TakenBackup): string {
  const { cluster, cells, files, increment } = facts;
  const stored = `${grouped(bytesIn(facts))} bytes in ${files.length} files, of cluster ${cluster}`;
  if (increment === undefined) return stored;
  const changed = Object.values(cells).reduce((sum, count) => sum + count, 0);
  const counts = `${grouped(changed)} cells written, ${grouped(increment.gone)} gone`;
  return `${stored}; ${counts}, ${grouped(slotsRead)} slots read`;
}

function bytesIn({ files }: BackupFacts): number {
  return files.reduce((sum, file) => sum + file.bytes, 0);
}
