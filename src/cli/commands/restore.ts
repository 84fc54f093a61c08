/**
 * `dnd restore DIR`: writes what a backup shows into a cluster.
 *
 * Invariant: nothing is written before all of the backup has been verified, and found to fit the cluster. What is written is
 * written as clients write, under new stamps, so it is replicated, repaired and collected like anything else.
 * Source: docs/decisions/0019-backups.md.
 */
import { type Command, Option } from "commander";
import { RestoredKeys, type RestoredPart } from "../../core/operations/restored-keys.ts";
import { isFlushKey } from "../../core/placement/flush-keys.ts";
import { slotOfKey } from "../../core/placement/slot-of-key.ts";
import type { Slot } from "../../model/slot.ts";
import { maxStamp, NO_STAMP, type Stamp } from "../../model/stamp.ts";
import { fieldsEntryJson, listEntryJson } from "../../protocol/http/pages.ts";
import { bytesOf, type Chain, cellsOf, openChain } from "../backup/backup-chain.ts";
import { readThrough } from "../backup/read-through.ts";
import { addBaseOption, type BaseFlags } from "../base-option.ts";
import { CliError, EXIT, failure } from "../cli-error.ts";
import { addClientFlags, type ClientFlags, withClient } from "../client-flags.ts";
import { askCluster } from "../cluster-view.ts";
import { LineSender } from "../line-sender.ts";
import { type NodeClient, query } from "../node-client.ts";
import { grouped, printJson, printLine, remark } from "../output.ts";

type Existing = "keep" | "replace";

/** A cluster that was emptied is gone through deletion by deletion, and a page counts those. */
const PAGE_ENTRIES = "1000";

interface RestoreFlags extends ClientFlags, BaseFlags {
  readonly existing?: Existing;
  readonly w?: string;
}

/** What a cluster takes. */
interface ClusterLimits {
  readonly keyBytesMax: number;
  readonly valueBytesMax: number;
}

/** What the whole of a backup had to be read for. */
interface Verified {
  readonly chain: Chain;
  /** Flush floors of the slots that have one. */
  readonly flushed: ReadonlyMap<Slot, Stamp>;
}

export function addRestore(program: Command): void {
  const command = program
    .command("restore")
    .argument("<directory>", "a backup")
    .description("write what a backup shows into an empty cluster, of any size")
    .addOption(
      new Option(
        "--existing <what>",
        "into a cluster that is not empty: keep what its keys hold and add what is missing, or replace it",
      ).choices(["keep", "replace"]),
    )
    .option("-w <count>", "replicas that must acknowledge each line");
  addBaseOption(addClientFlags(command)).action(restore);
}

async function restore(directory: string, flags: RestoreFlags): Promise<void> {
  await withClient(flags, async (client) => {
    const { cluster, shared } = await askCluster(client);
    if (cluster === null) throw failure("not-ready", "the node is in no cluster yet");
    await refuseFull(client, flags.existing);
    const limits = {
      keyBytesMax: Number(shared["keyBytesMax"]),
      valueBytesMax: Number(shared["valueBytesMax"]),
    };
    const verified = await verify(directory, flags.base ?? [], limits);
    // Clients may have begun to write while that went on.
    await refuseFull(client, flags.existing);
    const { sender, expired } = await send(client, verified, flags);
    const { facts } = verified.chain.at(-1) ?? verified.chain[0];
    const slots = facts.thin.reduce((sum, one) => sum + one.lastSlot - one.firstSlot + 1, 0);
    if (slots > 0) {
      remark(
        `the backup was thin in ${grouped(slots)} slots: what they held may be old, or missing`,
      );
    }
    const { stored, kept, failed, errors } = sender;
    if (flags.json === true) printJson({ cluster, stored, kept, expired, failed, errors });
    else if (failed === 0) {
      printLine(`restored into cluster ${cluster}: ${counted({ stored, kept, expired })}`);
    }
    if (failed === 0) return;
    throw new CliError(`${failed} of ${failed + kept + stored} lines were not stored`, {
      exit: EXIT.failed,
      code: "lines-failed",
      hint: "restore again with --existing keep: what is there stays, what is missing is added",
    });
  });
}

function counted(counts: {
  readonly stored: number;
  readonly kept: number;
  readonly expired: number;
}) {
  const { stored, kept, expired } = counts;
  const parts = [`${grouped(stored)} lines stored`];
  if (kept > 0) parts.push(`${grouped(kept)} kept as they were`);
  if (expired > 0) parts.push(`${grouped(expired)} keys had expired`);
  return parts.join(", ");
}

/** Refuses a cluster that holds a key, unless it was said what is to become of such. */
async function refuseFull(client: NodeClient, existing: Existing | undefined): Promise<void> {
  if (existing !== undefined) return;
  let cursor: string | undefined;
  do {
    const page = await client.ask({
      method: "GET",
      target: `/kv?${query({ limit: PAGE_ENTRIES, cursor })}`,
    });
    const { entries } = JSON.parse(page.body.toString("utf8")) as { readonly entries: unknown[] };
    if (entries.length > 0) {
      throw new CliError("the cluster is not empty", {
        exit: EXIT.failed,
        code: "not-empty",
        hint: "--existing keep adds what is missing (as after a restore that was interrupted), --existing replace overwrites",
      });
    }
    cursor = page.headers["dnd-cursor"] as string | undefined;
  } while (cursor !== undefined);
}

async function verify(
  directory: string,
  bases: readonly string[],
  limits: ClusterLimits,
): Promise<Verified> {
  const chain = await openChain(directory, bases);
  const flushed = new Map<Slot, Stamp>();
  await readThrough(chain, ({ slot, key, cell }) => {
    if (isFlushKey(key)) flushed.set(slot, maxStamp(flushed.get(slot) ?? NO_STAMP, cell.stamp));
    else if (key.length > limits.keyBytesMax) {
      throw tooLarge("key", key.length, limits.keyBytesMax);
    } else if (cell.payload.length > limits.valueBytesMax) {
      throw tooLarge("value", cell.payload.length, limits.valueBytesMax);
    }
  });
  return { chain, flushed };
}

function tooLarge(what: string, bytes: number, max: number): CliError {
  return failure("limits", `a ${what} of ${bytes} bytes, and the cluster takes up to ${max}`);
}

async function send(
  client: NodeClient,
  { chain, flushed }: Verified,
  flags: RestoreFlags,
): Promise<{ readonly sender: LineSender; readonly expired: number }> {
  const { w, existing = "keep" } = flags;
  const sender = new LineSender(client, "restored", { w, existing });
  const bytes = bytesOf(chain);
  let parts: RestoredPart[] = [];
  let bytesRead = 0;
  const keys = new RestoredKeys({
    nowMs: Date.now(),
    flushed: (key) => flushed.get(slotOfKey(key)) ?? NO_STAMP,
    onPart: (part) => parts.push(part),
  });
  const sendParts = async (): Promise<void> => {
    const some = parts;
    parts = [];
    for (const part of some) await sender.add(lineOf(part), bytesRead / bytes);
  };
  const onBytes = (read: number): void => {
    bytesRead = read;
  };
  try {
    for await (const cells of cellsOf(chain, { onBytes })) {
      for (const { key, field, cell } of cells) keys.add(key, field, cell);
      await sendParts();
    }
  } catch (error) {
    if (!(error instanceof CliError) || error.code !== "bad-backup") throw error;
    const hint = "a part of it is stored: restore from a whole copy with --existing replace";
    throw failure("backup-changed", `since it was verified, ${error.message}`, hint);
  }
  keys.end();
  await sendParts();
  await sender.flush();
  sender.end();
  return { sender, expired: keys.expired };
}

/** A line of `POST /kv`. */
function lineOf(part: RestoredPart): Uint8Array {
  const {
    stamp: _stamp,
    bytes: _bytes,
    ...line
  } = part.kind === "value"
    ? listEntryJson({ key: part.key, root: part.root }, true)
    : fieldsEntryJson(
        part.key,
        { ...part, kind: "page", next: undefined, stamp: NO_STAMP },
        part.continues,
      );
  return Buffer.from(JSON.stringify(line));
}
