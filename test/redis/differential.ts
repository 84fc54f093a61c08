/**
 * `npm run test:differential`: seeded random commands to a node and to Debian's redis-server, and every reply compared.
 *
 *   npm run test:differential                                    a new node, 100 000 commands, a new seed
 *   npm run test:differential -- --commands 5000 --seed 7
 *   npm run test:differential -- --port A --port B               two servers that run already; their data goes
 *   npm run test:differential -- --reference                     redis-server against itself: no difference
 *   npm run test:differential -- --plants                        ... with mistakes made on purpose: all are found
 *   npm run test:differential -- --counts                        also tells how often each command was sent
 *
 * Differences that are meant to be: test/redis/differential/known-differences.ts. Exit status 0 only if there is no other.
 */
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { MissingError, referenceProgram } from "./debian.ts";
import { showRequest } from "./differential/compare.ts";
import { showGroup } from "./differential/findings.ts";
import { KNOWN_DIFFERENCES } from "./differential/known-differences.ts";
import { PLANTS } from "./differential/plants.ts";
import { type DifferentialReport, runDifferential } from "./differential/run.ts";
import type { Endpoint } from "./differential/side.ts";
import { openNode, openReference, runningServer, type TestServer } from "./servers.ts";

interface Plan {
  readonly commandCount: number;
  readonly seed: number;
}

const PLANT_COMMANDS = 30_000;
const GROUPS_SHOWN_MAX = 60;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      commands: { type: "string" },
      seed: { type: "string" },
      port: { type: "string", multiple: true, default: [] },
      reference: { type: "boolean", default: false },
      counts: { type: "boolean", default: false },
      plants: { type: "boolean", default: false },
    },
  });
  const isAgainstItself = values.reference || values.plants;
  const commandCount = Number(values.commands ?? (values.plants ? PLANT_COMMANDS : 100_000));
  const seed = Number(values.seed ?? randomInt(1_000_000));
  const [left, right] = await openBoth(values.port, isAgainstItself);
  try {
    if (values.plants) await findPlants({ commandCount, seed }, left, right);
    else {
      const report = await compare({ commandCount, seed }, left, right);
      if (values.counts) showCounts(report);
    }
  } finally {
    await Promise.all([left.close(), right.close()]);
  }
}

async function openBoth(
  ports: readonly string[],
  isAgainstItself: boolean,
): Promise<readonly [TestServer, TestServer]> {
  const [first, second] = ports.map((port) => runningServer(`127.0.0.1:${port}`));
  const right = second ?? (await openReference(await referenceProgram()));
  try {
    if (first !== undefined) return [first, right];
    const left = isAgainstItself ? await openReference(await referenceProgram()) : await openNode();
    return [left, right];
  } catch (error) {
    await right.close();
    throw error;
  }
}

async function compare(plan: Plan, left: Endpoint, right: Endpoint): Promise<DifferentialReport> {
  const startMs = performance.now();
  const report = await runDifferential({ ...plan, left, right, known: KNOWN_DIFFERENCES });
  const { findings, commandCount, counts, failure } = report;
  for (const group of findings.groups.slice(0, GROUPS_SHOWN_MAX))
    console.log(`${showGroup(group)}\n`);
  const hiddenCount = findings.groups.length - GROUPS_SHOWN_MAX;
  if (hiddenCount > 0) console.log(`... and ${hiddenCount} other kinds\n`);
  for (const [name, count] of findings.knownCounts) console.log(`known: ${name}, ${count} times`);
  if (failure !== undefined) console.log(`broke off: ${failure}\n`);
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
  console.log(
    `${commandCount} commands (${counts.size} different), seed ${plan.seed}: ` +
      `${findings.count} differences of ${findings.groups.length} kinds, ${seconds} s`,
  );
  process.exitCode = isClean(report) ? 0 : 1;
  return report;
}

function showCounts({ counts }: DifferentialReport): void {
  console.log("\n| command | sent | errors | empty |\n|---|---|---|---|");
  const sorted = [...counts].sort(([one], [other]) => (one < other ? -1 : 1));
  for (const [command, { sent, errors, empty }] of sorted) {
    console.log(`| ${showRequest([command])} | ${sent} | ${errors} | ${empty} |`);
  }
}

async function findPlants(plan: Plan, left: Endpoint, right: Endpoint): Promise<void> {
  let failed = 0;
  for (const plant of PLANTS) {
    const report = await runDifferential({ ...plan, left, right, known: [], plant });
    const { count } = report.findings;
    if (count === 0) failed += 1;
    console.log(`${count === 0 ? "FAIL" : "ok  "} ${plant.name}: ${count} differences`);
  }
  console.log(`\n${PLANTS.length - failed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

function isClean({ findings, failure }: DifferentialReport): boolean {
  return findings.count === 0 && failure === undefined;
}

try {
  await main();
} catch (error) {
  if (!(error instanceof MissingError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
