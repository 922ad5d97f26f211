/**
 * Declared exact conversion factors. A unit converts only to units of the same quantity and only by these ratios;
 * whatever rests on a convention (kWh to tonnes of coal equivalent) or on a date (currencies) is not here.
 */

export interface UnitFactor {
  readonly quantity: string;
  /** One unit is numerator / denominator base units of its quantity. */
  readonly numerator: bigint;
  readonly denominator: bigint;
}

const unit = (quantity: string, numerator: bigint, denominator = 1n): UnitFactor =>
  Object.freeze({ quantity, numerator, denominator });

export const UNITS: Readonly<Record<string, UnitFactor>> = Object.freeze(
  Object.assign(Object.create(null) as Record<string, UnitFactor>, {
    CNY: unit("CNY", 1n),
    "CNY-10k": unit("CNY", 10_000n), // 万元
    "CNY-100M": unit("CNY", 100_000_000n), // 亿元
    USD: unit("USD", 1n),
    "USD-k": unit("USD", 1_000n),
    "USD-M": unit("USD", 1_000_000n),
    kg: unit("mass", 1n),
    t: unit("mass", 1_000n), // 吨
    "10kt": unit("mass", 10_000_000n), // 万吨
    kgce: unit("coal-equivalent", 1n),
    tce: unit("coal-equivalent", 1_000n), // 吨标准煤
    "10ktce": unit("coal-equivalent", 10_000_000n),
    kWh: unit("energy", 1n),
    MWh: unit("energy", 1_000n),
    "10MWh": unit("energy", 10_000n), // 万千瓦时
    m2: unit("area", 1n),
    ha: unit("area", 10_000n),
    mu: unit("area", 2_000n, 3n), // 亩 = 2000/3 m²
    m3: unit("volume", 1n),
    "10km3": unit("volume", 10_000n), // 万立方米
    person: unit("persons", 1n),
    "10k-persons": unit("persons", 10_000n),
    item: unit("items", 1n),
    "10k-items": unit("items", 10_000n),
  }),
);

/** Exact ratio that turns a value in `from` into one in `to`; undefined where none is declared. */
export function conversionFactor(
  from: string | null,
  to: string | null,
): { readonly numerator: bigint; readonly denominator: bigint } | undefined {
  if (from === to) return { numerator: 1n, denominator: 1n };
  const a = from === null ? undefined : UNITS[from];
  const b = to === null ? undefined : UNITS[to];
  if (a === undefined || b === undefined || a.quantity !== b.quantity) return undefined;
  return { numerator: a.numerator * b.denominator, denominator: a.denominator * b.numerator };
}

/** Unit -> quantity: which units convert into each other, as policy decisions need to know it. */
export const QUANTITIES: Readonly<Record<string, string>> = Object.freeze(
  Object.fromEntries(Object.entries(UNITS).map(([name, { quantity }]) => [name, quantity])),
);
