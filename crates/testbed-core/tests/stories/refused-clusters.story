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
    Accepted=True SourcesPinned 4 components pinned
    ClustersReady=False NotReached starts once the pins are recorded
6 s Provisioning, looks again at 243 s
    looks at []
    apply ExperimentCluster tsdb-x7k2q-left-5d5nn6xe [2a9ab345bca38579]
    apply ExperimentCluster tsdb-x7k2q-right-72fpjevj [fa1527306805210c]
    ClustersReady=False ClusterCreating left: a cluster is being made
    left is Creating
    right is Creating
9 s Provisioning, looks again at 69 s
    ClustersReady=False ClusterCreating left: cluster tsdb-x7k2q-left-5d5nn6xe: its nodes start
69 s Failed, looks again at 86400 s
    ClustersReady=False ClusterFailed left: cluster tsdb-x7k2q-left-5d5nn6xe cannot be made: its nodes start
    Succeeded=False ClusterFailed left: cluster tsdb-x7k2q-left-5d5nn6xe cannot be made: its nodes start
72 s Failed, looks again at 669 s
    looks at [deployed, workflows, left]
    collect beside 0 records: 
    ComponentsReady=False Skipped 
    WorkflowSucceeded=False Skipped 
    ResultsStored=True Done stored
75 s Failed, looks again at 90 s
    delete Cluster tsdb-x7k2q-left-5d5nn6xe (uid-2)
    delete Cluster tsdb-x7k2q-right-72fpjevj (uid-4)
    Published=False Skipped 
    CleanedUp=False TearingDown cluster tsdb-x7k2q-left-5d5nn6xe is being removed
    left is Deleting
    right is Deleting
78 s Failed, looks again at 93 s
    CleanedUp=False TearingDown 3 resources of clusters are being removed, such as v1/Secret/tsdb-x7k2q-left-5d5nn6xe-kubeconfig
81 s Failed, looks again at 96 s
    CleanedUp=False TearingDown 2 resources of clusters are being removed, such as v1/Pod/tsdb-x7k2q-right-72fpjevj-0
84 s Failed, looks again at 99 s
    CleanedUp=False TearingDown v1/Secret/tsdb-x7k2q-right-72fpjevj-kubeconfig, of which a cluster was made, is being removed
87 s Failed
    certify under Some("runs/11111111-2222-3333-4444-555555555555/"): ExperimentCluster tsdb-x7k2q-left-5d5nn6xe, ExperimentCluster tsdb-x7k2q-right-72fpjevj, resource of a cluster v1/Pod/tsdb-x7k2q-left-5d5nn6xe-0, resource of a cluster v1/Pod/tsdb-x7k2q-right-72fpjevj-0, resource of a cluster v1/Secret/tsdb-x7k2q-left-5d5nn6xe-kubeconfig, resource of a cluster v1/Secret/tsdb-x7k2q-right-72fpjevj-kubeconfig
    CleanedUp=True NothingLeft nothing is left of the run

The status at last:
phase: Failed
observedGeneration: 1
targets:
- name: left
  phase: Deleting
  namespace: tsdb-x7k2q-left-z1517p2w
  clusterName: tsdb-x7k2q-left-5d5nn6xe
  clusterCreatedAt: "2026-01-01T00:00:06Z"
  clusterReleasedAt: "2026-01-01T00:01:15Z"
  clusterGoneAt: "2026-01-01T00:01:27Z"
  unsyncedSince: "2026-01-01T00:00:09Z"
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
    application: tsdb-x7k2q-left-metrics-app-7twgse32
- name: right
  phase: Deleting
  namespace: tsdb-x7k2q-right-j51462ac
  clusterName: tsdb-x7k2q-right-72fpjevj
  clusterCreatedAt: "2026-01-01T00:00:06Z"
  clusterReleasedAt: "2026-01-01T00:01:15Z"
  clusterGoneAt: "2026-01-01T00:01:27Z"
  unsyncedSince: "2026-01-01T00:00:09Z"
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
    application: tsdb-x7k2q-right-store-kfzrp5ag
template:
  name: compare
  uid: template-uid
  generation: 3
  sha256: 0a811516d1820c153ac856146d886983be6ad2edbf07ec72df96b45638356dc1
failure:
  stage: ClustersReady
  reason: ClusterFailed
  message: "left: cluster tsdb-x7k2q-left-5d5nn6xe cannot be made: its nodes start"
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
completedAt: "2026-01-01T00:01:09Z"
teardownBeganAt: "2026-01-01T00:01:15Z"
resourcesCleaned: true
teardownCertificate:
  key: runs/11111111-2222-3333-4444-555555555555/teardown.json
  sha256: "00"
stageTimes:
  Accepted: "2026-01-01T00:00:03.000000Z"
  CleanedUp: "2026-01-01T00:01:27.000000Z"
  ResultsStored: "2026-01-01T00:01:12.000000Z"
