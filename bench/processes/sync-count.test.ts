import assert from "node:assert/strict";
import { test } from "node:test";
import { callsOfPerf, callsOfStrace } from "./sync-count.ts";

test("perf's counts of all calls are added", () => {
  const output =
    "435,,syscalls:sys_enter_fdatasync,113984713,100.00,,\n" +
    "2,,syscalls:sys_enter_fsync,113918751,100.00,,\n" +
    "60,,syscalls:sys_enter_pwrite64,113918751,100.00,,\n";
  assert.equal(callsOfPerf(output), 497);
  assert.equal(callsOfPerf("<not counted>,,syscalls:sys_enter_fsync,0,100.00,,\n"), 0);
});

test("strace's table is read whether or not calls failed", () => {
  const output = `% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 90.00    0.008436          59       141           fdatasync
 10.00    0.000436          59        12         3 fsync
  5.00    0.000436          59         7           pwrite64
------ ----------- ----------- --------- --------- ----------------
100.00    0.008436          59       153           total`;
  assert.equal(callsOfStrace(output), 160);
});
