/**
 * A catalogue as another member's connector sent it (DSP 2025-1 catalog-schema.json): taken loosely, believed in nothing.
 * An id of the form member:name is an asset of the ledger or nothing: it counts with the provider's signed entry, which
 * the caller compares with the ledger. Any other id is an offer of that connector, and says so.
 */
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { AssetId } from "../../policies/model/vocabulary.ts";
import type { CatalogueSearch } from "./search-index.ts";

/** A dataset that its connector offers and the ledger does not know. */
export interface CrawledOffer {
  readonly id: string;
  /** By language; "" where the connector names none. */
  readonly title: Readonly<Record<string, string>>;
  readonly description: string;
  readonly keywords: readonly string[];
  readonly formats: readonly string[];
}

export const CRAWL_REFUSALS = [
  /** Its id belongs to another member. */
  "of-another-member",
  /** Its id belongs to this member, but the ledger does not have it so. */
  "not-the-ledgers",
  "malformed",
  "too-large",
  "repeated",
  /** More offers, or longer ones, than are kept of one member or of all. */
  "too-many",
] as const;
export type CrawlRefusal = (typeof CRAWL_REFUSALS)[number];

export type Found =
  | { readonly kind: "entry"; readonly id: string; readonly entry: unknown }
  /** Its metadata are not in the list: ask for the dataset by its id. */
  | { readonly kind: "reference"; readonly id: string }
  | { readonly kind: "offer"; readonly offer: CrawledOffer }
  | { readonly kind: "refused"; readonly code: CrawlRefusal };

const MAX_DATASETS = 10_000;
const MAX_OFFER_CHARACTERS = 64 * 1024;
const MAX_TEXT = 500;
const MAX_WORD = 100;
const MAX_WORDS = 32;
const MAX_LANGUAGES = 8;

const Catalog = Type.Object({
  "@type": Type.Union([Type.Literal("Catalog"), Type.Literal("dcat:Catalog")]),
  participantId: Type.String({ maxLength: 512 }),
  dataset: Type.Optional(Type.Array(Type.Unknown(), { maxItems: MAX_DATASETS })),
});
const catalogs = Compile(Catalog);
const Offered = Type.Object({
  "@id": Type.String({ minLength: 1, maxLength: 512 }),
  hasPolicy: Type.Array(Type.Object({}), { minItems: 1, maxItems: 1000 }),
  distribution: Type.Array(Type.Object({}), { minItems: 1, maxItems: 1000 }),
});
type Offered = Static<typeof Offered> & Readonly<Record<string, unknown>>;
const datasets = Compile(Offered);
const assetIds = Compile(AssetId);

/** Undefined: no catalogue of this participant. */
export function readCatalog(document: unknown, participant: string): readonly unknown[] | undefined {
  if (!catalogs.Check(document) || document.participantId !== participant) return undefined;
  return document.dataset ?? [];
}

/** `isMember`: of the ledger. */
export function readDataset(value: unknown, participant: string, isMember: (member: string) => boolean): Found {
  if (!datasets.Check(value)) return { kind: "refused", code: "malformed" };
  const dataset = value as Offered;
  const id = dataset["@id"];
  const [owner = ""] = id.split(":", 1);
  if (id.includes(":") && owner !== participant && isMember(owner)) {
    return { kind: "refused", code: "of-another-member" };
  }
  if (id.includes(":") && owner === participant) return entryOf(dataset, participant);
  // Whatever the ledger cannot say is kept short.
  if (JSON.stringify(dataset).length > MAX_OFFER_CHARACTERS) return { kind: "refused", code: "too-large" };
  return { kind: "offer", offer: offerOf(dataset) };
}

function entryOf(dataset: Offered, participant: string): Found {
  const id = dataset["@id"];
  const { "sealane:asset": asset, "sealane:entry": signature } = dataset;
  if (!assetIds.Check(id) || typeof signature !== "object" || signature === null) {
    return { kind: "refused", code: "not-the-ledgers" };
  }
  if (asset === undefined) return { kind: "reference", id };
  const { publishedAt, ...envelope } = signature as { readonly publishedAt?: unknown };
  const offer = { ...dataset.hasPolicy[0], target: id };
  return { kind: "entry", id, entry: { ...envelope, statement: { asset, offer, publishedAt }, signer: participant } };
}

const offerOf = (dataset: Offered): CrawledOffer => ({
  id: dataset["@id"],
  title: titleOf(dataset["title"] ?? dataset["dct:title"]),
  description: textOf(dataset["description"] ?? dataset["dct:description"]),
  keywords: wordsOf(dataset["keyword"] ?? dataset["dcat:keyword"]),
  formats: wordsOf(dataset.distribution.map((one) => (one as { format?: unknown }).format)),
});

const textOf = (value: unknown, most = MAX_TEXT): string => (typeof value === "string" ? value.slice(0, most) : "");

function titleOf(value: unknown): CrawledOffer["title"] {
  if (typeof value !== "object" || value === null) return { "": textOf(value) };
  const texts = Object.entries(value).filter(([language, text]) => /^[A-Za-z-]{1,35}$/.test(language) && textOf(text));
  return Object.fromEntries(texts.slice(0, MAX_LANGUAGES).map(([language, text]) => [language, textOf(text)]));
}

const wordsOf = (value: unknown): readonly string[] => {
  const words = (Array.isArray(value) ? value : [value])
    .map((word) => textOf(word, MAX_WORD))
    .filter((word) => word !== "");
  return [...new Set(words)].slice(0, MAX_WORDS);
};

/** As for assets. An offer names neither elements nor a grade, so a search for one finds none. */
export function offerMatches(member: string, offer: CrawledOffer, search: CatalogueSearch): boolean {
  if (search.element !== undefined || search.level !== undefined || search.legal !== undefined) return false;
  if (search.provider !== undefined && search.provider !== member) return false;
  const text = [member, offer.id, ...Object.values(offer.title), offer.description, ...offer.keywords]
    .join("\n")
    .toLowerCase();
  return (search.text ?? "")
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
