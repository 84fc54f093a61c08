/**
 * The runtime's `Buffer`, looked up once. As a global it is an accessor: ten nanoseconds each time, some twenty times for a write
 * (docs/performance.md). Used as part of the language, as in `binary.ts`.
 */
const RuntimeBuffer: typeof Buffer = Buffer;
type RuntimeBuffer = Buffer;

export { RuntimeBuffer as Buffer };
