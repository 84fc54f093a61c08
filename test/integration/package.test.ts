/** The package works where it is installed, and is no more than it says (decision 0022). */
import { test } from "node:test";
import { OfflineError, tryPackage } from "./package-trial.ts";

test("the package installs into an empty folder, starts a cluster, and is imported with its types", async (t) => {
  try {
    const { packedBytes, installedBytes } = await tryPackage();
    t.diagnostic(`packed ${packedBytes} bytes, installed ${installedBytes}`);
  } catch (error) {
    if (!(error instanceof OfflineError)) throw error;
    t.skip(`no registry is reachable, so nothing can be installed: ${error.message}`);
  }
});
