/**
 * Who has to sign: Fabric's signature policies and implicit meta policies over identities whose signatures were found good.
 * Evaluated as Fabric does (common/cauthdsl, common/policies): in order, and each identity counts once.
 */
import { common, msp } from "@hyperledger/fabric-protos";
import { decoded, FabricFault } from "./fabric-fault.ts";
import type { KnownIdentity } from "./fabric-msp.ts";

/** True when the identities, each with a good signature, are enough. */
export type Policy = (signers: readonly KnownIdentity[]) => boolean;

const SIGNATURE = 1;
const IMPLICIT_META = 3;
const MAX_DEPTH = 32;

/** `sub` gives the policy of that name of every organisation (or group) below, undefined where one has none. */
export function readPolicy(policy: common.Policy, sub: (name: string) => readonly (Policy | undefined)[]): Policy {
  if (policy.getType() === SIGNATURE) return signaturePolicy(policy.getValue_asU8());
  if (policy.getType() !== IMPLICIT_META) throw new FabricFault("fabric-form", { policy: policy.getType() });
  const meta = decoded("policy", () => common.ImplicitMetaPolicy.deserializeBinary(policy.getValue_asU8()));
  const rule = meta.getRule();
  const name = meta.getSubPolicy();
  return (signers) => {
    const policies = sub(name);
    const needed = neededOf(rule, policies.length);
    return policies.filter((one) => one?.(signers) === true).length >= needed;
  };
}

function neededOf(rule: number, count: number): number {
  const { ANY, ALL } = common.ImplicitMetaPolicy.Rule;
  if (rule === ANY) return Math.min(1, count);
  return rule === ALL ? count : Math.floor(count / 2) + 1;
}

/** `bytes` is a SignaturePolicyEnvelope. */
export function signaturePolicy(bytes: Uint8Array): Policy {
  const envelope = decoded("policy", () => common.SignaturePolicyEnvelope.deserializeBinary(bytes));
  const principals = envelope.getIdentitiesList().map(readPrincipal);
  const rule = envelope.getRule();
  if (rule === undefined || envelope.getVersion() !== 0) throw new FabricFault("fabric-form", { what: "policy" });
  const evaluate = compile(rule, principals, 0);
  return (signers) => {
    const distinct = signers.filter(({ holder }, at) => signers.findIndex((other) => other.holder === holder) === at);
    return evaluate(distinct, new Set()) !== undefined;
  };
}

type Principal = (identity: KnownIdentity) => boolean;
/** The identities used up, or undefined when the rule does not hold. */
type Evaluation = (signers: readonly KnownIdentity[], used: ReadonlySet<number>) => ReadonlySet<number> | undefined;

function compile(rule: common.SignaturePolicy, principals: readonly Principal[], depth: number): Evaluation {
  if (depth > MAX_DEPTH) throw new FabricFault("fabric-form", { what: "policy" });
  const choice = rule.getNOutOf();
  if (choice !== undefined && rule.getTypeCase() === common.SignaturePolicy.TypeCase.N_OUT_OF) {
    const rules = choice.getRulesList().map((one) => compile(one, principals, depth + 1));
    return (signers, used) => {
      let taken = used;
      let held = 0;
      for (const one of rules) {
        const after = one(signers, taken);
        if (after === undefined) continue;
        held += 1;
        taken = after;
      }
      return held >= choice.getN() ? taken : undefined;
    };
  }
  const principal = principals[rule.getSignedBy()];
  if (principal === undefined) throw new FabricFault("fabric-form", { what: "policy" });
  return (signers, used) => {
    const at = signers.findIndex((identity, index) => !used.has(index) && principal(identity));
    return at === -1 ? undefined : new Set([...used, at]);
  };
}

function readPrincipal(principal: msp.MSPPrincipal): Principal {
  const { ROLE } = msp.MSPPrincipal.Classification;
  if (principal.getPrincipalClassification() !== ROLE) {
    // Units, single identities and the like: named rather than taken for held.
    throw new FabricFault("fabric-form", { principal: principal.getPrincipalClassification() });
  }
  const role = decoded("principal", () => msp.MSPRole.deserializeBinary(principal.getPrincipal_asU8()));
  const mspId = role.getMspIdentifier();
  const wanted = ROLE_NAMES.get(role.getRole());
  if (wanted === undefined) throw new FabricFault("fabric-form", { role: role.getRole() });
  return (identity) => identity.mspId === mspId && (wanted === "member" || identity.role === wanted);
}

const { MSPRoleType } = msp.MSPRole;
const ROLE_NAMES = new Map<number, "member" | NonNullable<KnownIdentity["role"]>>([
  [MSPRoleType.MEMBER, "member"],
  [MSPRoleType.ADMIN, "admin"],
  [MSPRoleType.CLIENT, "client"],
  [MSPRoleType.PEER, "peer"],
  [MSPRoleType.ORDERER, "orderer"],
]);
