import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { storageContract } from "../../../test/contracts/storage.ts";
import { openLevelStorage } from "./level-storage.ts";

for (const durability of ["fsync", "os"] as const) {
  storageContract(`leveldb ${durability}`, async () => {
    const parent = await mkdtemp(join(tmpdir(), "dnd-level-"));
    return {
      open: () => openLevelStorage({ directory: join(parent, "db"), durability }),
      remove: () => rm(parent, { recursive: true }),
    };
  });
}
