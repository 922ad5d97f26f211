/** The public side: signed catalogue entries, asset metadata with its policy offer. */
import type { Static } from "typebox";
import { Compile } from "typebox/compile";
import { type Signed, type SigningIdentity, signStatement, verifySigned } from "../../crypto/suites/signed.ts";
import { Asset } from "../../policies/model/asset.ts";
import { Policy } from "../../policies/model/policy.ts";
import { closed, Instant, signed } from "../../policies/model/vocabulary.ts";
import { CatalogError } from "./errors.ts";

/** The offer is the ODRL policy document. One entry of another form would spoil every list that it is part of. */
export const CatalogueStatement = closed({ asset: Asset, offer: Policy, publishedAt: Instant });
export type CatalogueStatement = Static<typeof CatalogueStatement>;
export type CatalogueEntry = Signed<CatalogueStatement>;

const MAX_ENTRY_CHARACTERS = 4 * 1024 * 1024;
const schema = Compile(signed(CatalogueStatement));

/** Throws ERR_CATALOG_ENTRY where the identity is not the asset's provider. */
export function publishEntry(identity: SigningIdentity, statement: CatalogueStatement): CatalogueEntry {
  if (statement.asset.provider !== identity.member) {
    throw new CatalogError("ERR_CATALOG_ENTRY", `asset ${statement.asset.id} belongs to ${statement.asset.provider}`);
  }
  return signStatement(identity, "catalogue", statement);
}

/** An entry as another node sent it: size, shape, owner and signature are checked, in this order. */
export function acceptEntry(
  value: unknown,
  publicKeyOf: (member: string, key: string) => Uint8Array | undefined,
): CatalogueEntry {
  const refuse = (why: string): CatalogError => new CatalogError("ERR_CATALOG_ENTRY", `catalogue entry: ${why}`);
  if (JSON.stringify(value)?.length > MAX_ENTRY_CHARACTERS)
    throw refuse(`longer than ${MAX_ENTRY_CHARACTERS} characters`);
  if (!schema.Check(value)) throw refuse("malformed");
  const entry: CatalogueEntry = value;
  const { asset } = entry.statement;
  if (asset.provider !== entry.signer || !asset.id.startsWith(`${entry.signer}:`)) {
    throw refuse(`${asset.id} is not an asset of its signer ${String(entry.signer)}`);
  }
  const publicKey = publicKeyOf(entry.signer, entry.key);
  if (publicKey === undefined || !verifySigned(publicKey, "catalogue", entry))
    throw refuse("the signature does not verify");
  return entry;
}
