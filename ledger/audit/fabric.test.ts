import { generateKeyPairSync, sign, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { common, msp } from "@hyperledger/fabric-protos";
import { describe, expect, it, test } from "vitest";
import type { LedgerEntry } from "../port.ts";
import { examineFabric } from "./examined-fabric.ts";
import type { FabricPart, FabricPlace, PinnedFabric } from "./fabric-bundle.ts";
import { type ChannelConfig, readChannelConfig } from "./fabric-channel.ts";
import { derSequence, headerBytes, isLowS } from "./fabric-der.ts";
import { blockIn } from "./fabric-evidence.ts";
import { FabricFault } from "./fabric-fault.ts";
import { demandDates, isSignedBy, type KnownIdentity, type Role, readOrganisation } from "./fabric-msp.ts";
import { signaturePolicy } from "./fabric-policy.ts";
import { isCall, verifyCall } from "./fabric-transaction.ts";

interface Recorded {
  readonly pinned: PinnedFabric;
  readonly part: FabricPart;
  readonly records: readonly (LedgerEntry & { readonly proof: FabricPlace })[];
  readonly forged: {
    readonly endorsement: string;
    readonly policy: string;
    readonly twice: string;
    readonly proposal: string;
    /** Of Org2's peer, of Org1's. */
    readonly lies: readonly { readonly statement: number; readonly after: string; readonly signature: string }[];
    readonly revocation: string;
  };
}
/** From a real network: see nodes/fabric/_record-evidence.ts. */
const { pinned, part, records, forged } = JSON.parse(
  gunzipSync(readFileSync(new URL("vectors/fabric.json.gz", import.meta.url))).toString("utf8"),
) as Recorded;

type Draft<T> = { -readonly [K in keyof T]: Draft<T[K]> };
const changed = (change: (draft: Draft<FabricPart>) => void): FabricPart => {
  const draft = structuredClone(part) as Draft<FabricPart>;
  change(draft);
  return draft;
};
/** Codes of everything wrong with the blocks. */
function codesOf(examined: FabricPart, pin = pinned): readonly string[] {
  const { chain, agreement } = examineFabric(examined, pin);
  return [...chain.problems, ...agreement.problems].map(({ code }) => code);
}
const faultOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof FabricFault) return error.code;
    throw error;
  }
  return "none";
};
const flipped = (text: string, at: number): string => {
  const bytes = Buffer.from(text, "base64url");
  bytes[at % bytes.length]! ^= 1 << (at % 8);
  return bytes.toString("base64url");
};
/** The block with this index, its data changed. */
const withData = (at: number, place: number): FabricPart =>
  changed(({ blocks }) => {
    const { data } = blocks[at]!;
    data[0] = flipped(data[0]!, place);
  });
const envelopeOf = (at: number): Uint8Array => Buffer.from(part.blocks.at(at)!.data[0]!, "base64url");
const numbers = part.blocks.map((block) => blockIn(part, block).number);
/** Index of the block that changes the configuration. */
const CHANGE = part.blocks.findIndex((_, at) => at > 0 && !isCall(envelopeOf(at)));
const LAST = numbers.at(-1)!;
const config: ChannelConfig = readChannelConfig(envelopeOf(0));
const policyOf = () => config.endorsementPolicy(Buffer.from(pinned.policy, "base64url"));

describe("blocks of a real Fabric network, without the network", () => {
  it("verifies them from the pinned configuration on, through its change, and finds every record", () => {
    const { evidence, chain, agreement } = examineFabric(part, pinned);
    expect([...chain.problems, ...agreement.problems]).toEqual([]);
    expect(readChannelConfig(envelopeOf(CHANGE)).sequence).toBe(config.sequence + 1);
    expect(records.some(({ proof }) => proof.block < numbers[CHANGE]!)).toBe(true);
    expect(records.some(({ proof }) => proof.block > numbers[CHANGE]!)).toBe(true);
    expect([...evidence.ordinary.keys()]).toEqual([...new Set(records.map(({ proof }) => proof.block))]);
    expect(evidence.codes()).toEqual([]);
    for (const { proof, time } of records) {
      const call = evidence.call(proof.block, proof.transaction);
      expect(evidence.codes()).toEqual([call.version]);
      expect(new Date(call.time).toISOString()).toBe(time);
      expect(call.endorsers.map(({ mspId, role }) => `${mspId} ${role}`)).toEqual(["Org1MSP peer", "Org2MSP peer"]);
    }
  });

  it("finds any flipped bit in any part of it", () => {
    for (let at = 0; at < 90; at++) {
      const broken = changed((draft) => {
        const block = draft.blocks[at % draft.blocks.length]!;
        const statement = block.statements[at % block.statements.length]!;
        const place = at * 7919;
        const kind = at % 6;
        if (kind === 0) block.data[0] = flipped(block.data[0]!, place);
        else if (kind === 1) statement.before = flipped(statement.before, place);
        else if (kind === 2) statement.after = flipped(statement.after, place);
        else if (kind === 3) statement.proposal = flipped(statement.proposal, place);
        else if (kind === 4) statement.signature = flipped(statement.signature, place);
        else draft.identities[at % draft.identities.length] = flipped(draft.identities[at % 2]!, place);
      });
      expect(codesOf(broken).length, `flip ${at}`).toBeGreaterThan(0);
    }
  });

  it("names a changed transaction, a changed ordering signature, and a broken chain", () => {
    expect(codesOf(withData(1, 3000))).toContain("fabric-data-hash");
    const { signatures } = blockIn(part, part.blocks[1]!);
    const own = common.Metadata.deserializeBinary(signatures).getSignaturesList()[0]!.getSignature_asU8();
    const broken = changed(({ blocks }) => {
      for (const statement of blocks[1]!.statements) {
        const after = Buffer.from(statement.after, "base64url");
        after[after.indexOf(own) + 20]! ^= 1;
        statement.after = after.toString("base64url");
      }
    });
    expect(codesOf(broken)).toContain("fabric-order-signature");
    const hash = Buffer.alloc(32, 7).toString("base64url");
    expect(codesOf({ ...part, headers: [{ number: numbers[1]! - 1, previous: hash, data: hash }] })).toContain(
      "fabric-chain",
    );
  });

  it("names another network, a configuration left out, and one that is not the pinned one", () => {
    expect(codesOf(part, { ...pinned, config: { block: 0, hash: "A".repeat(43) } })).toContain("fabric-pinned");
    expect(codesOf(part, { ...pinned, channel: "another" })).toContain("fabric-pinned");
    // The first of two in a row, the second, both.
    for (const [at, count] of [
      [CHANGE, 1],
      [CHANGE + 1, 1],
      [CHANGE, 2],
    ] as const) {
      expect(codesOf(changed(({ blocks }) => void blocks.splice(at, count)))).toContain("fabric-config");
    }
    expect(codesOf(withData(CHANGE, 9000))).toContain("fabric-data-hash");
  });

  it("validity is the word of two organisations: of one it is not enough, and a contradiction is named", () => {
    expect(codesOf(changed(({ blocks }) => void blocks[2]!.statements.pop()))).toEqual(["fabric-statements"]);
    const same = changed(({ blocks }) => {
      blocks[2]!.statements[1] = blocks[2]!.statements[0]!;
    });
    expect(codesOf(same)).toEqual(["fabric-statements"]);
    const told = (lies: Recorded["forged"]["lies"]) =>
      changed(({ blocks }) => {
        for (const { statement, after, signature } of lies) {
          Object.assign(blocks.at(-1)!.statements[statement]!, { after, signature });
        }
      });
    const one = told(forged.lies.slice(0, 1));
    expect(codesOf(one)).toContain("fabric-flags");
    expect(faultOf(() => examineFabric(one, pinned).evidence.call(LAST, 0))).toBe("fabric-form");
    // What both call invalid is invalid.
    const both = told(forged.lies);
    expect(codesOf(both)).toEqual([]);
    expect(faultOf(() => examineFabric(both, pinned).evidence.call(LAST, 0))).toBe("fabric-invalid");
  });

  it("a record in another place, or in a block that is not there, is not found", () => {
    const { evidence } = examineFabric(part, pinned);
    expect(faultOf(() => evidence.call(LAST, 1))).toBe("fabric-form");
    expect(faultOf(() => evidence.call(1, 0))).toBe("fabric-form");
    // The change of the configuration is no call.
    expect(faultOf(() => evidence.call(numbers[CHANGE]!, 0))).toBe("fabric-form");
  });
});

describe("a transaction under a client's own good signature", () => {
  const faultIn = (envelope: string) => faultOf(() => verifyCall(Buffer.from(envelope, "base64url"), config, policyOf));

  it("is refused for a wrong endorsement, too few, one that counts twice, and another proposal", () => {
    expect(faultOf(() => verifyCall(envelopeOf(-1), config, policyOf))).toBe("none");
    expect(faultIn(forged.endorsement)).toBe("fabric-endorsement");
    expect(faultIn(forged.policy)).toBe("fabric-policy");
    expect(faultIn(forged.twice)).toBe("fabric-policy");
    expect(faultIn(forged.proposal)).toBe("fabric-proposal");
  });

  it("is refused when its payload is changed", () => {
    const at = envelopeOf(-1).length >> 1;
    expect(faultIn(flipped(part.blocks.at(-1)!.data[0]!, at))).toMatch(/^fabric-(?:creator|form)$/);
  });
});

describe("certificates", () => {
  /** Org1's own configuration, changed. */
  function organisation(change: (config: msp.FabricMSPConfig) => void) {
    const payload = common.Payload.deserializeBinary(
      common.Envelope.deserializeBinary(envelopeOf(0)).getPayload_asU8(),
    );
    const root = common.ConfigEnvelope.deserializeBinary(payload.getData_asU8()).getConfig()!.getChannelGroup()!;
    const group = root.getGroupsMap().get("Application")!.getGroupsMap().get("org1")!;
    const outer = msp.MSPConfig.deserializeBinary(group.getValuesMap().get("MSP")!.getValue_asU8());
    const config = msp.FabricMSPConfig.deserializeBinary(outer.getConfig_asU8());
    change(config);
    outer.setConfig(config.serializeBinary());
    return readOrganisation(outer.serializeBinary());
  }
  const creator = (() => {
    const payload = common.Payload.deserializeBinary(
      common.Envelope.deserializeBinary(envelopeOf(-1)).getPayload_asU8(),
    );
    const header = common.SignatureHeader.deserializeBinary(payload.getHeader()!.getSignatureHeader_asU8());
    return msp.SerializedIdentity.deserializeBinary(header.getCreator_asU8()).getIdBytes_asU8();
  })();

  it("lead to a root of their organisation, and their unit gives the role", () => {
    const identity = organisation(() => undefined).identify(creator);
    expect(identity.role).toBe("client");
    expect(faultOf(() => config.identify(identityOf("Org2MSP", creator)))).toBe("fabric-certificate");
    expect(faultOf(() => config.identify(identityOf("Org9MSP", creator)))).toBe("fabric-certificate");
    const another = organisation((one) =>
      one.getFabricNodeOus()!.getClientOuIdentifier()!.setOrganizationalUnitIdentifier("x"),
    );
    expect(faultOf(() => another.identify(creator))).toBe("fabric-role");
  });

  it("for one key are one holder: a twin under the other good signature counts for nothing more", () => {
    const der = Buffer.from(
      Buffer.from(creator)
        .toString()
        .replace(/-----[^-]+-----|\s/g, ""),
      "base64",
    );
    const [toBeSigned, algorithm, signature] = derSequence(der);
    const [r, s] = derSequence(signature!.content.subarray(1)).map(({ content }) =>
      BigInt(`0x${Buffer.from(content).toString("hex")}`),
    );
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const other = Buffer.concat([Buffer.of(0), derSignature(r!, order - s!)]);
    const content = Buffer.concat([toBeSigned!.whole, algorithm!.whole, Buffer.of(3, other.length), other]);
    const twin = Buffer.concat([Buffer.of(0x30, 0x82, content.length >> 8, content.length & 255), content]);
    const pem = `-----BEGIN CERTIFICATE-----\n${twin.toString("base64")}\n-----END CERTIFICATE-----\n`;
    const [one, two] = [creator, Buffer.from(pem)].map((each) => organisation(() => undefined).identify(each));
    expect(new X509Certificate(pem).fingerprint256).not.toBe(new X509Certificate(creator).fingerprint256);
    expect(two!.holder).toBe(one!.holder);
  });

  it("are refused when revoked, and outside their dates", () => {
    const revoking = organisation((one) => one.setRevocationListList([Buffer.from(forged.revocation)]));
    expect(faultOf(() => revoking.identify(creator))).toBe("fabric-revoked");
    // In the issuer's name, and under no signature that can be verified: not taken for nothing revoked.
    const list = Buffer.from(forged.revocation.replace(/-----[^-]+-----|\s/g, ""), "base64");
    list[list.length - 1]! ^= 1;
    const unverified = organisation((one) => one.setRevocationListList([list]));
    expect(faultOf(() => unverified.identify(creator))).toBe("fabric-form");
    const identity = organisation(() => undefined).identify(creator);
    expect(faultOf(() => demandDates(identity, identity.from))).toBe("none");
    expect(faultOf(() => demandDates(identity, identity.from - 1))).toBe("fabric-dates");
    expect(faultOf(() => demandDates(identity, identity.until + 1))).toBe("fabric-dates");
  });
});

const identityOf = (mspId: string, certificate: Uint8Array): Uint8Array => {
  const identity = new msp.SerializedIdentity();
  identity.setMspid(mspId);
  identity.setIdBytes(certificate);
  return identity.serializeBinary();
};

describe("policies", () => {
  const someone = (mspId: string, role: Role, name = mspId): KnownIdentity =>
    ({ mspId, role, holder: `${name} ${role}` }) as KnownIdentity;
  const [A, B, C] = ["A", "B", "C"].map((mspId) => someone(mspId, "peer"));
  /** `needed` of the peers of these organisations. */
  function outOf(needed: number, mspIds: readonly string[]) {
    const envelope = new common.SignaturePolicyEnvelope();
    for (const mspId of mspIds) {
      const role = new msp.MSPRole();
      role.setMspIdentifier(mspId);
      role.setRole(msp.MSPRole.MSPRoleType.PEER);
      const principal = new msp.MSPPrincipal();
      principal.setPrincipal(role.serializeBinary());
      envelope.addIdentities(principal);
    }
    const choice = new common.SignaturePolicy.NOutOf();
    choice.setN(needed);
    mspIds.forEach((_, at) => {
      const rule = new common.SignaturePolicy();
      rule.setSignedBy(at);
      choice.addRules(rule);
    });
    const rule = new common.SignaturePolicy();
    rule.setNOutOf(choice);
    envelope.setRule(rule);
    return signaturePolicy(envelope.serializeBinary());
  }

  it("AND and k of n count organisations by role, and nobody twice", () => {
    const all = outOf(2, ["A", "B"]);
    expect(all([A!, B!])).toBe(true);
    expect(all([B!, C!, A!])).toBe(true);
    expect(all([A!])).toBe(false);
    expect(all([A!, someone("B", "client")])).toBe(false);
    expect(outOf(2, ["A", "B", "C"])([C!, A!])).toBe(true);
    const twoOfOne = outOf(2, ["A", "A"]);
    expect(twoOfOne([A!, A!])).toBe(false);
    expect(twoOfOne([A!, { ...A! }])).toBe(false);
    expect(twoOfOne([A!, someone("A", "peer", "another")])).toBe(true);
  });

  it("the channel's own policy is a majority of its organisations' policies", () => {
    const majority = config.policy("/Channel/Application/Endorsement");
    const [one, two] = [someone("Org1MSP", "peer"), someone("Org2MSP", "peer")];
    expect(majority([one])).toBe(false);
    expect(majority([one, two])).toBe(true);
    expect(majority([one, someone("Org2MSP", "client")])).toBe(false);
    const order = config.policy("/Channel/Orderer/BlockValidation");
    expect(order([someone("OrdererMSP", "orderer")])).toBe(true);
    expect(order([one, two])).toBe(false);
    expect(faultOf(() => config.policy("/Channel/Nothing/Here"))).toBe("fabric-config");
  });
});

test("a signature with a high s is refused, as Fabric refuses it", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const identity = { key: publicKey, fieldBytes: 32 } as KnownIdentity;
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const data = Buffer.from("data");
  const raw = sign("sha256", data, { key: privateKey, dsaEncoding: "ieee-p1363" });
  const r = BigInt(`0x${raw.toString("hex", 0, 32)}`);
  const s = BigInt(`0x${raw.toString("hex", 32)}`);
  const [low, high] = s <= order >> 1n ? [s, order - s] : [order - s, s];
  expect(isSignedBy(identity, data, derSignature(r, low))).toBe(true);
  expect(isSignedBy(identity, data, derSignature(r, high))).toBe(false);
  expect(isSignedBy(identity, Buffer.from("other"), derSignature(r, low))).toBe(false);
});

function derSignature(...numbers: readonly bigint[]): Buffer {
  const integers = numbers.map((number) => {
    let hex = number.toString(16);
    if (hex.length % 2 === 1) hex = `0${hex}`;
    if (Number.parseInt(hex.slice(0, 2), 16) >= 0x80) hex = `00${hex}`;
    return Buffer.concat([Buffer.of(2, hex.length / 2), Buffer.from(hex, "hex")]);
  });
  const content = Buffer.concat(integers);
  return Buffer.concat([Buffer.of(0x30, content.length), content]);
}

describe("DER", () => {
  it("encodes block numbers as Go does: no sign bit, no leading zeros", () => {
    const hash = Buffer.alloc(32);
    const start = (number: number) =>
      headerBytes({ number, previous: hash, data: hash }).subarray(2, 8).toString("hex");
    expect(start(0)).toMatch(/^020100/);
    expect(start(127)).toMatch(/^02017f/);
    expect(start(128)).toMatch(/^02020080/);
    expect(start(65_536)).toMatch(/^0203010000/);
  });

  it("tells a high s from a low one", () => {
    const half = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n >> 1n;
    const signature = (s: bigint) => derSignature(1n, s);
    expect(isLowS(signature(half), 32)).toBe(true);
    expect(isLowS(signature(half + 1n), 32)).toBe(false);
    expect(isLowS(signature(5n), 32)).toBe(true);
    expect(isLowS(signature(half * 2n), 32)).toBe(false);
  });
});
