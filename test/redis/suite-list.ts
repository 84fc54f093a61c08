/**
 * Finds out, on Redis itself, which tests cannot pass on a node: those that pass on it as it is, and do not in the view
 * that has only what a node offers.
 */
import type { Expectation, NotPassing } from "./expectation.ts";
import { isRefusedSetting } from "./offered.ts";
import { runOnOwnServer, type SuitePlan, type UnitResult, type View } from "./suite-unit.ts";

/** Tests that Redis runs only where it is built as Debian builds it: no view of it shows that. */
const BUILT_OTHERWISE: readonly NotPassing[] = [
  {
    unit: "type/string",
    test: "trim on SET with big value",
    needs: ["INFO mem_allocator:jemalloc"],
  },
];

export async function findExpectation(
  plan: SuitePlan,
  view: View,
  passedMin: number,
): Promise<Expectation> {
  const tests: Record<string, number> = {};
  const notPassing: NotPassing[] = [];
  for (const unit of plan.units) {
    const all = { isOfferedOnly: false, isInert: false };
    const whole = await runOnOwnServer({ ...plan, view: all }, unit, []);
    const less = await runOnOwnServer({ ...plan, view }, unit, []);
    if (whole.hung.length > 0) throw new Error(`too slow here: ${whole.hung.join(", ")}`);
    const passed = passedNames(whole);
    const lost = difference(passed, passedNames(less));
    tests[unit] = passed.length;
    for (const test of lost) {
      const needs = whole.needs.get(test) ?? [];
      const taken = needs.filter((name) => {
        return view.isInert || !name.startsWith("CONFIG SET") || isRefusedSetting(name.split(" "));
      });
      if (taken.length === 0) {
        console.log(`${unit}: "${test}" fails in view with all it needs: chance, and not listed`);
        continue;
      }
      const hangs = less.hung.includes(test);
      notPassing.push(hangs ? { unit, test, needs: taken, hangs } : { unit, test, needs: taken });
    }
    notPassing.push(...BUILT_OTHERWISE.filter((one) => one.unit === unit));
    const { requestCount } = whole;
    console.log(
      `${unit}: ${passed.length} pass, ${requestCount} requests; ${passed.length - lost.length} pass in view`,
    );
  }
  return { tests, passedMin, notPassing };
}

function passedNames({ run }: UnitResult): string[] {
  return run.tests.filter(({ status }) => status === "passed").map(({ name }) => name);
}

/** What `all` has more than `some`, where both may have a name more than once. */
function difference(all: readonly string[], some: readonly string[]): string[] {
  const left = [...some];
  return all.filter((name) => {
    const index = left.indexOf(name);
    if (index !== -1) left.splice(index, 1);
    return index === -1;
  });
}
