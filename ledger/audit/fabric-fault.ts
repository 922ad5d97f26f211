/** Why something that a Fabric network is said to have written does not verify. */
export const FABRIC_PROBLEM_CODES = [
  "fabric-form",
  "fabric-pinned",
  "fabric-config",
  "fabric-data-hash",
  "fabric-chain",
  "fabric-order-signature",
  "fabric-bft",
  "fabric-certificate",
  "fabric-role",
  "fabric-revoked",
  "fabric-dates",
  "fabric-transaction-id",
  "fabric-creator",
  "fabric-proposal",
  "fabric-endorsement",
  "fabric-policy",
  "fabric-invalid",
  "fabric-statement",
  "fabric-statements",
  "fabric-flags",
  "fabric-record",
  "fabric-unused",
] as const;
export type FabricProblemCode = (typeof FABRIC_PROBLEM_CODES)[number];

export class FabricFault extends Error {
  override readonly name = "FabricFault";
  readonly code: FabricProblemCode;
  readonly values: Readonly<Record<string, string | number>>;

  constructor(code: FabricProblemCode, values: Readonly<Record<string, string | number>> = {}) {
    super(`${code} ${JSON.stringify(values)}`);
    this.code = code;
    this.values = values;
  }
}

export function demandThat(
  holds: boolean,
  code: FabricProblemCode,
  values?: Readonly<Record<string, string | number>>,
): asserts holds {
  if (!holds) throw new FabricFault(code, values);
}

export function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new FabricFault("fabric-form", { missing: what });
  return value;
}

/** What a decoder throws on bytes of another form is a fault of the bytes. */
export function decoded<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof FabricFault) throw error;
    throw new FabricFault("fabric-form", { what });
  }
}
