/** The three documents behind the digests of an opening record, and their salts (message 2). */
import { type Static, type TSchema, Type } from "typebox";
import { Compile } from "typebox/compile";
import { digestOf, saltedDigest } from "../../crypto/suites/digest.ts";
import { fromBase64url, toBase64url } from "../../crypto/suites/encoding.ts";
import { Asset } from "../../policies/model/asset.ts";
import { Policy } from "../../policies/model/policy.ts";
import { Query } from "../../policies/model/query.ts";
import { Bytes32 } from "../../policies/model/vocabulary.ts";
import type { Layout } from "../statistics/layout.ts";
import { ComputationError } from "./errors.ts";

const closed = <T extends Record<string, TSchema>>(properties: T) =>
  Type.Object(properties, { additionalProperties: false });

/** What every party recompiles the layout from: the published metadata of the cohort's assets, in cohort order. */
export const LayoutDocument = closed({
  layout: Type.Unknown(),
  assets: Type.Array(Asset, { minItems: 1, maxItems: 1000 }),
});
/** The policies the constants follow from, in cohort order. */
export const PolicyDocument = closed({ policies: Type.Array(Policy, { minItems: 1, maxItems: 1000 }) });

export const salted = <T extends TSchema>(document: T) => closed({ salt: Bytes32, document });

export const ComputationDocuments = closed({
  query: salted(Query),
  layout: salted(LayoutDocument),
  policy: salted(PolicyDocument),
});

export interface Salted<D> {
  /** base64url, 32 bytes. */
  readonly salt: string;
  readonly document: D;
}
export type PolicyDocument = Static<typeof PolicyDocument>;
export interface LayoutDocument {
  readonly layout: Layout;
  readonly assets: readonly Asset[];
}
export interface ComputationDocuments {
  readonly query: Salted<Query>;
  readonly layout: Salted<LayoutDocument>;
  readonly policy: Salted<PolicyDocument>;
}
/** The digests of an opening record. */
export interface DocumentDigests {
  readonly queryDigest: string;
  readonly layoutDigest: string;
  readonly policyDigest: string;
}

const compiled = Compile(ComputationDocuments);

export const salt = (random: (bytes: number) => Uint8Array): string => toBase64url(random(32));

export const digestOfSalted = ({ salt: text, document }: Salted<unknown>): string =>
  saltedDigest(fromBase64url(text, "salt", 32), document);

export const digestsOf = (documents: ComputationDocuments): DocumentDigests => ({
  queryDigest: digestOfSalted(documents.query),
  layoutDigest: digestOfSalted(documents.layout),
  policyDigest: digestOfSalted(documents.policy),
});

/** Schema, then digests. Throws ERR_COMPUTATION_MESSAGE naming what does not fit the opening. */
export function checkDocuments(received: unknown, expected: DocumentDigests): ComputationDocuments {
  if (!compiled.Check(received)) {
    const [problem] = compiled.Errors(received);
    throw new ComputationError("ERR_COMPUTATION_MESSAGE", `documents${problem?.instancePath}: ${problem?.message}`);
  }
  const documents = received as unknown as ComputationDocuments;
  const digests = digestsOf(documents);
  for (const name of ["queryDigest", "layoutDigest", "policyDigest"] as const) {
    if (digests[name] !== expected[name]) {
      throw new ComputationError("ERR_COMPUTATION_MESSAGE", `${name}: the document is not the one that was opened`);
    }
  }
  return documents;
}

/** Digest of an asset's metadata as `asset.register` records it. */
export const metadataDigest = (asset: Asset): string => digestOf(asset);
