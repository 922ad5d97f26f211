/**
 * Embedded ledger: records acknowledged per second (fsynced by the sequencer and cosigned by the quorum of 3 replicas,
 * each a process with a store of its own), the log alone, and verification of the whole ledger as an auditor does it,
 * from the disk. Clients sign their batches with one signature; the same with one signature per record stands beside it.
 * What bounds each figure is measured in the same run: signatures on one core and on all, parsing and hashing alone, one
 * fsync, and the processor time of every process. From 200,000 records on, what grows with the ledger has a target:
 * latency and memory of the last tenth over those of the first.
 */
import { cpus } from "node:os";
import { anchor, anchors, testMember } from "../../ledger/conformance/fixture.ts";
import { defineBench, type Metric, percentile } from "./bench.ts";
import { fsyncMs, parsedAndHashedPerSecond, signaturesPerSecond, signaturesPerSecondAtOnce } from "./ledger-floor.ts";
import { appendAlone } from "./ledger-log-alone.ts";
import { type Measured, measureLedger } from "./ledger-run.ts";

const REPLICAS = 3;
/** From here on growth has a target, and the first tenth begins when all processes are warm. */
const LONG = 200_000;
const WARM_UP = 20_000;

const SIZES = {
  records: { full: 40_000, tiny: 60 },
  single: { full: 10_000, tiny: 30 },
  batch: { full: 250, tiny: 10 },
  clients: { full: 8, tiny: 2 },
};

export const ledgerBench = defineBench(SIZES, async ({ sizes, note }) => {
  const { records, single, batch, clients } = sizes;
  const operator = testMember("operator", { kind: "industry" });
  const shared = await measureLedger("batch", {
    ...{ records, batch, clients, replicas: REPLICAS, operator, note },
    warmUp: records < LONG ? 0 : WARM_UP,
    sign: (from, count) => anchors(operator, from, count),
  });
  const own = await measureLedger("single", {
    ...{ records: single, batch, clients, replicas: REPLICAS, operator, note },
    warmUp: 0,
    sign: (from, count) => Array.from({ length: count }, (_, at) => anchor(operator, from + at)),
  });
  note("what bounds them");
  const floor = parsedAndHashedPerSecond(shared.entries);
  const atOnce = await signaturesPerSecondAtOnce(own.entries, operator.identity.publicKey);
  return {
    parameters: { records, single, batch, clients, replicas: REPLICAS, replicaProcesses: true },
    results: [
      { metric: "durableRecordsPerSecond", value: shared.perSecond, unit: "1/s", target: { atLeast: 5_000 } },
      { metric: "durableCpuMicros", value: shared.cpuMicros, unit: "µs per record, all processes" },
      { metric: "durableCpuBound", value: (cpus().length * 1e6) / shared.cpuMicros, unit: "1/s on these cores" },
      {
        metric: "logRecordsPerSecond",
        value: await appendAlone(shared.entries),
        unit: "1/s",
        target: { atLeast: 30_000 },
      },
      { metric: "fsyncMs", value: await fsyncMs(), unit: "ms" },
      { metric: "verifyRecordsPerSecond", value: shared.verified.perSecond, unit: "1/s", target: { atLeast: 20_000 } },
      { metric: "verifyCpuMicros", value: shared.verified.cpuMicros, unit: "µs per record" },
      { metric: "verifyFloor", value: floor, unit: "1/s, JSON.parse and SHA-256 alone, one core" },
      ...growth(shared, records),
      { metric: "durableSingleSignedPerSecond", value: own.perSecond, unit: "1/s" },
      { metric: "durableSingleSignedCpuMicros", value: own.cpuMicros, unit: "µs per record, all processes" },
      { metric: "verifySingleSignedPerSecond", value: own.verified.perSecond, unit: "1/s" },
      { metric: "verifySingleSignedCpuMicros", value: own.verified.cpuMicros, unit: "µs per record" },
      { metric: "signaturesPerSecondAllCores", value: atOnce, unit: "1/s" },
      {
        metric: "verifySingleSignedRatio",
        value: atOnce / own.verified.perSecond,
        unit: "time over its signatures alone",
      },
      {
        metric: "signaturesPerSecondPerCore",
        value: signaturesPerSecond(own.entries, operator.identity.publicKey),
        unit: "1/s",
      },
    ] satisfies Metric[],
  };
});

function growth({ latencies, memory }: Measured, records: number): Metric[] {
  const tenth = Math.ceil(latencies.length / 10);
  const [first, last] = [latencies.slice(0, tenth), latencies.slice(-tenth)].map((some) => percentile(some, 0.99));
  // After the first tenth and after the last one.
  const [early, late] = [memory[Math.ceil(memory.length / 10) - 1]!, memory.at(-1)!];
  const target = (atMost: number) => (records < LONG ? {} : { target: { atMost } });
  return [
    { metric: "submitP99FirstTenthMs", value: first!, unit: "ms" },
    { metric: "submitP99LastTenthMs", value: last!, unit: "ms" },
    { metric: "submitP99Growth", value: last! / first!, unit: "last tenth over first", ...target(1.5) },
    { metric: "memoryFirstTenthMiB", value: early, unit: "MiB, all processes" },
    { metric: "memoryLastTenthMiB", value: late, unit: "MiB, all processes" },
    { metric: "memoryGrowth", value: late / early, unit: "last tenth over first", ...target(1.25) },
  ];
}
