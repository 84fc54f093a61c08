/**
 * When a running node is asked to stop: SIGINT, SIGTERM, SIGHUP, or the end of the process that started it.
 *
 * The first request drains; a second one, at least a second later, ends the process at once. (A terminal's Ctrl-C can
 * arrive twice, once by the launcher.) Before the node is ready there is nothing to drain.
 */
const SECOND_REQUEST_MS_MIN = 1_000;
/** 128 and SIGINT, as shells count. */
const INTERRUPTED = 130;

export interface StopRequest {
  /** Settles with the first request. */
  readonly requested: Promise<void>;
  /** Set once there is something to drain. */
  isReady: boolean;
  /** Whether it has been asked. */
  isStopped(): boolean;
}

export function stopRequested(): StopRequest {
  let firstMs: number | undefined;
  let settle: () => void = () => undefined;
  const request: StopRequest = {
    requested: new Promise((resolve) => {
      settle = resolve;
    }),
    isReady: false,
    isStopped: () => firstMs !== undefined,
  };
  const onRequest = (): void => {
    const nowMs = performance.now();
    if (!request.isReady) process.exit(INTERRUPTED);
    if (firstMs !== undefined && nowMs - firstMs >= SECOND_REQUEST_MS_MIN)
      process.exit(INTERRUPTED);
    firstMs ??= nowMs;
    settle();
  };
  // `dnd up` hears Ctrl-C itself and tells its children, who share its terminal, to stop.
  const isChild = process.env["DND_UP_CHILD"] !== undefined;
  process.on("SIGINT", () => {
    if (!isChild) onRequest();
  });
  process.on("SIGTERM", onRequest);
  process.on("SIGHUP", onRequest);
  if (process.channel !== undefined && process.channel !== null) {
    process.on("disconnect", onRequest);
    // Listening must not keep a process alive that has nothing else to do.
    process.channel.unref();
  }
  return request;
}
