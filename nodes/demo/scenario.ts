/** A demonstration: who takes part, which data they hold, what is asked. Data and queries lie in nodes/demo-data. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Asset } from "../../policies/model/asset.ts";
import type { OutputTerms } from "../../policies/model/output-terms.ts";
import type { Query, WeightedTerm } from "../../policies/model/query.ts";
import type { Method } from "../../policies/model/request.ts";
import type { SourceDescription } from "../sources/description.ts";
import type { TestnetMember } from "../testnet/local-member.ts";

export const SCENARIOS = ["grunfeld", "shaoxing"] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

type Title = { readonly en: string; readonly "zh-CN": string };

export interface ScenarioRequest {
  readonly id: string;
  readonly title: Title;
  readonly query: Query;
  /** Purpose code, where it is not the scenario's own. */
  readonly purpose?: string;
  /** A provider that is not asked. */
  readonly without?: string;
  /** Reason code with which it has to be refused, to show that it is. */
  readonly refusedFor?: string;
  readonly method?: Method;
}

export interface Provider extends TestnetMember {
  readonly title: Title;
  readonly attributes: Readonly<Record<string, string>>;
  /** Description as a steward would write it; `source.path` is absolute. */
  readonly registration: {
    readonly source: SourceDescription;
    readonly asset: Omit<Asset, "version" | "provider" | "quality" | "sourceDigest">;
  };
}

export interface ScenarioJoin {
  readonly title: Title;
  /** Of the receiver's table. */
  readonly registration: Provider["registration"];
  /** The keys. */
  readonly element: string;
  readonly list: readonly { readonly item: string; readonly label: string }[];
}

export interface ScenarioQuestion {
  readonly title: Title;
  /** Of the receiver's table. */
  readonly registration: Provider["registration"];
  /** A sum of this element is in each cell. */
  readonly measure: { readonly id: string; readonly element: string };
  /** Element that cells are by. */
  readonly groupBy: string;
  /** Weights of cells, which the requester keeps to itself. */
  readonly figures: readonly { readonly id: string; readonly weights: Readonly<Record<string, string>> }[];
}

export interface Scenario {
  readonly name: ScenarioName;
  readonly title: Title;
  readonly industry: string;
  readonly territory: string;
  readonly purpose: { readonly code: string; readonly text: string };
  readonly legalBasis: { readonly code: string; readonly text: string };
  /** Codes per registry attribute. */
  readonly attributes: Readonly<Record<string, readonly string[]>>;
  readonly minimumOrganisations: number;
  readonly colluders: number;
  /** No sum of which the largest have more than this; the receiver is trusted with what judging it takes. */
  readonly dominance?: OutputTerms["dominance"];
  /** Persons of the receiver who look at each result before it leaves; all of them have to approve. */
  readonly reviewers?: readonly string[];
  /** Data elements that the providers' policies prohibit, whoever asks for what. */
  readonly tradeSecrets?: readonly string[];
  /** A provider that revokes its agreement on the first request in the end. */
  readonly revokes?: string;
  /** Weighted sums that the providers' policies list. */
  readonly weights?: readonly (readonly WeightedTerm[])[];
  /** A list of the requester that is joined with a table of the receiver. */
  readonly join?: ScenarioJoin;
  /** What the requester asks of a table of the receiver without saying what it asks. */
  readonly encrypted?: ScenarioQuestion;
  readonly operator: TestnetMember;
  readonly requester: TestnetMember;
  readonly receiver: TestnetMember;
  readonly providers: readonly Provider[];
  readonly requests: readonly ScenarioRequest[];
}

interface ScenarioFile {
  readonly attributes: Scenario["attributes"];
  readonly minimumOrganisations: number;
  readonly colluders: number;
  readonly dominance?: Scenario["dominance"];
  readonly reviewers?: readonly string[];
  readonly tradeSecrets?: readonly string[];
  readonly revokes?: string;
  readonly weights?: Scenario["weights"];
  readonly join?: Omit<ScenarioJoin, "registration"> & { readonly asset: string };
  readonly encrypted?: Omit<ScenarioQuestion, "registration"> & { readonly asset: string };
  readonly providers: readonly (Omit<Provider, "registration"> & { readonly asset: string })[];
  readonly requests: readonly ScenarioRequest[];
  /** What is asked after them, and refused. */
  readonly refusals?: readonly ScenarioRequest[];
}

const member = (id: string, kind: TestnetMember["kind"], en: string, zh: string): TestnetMember => ({
  id,
  kind,
  title: { en, "zh-CN": zh },
  organisation: `demo:${id}`,
});

/** What the two data sets do not say: the public bodies around them and the terms of the requests. */
const FRAMES = {
  grunfeld: {
    title: { en: "Investment of eleven companies, 1935–1954", "zh-CN": "十一家企业的投资，1935–1954" },
    industry: "C",
    territory: "US",
    purpose: { code: "industry-statistics", text: "Investment statistics of the industry" },
    legalBasis: { code: "statistics-law", text: "Statistics Law: duty to survey investment" },
    operator: member("industry-operator", "industry", "Industry operator", "产业大脑运营方"),
    requester: member("economy-ministry", "government", "Ministry of the Economy", "经济主管部门"),
    receiver: member("statistics-bureau", "government", "Statistics Bureau", "统计局"),
    refused: {
      id: "enforcement",
      title: { en: "Investment by year, for enforcement", "zh-CN": "用于执法的各年投资" },
      purpose: "enforcement",
      refusedFor: "purpose-not-allowed",
    },
  },
  shaoxing: {
    title: { en: "Energy use of a textile district, 2025 (synthetic)", "zh-CN": "纺织产业用能统计，2025（合成数据）" },
    industry: "17",
    territory: "CN",
    purpose: { code: "industry-energy-statistics", text: "行业用能统计" },
    legalBasis: { code: "statistics-law", text: "《中华人民共和国统计法》" },
    operator: member("textile-brain", "industry", "Textile industry brain operator", "纺织产业大脑运营公司"),
    requester: member("economy-bureau", "government", "Shaoxing economy bureau", "绍兴市经济和信息化局"),
    receiver: member("statistics-bureau", "government", "Shaoxing statistics bureau", "绍兴市统计局"),
    refused: {
      id: "enforcement",
      title: { en: "The same, for enforcement", "zh-CN": "同一查询，用于执法" },
      purpose: "enforcement",
      refusedFor: "purpose-not-allowed",
    },
  },
} as const;

const dataFile = (scenario: ScenarioName, file: string): string =>
  fileURLToPath(new URL(`../demo-data/${scenario}/${file}`, import.meta.url));

const readJson = async (scenario: ScenarioName, file: string): Promise<unknown> =>
  JSON.parse(await readFile(dataFile(scenario, file), "utf8"));

export async function loadScenario(name: ScenarioName): Promise<Scenario> {
  const file = (await readJson(name, "scenario.json")) as ScenarioFile;
  const { refused, ...frame } = FRAMES[name];
  const registered = async (asset: string): Promise<Provider["registration"]> => {
    const { source, asset: description } = (await readJson(name, asset)) as Provider["registration"];
    return { source: { ...source, path: dataFile(name, source.path) }, asset: description };
  };
  const providers = await Promise.all(
    file.providers.map(async ({ asset, ...provider }) => ({ ...provider, registration: await registered(asset) })),
  );
  const [first] = file.requests;
  const { join, encrypted } = file;
  return {
    ...frame,
    name,
    attributes: file.attributes,
    minimumOrganisations: file.minimumOrganisations,
    colluders: file.colluders,
    ...(file.dominance === undefined ? {} : { dominance: file.dominance }),
    ...(file.reviewers === undefined ? {} : { reviewers: file.reviewers }),
    ...(file.tradeSecrets === undefined ? {} : { tradeSecrets: file.tradeSecrets }),
    ...(file.revokes === undefined ? {} : { revokes: file.revokes }),
    ...(file.weights === undefined ? {} : { weights: file.weights }),
    ...(join === undefined ? {} : { join: { ...join, registration: await registered(join.asset) } }),
    ...(encrypted === undefined
      ? {}
      : { encrypted: { ...encrypted, registration: await registered(encrypted.asset) } }),
    providers,
    requests: [...file.requests, { ...refused, query: first!.query }, ...(file.refusals ?? [])],
  };
}
