import { defineConfig } from "vitest/config";

const all = "{crypto,policies,chaincode,ledger,exchange,nodes}/**/*.test.ts";
// Whole networks, and packages installed from scratch: minutes, not seconds.
const slow = [
  "{crypto,policies,chaincode,ledger,exchange,nodes}/**/*.slow.test.ts",
  "nodes/checks/{package,readme}.test.ts",
];

export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers: 2,
    // Whole networks with real clocks on a starved CI machine. Vitest prints what needed its second try: look at it.
    retry: process.env.CI === undefined ? 0 : 1,
    projects: [
      {
        extends: true,
        test: { name: "fast", include: [all], exclude: slow, testTimeout: 30_000, hookTimeout: 60_000 },
      },
      { extends: true, test: { name: "slow", include: slow, testTimeout: 300_000, hookTimeout: 300_000 } },
    ],
  },
});
