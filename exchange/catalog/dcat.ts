/** Catalogue documents of DSP 2025-1 (catalog/*-schema.json): what is sent, and the request for them. */
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import type { Signed } from "../../crypto/suites/signed.ts";
import type { Asset } from "../../policies/model/asset.ts";
import type { Policy } from "../../policies/model/policy.ts";
import { offerOf } from "../negotiation/agreement.ts";
import type { MessageOffer } from "../negotiation/messages.ts";
import { context, DSP_VERSION, message } from "../protocol/vocabulary.ts";
import { SECURE_AGGREGATION } from "../transfers/formats.ts";
import type { CatalogueEntry, CatalogueStatement } from "./catalogue.ts";
import { type PackedText, packed } from "./packed-text.ts";

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

export const serviceId = (participant: string): string => `urn:sealane:${participant}:dsp`;

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

export interface DescribedDataset extends Dataset {
  /** By language. */
  readonly title: Asset["title"];
  readonly description?: string;
  readonly keyword?: readonly string[];
  /** The metadata whose digest is on the ledger; left out of lists where they are long. */
  readonly "sealane:asset"?: Asset;
  /** With asset and offer, the provider's signed catalogue entry. */
  readonly "sealane:entry": EntrySignature;
}

/** What is left of a signed entry beside its asset and its offer. */
export type EntrySignature = Pick<CatalogueStatement, "publishedAt"> &
  Omit<Signed<CatalogueStatement>, "statement" | "signer">;

/** As it is kept and sent: without its first brace, so that a context fits before it. */
export const packedDataset = (dataset: Dataset): PackedText => packed(JSON.stringify(dataset).slice(1));

/** One packed dataset as a document. */
export const datasetDocument = (dataset: PackedText): readonly PackedText[] => [DATASET_HEAD, dataset];

/** Documents of packed datasets. A list that would be empty is left out: the schemas want one entry at least. */
export function catalogDocuments(about: {
  readonly id: string;
  readonly participant: string;
  readonly service: DataService;
}): (datasets: readonly PackedText[]) => readonly PackedText[] {
  const text = JSON.stringify({
    "@context": context(),
    "@id": about.id,
    "@type": "Catalog",
    participantId: about.participant,
    service: [about.service],
  });
  const empty = packed(text);
  const head = packed(`${text.slice(0, -1)},"dataset":[{`);
  return (datasets) =>
    datasets.length === 0
      ? [empty]
      : [head, ...datasets.flatMap((dataset, at) => (at === 0 ? [dataset] : [SEPARATOR, dataset])), END];
}

const DATASET_HEAD = packed(`{"@context":${JSON.stringify(context())},`);
const SEPARATOR = packed(",{");
const END = packed("]}");

/** What is served at `/.well-known/dspace-version`. */
export const versionDocument = (path: string) => ({
  protocolVersions: [{ version: DSP_VERSION, path, binding: "HTTPS" }],
});

/** Computing moves no record; the other formats are those in which the policy lets records leave. */
export function formatsOf(policy: Policy): readonly string[] {
  const release = policy.permission.find(({ action }) => action === "sealane:release");
  const formats = release?.constraint?.find(({ leftOperand }) => leftOperand === "sealane:format")?.rightOperand;
  return [SECURE_AGGREGATION, ...(Array.isArray(formats) ? formats.map(String) : [])];
}

/** An entry of the catalogue as a dataset: its policy is the offer. */
export function datasetOf(entry: CatalogueEntry): DescribedDataset {
  const { statement, signer: _signer, ...signature } = entry;
  const { asset, offer: policy, publishedAt } = statement;
  const { target: _target, ...offer } = offerOf(policy);
  return {
    "@id": asset.id,
    "@type": "Dataset",
    title: asset.title,
    ...(asset.description === undefined ? {} : { description: asset.description }),
    ...(asset.keywords.length === 0 ? {} : { keyword: asset.keywords }),
    hasPolicy: [offer],
    distribution: formatsOf(policy).map((format) => ({
      "@type": "Distribution",
      format,
      accessService: serviceId(asset.provider),
    })),
    "sealane:asset": asset,
    "sealane:entry": { publishedAt, ...signature },
  };
}
