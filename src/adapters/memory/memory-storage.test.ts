import { storageContract } from "../../../test/contracts/storage.ts";
import { MemoryStorage } from "./memory-storage.ts";
import { MemoryTable } from "./memory-table.ts";

const clock = { defer: (callback: () => void): void => void setImmediate(callback) };

storageContract("memory", async () => {
  const table = new MemoryTable();
  return {
    open: async () => new MemoryStorage(clock, table),
    remove: async () => {},
  };
});
