/** Who calls: a client of an organisation, by the certificate that signed the proposal, and the member it is bound to. */
import { createHash, X509Certificate } from "node:crypto";
import type { StateReader } from "../rules/keys.ts";
import { readMember, readNetwork } from "../rules/keys.ts";
import type { MemberRecord } from "../rules/transactions.ts";
import { CallError } from "./messages.ts";
import type { Stub } from "./stub.ts";

export type FabricClient = NonNullable<MemberRecord["fabric"]>;

/** What a member record says of a client certificate; renewing a certificate with its key keeps it. */
export function clientOf(mspId: string, certificate: X509Certificate): FabricClient {
  const spki = certificate.publicKey.export({ type: "spki", format: "der" });
  return { msp: mspId, key: createHash("sha256").update(spki).digest("base64url") };
}

/**
 * The peer has checked the certificate against the organisation's roots and the signature of the proposal. Here: that
 * its role is client, and that it is the one to which the ledger binds the active member it speaks for. Before the
 * founding nobody is bound: the founder's own record, `founder`, says who it is. Throws CallError ERR_FABRIC_CALLER.
 */
export async function demandCaller(
  stub: Pick<Stub, "getCreator">,
  state: StateReader,
  member: string,
  founder: MemberRecord | undefined,
): Promise<void> {
  const { mspid, idBytes } = stub.getCreator();
  const certificate = readCertificate(idBytes);
  if (!certificate.subject.split("\n").includes("OU=client")) {
    throw new CallError(
      "ERR_FABRIC_CALLER",
      `caller: expected a certificate of role client, got ${mspid}'s ${certificate.subject.replaceAll("\n", ", ")}`,
    );
  }
  const bound =
    (await boundTo(state, member)) ?? ((await readNetwork(state)) === undefined ? founder?.fabric : undefined);
  const own = clientOf(mspid, certificate);
  if (bound?.msp === own.msp && bound.key === own.key) return;
  throw new CallError(
    "ERR_FABRIC_CALLER",
    `caller: this client of ${mspid} is not the one of an active member ${member}`,
  );
}

async function boundTo(state: StateReader, member: string): Promise<FabricClient | undefined> {
  const known = await readMember(state, member);
  return known?.status === "active" ? known.record.fabric : undefined;
}

function readCertificate(bytes: Uint8Array): X509Certificate {
  try {
    return new X509Certificate(bytes);
  } catch {
    throw new CallError("ERR_FABRIC_CALLER", "caller: not an X.509 certificate");
  }
}
