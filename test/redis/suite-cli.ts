/**
 * `npm run test:redis`: the test suite of Redis 7.0 itself, unit by unit, against one node.
 *
 *   npm run test:redis                            a new node for each unit
 *   npm run test:redis -- --units scan,type/set   only these
 *   npm run test:redis -- --against HOST:PORT     a server that runs already; its data goes
 *   npm run test:redis -- --reference             Debian's redis-server instead: all tests pass
 *   npm run test:redis -- --reference --offered   ... without the commands that a node does not offer
 *   npm run test:redis -- --reference --inert     ... where CONFIG SET changes nothing
 *   npm run test:redis -- --list                  rewrites the list, also in docs/redis.md: finds on redis-server what needs
 *                                                 more than is offered
 *   npm run test:redis -- --source DIR            a Redis 7.0 source; else fetched from Debian into .cache/
 *   npm run test:redis -- --test-seconds 120      a test that takes longer hangs
 *   npm run test:redis -- --json FILE             keeps all results
 *
 * Tests that are not expected to pass, and why: test/redis/not-passing.json. Any other difference fails the run. Ends
 * with one line, `N passed, N failed`; exit status 0 only if none failed.
 */
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { MissingError, needTcl, referenceProgram, suiteFolder } from "./debian.ts";
import { type Expectation, readExpectation, writeExpectation } from "./expectation.ts";
import { withTable } from "./not-passing-table.ts";
import { openNode, openReference, runningServer, type TestServer } from "./servers.ts";
import { findExpectation } from "./suite-list.ts";
import { UNITS } from "./suite-run.ts";
import { runOnOwnServer, type SuitePlan, type UnitResult } from "./suite-unit.ts";
import { judgeUnit, type UnitVerdict } from "./suite-verdict.ts";

const DOCS = fileURLToPath(new URL("../../docs/redis.md", import.meta.url));
const UNIT_SECONDS_MAX = 900;
/** Of one failure; all of it is in the JSON. */
const LINES_SHOWN_MAX = 8;

async function main(): Promise<void> {
  const values = flags();
  const units = values.units.split(",");
  const unknown = units.find((unit) => !UNITS.includes(unit));
  if (unknown !== undefined) throw new Error(`no unit ${unknown}; there are ${UNITS.join(", ")}`);
  const isReference = values.reference || values.list;
  if ((values.offered || values.inert) && !isReference) {
    throw new Error("--offered and --inert are views of the --reference");
  }
  await needTcl();
  const view = { isOfferedOnly: values.offered, isInert: values.inert };
  const plan: SuitePlan = {
    units,
    folder: await suiteFolder(values.source),
    limits: { unit: UNIT_SECONDS_MAX, test: Number(values["test-seconds"]) },
    open: opener(values.against, isReference ? await referenceProgram() : undefined),
    view: values.offered || values.inert ? view : "direct",
  };
  const known = await readExpectation();
  if (values.list) {
    const lists = { ...view, isOfferedOnly: true };
    const found = await findExpectation(plan, lists, known.passedMin);
    await writeExpectation(found);
    await writeFile(DOCS, withTable(await readFile(DOCS, "utf8"), found));
    return;
  }
  const isAll = isReference && !values.offered;
  await judge(plan, isAll ? { ...known, notPassing: [] } : known, values.json);
}

function flags() {
  const { values } = parseArgs({
    options: {
      units: { type: "string", default: UNITS.join(",") },
      against: { type: "string" },
      reference: { type: "boolean", default: false },
      offered: { type: "boolean", default: false },
      inert: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      source: { type: "string" },
      "test-seconds": { type: "string", default: "120" },
      json: { type: "string" },
    },
  });
  return values;
}

function opener(
  against: string | undefined,
  program: string | undefined,
): () => Promise<TestServer> {
  if (against !== undefined) return () => Promise.resolve(runningServer(against));
  return program === undefined ? openNode : () => openReference(program);
}

async function judge(
  plan: SuitePlan,
  expected: Expectation,
  json: string | undefined,
): Promise<void> {
  console.log("| unit | passed | not offered | failed | left out | s |\n|---|---|---|---|---|---|");
  const results: UnitResult[] = [];
  const verdicts: UnitVerdict[] = [];
  for (const unit of plan.units) {
    const hanging = expected.notPassing.filter((one) => one.unit === unit && one.hangs === true);
    const skipped = hanging.map(({ test }) => test);
    const result = await runOnOwnServer(plan, unit, skipped);
    const verdict = judgeUnit(result, expected);
    results.push(result);
    verdicts.push(verdict);
    console.log(row(result, verdict));
  }
  const failures = verdicts.flatMap((verdict) =>
    verdict.failures.map((failure) => `${verdict.unit}: ${failure}`),
  );
  const passed = sum(verdicts, (verdict) => verdict.passed);
  if (plan.units.length === UNITS.length && passed < expected.passedMin) {
    failures.push(`${passed} tests pass, and at least ${expected.passedMin} must`);
  }

  for (const failure of failures) console.log(`\n${head(failure)}`);
  if (json !== undefined) await keep(json, results, verdicts);
  console.log(`\n${sum(verdicts, (verdict) => verdict.notOffered)} not offered`);
  console.log(`${passed} passed, ${failures.length} failed`);
  process.exitCode = failures.length === 0 && passed > 0 ? 0 : 1;
}

function row({ run }: UnitResult, { unit, passed, notOffered, failures }: UnitVerdict): string {
  const cells = [unit, passed, notOffered, failures.length, run.ignoredCount];
  return `| ${[...cells, run.seconds.toFixed(1)].join(" | ")} |`;
}

async function keep(
  path: string,
  results: readonly UnitResult[],
  verdicts: readonly UnitVerdict[],
): Promise<void> {
  const units = results.map(({ needs, ...result }, index) => ({
    ...result,
    needs: Object.fromEntries(needs),
    verdict: verdicts[index],
  }));
  await writeFile(path, `${JSON.stringify(units, undefined, 2)}\n`);
}

function head(text: string): string {
  const lines = text.split("\n");
  return lines.length > LINES_SHOWN_MAX
    ? `${lines.slice(0, LINES_SHOWN_MAX).join("\n")}\n    ...`
    : text;
}

function sum(verdicts: readonly UnitVerdict[], of: (verdict: UnitVerdict) => number): number {
  return verdicts.reduce((total, verdict) => total + of(verdict), 0);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof MissingError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
