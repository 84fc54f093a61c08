/** A child process of a benchmark that takes orders: one answer to each, in turn. It ends when its parent does, however. */
import { type ChildProcess, fork } from "node:child_process";

type Wrapped<Answer> = { readonly answer: Answer } | { readonly problem: string };

export class Child<Order, Answer> {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #ended: Promise<void>;

  /** @param flags of the engine. */
  constructor(
    name: string,
    program: string,
    args: readonly string[] = [],
    flags: readonly string[] = [],
  ) {
    this.name = name;
    this.#process = fork(program, [...args], { execArgv: [...process.execArgv, ...flags] });
    this.#ended = new Promise((resolve) => {
      this.#process.on("exit", () => resolve());
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Rejects with what went wrong there, or when the process ends. */
  order(order: Order): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const onExit = (): void => {
        this.#process.off("message", onMessage);
        reject(new Error(`${this.name} ended`));
      };
      const onMessage = (message: unknown): void => {
        this.#process.off("exit", onExit);
        const wrapped = message as Wrapped<Answer>;
        if ("answer" in wrapped) resolve(wrapped.answer);
        else reject(new Error(`${this.name}: ${wrapped.problem}`));
      };
      this.#process.once("exit", onExit);
      this.#process.once("message", onMessage);
      this.#process.send(order as object);
    });
  }

  /** Lets go of it: it ends by itself. */
  async end(): Promise<void> {
    if (this.#process.connected) this.#process.disconnect();
    await this.#ended;
  }
}

/** The child's side: answers orders until the parent lets go. */
export function answerOrders<Order, Answer>(obey: (order: Order) => Promise<Answer>): void {
  process.on("message", (order: Order) => {
    obey(order)
      .then((answer): Wrapped<Answer> => ({ answer }))
      .catch(
        (error: unknown): Wrapped<Answer> => ({
          problem: error instanceof Error ? (error.stack ?? error.message) : String(error),
        }),
      )
      .then((wrapped) => process.send?.(wrapped))
      .catch(() => process.exit(1));
  });
  process.on("disconnect", () => process.exit());
  // Ctrl-C reaches the whole group; the parent ends its children in order.
  process.on("SIGINT", () => undefined);
}
