/**
 * The linter holds the floors and the determinism rules only if its configuration says so: a glob that matches
 * nothing is silent. So every rule the design leans on is violated here on purpose, in a copy of the tree's shape,
 * and must be reported; and the allowed neighbour of each must not be.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

interface Planted {
  readonly path: string;
  readonly source: string;
  /** Part of the code of the rule that must fire; `undefined`: none may. */
  readonly rule: string | undefined;
}

const GLOBALS = "no-restricted-globals";
const IMPORTS = "no-restricted-imports";
const PROPERTIES = "no-restricted-properties";

const BANNED_GLOBALS = [
  "Date.now()",
  "performance.now()",
  "setTimeout(() => {}, 1)",
  "setInterval(() => {}, 1)",
  "setImmediate(() => {})",
  "queueMicrotask(() => {})",
  "crypto.randomUUID()",
  "process.pid",
  "globalThis.name",
  "new WeakRef({})",
  "new Intl.NumberFormat()",
  "Promise.all",
];

const PLANTED: readonly Planted[] = [
  ...["base", "model", "ports", "core/placement", "protocol/peer", "node"].flatMap((floor) =>
    BANNED_GLOBALS.map((expression, index) => ({
      path: `src/${floor}/global-${index}.ts`,
      source: `export const planted: unknown = ${expression};\n`,
      rule: GLOBALS,
    })),
  ),
  ...["base", "core/causality", "node"].flatMap((floor) => [
    {
      path: `src/${floor}/random.ts`,
      source: "export const planted = Math.random();\n",
      rule: PROPERTIES,
    },
    {
      path: `src/${floor}/power.ts`,
      source: "export const planted = Math.log(2);\n",
      rule: PROPERTIES,
    },
    {
      path: `src/${floor}/order.ts`,
      source: 'export const planted = "a".localeCompare("b");\n',
      rule: PROPERTIES,
    },
    {
      path: `src/${floor}/whole.ts`,
      source: "export const fine = Math.max(1, 2);\n",
      rule: undefined,
    },
  ]),
  { path: "src/node/bytes.ts", source: "export const b = Buffer.alloc(1);\n", rule: GLOBALS },
  {
    path: "src/core/placement/bytes.ts",
    source: "export const b = Buffer.alloc(1);\n",
    rule: GLOBALS,
  },
  { path: "src/base/bytes.ts", source: "export const b = Buffer.alloc(1);\n", rule: undefined },
  {
    path: "src/protocol/peer/bytes.ts",
    source: "export const b = Buffer.alloc(1);\n",
    rule: undefined,
  },
  {
    path: "src/core/causality/bytes.ts",
    source: "export const b = Buffer.alloc(1);\n",
    rule: undefined,
  },
  ...imports("src/base", {
    no: ["../model/x.ts", "node:zlib", "zod"],
    yes: ["./y.ts"],
  }),
  { path: "src/base/checksum.ts", source: importing("node:zlib"), rule: undefined },
  ...imports("src/model", { no: ["../ports/x.ts", "node:fs"], yes: ["../base/x.ts", "./y.ts"] }),
  ...imports("src/ports", {
    no: ["../core/causality/x.ts"],
    yes: ["../model/x.ts", "../base/x.ts"],
  }),
  ...imports("src/core/placement", {
    no: ["../membership/x.ts", "../../protocol/peer/x.ts", "../../node/x.ts", "node:fs", "hono"],
    yes: ["../causality/x.ts", "../../ports/x.ts", "../../model/x.ts"],
  }),
  ...imports("src/protocol/peer", {
    no: ["../../core/causality/x.ts", "../../node/x.ts", "node:net"],
    yes: ["../../model/x.ts", "../../base/x.ts"],
  }),
  ...imports("src/node", {
    no: ["../adapters/tcp/x.ts", "../cli/x.ts", "node:net", "classic-level"],
    yes: ["../core/causality/x.ts", "../protocol/peer/x.ts", "../ports/x.ts"],
  }),
  ...imports("src/adapters/tcp", {
    no: ["../../cli/x.ts", "../../open-node.ts", "../../../sim/x.ts"],
    yes: ["node:net", "../../node/x.ts", "../../ports/x.ts"],
  }),
  ...imports("src/cli", { no: ["../../test/x.ts", "../../sim/x.ts"], yes: ["../open-node.ts"] }),
  ...imports("sim", {
    no: ["../src/adapters/tcp/x.ts", "../test/x.ts"],
    yes: ["../src/adapters/memory/x.ts", "../src/node/x.ts"],
  }),
  { path: "sim/now.ts", source: "export const planted = Date.now();\n", rule: GLOBALS },
  { path: "sim/cli.ts", source: "export const fine = Date.now();\n", rule: undefined },
  {
    path: "src/cli/floating.ts",
    source: "export function f(): void {\n  Promise.resolve(1);\n}\n",
    rule: "no-floating-promises",
  },
  {
    path: "src/cli/misused.ts",
    source: "export const f = [1].filter(async () => await Promise.resolve(true));\n",
    rule: "no-misused-promises",
  },
  {
    path: "src/cli/tested.test.ts",
    source: 'import { test } from "node:test";\n\ntest("fine", () => undefined);\n',
    rule: undefined,
  },
  { path: "src/cli/any.ts", source: "export const planted: any = 1;\n", rule: "no-explicit-any" },
  {
    path: "src/cli/bang.ts",
    source: 'export const planted = "a"[0]!;\n',
    rule: "no-non-null-assertion",
  },
  { path: "src/cli/default.ts", source: "export default 1;\n", rule: "no-default-export" },
  {
    path: "src/cli/missing-branch.ts",
    source:
      'export function f(x: "a" | "b"): number {\n  switch (x) {\n    case "a":\n      return 1;\n  }\n  return 2;\n}\n',
    rule: "switch-exhaustiveness-check",
  },
  {
    path: "src/cli/cycle-one.ts",
    source: 'import { two } from "./cycle-two.ts";\n\nexport const one = (): unknown => two;\n',
    rule: "no-cycle",
  },
  {
    path: "src/cli/cycle-two.ts",
    source: 'import { one } from "./cycle-one.ts";\n\nexport const two = (): unknown => one;\n',
    rule: "no-cycle",
  },
];

function importing(specifier: string): string {
  return `import * as planted from "${specifier}";\n\nexport const used: unknown = planted;\n`;
}

function imports(folder: string, cases: { no: string[]; yes: string[] }): Planted[] {
  return [
    ...cases.no.map((specifier, index) => ({
      path: `${folder}/import-no-${index}.ts`,
      source: importing(specifier),
      rule: IMPORTS,
    })),
    ...cases.yes.map((specifier, index) => ({
      path: `${folder}/import-yes-${index}.ts`,
      source: importing(specifier),
      rule: undefined,
    })),
  ];
}

interface Diagnostic {
  readonly code?: string;
  readonly message: string;
  readonly filename: string;
}

/** Goal: every rule fires where it must and nowhere else. Method: one run over all planted files. */
test("each lint rule the design relies on fires on a planted violation, and spares what is allowed", async () => {
  const folder = await mkdtemp(join(tmpdir(), "dnd-lint-"));
  try {
    await cp(join(ROOT, ".oxlintrc.json"), join(folder, ".oxlintrc.json"));
    await cp(join(ROOT, "tsconfig.json"), join(folder, "tsconfig.json"));
    await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"), "junction");
    for (const planted of PLANTED) {
      await mkdir(dirname(join(folder, planted.path)), { recursive: true });
      await writeFile(join(folder, planted.path), planted.source);
    }
    const found = await lint(folder);
    const wrong = PLANTED.flatMap((planted) => {
      const codes = found
        .filter((diagnostic) => diagnostic.filename === planted.path)
        .map((diagnostic) => diagnostic.code ?? diagnostic.message);
      const ok =
        planted.rule === undefined
          ? codes.length === 0
          : codes.some((code) => code.includes(planted.rule as string));
      return ok
        ? []
        : [`${planted.path}: want ${planted.rule ?? "nothing"}, got ${codes.join(" and ")}`];
    });
    assert.deepEqual(wrong, []);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

async function lint(folder: string): Promise<Diagnostic[]> {
  const oxlint = join(ROOT, "node_modules", "oxlint", "bin", "oxlint");
  const output = await new Promise<string>((resolve) => {
    execFile(
      process.execPath,
      [oxlint, "--type-aware", "--format=json", "."],
      { cwd: folder, maxBuffer: 64 * 1024 * 1024 },
      // The exit status is 1 because violations are planted; what counts is the report.
      (_error, stdout) => resolve(stdout),
    );
  });
  return (JSON.parse(output) as { diagnostics: Diagnostic[] }).diagnostics;
}
