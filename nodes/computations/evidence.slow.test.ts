/** The dossier of a rough run: one provider withdraws before the mask set, another is gone before its last contribution. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeEvidence } from "../../ledger/audit/build.ts";
import type { EvidenceBundle } from "../../ledger/audit/bundle.ts";
import { PROBLEM_CODES } from "../../ledger/audit/problems.ts";
import type { CheckId, Report } from "../../ledger/audit/report.ts";
import { verifyEvidence, verifyEvidenceFile } from "../../ledger/audit/verify.ts";
import type { TestnetMember } from "../testnet/local-member.ts";
import { createNetwork, type Network, PROVIDERS, TOTAL } from "./_network.ts";
