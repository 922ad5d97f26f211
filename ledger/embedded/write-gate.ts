/**
 * The first write that failed is the last. After a failed append LevelDB goes on behind the torn record: it
 * acknowledges what comes then, synced, and at the next open all of it is gone. Only opening anew mends its log.
 */

export interface WriteGate {
  /** Throws what `write` throws, and WRITE_GATE_SHUT once a write has failed on the disk. */
  pass(write: () => Promise<void>): Promise<void>;
}

const SHUT = "WRITE_GATE_SHUT";
/** LevelDB's codes for what its files did not take. */
const ON_DISK: readonly unknown[] = ["LEVEL_IO_ERROR", "LEVEL_CORRUPTION"];

/** True where the disk did not take a write, now or before. */
export const isFailedWrite = (error: unknown): boolean => {
  const { code } = error as { code?: unknown };
  return code === SHUT || ON_DISK.includes(code);
};

/** `onFailure` hears of the first failed write. */
export function createWriteGate(onFailure: (error: unknown) => void): WriteGate {
  let failure: unknown;
  const shut = () =>
    Object.assign(new Error("an earlier write failed; nothing more is written until this node is started anew"), {
      code: SHUT,
      cause: failure,
    });
  return Object.freeze({
    async pass(write: () => Promise<void>) {
      if (failure !== undefined) throw shut();
      try {
        await write();
      } catch (error) {
        if (failure === undefined && isFailedWrite(error)) {
          failure = error;
          onFailure(error);
        }
        throw error;
      }
      // Written while another one failed: perhaps behind its torn record.
      if (failure !== undefined) throw shut();
    },
  });
}
