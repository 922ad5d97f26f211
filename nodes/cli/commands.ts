/** Every command group, in the order of the help text. */
import type { CommandGroup } from "./command.ts";
import { agreementCommands } from "./commands/agreement.ts";
import { assetCommands } from "./commands/asset.ts";
import { auditCommands } from "./commands/audit.ts";
import { demoCommands } from "./commands/demo.ts";
import { fabricCommands } from "./commands/fabric.ts";
import { ledgerCommands } from "./commands/ledger.ts";
import { memberCommands } from "./commands/member.ts";
import { networkCommands } from "./commands/network.ts";
import { nodeCommands } from "./commands/node.ts";
import { policyCommands } from "./commands/policy.ts";
import { requestCommands } from "./commands/request.ts";
import { reviewCommands } from "./commands/review.ts";
import { transferCommands } from "./commands/transfer.ts";
import { trustCommands } from "./commands/trust.ts";

export const COMMAND_GROUPS: readonly CommandGroup[] = [
  networkCommands,
  nodeCommands,
  memberCommands,
  assetCommands,
  policyCommands,
  requestCommands,
  reviewCommands,
  agreementCommands,
  transferCommands,
  trustCommands,
  ledgerCommands,
  auditCommands,
  fabricCommands,
  demoCommands,
];
