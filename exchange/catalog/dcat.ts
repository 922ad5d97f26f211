/** Catalogue documents of DSP 2025-1 (catalog/*-schema.json): what is sent, and the request for them. */
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import type { Asset } from "../../policies/model/asset.ts";
import type { Policy } from "../../policies/model/policy.ts";
import { offerOf } from "../negotiation/agreement.ts";
import type { MessageOffer } from "../negotiation/messages.ts";
import { context, DSP_VERSION, message } from "../protocol/vocabulary.ts";

export const CatalogRequestMessage = message("CatalogRequestMessage", {
  filter: Type.Optional(Type.Array(Type.Unknown(), { maxItems: 64 })),
});
export type CatalogRequestMessage = Static<typeof CatalogRequestMessage>;
const requests = Compile(CatalogRequestMessage);
export const isCatalogRequest = (value: unknown): value is CatalogRequestMessage => requests.Check(value);

/** An offer of a dataset has no target: the dataset is it. */
export type DatasetOffer = Omit<MessageOffer, "target">;

export interface DataService {
  readonly "@id": string;
  readonly "@type": "DataService";
  readonly endpointURL: string;
}

export interface Distribution {
  readonly "@type": "Distribution";
  readonly format: string;
  /** The id of a service of the catalogue. */
  readonly accessService: string;
}

export interface Dataset {
  readonly "@id": string;
  readonly "@type": "Dataset";
  /** At least one of each. */
  readonly hasPolicy: readonly DatasetOffer[];
  readonly distribution: readonly Distribution[];
}

interface DescribedDataset extends Dataset {
  /** By language. */
  readonly title: Asset["title"];
  readonly description?: string;
  readonly keyword?: readonly string[];
}

/** Lists that would be empty are left out: the schemas want one entry at least. */
export const catalogDocument = (about: {
  readonly id: string;
  readonly participant: string;
  readonly service: DataService;
  readonly datasets: readonly Dataset[];
}) => ({
  "@context": context(),
  "@id": about.id,
  "@type": "Catalog" as const,
  participantId: about.participant,
  service: [about.service],
  ...(about.datasets.length === 0 ? {} : { dataset: about.datasets }),
});

export const datasetDocument = (dataset: Dataset) => ({ "@context": context(), ...dataset });

/** What is served at `/.well-known/dspace-version`. */
export const versionDocument = (path: string) => ({
  protocolVersions: [{ version: DSP_VERSION, path, binding: "HTTPS" }],
});

/** The way to compute on an asset without moving a record (docs/protocol.md §4). */
const AGGREGATION_FORMAT = "Sealane-SecureAggregation";

/** An asset with the policy in force as its offer. */
export function datasetOf(asset: Asset, policy: Policy, service: DataService): DescribedDataset {
  const { target: _, ...offer } = offerOf(policy);
  return {
    "@id": asset.id,
    "@type": "Dataset",
    title: asset.title,
    ...(asset.description === undefined ? {} : { description: asset.description }),
    ...(asset.keywords.length === 0 ? {} : { keyword: asset.keywords }),
    hasPolicy: [offer],
    distribution: [{ "@type": "Distribution", format: AGGREGATION_FORMAT, accessService: service["@id"] }],
  };
}
