/** Every benchmark by its name. */

import { auditBench } from "./audit.bench.ts";
import type { Bench } from "./bench.ts";
import { catalogBench } from "./catalog.bench.ts";
import { disclosureBench } from "./disclosure.bench.ts";
import { heBench } from "./he.bench.ts";
import { ledgerBench } from "./ledger.bench.ts";
import { memoryBench } from "./memory.bench.ts";
import { negotiateBench } from "./negotiate.bench.ts";
import { planBench } from "./plan.bench.ts";
import { policyBench } from "./policy.bench.ts";
import { psiBench } from "./psi.bench.ts";
import { requestBench } from "./request.bench.ts";
import { scanBench } from "./scan.bench.ts";
import { secaggBench } from "./secagg.bench.ts";
import { vectorsBench } from "./vectors.bench.ts";

export const BENCHES: Readonly<Record<string, Bench>> = {
  secagg: secaggBench,
  request: requestBench,
  memory: memoryBench,
  ledger: ledgerBench,
  audit: auditBench,
  catalog: catalogBench,
  negotiate: negotiateBench,
  disclosure: disclosureBench,
  policy: policyBench,
  scan: scanBench,
  vectors: vectorsBench,
  he: heBench,
  psi: psiBench,
  plan: planBench,
};
