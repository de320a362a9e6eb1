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
9 s Provisioning, looks again at 243 s
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
18 s Failed, looks again at 86400 s
    ComponentsReady=False TargetLost left: another cluster has taken the place of its own
    Succeeded=False TargetLost left: another cluster has taken the place of its own
21 s Failed, looks again at 618 s
    looks at [deployed, workflows, left]
    collect beside 0 records: 
    WorkflowSucceeded=False Skipped 
    ResultsStored=True Done stored
24 s Failed
    Published=False Skipped 
    CleanedUp=False TearingDown what was made is being recorded
27 s Failed, looks again at 42 s
    delete Secret tsdb-x7k2q-left-5d5nn6xe (uid-6)
    delete Application tsdb-x7k2q-left-metrics-agent-nckbxcrn (uid-9)
    delete Application tsdb-x7k2q-left-metrics-app-7twgse32 (uid-10)
    delete Cluster tsdb-x7k2q-right-72fpjevj (uid-4)
    CleanedUp=False TearingDown application tsdb-x7k2q-left-metrics-agent-nckbxcrn is being removed
    right is Deleting
30 s Failed, looks again at 45 s
    delete Project tsdb-x7k2q-q14876sn (uid-5)
    delete Cluster tsdb-x7k2q-left-5d5nn6xe (uid-2)
    CleanedUp=False TearingDown project tsdb-x7k2q-q14876sn is being removed
    left is Deleting
33 s Failed, looks again at 48 s
    CleanedUp=False TearingDown 2 resources of clusters are being removed, such as v1/Secret/tsdb-x7k2q-left-5d5nn6xe-kubeconfig
36 s Failed, looks again at 51 s
    CleanedUp=False TearingDown v1/Secret/tsdb-x7k2q-right-72fpjevj-kubeconfig, of which a cluster was made, is being removed
39 s Failed, looks again at 54 s
    delete Secret tsdb-x7k2q-left-akcs2a1a (uid-8)
    CleanedUp=False TearingDown secret tsdb-x7k2q-left-akcs2a1a is being removed
42 s Failed
    certify under Some("runs/11111111-2222-3333-4444-555555555555/"): Application tsdb-x7k2q-left-metrics-agent-nckbxcrn, Application tsdb-x7k2q-left-metrics-app-7twgse32, ExperimentCluster tsdb-x7k2q-left-5d5nn6xe, ExperimentCluster tsdb-x7k2q-right-72fpjevj, Project tsdb-x7k2q-q14876sn, Secret cluster-tsdb-x7k2q-left-5d5nn6xe, Secret tsdb-x7k2q-left-akcs2a1a, resource of a cluster v1/Pod/tsdb-x7k2q-left-5d5nn6xe-0, resource of a cluster v1/Pod/tsdb-x7k2q-right-72fpjevj-0, resource of a cluster v1/Secret/tsdb-x7k2q-left-5d5nn6xe-kubeconfig, resource of a cluster v1/Secret/tsdb-x7k2q-right-72fpjevj-kubeconfig
    CleanedUp=True NothingLeft nothing is left of the run

The status at last:
phase: Failed
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
  clusterReleasedAt: "2026-01-01T00:00:30Z"
  clusterGoneAt: "2026-01-01T00:00:39Z"
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
    sync: Unknown
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
    sync: Unknown
- name: right
  phase: Deleting
  namespace: tsdb-x7k2q-right-j51462ac
  clusterName: tsdb-x7k2q-right-72fpjevj
  endpoint: https://tsdb-x7k2q-right-72fpjevj
  kubeconfigSecret: tsdb-x7k2q-right-72fpjevj-kubeconfig
  clusterId: id-of-uid-4
  clusterCreatedAt: "2026-01-01T00:00:06Z"
  clusterReleasedAt: "2026-01-01T00:00:27Z"
  clusterGoneAt: "2026-01-01T00:00:39Z"
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
project: tsdb-x7k2q-q14876sn
failure:
  stage: ComponentsReady
  reason: TargetLost
  message: "left: another cluster has taken the place of its own"
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
completedAt: "2026-01-01T00:00:18Z"
teardownBeganAt: "2026-01-01T00:00:27Z"
resourcesCleaned: true
teardownCertificate:
  key: runs/11111111-2222-3333-4444-555555555555/teardown.json
  sha256: "00"
stageTimes:
  Accepted: "2026-01-01T00:00:03.000000Z"
  CleanedUp: "2026-01-01T00:00:42.000000Z"
  ClustersReady: "2026-01-01T00:00:12.000000Z"
  ResultsStored: "2026-01-01T00:00:21.000000Z"
tutorialStatus:
  kubeconfigSecrets:
    left: tsdb-x7k2q-left-akcs2a1a
