import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["{crypto,policies,chaincode,ledger,exchange,nodes}/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
