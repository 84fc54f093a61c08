/** `dnd verify DIR`: whether a backup is whole, and what it builds on, without a node. */
import type { Command } from "commander";
import { openChain } from "../backup/backup-chain.ts";
import { readThrough } from "../backup/read-through.ts";
import { addBaseOption, type BaseFlags } from "../base-option.ts";
import { grouped, printJson, printLine } from "../output.ts";

interface VerifyFlags extends BaseFlags {
  readonly json?: boolean;
}

export function addVerify(program: Command): void {
  const command = program
    .command("verify")
    .argument("<directory>", "a backup")
    .description(
      "check every hash and every cell of a backup, and of what it builds on; asks no node",
    )
    .option("--json", "answer in JSON");
  addBaseOption(command).action(verify);
}

async function verify(directory: string, { base = [], json }: VerifyFlags): Promise<void> {
  const chain = await openChain(directory, base);
  await readThrough(chain);
  const { facts } = chain.at(-1) ?? chain[0];
  const { cluster, begun, cells, greatestStamp, increment } = facts;
  const slots = facts.thin.reduce((sum, one) => sum + one.lastSlot - one.firstSlot + 1, 0);
  const files = facts.files.length;
  const bytes = facts.files.reduce((sum, file) => sum + file.bytes, 0);
  const bases = chain.slice(0, -1).map((layer) => layer.directory);
  if (json === true) {
    const counts = increment === undefined ? {} : { gone: increment.gone, whole: increment.whole };
    const stored = { files, bytes, cells, ...counts, greatestStamp, thinSlots: slots };
    printJson({ directory, cluster, begun, ...stored, bases });
    return;
  }
  const thin = slots === 0 ? "" : `; ${grouped(slots)} slots are thin`;
  const built = bases.length === 0 ? "" : `, with the ${grouped(bases.length)} that it builds on`;
  printLine(`${directory} is whole${built}: cluster ${cluster}, begun ${begun}${thin}`);
}
