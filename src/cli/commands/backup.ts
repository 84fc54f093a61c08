/** `dnd backup DIR`: all that the cluster holds, cell by cell, into a directory on this machine. */
import type { Command } from "commander";
import { takeBackup } from "../backup/take-backup.ts";
import { addClientFlags, type ClientFlags, withClient } from "../client-flags.ts";
import { grouped, printJson, printLine, remark } from "../output.ts";

interface BackupFlags extends ClientFlags {
  readonly allowThin?: boolean;
}

export function addBackup(program: Command): void {
  const command = program
    .command("backup")
    .argument("<directory>", "where to; made, or empty")
    .description("write all that the cluster holds into a directory; `dnd restore` reads it back")
    .option("--allow-thin", "take slots that fewer than a read quorum can tell of, and name them");
  addClientFlags(command).action(backup);
}

async function backup(directory: string, flags: BackupFlags): Promise<void> {
  const allowsThin = flags.allowThin === true;
  const facts = await withClient(flags, (client) => takeBackup(client, { directory, allowsThin }));
  const bytes = facts.files.reduce((sum, file) => sum + file.bytes, 0);
  const slots = facts.thin.reduce((sum, one) => sum + one.lastSlot - one.firstSlot + 1, 0);
  if (slots > 0) {
    remark(
      `${grouped(slots)} slots are thin: fewer than a read quorum told of them (manifest.json)`,
    );
  }
  const { cluster, cells, greatestStamp } = facts;
  const files = facts.files.length;
  if (flags.json === true) {
    printJson({ directory, cluster, files, bytes, cells, greatestStamp, thinSlots: slots });
  } else
    printLine(`${directory}: ${grouped(bytes)} bytes in ${files} files, of cluster ${cluster}`);
}
