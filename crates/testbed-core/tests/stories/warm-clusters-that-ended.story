6 s Pending
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
9 s Provisioning, looks again at 86400 s
    Accepted=True SourcesPinned 4 components pinned
    ClustersReady=False NotReached starts once the pins are recorded
12 s Provisioning, looks again at 249 s
    looks at []
    apply ExperimentCluster tsdb-x7k2q-left-5d5nn6xe [2a9ab345bca38579]
    apply ExperimentCluster tsdb-x7k2q-right-72fpjevj [fa1527306805210c]
    ClustersReady=False ClusterCreating left: a cluster is being made
    left is Creating
    right is Creating
15 s Provisioning, looks again at 249 s
    ClustersReady=False ClusterCreating left: cluster tsdb-x7k2q-left-5d5nn6xe: its nodes start
18 s Provisioning, looks again at 86400 s
    ClustersReady=True ClusterReady 
    ComponentsReady=False NotReached starts once the pins and the clusters are recorded
    left is Ready
    right is Ready
21 s Provisioning, looks again at 1218 s
    looks at [deployed]
    apply AppProject tsdb-x7k2q-q14876sn [2e7b8e8f233c90ac]
    Register { target: "left", name: "tsdb-x7k2q-left-5d5nn6xe" }
    apply Namespace tsdb-x7k2q-left-z1517p2w [e6632598b2e4aa46] in left
    GrantWrite { target: "left" }
    ShowKubeconfig { target: "left", name: "tsdb-x7k2q-left-akcs2a1a" }
    apply Application tsdb-x7k2q-left-metrics-agent-nckbxcrn [c6f0d87484a10675]
    apply Application tsdb-x7k2q-left-metrics-app-7twgse32 [9337c8ae3c318331]
    ComponentsReady=False ComponentDeploying left/metrics-agent: is being deployed
24 s Provisioning, looks again at 1218 s
    apply Service metrics-app-w9s1mnv1 [97df7162fd316fe5] in left
    ComponentsReady=False ComponentDeploying left/metrics-agent: Progressing, Synced
27 s Provisioning, looks again at 1218 s
    ComponentsReady=False WaitingForDependency right: waits for target left
30 s Provisioning, looks again at 1218 s
    Register { target: "right", name: "tsdb-x7k2q-right-72fpjevj" }
    apply Namespace tsdb-x7k2q-right-j51462ac [53916b32426523bd] in right
    GrantWrite { target: "right" }
    ShowKubeconfig { target: "right", name: "tsdb-x7k2q-right-ff2ax8sj" }
    apply Application tsdb-x7k2q-right-metrics-agent-qj5sfe4w [f7dd2319b9cb0e3d]
    apply Application tsdb-x7k2q-right-store-kfzrp5ag [9adecb81e6f92ab6]
    ComponentsReady=False ComponentDeploying right/metrics-agent: is being deployed
33 s Provisioning, looks again at 1218 s
    apply Service store-1bjqybkc [7f5d1428b87cc266] in right
    ComponentsReady=False ComponentDeploying right/metrics-agent: Progressing, Synced
36 s Ready, looks again at 86400 s
    ComponentsReady=True Done 
    WorkflowSucceeded=False NotReached starts once readiness is recorded
39 s Running, looks again at 86400 s
    looks at [template, workflows]
    apply Workflow tsdb-x7k2q-p5ae4psv [3bd4dfe11b5e2028]
    WorkflowSucceeded=False WorkflowPending workflow tsdb-x7k2q-p5ae4psv is submitted
42 s Running, looks again at 21636 s
    looks at [workflows]
    WorkflowSucceeded=False WorkflowRunning workflow tsdb-x7k2q-p5ae4psv is running
45 s Running, looks again at 50 s
    WorkflowSucceeded=True Done workflow tsdb-x7k2q-p5ae4psv succeeded
    ResultsStored=False SamplesSettling the last samples of the window are still arriving
50 s Complete, looks again at 645 s
    looks at []
    collect beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
    ResultsStored=True Done stored
    Succeeded=True Done the result is stored
53 s Complete, looks again at 68 s
    looks at [deployed, workflows, left]
    delete Workflow tsdb-x7k2q-p5ae4psv (uid-22)
    delete Application tsdb-x7k2q-left-metrics-agent-nckbxcrn (uid-11)
    delete Application tsdb-x7k2q-left-metrics-app-7twgse32 (uid-12)
    delete Application tsdb-x7k2q-right-metrics-agent-qj5sfe4w (uid-18)
    delete Application tsdb-x7k2q-right-store-kfzrp5ag (uid-19)
    Published=False NotRequested 
    CleanedUp=False TearingDown workflow tsdb-x7k2q-p5ae4psv is being removed
56 s Complete, looks again at 71 s
    delete Project tsdb-x7k2q-q14876sn (uid-7)
    delete Secret tsdb-x7k2q-left-5d5nn6xe (uid-8)
    delete Secret tsdb-x7k2q-right-72fpjevj (uid-15)
    delete Cluster tsdb-x7k2q-left-5d5nn6xe (uid-4)
    delete Cluster tsdb-x7k2q-right-72fpjevj (uid-6)
    CleanedUp=False TearingDown project tsdb-x7k2q-q14876sn is being removed
    left is Deleting
    right is Deleting
59 s Complete, looks again at 74 s
    CleanedUp=False TearingDown 3 resources of clusters are being removed, such as v1/Secret/tsdb-x7k2q-left-5d5nn6xe-kubeconfig
62 s Complete, looks again at 77 s
    CleanedUp=False TearingDown 2 resources of clusters are being removed, such as v1/Pod/tsdb-x7k2q-right-72fpjevj-0
65 s Complete, looks again at 80 s
    CleanedUp=False TearingDown v1/Secret/tsdb-x7k2q-right-72fpjevj-kubeconfig, of which a cluster was made, is being removed
68 s Complete, looks again at 83 s
    delete Secret tsdb-x7k2q-left-akcs2a1a (uid-10)
    delete Secret tsdb-x7k2q-right-ff2ax8sj (uid-17)
    CleanedUp=False TearingDown secret tsdb-x7k2q-left-akcs2a1a is being removed
71 s Complete, looks again at 86400 s
    certify under Some("runs/11111111-2222-3333-4444-555555555555/"): Application tsdb-x7k2q-left-metrics-agent-nckbxcrn, Application tsdb-x7k2q-left-metrics-app-7twgse32, Application tsdb-x7k2q-right-metrics-agent-qj5sfe4w, Application tsdb-x7k2q-right-store-kfzrp5ag, ExperimentCluster tsdb-x7k2q-left-5d5nn6xe, ExperimentCluster tsdb-x7k2q-right-72fpjevj, Project tsdb-x7k2q-q14876sn, Secret cluster-tsdb-x7k2q-left-5d5nn6xe, Secret cluster-tsdb-x7k2q-right-72fpjevj, Secret tsdb-x7k2q-left-akcs2a1a, Secret tsdb-x7k2q-right-ff2ax8sj, Workflow tsdb-x7k2q-p5ae4psv, resource of a cluster v1/Pod/tsdb-x7k2q-left-5d5nn6xe-0, resource of a cluster v1/Pod/tsdb-x7k2q-right-72fpjevj-0, resource of a cluster v1/Secret/tsdb-x7k2q-left-5d5nn6xe-kubeconfig, resource of a cluster v1/Secret/tsdb-x7k2q-right-72fpjevj-kubeconfig
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
  clusterId: id-of-uid-4
  clusterCreatedAt: "2026-01-01T00:00:12Z"
  clusterReleasedAt: "2026-01-01T00:00:56Z"
  clusterGoneAt: "2026-01-01T00:01:08Z"
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
    address: 10.88.0.9:30080
    application: tsdb-x7k2q-left-metrics-app-7twgse32
    health: Healthy
    sync: Synced
- name: right
  phase: Deleting
  namespace: tsdb-x7k2q-right-j51462ac
  namespaces:
  - tsdb-x7k2q-right-j51462ac
  registration: cluster-tsdb-x7k2q-right-72fpjevj
  clusterName: tsdb-x7k2q-right-72fpjevj
  endpoint: https://tsdb-x7k2q-right-72fpjevj
  kubeconfigSecret: tsdb-x7k2q-right-72fpjevj-kubeconfig
  clusterId: id-of-uid-6
  clusterCreatedAt: "2026-01-01T00:00:12Z"
  clusterReleasedAt: "2026-01-01T00:00:56Z"
  clusterGoneAt: "2026-01-01T00:01:08Z"
  resources:
  - v1/Pod/tsdb-x7k2q-right-72fpjevj-0
  - v1/Secret/tsdb-x7k2q-right-72fpjevj-kubeconfig
  components:
  - name: metrics-agent
    sources:
    - repoURL: oci://registry/components/metrics-agent
      targetRevision: sha256:abc
      path: '.'
      helm: {}
    values:
      cluster: tsdb-x7k2q-right-72fpjevj
      experiment: tsdb-x7k2q
      remoteWriteUrl: http://10.96.0.53:8080/api/v1/write
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
    address: 10.88.0.9:30080
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
  uid: uid-22
  phase: Succeeded
  startedAt: "2026-01-01T00:00:42Z"
  finishedAt: "2026-01-01T00:00:45Z"
  windows:
  - start: "2026-01-01T00:00:43.000000Z"
    end: "2026-01-01T00:00:45.000000Z"
    recordedBy: workload
cost:
  currency: USD
  hourlyUsd: 0.0
  estimateUsd: 0.0
  atMostUsd: 0.0
results:
  bucket: results
  key: runs/11111111-2222-3333-4444-555555555555/summary.json
  sha256: "00"
  size: 1
resultsURL: s3://results
completedAt: "2026-01-01T00:00:50Z"
teardownBeganAt: "2026-01-01T00:00:53Z"
resourcesCleaned: true
teardownCertificate:
  key: runs/11111111-2222-3333-4444-555555555555/teardown.json
  sha256: "00"
stageTimes:
  Accepted: "2026-01-01T00:00:09.000000Z"
  CleanedUp: "2026-01-01T00:01:11.000000Z"
  ClustersReady: "2026-01-01T00:00:18.000000Z"
  ComponentsReady: "2026-01-01T00:00:36.000000Z"
  ResultsStored: "2026-01-01T00:00:50.000000Z"
  Succeeded: "2026-01-01T00:00:50.000000Z"
  WorkflowSucceeded: "2026-01-01T00:00:45.000000Z"
tutorialStatus:
  kubeconfigSecrets:
    left: tsdb-x7k2q-left-akcs2a1a
    right: tsdb-x7k2q-right-ff2ax8sj
