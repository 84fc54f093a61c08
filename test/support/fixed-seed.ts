/**
 * Imported by tests of properties: the seed is the same for every run, so that what fails for one change fails for the next one
 * too. `SEED=N` tries another.
 */
import fc from "fast-check";

fc.configureGlobal({ seed: Number(process.env["SEED"] ?? 20_261) });
