/** A page that is watched while it is used: what it logs as an error, throws, or asks of anybody but its own node fails the test. */
import assert from "node:assert/strict";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";

/** Busy machines are slow at everything. */
export const WAIT_MS_MAX = 60_000;

export class WatchedPage {
  readonly page: Page;
  readonly #faults: string[] = [];
  /** Of what a browser logs by itself: an answer that the test asks for, or a node that it stops. */
  expected: RegExp | undefined;

  private constructor(page: Page, origin: string) {
    this.page = page;
    page.on("console", (message) => {
      if (message.type() !== "error" || this.expected?.test(message.text()) === true) return;
      this.#faults.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => this.#faults.push(`thrown: ${error.message}`));
    page.on("request", (request) => {
      if (new URL(request.url()).origin !== origin) {
        this.#faults.push(`asked of somebody else: ${request.url()}`);
      }
    });
  }

  /** From now on its node may be gone. */
  expectLoss(): void {
    this.expected = /net::ERR_/;
  }

  static async open(
    browser: Browser,
    origin: string,
    options: BrowserContextOptions & { readonly hash?: string } = {},
  ): Promise<WatchedPage> {
    const { hash = "#/cluster", ...rest } = options;
    const context = await browser.newContext({
      viewport: { width: 1_280, height: 820 },
      // Nothing moves by itself while it is looked at.
      reducedMotion: "reduce",
      ...rest,
    });
    context.setDefaultTimeout(WAIT_MS_MAX);
    const page = await context.newPage();
    const watched = new WatchedPage(page, origin);
    await page.goto(`${origin}/${hash}`);
    await page.getByText("live", { exact: true }).waitFor();
    return watched;
  }

  /** Ends it, and fails if anything was wrong. */
  async close(): Promise<void> {
    await this.page.context().close();
    assert.deepEqual(this.#faults, []);
  }
}
