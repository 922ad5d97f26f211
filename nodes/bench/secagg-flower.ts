/** The same vector through Flower's SecAgg+ primitives (PyPI `flwr`), where a Python that has it is at hand. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/**
 * What a SecAgg+ client does to mask one quantized vector: one pseudo-random vector per neighbour and one of its own
 * (Flower's `pseudo_rand_gen`), added modulo its default range of 2^32. Keys and shares are left out, as in `nodePhaseMs`; processor time, as there.
 */
const SCRIPT = `
import sys, time, json
import numpy as np
from flwr.common.secure_aggregation.secaggplus_utils import pseudo_rand_gen
from flwr.common.secure_aggregation.ndarrays_arithmetic import parameters_addition, parameters_mod, parameters_subtraction
nodes, length = int(sys.argv[1]), int(sys.argv[2])
mod = 1 << 32
vector = [np.arange(length, dtype=np.int64)]
def client():
    start = time.process_time()
    total = parameters_addition(vector, pseudo_rand_gen(b"s" * 32, mod, [(length,)]))
    for other in range(nodes - 1):
        mask = pseudo_rand_gen(other.to_bytes(4, "big") * 8, mod, [(length,)])
        total = parameters_addition(total, mask) if other % 2 else parameters_subtraction(total, mask)
    parameters_mod(total, mod)
    return time.process_time() - start
client()
print(json.dumps(sorted(client() for _ in range(5))[2] * 1000))
`;

export async function runFlower(
  python: string | undefined,
  size: { readonly nodes: number; readonly length: number },
  note: (text: string) => void,
): Promise<{ readonly nodeMs: number } | undefined> {
  if (python === undefined) {
    note("FLWR_PYTHON names no Python with flwr: no comparison with its SecAgg+");
    return undefined;
  }
  const args = ["-c", SCRIPT, String(size.nodes), String(size.length)];
  const { stdout } = await run(python, args, { timeout: 300_000 });
  return { nodeMs: JSON.parse(stdout) as number };
}
