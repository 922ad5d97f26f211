/**
 * The contract's state: which key holds which record (types in records.ts), and typed readers that work over the
 * contract's own store as well as over Ledger.get/range. Keys are ASCII. Two records that different members write
 * never share a key, but for the count of an asset's uses and the end of a join.
 *
 *   network                                             NetworkState
 *   member/<member>                                     MemberState
 *   organisation/<hash of the legal-person code>        {member}
 *   key/<key id>                                        KeyState
 *   transaction/<author>/<id>                           TransactionState
 *   proposal/<digest of the proposal>                   ProposalState
 *   vote/<digest of the proposal>/<member>              VoteState
 *   asset/<asset>                                       AssetState
 *   asset-version/<asset>/<version>                     AssetVersionState
 *   request/<request>                                   RequestState
 *   decision/<request>/<asset>                          DecisionState
 *   agreement/<agreement>                               AgreementState
 *   release-decision/<provider>/<negotiation>           ReleaseDecisionState
 *   request-agreement/<request>/<asset>                 {agreement}: the latest for this asset and request
 *   agreement-use/<agreement>/<computation>             {position}
 *   asset-use/<asset>/<computation>                     {isUse}
 *   asset-uses/<asset>                                  AssetUsesState, once an opening was limited (asset-uses.ts)
 *   asset-privacy/<asset>                               AssetPrivacyState
 *   privacy-content/<provider>/<content>                {accounts}: kept for this content (privacy.ts)
 *   privacy-account/<asset it was opened for>           PrivacyAccountState
 *   privacy-charge/<computation>                        PrivacyChargeState
 *   request-computation/<request>                       {computation}: the latest for this request
 *   computation/<computation>                           ComputationState
 *   computation-opened/<computation>                    ComputationOpened
 *   computation-step/<computation>/<step>               ComputationSteps[step]
 *   computation-omitted/<computation>/<phase>/<member>  OmittedState
 *   review/<computation>                                ReviewState
 *   result/<computation>                                ResultState
 *   join-opened/<run>                                   JoinOpened
 *   join-committed/<run>                                JoinCommitted
 *   join-ended/<run>                                    JoinEnded, by whichever side is first
 *   agreement-joins/<agreement>                         AgreementJoinsState
 *   query-answered/<agreement>/<number as 4 digits>     QueryAnswered
 *   agreement-queries/<agreement>                       AgreementQueriesState
 *   access/<member>                                     AccessState
 *   access-anchor/<member>/<from as 16 digits>          AccessAnchorState
 *   component/<component>                               ComponentState
 *   component-version/<component>/<version>             ComponentVersionState
 *   listing/<listing>                                   ListingState
 *   order/<order>, order-licence/<order>                OrderState, {licence}
 *   order-settled/<order>                               OrderSettledState
 *   licence/<licence>, usage/<licence>                  LicenceState, UsageState
 *   settlement/<settlement>                             SettlementState
 */
import type { StateStore } from "./host.ts";
import type {
  AgreementJoinsState,
  AgreementQueriesState,
  AgreementState,
  AssetPrivacyState,
  AssetState,
  AssetUsesState,
  AssetVersionState,
  ComputationOpened,
  ComputationState,
  ComputationStepName,
  ComputationSteps,
  DecisionState,
  JoinCommitted,
  JoinEnded,
  JoinOpened,
  KeyState,
  MemberState,
  NetworkState,
  OmittedState,
  PrivacyAccountState,
  PrivacyChargeState,
  QueryAnswered,
  ReleaseDecisionState,
  RequestState,
  ResultState,
  ReviewState,
} from "./records.ts";

/** Satisfied by the contract's store and by every Ledger. */
export type StateReader = Pick<StateStore, "get" | "range">;

export const keys = Object.freeze({
  network: "network",
  member: (member: string) => `member/${member}`,
  organisation: (hash: string) => `organisation/${hash}`,
  key: (key: string) => `key/${key}`,
  transaction: (author: string, id: string) => `transaction/${author}/${id}`,
  proposal: (proposal: string) => `proposal/${proposal}`,
  vote: (proposal: string, member: string) => `vote/${proposal}/${member}`,
  asset: (asset: string) => `asset/${asset}`,
  assetVersion: (asset: string, version: number) => `asset-version/${asset}/${version}`,
  request: (request: string) => `request/${request}`,
  decision: (request: string, asset: string) => `decision/${request}/${asset}`,
  agreement: (agreement: string) => `agreement/${agreement}`,
  releaseDecision: (provider: string, negotiation: string) => `release-decision/${provider}/${negotiation}`,
  requestAgreement: (request: string, asset: string) => `request-agreement/${request}/${asset}`,
  agreementUse: (agreement: string, computation: string) => `agreement-use/${agreement}/${computation}`,
  assetUse: (asset: string, computation: string) => `asset-use/${asset}/${computation}`,
  assetUses: (asset: string) => `asset-uses/${asset}`,
  assetPrivacy: (asset: string) => `asset-privacy/${asset}`,
  privacyContent: (provider: string, content: string) => `privacy-content/${provider}/${content}`,
  privacyAccount: (account: string) => `privacy-account/${account}`,
  privacyCharge: (computation: string) => `privacy-charge/${computation}`,
  requestComputation: (request: string) => `request-computation/${request}`,
  computation: (computation: string) => `computation/${computation}`,
  computationOpened: (computation: string) => `computation-opened/${computation}`,
  computationStep: (computation: string, step: ComputationStepName) => `computation-step/${computation}/${step}`,
  computationOmitted: (computation: string, phase: 1 | 2, member: string) =>
    `computation-omitted/${computation}/${phase}/${member}`,
  review: (computation: string) => `review/${computation}`,
  result: (computation: string) => `result/${computation}`,
  joinOpened: (run: string) => `join-opened/${run}`,
  joinCommitted: (run: string) => `join-committed/${run}`,
  joinEnded: (run: string) => `join-ended/${run}`,
  agreementJoins: (agreement: string) => `agreement-joins/${agreement}`,
  queryAnswered: (agreement: string, number: number) =>
    `query-answered/${agreement}/${String(number).padStart(4, "0")}`,
  /** Prefix of all answers under an agreement. */
  queryAnswers: (agreement: string) => `query-answered/${agreement}/`,
  agreementQueries: (agreement: string) => `agreement-queries/${agreement}`,
  access: (member: string) => `access/${member}`,
  accessAnchor: (member: string, from: number) => `access-anchor/${member}/${String(from).padStart(16, "0")}`,
  component: (component: string) => `component/${component}`,
  componentVersion: (component: string, version: string) => `component-version/${component}/${version}`,
  listing: (listing: string) => `listing/${listing}`,
  order: (order: string) => `order/${order}`,
  orderLicence: (order: string) => `order-licence/${order}`,
  orderSettled: (order: string) => `order-settled/${order}`,
  licence: (licence: string) => `licence/${licence}`,
  usage: (licence: string) => `usage/${licence}`,
  settlement: (settlement: string) => `settlement/${settlement}`,
});

const read = <T>(state: StateReader, key: string) => state.get(key) as Promise<T | undefined>;

async function readAll<T>(state: StateReader, prefix: string): Promise<T[]> {
  const values: T[] = [];
  for await (const [, value] of state.range(prefix)) values.push(value as T);
  return values;
}

export const readNetwork = (state: StateReader) => read<NetworkState>(state, keys.network);
/** Suite of the sequencer's key, which is the one that new keys and computations take; undefined before the founding. */
export async function readNetworkSuite(state: StateReader) {
  const network = await readNetwork(state);
  return network === undefined ? undefined : (await readMember(state, network.sequencer))?.record.identity.suite;
}
export const readMember = (state: StateReader, member: string) => read<MemberState>(state, keys.member(member));
/** Ascending by member id, expelled ones included. */
export const readMembers = (state: StateReader) => readAll<MemberState>(state, "member/");
export const readKey = (state: StateReader, key: string) => read<KeyState>(state, keys.key(key));
export const readAsset = (state: StateReader, asset: string) => read<AssetState>(state, keys.asset(asset));
export const readAssetVersion = (state: StateReader, asset: string, version: number) =>
  read<AssetVersionState>(state, keys.assetVersion(asset, version));
export const readRequest = (state: StateReader, request: string) => read<RequestState>(state, keys.request(request));
export const readDecision = (state: StateReader, request: string, asset: string) =>
  read<DecisionState>(state, keys.decision(request, asset));
export const readDecisions = (state: StateReader, request: string) =>
  readAll<DecisionState>(state, `decision/${request}/`);
export const readAgreement = (state: StateReader, agreement: string) =>
  read<AgreementState>(state, keys.agreement(agreement));
/** What a person of the provider has said on the records that this negotiation of the provider's is about. */
export const readReleaseDecision = (state: StateReader, provider: string, negotiation: string) =>
  read<ReleaseDecisionState>(state, keys.releaseDecision(provider, negotiation));

/** The latest agreement of every asset of the request, revoked ones included; ascending by asset id. */
export async function readRequestAgreements(state: StateReader, request: string): Promise<AgreementState[]> {
  const links = await readAll<{ agreement: string }>(state, `request-agreement/${request}/`);
  const agreements = await Promise.all(links.map(({ agreement }) => readAgreement(state, agreement)));
  return agreements.filter((agreement) => agreement !== undefined);
}

/** Computations ever opened under an agreement. */
export async function readAgreementUses(state: StateReader, agreement: string): Promise<ComputationState[]> {
  const prefix = `agreement-use/${agreement}/`;
  const uses: ComputationState[] = [];
  for await (const [key] of state.range(prefix)) {
    const computation = await readComputation(state, key.slice(prefix.length));
    if (computation !== undefined) uses.push(computation);
  }
  return uses;
}

export const readAssetUses = (state: StateReader, asset: string) => read<AssetUsesState>(state, keys.assetUses(asset));
/** Computations over an asset, under all its agreements, but those that failed before their second phase closed. */
export async function countAssetUses(state: StateReader, asset: string): Promise<number> {
  const counted = await readAssetUses(state, asset);
  if (counted !== undefined) return counted.uses;
  const uses = await readAll<{ isUse: boolean }>(state, `asset-use/${asset}/`);
  return uses.filter(({ isUse }) => isUse).length;
}

export const readContentAccounts = async (state: StateReader, provider: string, content: string) =>
  (await read<{ accounts: readonly string[] }>(state, keys.privacyContent(provider, content)))?.accounts ?? [];
/** Accounts that pay for releases over the asset: its own, and those that its present content has by now. */
export async function readPrivacyAccounts(state: StateReader, asset: string): Promise<readonly string[]> {
  const own = await read<AssetPrivacyState>(state, keys.assetPrivacy(asset));
  if (own === undefined) return [];
  const provider = asset.slice(0, asset.indexOf(":"));
  return [...new Set([...own.accounts, ...(await readContentAccounts(state, provider, own.content))])].sort();
}
export const readPrivacyAccount = (state: StateReader, account: string) =>
  read<PrivacyAccountState>(state, keys.privacyAccount(account));
export const readPrivacyCharge = (state: StateReader, computation: string) =>
  read<PrivacyChargeState>(state, keys.privacyCharge(computation));

export const readComputation = (state: StateReader, computation: string) =>
  read<ComputationState>(state, keys.computation(computation));
export const readComputations = (state: StateReader) => readAll<ComputationState>(state, "computation/");
export const readComputationOpened = (state: StateReader, computation: string) =>
  read<ComputationOpened>(state, keys.computationOpened(computation));
export const readComputationStep = <S extends ComputationStepName>(state: StateReader, computation: string, step: S) =>
  read<ComputationSteps[S]>(state, keys.computationStep(computation, step));
export const readOmitted = (state: StateReader, computation: string) =>
  readAll<OmittedState>(state, `computation-omitted/${computation}/`);
export const readReview = (state: StateReader, computation: string) =>
  read<ReviewState>(state, keys.review(computation));
export const readResult = (state: StateReader, computation: string) =>
  read<ResultState>(state, keys.result(computation));

export const readJoinOpened = (state: StateReader, run: string) => read<JoinOpened>(state, keys.joinOpened(run));
export const readJoinCommitted = (state: StateReader, run: string) =>
  read<JoinCommitted>(state, keys.joinCommitted(run));
export const readJoinEnded = (state: StateReader, run: string) => read<JoinEnded>(state, keys.joinEnded(run));
/** Runs ever begun under an agreement. */
export const countJoins = async (state: StateReader, agreement: string): Promise<number> =>
  (await read<AgreementJoinsState>(state, keys.agreementJoins(agreement)))?.runs ?? 0;

export const readQueryAnswered = (state: StateReader, agreement: string, number: number) =>
  read<QueryAnswered>(state, keys.queryAnswered(agreement, number));
/** What was answered under an agreement. */
export const countQueries = async (state: StateReader, agreement: string): Promise<AgreementQueriesState> =>
  (await read<AgreementQueriesState>(state, keys.agreementQueries(agreement))) ?? { answers: 0, figures: 0 };

/** The latest computation of a request. */
export async function readRequestComputation(
  state: StateReader,
  request: string,
): Promise<ComputationState | undefined> {
  const link = await read<{ computation: string }>(state, keys.requestComputation(request));
  return link === undefined ? undefined : readComputation(state, link.computation);
}
