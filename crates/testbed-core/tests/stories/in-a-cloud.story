0 s Pending
    looks at [catalog, template]
    AddFinalizer
    Accepted=Unknown NotReached 
    ClustersReady=Unknown NotReached 
    ComponentsReady=Unknown NotReached 
    WorkflowSucceeded=Unknown NotReached 
    ResultsStored=Unknown NotReached 
    Published=Unknown NotReached 
    CleanedUp=Unknown NotReached 
    Succeeded=Unknown NotReached 
3 s Provisioning, looks again at 86400 s
    Accepted=True SourcesPinned 6 components pinned
    ClustersReady=False NotReached starts once the pins are recorded
6 s Provisioning, looks again at 1803 s
    looks at []
    apply ExperimentCluster tsdb-x7k2q-left-5d5nn6xe [68db6f7c037432ba]
    apply ExperimentCluster tsdb-x7k2q-right-72fpjevj [2d389b21718cf4b0]
    ClustersReady=False ClusterCreating left: a cluster is being made
    left is Creating
    right is Creating
    it has cost 0 USD
9 s Provisioning, looks again at 1803 s
    ClustersReady=False ClusterCreating left: cluster tsdb-x7k2q-left-5d5nn6xe: its nodes start
12 s Provisioning, looks again at 86400 s
    ClustersReady=True ClusterReady 
    ComponentsReady=False NotReached starts once the pins and the clusters are recorded
    left is Ready
    right is Ready
15 s Provisioning, looks again at 1212 s
    looks at [deployed]
    apply AppProject tsdb-x7k2q-q14876sn [2e7b8e8f233c90ac]
    Register { target: "left", name: "tsdb-x7k2q-left-5d5nn6xe" }
    apply Namespace tsdb-x7k2q-left-z1517p2w [e6632598b2e4aa46] in left
    GrantWrite { target: "left" }
    ShowKubeconfig { target: "left", name: "tsdb-x7k2q-left-akcs2a1a" }
    apply Application tsdb-x7k2q-left-metrics-agent-nckbxcrn [c6f0d87484a10675]
    apply Application tsdb-x7k2q-left-metrics-app-7twgse32 [9337c8ae3c318331]
    ComponentsReady=False ComponentDeploying left/metrics-agent: is being deployed
18 s Provisioning, looks again at 1212 s
    apply Service metrics-app-w9s1mnv1 [51f7cdf7828f6d2a] in left
    ComponentsReady=False ComponentDeploying left/metrics-agent: Progressing, Synced
21 s Provisioning, looks again at 1212 s
    ComponentsReady=False WaitingForDependency right: waits for target left
24 s Provisioning, looks again at 1212 s
    Register { target: "right", name: "tsdb-x7k2q-right-72fpjevj" }
    apply Namespace tsdb-x7k2q-right-j51462ac [53916b32426523bd] in right
    apply Namespace tailscale [736c084ec652fa2a] in right
    GrantWrite { target: "right" }
    GrantTailnet { target: "right" }
    ShowKubeconfig { target: "right", name: "tsdb-x7k2q-right-ff2ax8sj" }
    apply Application tsdb-x7k2q-right-tailscale-operato-zkk6eydb [ed35089a8de32c90]
    apply Application tsdb-x7k2q-right-metrics-egress-45296d5a [208eae8465e051b5]
    apply Application tsdb-x7k2q-right-metrics-agent-qj5sfe4w [af8cbce80637a573]
    apply Application tsdb-x7k2q-right-store-kfzrp5ag [81e63e8c9fc04988]
    ComponentsReady=False ComponentDeploying right/tailscale-operator: is being deployed
27 s Provisioning, looks again at 1212 s
    apply Service store-1bjqybkc [cf3a36712003eeb0] in right
    ComponentsReady=False ComponentDeploying right/tailscale-operator: Progressing, Synced
30 s Ready, looks again at 86400 s
    ComponentsReady=True Done 
    WorkflowSucceeded=False NotReached starts once readiness is recorded
33 s Running, looks again at 86400 s
    looks at [template, workflows]
    apply Workflow tsdb-x7k2q-p5ae4psv [e3aceb746af7b9d8]
    WorkflowSucceeded=False WorkflowPending workflow tsdb-x7k2q-p5ae4psv is submitted
36 s Running, looks again at 21630 s
    looks at [workflows]
    WorkflowSucceeded=False WorkflowRunning workflow tsdb-x7k2q-p5ae4psv is running
39 s Running, looks again at 44 s
    WorkflowSucceeded=True Done workflow tsdb-x7k2q-p5ae4psv succeeded
    ResultsStored=False SamplesSettling the last samples of the window are still arriving
44 s Complete, looks again at 639 s
    looks at []
    collect beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
    ResultsStored=True Done stored
    Succeeded=True Done the result is stored
47 s Complete, looks again at 62 s
    looks at [deployed, workflows, left]
    delete Workflow tsdb-x7k2q-p5ae4psv (uid-24)
    DeleteIn { target: "left", object: ObjectRef { kind: Service, namespace: Some(""), name: "metrics-app-w9s1mnv1", uid: "uid-12" } }
    DeleteIn { target: "left", object: ObjectRef { kind: Namespace, namespace: None, name: "tsdb-x7k2q-left-z1517p2w", uid: "uid-7" } }
    DeleteIn { target: "right", object: ObjectRef { kind: Service, namespace: Some(""), name: "store-1bjqybkc", uid: "uid-23" } }
    DeleteIn { target: "right", object: ObjectRef { kind: Namespace, namespace: None, name: "tsdb-x7k2q-right-j51462ac", uid: "uid-14" } }
    delete Application tsdb-x7k2q-left-metrics-agent-nckbxcrn (uid-9)
    delete Application tsdb-x7k2q-left-metrics-app-7twgse32 (uid-10)
    delete Application tsdb-x7k2q-right-metrics-agent-qj5sfe4w (uid-19)
    delete Application tsdb-x7k2q-right-metrics-egress-45296d5a (uid-18)
    delete Application tsdb-x7k2q-right-store-kfzrp5ag (uid-20)
    Published=False NotRequested 
    CleanedUp=False TearingDown workflow tsdb-x7k2q-p5ae4psv is being removed
50 s Complete, looks again at 65 s
    DeleteIn { target: "right", object: ObjectRef { kind: Namespace, namespace: None, name: "tailscale", uid: "uid-15" } }
    delete Application tsdb-x7k2q-right-tailscale-operato-zkk6eydb (uid-17)
    delete Secret tsdb-x7k2q-left-5d5nn6xe (uid-6)
    CleanedUp=False TearingDown Namespace tsdb-x7k2q-left-z1517p2w in target left is being removed
53 s Complete, looks again at 68 s
    delete Project tsdb-x7k2q-q14876sn (uid-5)
    delete Secret tsdb-x7k2q-right-72fpjevj (uid-13)
    CleanedUp=False TearingDown PersistentVolume pvc-uid-9 in target left is being removed
56 s Complete, looks again at 71 s
    CleanedUp=False TearingDown target left stays until 2026-01-01T00:01:47Z, for disks that are being made still
62 s Complete, looks again at 77 s
    it has cost 0.005 USD
107 s Complete, looks again at 122 s
    CleanedUp=False TearingDown that cluster tsdb-x7k2q-left-5d5nn6xe goes is being recorded
    left is Deleting
    right is Deleting
110 s Complete, looks again at 125 s
    delete Cluster tsdb-x7k2q-left-5d5nn6xe (uid-2)
    delete Cluster tsdb-x7k2q-right-72fpjevj (uid-4)
    CleanedUp=False TearingDown cluster tsdb-x7k2q-left-5d5nn6xe is being removed
113 s Complete, looks again at 128 s
    CleanedUp=False TearingDown 3 resources of clusters are being removed, such as v1/Secret/tsdb-x7k2q-left-5d5nn6xe-kubeconfig
116 s Complete, looks again at 131 s
    CleanedUp=False TearingDown 2 resources of clusters are being removed, such as v1/Pod/tsdb-x7k2q-right-72fpjevj-0
119 s Complete, looks again at 134 s
    CleanedUp=False TearingDown v1/Secret/tsdb-x7k2q-right-72fpjevj-kubeconfig, of which a cluster was made, is being removed
122 s Complete, looks again at 137 s
    delete Secret tsdb-x7k2q-left-akcs2a1a (uid-8)
    delete Secret tsdb-x7k2q-right-ff2ax8sj (uid-16)
    CleanedUp=False TearingDown secret tsdb-x7k2q-left-akcs2a1a is being removed
    it has cost 0.0107 USD
125 s Complete, looks again at 86400 s
    certify under Some("runs/11111111-2222-3333-4444-555555555555/"): Application tsdb-x7k2q-left-metrics-agent-nckbxcrn, Application tsdb-x7k2q-left-metrics-app-7twgse32, Application tsdb-x7k2q-right-metrics-agent-qj5sfe4w, Application tsdb-x7k2q-right-metrics-egress-45296d5a, Application tsdb-x7k2q-right-store-kfzrp5ag, Application tsdb-x7k2q-right-tailscale-operato-zkk6eydb, ExperimentCluster tsdb-x7k2q-left-5d5nn6xe, ExperimentCluster tsdb-x7k2q-right-72fpjevj, Project tsdb-x7k2q-q14876sn, Secret cluster-tsdb-x7k2q-left-5d5nn6xe, Secret cluster-tsdb-x7k2q-right-72fpjevj, Secret tsdb-x7k2q-left-akcs2a1a, Secret tsdb-x7k2q-right-ff2ax8sj, Workflow tsdb-x7k2q-p5ae4psv, resource of a cluster v1/Pod/tsdb-x7k2q-left-5d5nn6xe-0, resource of a cluster v1/Pod/tsdb-x7k2q-right-72fpjevj-0, resource of a cluster v1/Secret/tsdb-x7k2q-left-5d5nn6xe-kubeconfig, resource of a cluster v1/Secret/tsdb-x7k2q-right-72fpjevj-kubeconfig
    CleanedUp=True NothingLeft nothing is left of the run

The status at last:
phase: Complete
observedGeneration: 1
targets:
- name: left
  phase: Deleting
  namespace: tsdb-x7k2q-left-z1517p2w
  namespaces:
  - tsdb-x7k2q-left-z1517p2w
  registration: cluster-tsdb-x7k2q-left-5d5nn6xe
  clusterName: tsdb-x7k2q-left-5d5nn6xe
  endpoint: https://tsdb-x7k2q-left-5d5nn6xe
  kubeconfigSecret: tsdb-x7k2q-left-5d5nn6xe-kubeconfig
  clusterId: id-of-uid-2
  clusterCreatedAt: "2026-01-01T00:00:06Z"
  clusterReleasedAt: "2026-01-01T00:01:47Z"
  clusterGoneAt: "2026-01-01T00:02:02Z"
  resources:
  - v1/Pod/tsdb-x7k2q-left-5d5nn6xe-0
  - v1/Secret/tsdb-x7k2q-left-5d5nn6xe-kubeconfig
  components:
  - name: metrics-agent
    sources:
    - repoURL: oci://registry/components/metrics-agent
      targetRevision: sha256:abc
      path: '.'
      helm: {}
    values:
      cluster: tsdb-x7k2q-left-5d5nn6xe
      experiment: tsdb-x7k2q
      remoteWriteUrl: http://10.96.0.53:8080/api/v1/write
      target: left
    injected: true
    application: tsdb-x7k2q-left-metrics-agent-nckbxcrn
    health: Healthy
    sync: Synced
  - name: metrics-app
    sources:
    - repoURL: oci://registry/components/metrics-app
      targetRevision: sha256:abc
      path: '.'
      helm: {}
    values:
      series: 10
    endpoint:
      service: metrics-app
      port: 8080
      scheme: http
    address: 203.0.113.7:8080
    application: tsdb-x7k2q-left-metrics-app-7twgse32
    health: Healthy
    sync: Synced
- name: right
  phase: Deleting
  namespace: tsdb-x7k2q-right-j51462ac
  namespaces:
  - tsdb-x7k2q-right-j51462ac
  - tailscale
  registration: cluster-tsdb-x7k2q-right-72fpjevj
  clusterName: tsdb-x7k2q-right-72fpjevj
  endpoint: https://tsdb-x7k2q-right-72fpjevj
  kubeconfigSecret: tsdb-x7k2q-right-72fpjevj-kubeconfig
  clusterId: id-of-uid-4
  clusterCreatedAt: "2026-01-01T00:00:06Z"
  clusterReleasedAt: "2026-01-01T00:01:47Z"
  clusterGoneAt: "2026-01-01T00:02:02Z"
  resources:
  - v1/Pod/tsdb-x7k2q-right-72fpjevj-0
  - v1/Secret/tsdb-x7k2q-right-72fpjevj-kubeconfig
  components:
  - name: tailscale-operator
    sources:
    - repoURL: oci://registry/components/metrics-agent
      targetRevision: sha256:abc
      path: '.'
      helm: {}
    values:
      operatorConfig.hostname: tsdb-x7k2q-right-72fpjevj
    injected: true
    application: tsdb-x7k2q-right-tailscale-operato-zkk6eydb
    health: Healthy
    sync: Synced
  - name: metrics-egress
    sources:
    - repoURL: oci://registry/components/metrics-agent
      targetRevision: sha256:abc
      path: '.'
      helm: {}
    values:
      tailnetFqdn: testbed-ingest
    injected: true
    application: tsdb-x7k2q-right-metrics-egress-45296d5a
    health: Healthy
    sync: Synced
  - name: metrics-agent
    sources:
    - repoURL: oci://registry/components/metrics-agent
      targetRevision: sha256:abc
      path: '.'
      helm: {}
    values:
      cluster: tsdb-x7k2q-right-72fpjevj
      experiment: tsdb-x7k2q
      remoteWriteUrl: http://testbed-ingest:8080/api/v1/write
      target: right
    injected: true
    application: tsdb-x7k2q-right-metrics-agent-qj5sfe4w
    health: Healthy
    sync: Synced
  - name: store
    sources:
    - repoURL: oci://registry/components/store
      targetRevision: sha256:abc
      path: '.'
      helm: {}
    values:
      target: ${targets.left.metrics-app.address}
    endpoint:
      service: store
      port: 8080
      scheme: http
    address: 203.0.113.7:8080
    application: tsdb-x7k2q-right-store-kfzrp5ag
    health: Healthy
    sync: Synced
template:
  name: compare
  uid: template-uid
  generation: 3
  sha256: 0a811516d1820c153ac856146d886983be6ad2edbf07ec72df96b45638356dc1
project: tsdb-x7k2q-q14876sn
workflowStatus:
  name: tsdb-x7k2q-p5ae4psv
  uid: uid-24
  phase: Succeeded
  startedAt: "2026-01-01T00:00:36Z"
  finishedAt: "2026-01-01T00:00:39Z"
  windows:
  - start: "2026-01-01T00:00:37.000000Z"
    end: "2026-01-01T00:00:39.000000Z"
    recordedBy: workload
cost:
  currency: USD
  asOf: "2025-03-06"
  hourlyUsd: 0.3308
  estimateUsd: 0.4355
  atMostUsd: 7.9647
  runningUsd: 0.0107
  countedAt: "2026-01-01T00:02:02Z"
  finalUsd: 0.0107
results:
  bucket: results
  key: runs/11111111-2222-3333-4444-555555555555/summary.json
  sha256: "00"
  size: 1
resultsURL: s3://results
completedAt: "2026-01-01T00:00:44Z"
teardownBeganAt: "2026-01-01T00:00:47Z"
resourcesCleaned: true
teardownCertificate:
  key: runs/11111111-2222-3333-4444-555555555555/teardown.json
  sha256: "00"
stageTimes:
  Accepted: "2026-01-01T00:00:03.000000Z"
  CleanedUp: "2026-01-01T00:02:05.000000Z"
  ClustersReady: "2026-01-01T00:00:12.000000Z"
  ComponentsReady: "2026-01-01T00:00:30.000000Z"
  ResultsStored: "2026-01-01T00:00:44.000000Z"
  Succeeded: "2026-01-01T00:00:44.000000Z"
  WorkflowSucceeded: "2026-01-01T00:00:39.000000Z"
tutorialStatus:
  kubeconfigSecrets:
    left: tsdb-x7k2q-left-akcs2a1a
    right: tsdb-x7k2q-right-ff2ax8sj
