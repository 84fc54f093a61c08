/**
 * What `runtest` of Redis prints, as results of tests. One line for each test that passed or was left out; one that
 * failed goes on in lines of its own, up to the next line of these kinds:
 *
 *   [ok]: NAME (3 ms)
 *   [err]: NAME in tests/unit/FILE.tcl         a test that failed; its reason follows
 *   [err]: TEXT                                a block of tests that ended early: those after it did not run
 *   [ignore]: NAME: REASON    [ignore]: REASON a test, or a block of them, that does not apply
 *   [exception]: TEXT                          the suite itself broke
 */

export interface SuiteTest {
  readonly name: string;
  readonly status: "passed" | "failed";
  /** Why it failed, else empty. */
  readonly detail: string;
}

export interface SuiteOutput {
  readonly tests: readonly SuiteTest[];
  /** What failed outside any test. */
  readonly broken: readonly string[];
  /** Tests and blocks that the suite left out by their tags. */
  readonly ignoredCount: number;
  /** It came to its own end, whatever failed. */
  readonly isComplete: boolean;
}

const START = /^\[(ok|err|ignore|skip|exception|TIMEOUT|ready|testing|\d+\/\d+ done)\]:? ?(.*)$/;
const END = /^\s+The End$/;

export function parseSuiteOutput(output: string): SuiteOutput {
  const { entries, isComplete } = split(output);
  const tests: SuiteTest[] = [];
  const broken: string[] = [];
  let ignoredCount = 0;
  for (const { status, text } of entries) {
    if (status === "ok") {
      const name = text.replace(/ \(\d+ ms\)$/, "");
      tests.push({ name, status: "passed", detail: "" });
    } else if (status === "err") {
      const failure = parseFailure(text);
      if (failure === undefined) broken.push(text);
      else tests.push(failure);
    } else if (status === "exception" || status === "TIMEOUT") {
      broken.push(text);
    } else if (status === "ignore") {
      ignoredCount += 1;
    }
  }
  return { tests, broken, ignoredCount, isComplete };
}

interface Entry {
  readonly status: string;
  readonly text: string;
}

function split(output: string): {
  readonly entries: readonly Entry[];
  readonly isComplete: boolean;
} {
  const entries: Entry[] = [];
  let status: string | undefined;
  let lines: string[] = [];
  const keep = (): void => {
    if (status !== undefined) entries.push({ status, text: lines.join("\n").trimEnd() });
  };
  for (const line of output.split("\n")) {
    // After it the failures are told once more.
    if (END.test(line)) {
      keep();
      return { entries, isComplete: true };
    }
    const found = START.exec(line);
    if (found === null) {
      lines.push(line);
      continue;
    }
    keep();
    status = found[1] ?? "";
    lines = [status === "ok" ? (found[2] ?? "").trimEnd() : (found[2] ?? "")];
  }
  keep();
  return { entries, isComplete: false };
}

function parseFailure(text: string): SuiteTest | undefined {
  const [first = "", ...rest] = text.split("\n");
  const found = /^(.*) in tests\/[\w/-]+\.tcl$/.exec(first);
  if (found === null) return undefined;
  return { name: found[1] ?? "", status: "failed", detail: rest.join("\n") };
}
