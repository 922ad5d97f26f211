import { defineConfig } from "vitest/config";
import { secondTries } from "./nodes/checks/_second-tries.ts";

const all = "{crypto,policies,chaincode,ledger,exchange,nodes}/**/*.test.ts";
// Whole networks, processes, and packages installed from scratch: minutes, not seconds.
const slow = [
  "{crypto,policies,chaincode,ledger,exchange,nodes}/**/*.slow.test.ts",
  "nodes/checks/{package,readme}.test.ts",
];

/** They say only that something hangs: a starved machine takes many times longer than a busy one. */
const limits = (ms: number) => ({ testTimeout: ms, hookTimeout: ms, expect: { poll: { timeout: ms - 20_000 } } });

export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers: 2,
    // Whole networks, processes and disks on a starved CI machine.
    reporters: ["default", secondTries],
    retry: process.env.CI === undefined ? 0 : 1,
    projects: [
      {
        extends: true,
        test: { name: "fast", include: [all], exclude: slow, ...limits(120_000) },
      },
      { extends: true, test: { name: "slow", include: slow, ...limits(300_000) } },
    ],
  },
});
