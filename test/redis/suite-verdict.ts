/**
 * Compares what Redis's suite found with what is expected. Every test passes unless it is on the list of those that
 * need what is not offered; a test of that list that passes is a failure as well, since then the list is stale. The
 * number of tests is known too: one that did not run, because the block around it ended early, did not pass.
 */
import type { Expectation } from "./expectation.ts";
import type { UnitRun } from "./suite-run.ts";
import type { UnitResult } from "./suite-unit.ts";

export interface UnitVerdict {
  readonly unit: string;
  readonly passed: number;
  readonly notOffered: number;
  /** One for each test, and for what went wrong beside them; details in further lines. */
  readonly failures: readonly string[];
}

export function judgeUnit(result: UnitResult, expected: Expectation): UnitVerdict {
  const { run, hung, isAlive } = result;
  const listed = expected.notPassing.filter(({ unit }) => unit === run.unit);
  const names = new Set(listed.map(({ test }) => test));
  const passing = run.tests.filter(({ status }) => status === "passed");
  const stale = passing.filter(({ name }) => names.has(name));
  const failed = run.tests.filter(({ name, status }) => status === "failed" && !names.has(name));
  const hanging = hung.filter((name) => !names.has(name));
  const passed = passing.length - stale.length;

  const failures = [
    ...failed.map(({ name, detail }) => `${name}\n${detail}`),
    ...hanging.map((name) => `${name}\nhangs`),
    ...stale.map(({ name }) => `${name}\nis listed as not passing, and passes`),
  ];
  const wanted = expected.tests[run.unit] ?? 0;
  const ran = passed + failed.length + hanging.length + listed.length;
  if (ran < wanted) failures.push(...notRun(run, wanted - ran));
  if (ran > wanted) failures.push(`${ran} tests, and only ${wanted} are known`);
  if (!isAlive) failures.push("the server does not answer any more");
  return { unit: run.unit, passed, notOffered: listed.length - stale.length, failures };
}

/** One failure for each test that did not run; why, where that is known. */
function notRun(run: UnitRun, count: number): string[] {
  const reasons = [...run.broken];
  if (run.hasHung) reasons.push(`hung after ${run.tests.at(-1)?.name ?? "its start"}`);
  else if (!run.isComplete) reasons.push("the suite broke off");
  return Array.from({ length: count }, (_, index) =>
    [`a test that did not run, ${index + 1} of ${count}`, ...(index === 0 ? reasons : [])].join(
      "\n",
    ),
  );
}
