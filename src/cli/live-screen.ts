/**
 * A terminal that is drawn over and over: its other screen, without a cursor, one key at a time.
 *
 * Invariant: however the process ends that it can help, the terminal is as it was before: its own screen, its cursor, whole lines.
 */
const ROWS_USUAL = 24;
const CTRL_C = "\u0003";
const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";
const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";
const SIGNALS = ["SIGTERM", "SIGHUP", "SIGINT"] as const;
/** 128 and SIGTERM, as shells count. */
const TERMINATED = 143;

export class LiveScreen {
  /** Settles when somebody has pressed `q` or Ctrl-C. */
  readonly quit: Promise<void>;
  #isOpen = true;
  readonly #onKey: (key: Buffer) => void;
  readonly #restore = (): void => this.close();
  readonly #onSignal = (): void => {
    this.close();
    process.exit(TERMINATED);
  };

  constructor() {
    let quit: () => void = () => undefined;
    this.quit = new Promise((resolve) => {
      quit = resolve;
    });
    this.#onKey = (key) => {
      const text = key.toString("latin1");
      if (text.includes("q") || text.includes(CTRL_C)) quit();
    };
    process.on("exit", this.#restore);
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
    process.stdout.write(ENTER);
    if (process.stdin.isTTY) {
      process.stdin.setRawMode(true);
      process.stdin.on("data", this.#onKey);
    }
  }

  /** Lines as they are: printable, but for colours. What does not fit is not shown. */
  draw(lines: readonly string[]): void {
    if (!this.#isOpen) return;
    // Some terminals do not say how large they are.
    const shown = lines.slice(0, (process.stdout.rows || ROWS_USUAL) - 1);
    const text = shown.map((line) => `${line}${CLEAR_LINE}\r\n`).join("");
    process.stdout.write(HOME + text + CLEAR_BELOW);
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    process.off("exit", this.#restore);
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
    if (process.stdin.isTTY) {
      process.stdin.off("data", this.#onKey);
      process.stdin.setRawMode(false);
      process.stdin.pause();
    }
    process.stdout.write(LEAVE);
  }
}
