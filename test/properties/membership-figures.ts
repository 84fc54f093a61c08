/**
 * The figures of docs/protocol/gossip.md, on demand:
 *   node test/properties/membership-figures.ts [crashes=1000] [minutes=1000]
 * Crashes are spread over all sizes; the minutes are virtual, of each size, under 20 % datagram loss.
 */
import { crashTrial, halfTrial, lossTrial, percentile, SIZES } from "./membership-trials.ts";

const crashes = Number(process.argv[2] ?? 1_000);
const minutes = Number(process.argv[3] ?? 1_000);

function line(name: string, values: readonly number[]): string {
  const [p50, p99, max] = [50, 99, 100].map((percent) => percentile(values, percent));
  return `${name} p50 ${p50} p99 ${p99} max ${max} ms`;
}

function crashFigures(): void {
  const allDead: number[] = [];
  const allBack: number[] = [];
  let accusations = 0;
  for (const size of SIZES) {
    const trials = Array.from({ length: Math.ceil(crashes / SIZES.length) }, (_, index) =>
      crashTrial(index + 1, size),
    );
    const dead = trials.map((trial) => trial.deadMs);
    const back = trials.map((trial) => trial.backMs);
    allDead.push(...dead);
    allBack.push(...back);
    for (const trial of trials) accusations += trial.falseAccusations;
    console.log(
      `${size} nodes, ${trials.length} crashes: ${line("dead", dead)}; ${line("back", back)}`,
    );
  }
  console.log(`all, ${allDead.length} crashes: ${line("dead", allDead)}; ${line("back", allBack)}`);
  console.log(`false accusations: ${accusations}`);
}

/** A tenth as many trials as crashes. */
function halfFigures(): void {
  for (const size of SIZES) {
    const trials = Array.from({ length: Math.ceil(crashes / SIZES.length / 10) }, (_, index) =>
      halfTrial(index + 1, size),
    );
    const dead = trials.map((trial) => trial.deadMs);
    const accusations = trials.filter((trial) => trial.falseAccusations > 0).length;
    console.log(
      `${size} nodes, half at once: ${line("dead", dead)}; accused others: ${accusations}`,
    );
  }
}

function lossFigures(): void {
  for (const size of SIZES) {
    const trial = lossTrial(size, size, minutes * 60_000);
    console.log(
      `${size} nodes, ${minutes} min, 20 % loss: suspected ${trial.suspected}, declared dead ` +
        `${trial.declaredDead}, ${trial.bytesPerNodeSecond} B/s a node`,
    );
  }
}

if (crashes > 0) crashFigures();
if (crashes > 0) halfFigures();
if (minutes > 0) lossFigures();
