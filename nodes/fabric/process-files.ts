/** One complete core.yaml for a peer and one orderer.yaml for an orderer. Pure. */
import { join } from "node:path";
import { domainOf, type FabricLayout } from "./layout.ts";
import { HOST } from "./network-files.ts";
import { type FabricPlan, hasGateway, ORDERER_MSP, type Orderer, type Organisation } from "./network-plan.ts";
import { writeYaml } from "./yaml.ts";

/** The system chooses: nobody connects there. */
const UNUSED = `${HOST}:0`;
const BCCSP = { Default: "SW", SW: { Hash: "SHA2", Security: 256 } };
const MAX_MESSAGE_BYTES = 104_857_600;

export function coreYaml(plan: FabricPlan, layout: FabricLayout, org: Organisation): string {
  const address = `${HOST}:${org.peer}`;
  const tls = layout.peer.tls(org);
  const data = layout.data(`peer-${org.name}`);
  return writeYaml({
    peer: {
      id: `peer0.${domainOf(org)}`,
      networkId: "sealane",
      listenAddress: address,
      address,
      chaincodeListenAddress: UNUSED,
      localMspId: org.mspId,
      mspConfigPath: layout.peer.msp(org),
      localMspType: "bccsp",
      fileSystemPath: data,
      BCCSP,
      tls: {
        enabled: true,
        clientAuthRequired: false,
        cert: { file: tls.certificate },
        key: { file: tls.key },
        rootcert: { file: tls.root },
      },
      authentication: { timewindow: "15m" },
      client: { connTimeout: "3s" },
      keepalive: {
        interval: "7200s",
        timeout: "20s",
        minInterval: "60s",
        client: { interval: "60s", timeout: "20s" },
        deliveryClient: { interval: "60s", timeout: "20s" },
      },
      gateway: { enabled: hasGateway(plan), endorsementTimeout: "30s", broadcastTimeout: "30s", dialTimeout: "10s" },
      discovery: {
        enabled: true,
        authCacheEnabled: true,
        authCacheMaxSize: 1000,
        authCachePurgeRetentionRatio: 0.75,
        orgMembersAllowedAccess: false,
      },
      // Peers of different organisations find each other within a second instead of half a minute.
      gossip: {
        // The only peer of its organisation; the others are found through the channel's anchors.
        bootstrap: address,
        endpoint: address,
        externalEndpoint: address,
        useLeaderElection: false,
        orgLeader: true,
        membershipTrackerInterval: "5s",
        maxBlockCountToStore: 10,
        maxPropagationBurstLatency: "10ms",
        maxPropagationBurstSize: 10,
        propagateIterations: 1,
        propagatePeerNum: 3,
        pullInterval: "4s",
        pullPeerNum: 3,
        requestStateInfoInterval: "1s",
        publishStateInfoInterval: "1s",
        publishCertPeriod: "10s",
        dialTimeout: "1s",
        connTimeout: "2s",
        recvBuffSize: 20,
        sendBuffSize: 200,
        digestWaitTime: "1s",
        requestWaitTime: "1500ms",
        responseWaitTime: "2s",
        aliveTimeInterval: "1s",
        aliveExpirationTimeout: "5s",
        reconnectInterval: "2s",
        maxConnectionAttempts: 120,
        msgExpirationFactor: 20,
        pvtData: {
          pullRetryThreshold: "60s",
          transientstoreMaxBlockRetention: 20_000,
          pushAckTimeout: "3s",
          btlPullMargin: 10,
          reconcileBatchSize: 10,
          reconcileSleepInterval: "1m",
          reconciliationEnabled: true,
          implicitCollectionDisseminationPolicy: { requiredPeerCount: 0, maxPeerCount: 1 },
        },
        state: { enabled: false },
      },
      deliveryclient: {
        blockGossipEnabled: false,
        reconnectTotalTimeThreshold: "3600s",
        connTimeout: "3s",
        // Default: an hour. A peer must not sleep on after its orderer is back.
        reConnectBackoffThreshold: "5s",
        minimalReconnectInterval: "100ms",
        blockCensorshipTimeoutKey: "30s",
      },
      handlers: {
        authFilters: [{ name: "DefaultAuth" }, { name: "ExpirationCheck" }],
        decorators: [{ name: "DefaultDecorator" }],
        endorsers: { escc: { name: "DefaultEndorsement" } },
        validators: { vscc: { name: "DefaultValidation" } },
      },
      limits: { concurrency: { endorserService: 2500, deliverService: 2500, gatewayService: 500 } },
      maxRecvMsgSize: MAX_MESSAGE_BYTES,
      maxSendMsgSize: MAX_MESSAGE_BYTES,
    },
    vm: { endpoint: "" },
    chaincode: {
      mode: "net",
      keepalive: 0,
      installTimeout: "60s",
      startuptimeout: "60s",
      executetimeout: "30s",
      externalBuilders: [{ name: "sealane", path: layout.builder, propagateEnvironment: [] }],
      system: { _lifecycle: "enable", cscc: "enable", lscc: "enable", qscc: "enable" },
      logging: { level: "info", shim: "warning" },
      // From 3.1 on the contract reads and writes a whole batch in one message each; older peers know nothing of it.
      runtimeParams: {
        useWriteBatch: true,
        maxSizeWriteBatch: 1000,
        useGetMultipleKeys: true,
        maxSizeGetMultipleKeys: 1000,
      },
    },
    ledger: {
      state: { stateDatabase: "goleveldb", totalQueryLimit: 100_000 },
      // Nobody asks for the history of a key: records are the history.
      history: { enableHistoryDatabase: false },
      pvtdataStore: {
        collElgProcMaxDbBatchSize: 5000,
        collElgProcDbBatchesInterval: 1000,
        deprioritizedDataReconcilerInterval: "60m",
        purgeInterval: 100,
      },
      snapshots: { rootDir: join(data, "snapshots") },
    },
    operations: { listenAddress: UNUSED, tls: { enabled: false } },
    metrics: { provider: "disabled" },
  });
}

export function ordererYaml(layout: FabricLayout, orderer: Orderer): string {
  const tls = layout.orderer.tls(orderer);
  const data = layout.data(orderer.name);
  return writeYaml({
    General: {
      ListenAddress: HOST,
      ListenPort: orderer.port,
      TLS: {
        Enabled: true,
        PrivateKey: tls.key,
        Certificate: tls.certificate,
        RootCAs: [tls.root],
        ClientAuthRequired: false,
      },
      Keepalive: { ServerMinInterval: "5s", ServerInterval: "7200s", ServerTimeout: "20s" },
      MaxRecvMsgSize: MAX_MESSAGE_BYTES,
      MaxSendMsgSize: MAX_MESSAGE_BYTES,
      Cluster: {
        SendBufferSize: 100,
        ClientCertificate: tls.certificate,
        ClientPrivateKey: tls.key,
        RootCAs: [tls.root],
      },
      BootstrapMethod: "none",
      LocalMSPDir: layout.orderer.msp(orderer),
      LocalMSPID: ORDERER_MSP,
      BCCSP,
      Authentication: { TimeWindow: "15m" },
    },
    FileLedger: { Location: data },
    Operations: { ListenAddress: UNUSED, TLS: { Enabled: false } },
    Metrics: { Provider: "disabled" },
    Admin: {
      ListenAddress: `${HOST}:${orderer.admin}`,
      TLS: {
        Enabled: true,
        PrivateKey: tls.key,
        Certificate: tls.certificate,
        RootCAs: [tls.root],
        ClientAuthRequired: true,
        ClientRootCAs: [tls.root],
      },
    },
    ChannelParticipation: { Enabled: true, MaxRequestBodySize: "1 MB" },
    Consensus: { WALDir: join(data, "etcdraft", "wal"), SnapDir: join(data, "etcdraft", "snapshot") },
  });
}
